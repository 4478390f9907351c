-- name: list_unnamed_blobs (sqlite)
-- Of these blobs (a JSON list), those that nothing names.
SELECT asked.value AS blob_id FROM json_each(:blob_ids) AS asked
WHERE
    NOT EXISTS (SELECT 1 FROM file WHERE file.blob_id = asked.value)
    AND NOT EXISTS (SELECT 1 FROM file_part WHERE file_part.blob_id = asked.value)
    AND NOT EXISTS (SELECT 1 FROM upload_part WHERE upload_part.blob_id = asked.value)
    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.blob_id = asked.value)
    AND NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.blob_id = asked.value)
    AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.index_blob_id = asked.value);

-- name: list_unnamed_blobs (postgres)
SELECT asked.blob_id
FROM json_array_elements_text(CAST(CAST(:blob_ids AS TEXT) AS JSON)) AS asked (blob_id)
WHERE
    NOT EXISTS (SELECT 1 FROM file WHERE file.blob_id = asked.blob_id)
    AND NOT EXISTS (SELECT 1 FROM file_part WHERE file_part.blob_id = asked.blob_id)
    AND NOT EXISTS (SELECT 1 FROM upload_part WHERE upload_part.blob_id = asked.blob_id)
    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.blob_id = asked.blob_id)
    AND NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.blob_id = asked.blob_id)
    AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.index_blob_id = asked.blob_id);
