-- name: list_request_chain
-- The response of that id, which must be there, and all that it continues: oldest first. What it
-- continues may be hidden by now.
WITH RECURSIVE chain (id, previous_id, depth) AS (
    SELECT id, previous_id, 0 FROM request
    WHERE id = :id AND project_id = :project_id AND hidden_at IS NULL
    UNION ALL
    SELECT request.id, request.previous_id, chain.depth + 1
    FROM request JOIN chain ON request.id = chain.previous_id
    WHERE request.project_id = :project_id
)
SELECT request.* FROM request JOIN chain ON request.id = chain.id
ORDER BY chain.depth DESC;

-- name: size_request_chain
-- Counted only so far as it is not too much: what is larger is not read to its end.
WITH RECURSIVE chain (id, previous_id, size_bytes) AS (
    SELECT id, previous_id, CAST(length(body) + COALESCE(length(answer), 0) AS BIGINT) FROM request
    WHERE id = :id AND project_id = :project_id AND hidden_at IS NULL
    UNION ALL
    SELECT
        request.id, request.previous_id,
        chain.size_bytes + length(request.body) + COALESCE(length(request.answer), 0)
    FROM request JOIN chain ON request.id = chain.previous_id
    WHERE request.project_id = :project_id AND chain.size_bytes <= :max_bytes
)
SELECT COALESCE(MAX(size_bytes), 0) AS size_bytes FROM chain;

-- name: list_stored_requests_oldest_first (sqlite)
-- Those that have every pair of the metadata that is wanted, chosen by the index alone.
SELECT id, answer, metadata FROM request
WHERE id IN (
    SELECT id FROM request
    WHERE
        project_id = :project_id AND dialect = :dialect AND is_stored = 1 AND hidden_at IS NULL
        AND finished_at IS NOT NULL AND (:model IS NULL OR model = :model)
        AND id > COALESCE(:after, '')
        AND NOT EXISTS (
            SELECT 1 FROM json_each(:metadata) AS wanted
            WHERE NOT EXISTS (
                SELECT 1 FROM json_each(request.metadata) AS own
                WHERE own.key = wanted.key AND own.value = wanted.value
            )
        )
    ORDER BY id LIMIT :limit
)
ORDER BY id;

-- name: list_stored_requests_oldest_first (postgres)
SELECT id, answer, metadata FROM request
WHERE
    project_id = :project_id AND dialect = :dialect AND is_stored = 1 AND hidden_at IS NULL
    AND finished_at IS NOT NULL AND (CAST(:model AS TEXT) IS NULL OR model = :model)
    AND id > COALESCE(:after, '')
    AND CAST(metadata AS JSONB) @> CAST(CAST(:metadata AS TEXT) AS JSONB)
ORDER BY id LIMIT :limit;

-- name: list_stored_requests_newest_first (sqlite)
-- No id is beyond '~'.
SELECT id, answer, metadata FROM request
WHERE id IN (
    SELECT id FROM request
    WHERE
        project_id = :project_id AND dialect = :dialect AND is_stored = 1 AND hidden_at IS NULL
        AND finished_at IS NOT NULL AND (:model IS NULL OR model = :model)
        AND id < COALESCE(:after, '~')
        AND NOT EXISTS (
            SELECT 1 FROM json_each(:metadata) AS wanted
            WHERE NOT EXISTS (
                SELECT 1 FROM json_each(request.metadata) AS own
                WHERE own.key = wanted.key AND own.value = wanted.value
            )
        )
    ORDER BY id DESC LIMIT :limit
)
ORDER BY id DESC;

-- name: list_stored_requests_newest_first (postgres)
SELECT id, answer, metadata FROM request
WHERE
    project_id = :project_id AND dialect = :dialect AND is_stored = 1 AND hidden_at IS NULL
    AND finished_at IS NOT NULL AND (CAST(:model AS TEXT) IS NULL OR model = :model)
    AND id < COALESCE(:after, '~')
    AND CAST(metadata AS JSONB) @> CAST(CAST(:metadata AS TEXT) AS JSONB)
ORDER BY id DESC LIMIT :limit;

-- name: update_request_metadata
UPDATE request SET metadata = :metadata
WHERE
    id = :id AND project_id = :project_id AND dialect = :dialect AND is_stored = 1
    AND hidden_at IS NULL AND answer IS NOT NULL
RETURNING id, answer, metadata;

-- name: delete_unstored_requests
-- What waiting work continues has to last until that is done, and what a webhook is owed of, too.
DELETE FROM request
WHERE id IN (
    SELECT ended.id FROM request AS ended
    WHERE
        ended.is_stored = 0 AND ended.finished_at <= :finished_before
        AND NOT EXISTS (
            SELECT 1 FROM request AS later
            WHERE later.previous_id = ended.id AND later.finished_at IS NULL
        )
        AND NOT EXISTS (
            SELECT 1 FROM delivery
            WHERE delivery.request_id = ended.id AND delivery.next_at IS NOT NULL
        )
    LIMIT 100
)
RETURNING id;

-- name: hide_request
-- Deleted for its caller at once; its row goes a while later, when nothing continues it.
UPDATE request SET hidden_at = :now
WHERE
    id = :id AND project_id = :project_id AND hidden_at IS NULL
    AND status NOT IN ('queued', 'in_progress')
RETURNING id;

-- name: prune_requests
-- In small steps: each is one short transaction.
UPDATE request SET hidden_at = :now
WHERE id IN (
    SELECT id FROM request
    WHERE finished_at <= :finished_before AND hidden_at IS NULL
    ORDER BY finished_at LIMIT 100
)
RETURNING id;

-- name: delete_hidden_requests
-- Those that nothing continues any more, and of which nobody is owed a call.
DELETE FROM request
WHERE id IN (
    SELECT hidden.id FROM request AS hidden
    WHERE
        hidden.hidden_at <= :hidden_before
        AND NOT EXISTS (SELECT 1 FROM request AS later WHERE later.previous_id = hidden.id)
        AND NOT EXISTS (
            SELECT 1 FROM delivery
            WHERE delivery.request_id = hidden.id AND delivery.next_at IS NOT NULL
        )
    LIMIT 100
)
RETURNING id;
