-- name: add_conversation
INSERT INTO conversation (id, project_id, metadata, created_at)
VALUES (:id, :project_id, :metadata, :created_at);

-- name: get_conversation
SELECT * FROM conversation WHERE id = :id AND project_id = :project_id AND is_deleted = 0;

-- name: update_conversation
UPDATE conversation SET metadata = :metadata
WHERE id = :id AND project_id = :project_id AND is_deleted = 0
RETURNING *;

-- name: delete_conversation
-- Its items are kept, and nobody reaches them any more.
UPDATE conversation SET is_deleted = 1
WHERE id = :id AND project_id = :project_id AND is_deleted = 0
RETURNING id;

-- name: append_conversation_item (sqlite)
-- Nothing is added to a deleted conversation, and no id a second time.
INSERT INTO conversation_item (id, conversation_id, item)
SELECT :id, conversation.id, :item FROM conversation
WHERE conversation.id = :conversation_id AND is_deleted = 0
ON CONFLICT (conversation_id, id) DO NOTHING
RETURNING id;

-- name: append_conversation_item (postgres)
-- The conversation is held until the commit, so that what two responses add does not mix.
INSERT INTO conversation_item (id, conversation_id, item)
SELECT :id, held.id, :item FROM (
    SELECT id FROM conversation WHERE id = :conversation_id AND is_deleted = 0 FOR NO KEY UPDATE
) AS held
ON CONFLICT (conversation_id, id) DO NOTHING
RETURNING id;

-- name: list_conversation_items_oldest_first
-- What follows the item `after`: all, where that is null, and nothing, where it is unknown.
SELECT item FROM conversation_item
WHERE
    conversation_id = :conversation_id
    AND position > CASE WHEN CAST(:after AS TEXT) IS NULL THEN 0 ELSE (
        SELECT position FROM conversation_item
        WHERE conversation_id = :conversation_id AND id = :after
    ) END
ORDER BY position LIMIT :limit;

-- name: list_conversation_items_newest_first
SELECT item FROM conversation_item
WHERE
    conversation_id = :conversation_id
    AND position < CASE WHEN CAST(:after AS TEXT) IS NULL THEN 9223372036854775807 ELSE (
        SELECT position FROM conversation_item
        WHERE conversation_id = :conversation_id AND id = :after
    ) END
ORDER BY position DESC LIMIT :limit;

-- name: list_all_conversation_items
SELECT item FROM conversation_item WHERE conversation_id = :conversation_id ORDER BY position;

-- name: size_conversation (sqlite)
SELECT COALESCE(SUM(length(CAST(item AS BLOB))), 0) AS size_bytes FROM conversation_item
WHERE
    conversation_id = :conversation_id
    AND EXISTS (
        SELECT 1 FROM conversation WHERE id = :conversation_id AND project_id = :project_id
    );

-- name: size_conversation (postgres)
SELECT CAST(COALESCE(SUM(octet_length(item)), 0) AS BIGINT) AS size_bytes FROM conversation_item
WHERE
    conversation_id = :conversation_id
    AND EXISTS (
        SELECT 1 FROM conversation WHERE id = :conversation_id AND project_id = :project_id
    );

-- name: get_conversation_item
SELECT item FROM conversation_item WHERE conversation_id = :conversation_id AND id = :id;

-- name: delete_conversation_item
DELETE FROM conversation_item
WHERE
    conversation_id = :conversation_id AND id = :id
    AND EXISTS (
        SELECT 1 FROM conversation
        WHERE conversation.id = :conversation_id AND project_id = :project_id AND is_deleted = 0
    )
RETURNING id;
