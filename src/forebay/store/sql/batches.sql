-- name: create_batch
INSERT INTO batch (
    id, project_id, key_id, endpoint, input_file_id, completion_window, band_rank, metadata,
    status, created_at, deadline_at, expires_at, output_expires_after_s, api, retry_of, total_count
) VALUES (
    :id, :project_id, :key_id, :endpoint, :input_file_id, :completion_window, :band_rank,
    :metadata, 'validating', :created_at, :deadline_at, :expires_at, :output_expires_after_s, :api,
    :retry_of, :total_count
);

-- name: get_batch
SELECT * FROM batch WHERE id = :id AND project_id = :project_id AND deleted_at IS NULL;

-- name: get_batch_of_segment
SELECT batch.* FROM batch JOIN segment ON segment.batch_id = batch.id WHERE segment.id = :id;

-- name: list_batches
SELECT * FROM batch
WHERE
    project_id = :project_id AND api = :api AND deleted_at IS NULL
    AND (CAST(:after AS TEXT) IS NULL OR id < :after)
ORDER BY id DESC LIMIT :limit;

-- name: list_batches_before
-- Those that are newer than `before`, the nearest first.
SELECT * FROM batch
WHERE project_id = :project_id AND api = :api AND deleted_at IS NULL AND id > :before
ORDER BY id LIMIT :limit;

-- name: list_batches_in
SELECT * FROM batch WHERE status = :status ORDER BY id;

-- name: get_batch_of_file
SELECT * FROM batch
WHERE project_id = :project_id AND (output_file_id = :file_id OR error_file_id = :file_id);

-- name: begin_batch
UPDATE batch
SET status = 'in_progress', in_progress_at = :now, total_count = :total_count, model = :model,
    index_blob_id = :index_blob_id
WHERE id = :id AND status = 'validating'
RETURNING id;

-- name: fail_batch
UPDATE batch SET status = 'failed', failed_at = :now, errors = :errors
WHERE id = :id AND status = 'validating'
RETURNING id, project_id;

-- name: cancel_batch
UPDATE batch SET status = 'cancelling', cancelling_at = :now
WHERE id = :id AND project_id = :project_id AND status IN ('validating', 'in_progress')
RETURNING id;

-- name: complete_batch
UPDATE batch SET status = 'completed', completed_at = :now
WHERE id = :id AND status = 'finalizing'
RETURNING id, project_id;

-- name: expire_batch
UPDATE batch SET status = 'expired', expired_at = :now
WHERE id = :id AND status IN ('in_progress', 'finalizing')
RETURNING id, project_id;

-- name: end_cancelled_batch
UPDATE batch SET status = 'cancelled', cancelled_at = :now
WHERE id = :id AND status = 'cancelling'
RETURNING id, project_id;

-- name: delete_batch
-- Hidden at once; its rows and blobs go later, in small steps.
UPDATE batch SET deleted_at = :now
WHERE
    id = :id AND project_id = :project_id AND deleted_at IS NULL
    AND status IN ('completed', 'failed', 'expired', 'cancelled')
RETURNING id;

-- name: count_results
-- With its last result, a batch in progress is finalizing.
UPDATE batch
SET
    status = CASE
        WHEN
            status = 'in_progress'
            AND completed_count + failed_count + :completed + :failed = total_count
            THEN 'finalizing'
        ELSE status
    END,
    finalizing_at = CASE
        WHEN
            status = 'in_progress'
            AND completed_count + failed_count + :completed + :failed = total_count
            THEN :now
        ELSE finalizing_at
    END,
    completed_count = completed_count + :completed, failed_count = failed_count + :failed,
    schema_failed_count = schema_failed_count + :schema_failed,
    refused_count = refused_count + :refused,
    engine_failed_count = engine_failed_count + :engine_failed,
    expired_count = expired_count + :expired, cancelled_count = cancelled_count + :cancelled,
    retry_count = retry_count + :retries,
    input_tokens = input_tokens + :input_tokens, cached_tokens = cached_tokens + :cached_tokens,
    output_tokens = output_tokens + :output_tokens,
    reasoning_tokens = reasoning_tokens + :reasoning_tokens, cost_nanos = cost_nanos + :cost_nanos,
    waste_input_tokens = waste_input_tokens + :waste_input_tokens,
    waste_output_tokens = waste_output_tokens + :waste_output_tokens,
    waste_nanos = waste_nanos + :waste_nanos,
    output_file_id = COALESCE(output_file_id, :output_file_id),
    error_file_id = COALESCE(error_file_id, :error_file_id)
WHERE id = :id
RETURNING output_file_id, error_file_id, status;

-- name: get_batch_status
SELECT status FROM batch WHERE id = :id;

-- name: list_batches_to_close
-- Those that are to end now; each part has an index that holds little else.
SELECT * FROM batch WHERE status = 'cancelling'
UNION ALL
SELECT * FROM batch WHERE status = 'finalizing'
UNION ALL
SELECT * FROM batch WHERE status = 'in_progress' AND expires_at <= :now;

-- name: next_batch_expiry
SELECT MIN(expires_at) AS expires_at FROM batch
WHERE status = 'in_progress' AND expires_at > :now;

-- name: end_batch_files
-- How long results are kept is known only now: before, nothing of a running batch may go.
UPDATE file SET expires_at = :expires_at
WHERE
    id IN (SELECT output_file_id FROM batch WHERE id = :id
        UNION ALL SELECT error_file_id FROM batch WHERE id = :id);
