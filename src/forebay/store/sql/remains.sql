-- name: list_remains
-- Batches that have ended (said so that no index of statuses serves) and still have more than their row, or that are to go altogether; but not
-- those whose failed lines are just being read for another batch.
SELECT
    id, project_id, input_file_id, output_file_id, error_file_id, index_blob_id, deleted_at,
    CASE WHEN EXISTS (SELECT 1 FROM file WHERE file.id = batch.output_file_id) THEN 1 ELSE 0 END
        AS has_output,
    CASE WHEN EXISTS (SELECT 1 FROM file WHERE file.id = batch.error_file_id) THEN 1 ELSE 0 END
        AS has_errors
FROM batch
WHERE
    (cleared_at IS NULL OR deleted_at IS NOT NULL)
    AND status NOT IN ('validating', 'in_progress', 'finalizing', 'cancelling') AND id > :after
    AND NOT EXISTS (
        SELECT 1 FROM batch AS again WHERE again.status = 'validating' AND again.retry_of = batch.id
    )
ORDER BY id LIMIT :limit;

-- name: list_chunk_blobs
SELECT id, blob_id FROM chunk WHERE batch_id = :batch_id AND kind = :kind ORDER BY id LIMIT :limit;

-- name: delete_chunks (sqlite)
DELETE FROM chunk WHERE id IN (SELECT value FROM json_each(:ids));

-- name: delete_chunks (postgres)
DELETE FROM chunk
WHERE id IN (
    SELECT CAST(value AS BIGINT)
    FROM json_array_elements_text(CAST(CAST(:ids AS TEXT) AS JSON)) AS named (value)
);

-- name: list_segment_blobs
SELECT id, blob_id FROM segment WHERE batch_id = :batch_id ORDER BY ordinal LIMIT :limit;

-- name: delete_segments (sqlite)
DELETE FROM segment WHERE id IN (SELECT value FROM json_each(:ids));

-- name: delete_segments (postgres)
DELETE FROM segment
WHERE id IN (SELECT json_array_elements_text(CAST(CAST(:ids AS TEXT) AS JSON)));

-- name: clear_batch
UPDATE batch SET index_blob_id = NULL, cleared_at = :now WHERE id = :id;

-- name: delete_batch_row
-- What was said of its results goes with it.
DELETE FROM batch WHERE id = :id AND deleted_at IS NOT NULL;
