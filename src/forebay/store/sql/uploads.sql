-- name: add_upload
INSERT INTO upload (
    id, project_id, key_id, filename, purpose, mime_type, size_bytes, status, created_at,
    expires_at, file_expires_after_s
) VALUES (
    :id, :project_id, :key_id, :filename, :purpose, :mime_type, :size_bytes, 'pending', :created_at,
    :expires_at, :file_expires_after_s
);

-- name: get_upload
SELECT * FROM upload WHERE id = :id AND project_id = :project_id;

-- name: grow_upload
-- Also the lock on the upload: what ends it waits until the part is there.
UPDATE upload SET received_bytes = received_bytes + :size_bytes
WHERE
    id = :id AND status = 'pending' AND expires_at > :now
    AND received_bytes + :size_bytes <= :max_bytes
RETURNING id;

-- name: add_upload_part
INSERT INTO upload_part (id, upload_id, blob_id, size_bytes, created_at)
VALUES (:id, :upload_id, :blob_id, :size_bytes, :created_at);

-- name: list_upload_parts
SELECT * FROM upload_part WHERE upload_id = :upload_id ORDER BY id;

-- name: end_upload
UPDATE upload SET status = :status, file_id = :file_id
WHERE id = :id AND status = 'pending'
RETURNING id;

-- name: forget_upload_parts
DELETE FROM upload_part WHERE upload_id = :upload_id RETURNING blob_id;

-- name: add_file_parts (sqlite)
-- All of a file at once: `parts` is a JSON list of objects.
INSERT INTO file_part (file_id, ordinal, blob_id, size_bytes)
SELECT :file_id, value ->> 'ordinal', value ->> 'blob_id', value ->> 'size_bytes'
FROM json_each(:parts);

-- name: add_file_parts (postgres)
INSERT INTO file_part (file_id, ordinal, blob_id, size_bytes)
SELECT :file_id, ordinal, blob_id, size_bytes
FROM json_to_recordset(CAST(CAST(:parts AS TEXT) AS JSON)) AS named (
    ordinal BIGINT, blob_id TEXT, size_bytes BIGINT
);

-- name: list_overdue_uploads
SELECT id FROM upload WHERE status = 'pending' AND expires_at <= :now
ORDER BY expires_at LIMIT 100;
