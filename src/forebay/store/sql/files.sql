-- name: add_file
INSERT INTO file (
    id, project_id, purpose, filename, size_bytes, sha256, blob_id, created_at, expires_at
) VALUES (
    :id, :project_id, :purpose, :filename, :size_bytes, :sha256, :blob_id, :created_at, :expires_at
)
ON CONFLICT (id) DO NOTHING;

-- name: grow_file
UPDATE file SET size_bytes = size_bytes + :size_bytes WHERE id = :id;

-- name: get_file
SELECT * FROM file WHERE id = :id AND project_id = :project_id;

-- name: list_files_newest_first
-- Not those that Message Batches keep for themselves.
SELECT * FROM file
WHERE
    project_id = :project_id AND purpose <> 'message_batch'
    AND (CAST(:purpose AS TEXT) IS NULL OR purpose = :purpose)
    AND (CAST(:after AS TEXT) IS NULL OR id < :after) AND (expires_at IS NULL OR expires_at > :now)
ORDER BY id DESC LIMIT :limit;

-- name: list_files_oldest_first
SELECT * FROM file
WHERE
    project_id = :project_id AND purpose <> 'message_batch'
    AND (CAST(:purpose AS TEXT) IS NULL OR purpose = :purpose)
    AND (CAST(:after AS TEXT) IS NULL OR id > :after) AND (expires_at IS NULL OR expires_at > :now)
ORDER BY id LIMIT :limit;

-- name: list_expired_files
SELECT * FROM file WHERE expires_at <= :now ORDER BY expires_at LIMIT 100;

-- name: delete_file
DELETE FROM file WHERE id = :id AND project_id = :project_id RETURNING blob_id;

-- name: is_blob_named
-- Blobs of segments and chunks are theirs alone.
SELECT 1 AS named FROM file WHERE blob_id = :blob_id
UNION ALL SELECT 1 FROM file_part WHERE blob_id = :blob_id
UNION ALL SELECT 1 FROM upload_part WHERE blob_id = :blob_id
LIMIT 1;

-- name: list_file_parts
SELECT * FROM file_part WHERE file_id = :file_id ORDER BY ordinal;

-- name: list_result_parts
-- Without the numbers of the lines, which are most of a chunk's row.
SELECT id, blob_id, size_bytes, line_count FROM chunk
WHERE batch_id = :batch_id AND kind = :kind AND id > :after_id ORDER BY id LIMIT :limit;
