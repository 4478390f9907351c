-- name: list_batch_stretches
-- How many lines got a result in each stretch of time, by batch and model. What a batch was left
-- with when it was closed ran nowhere.
SELECT
    done.batch_id, segment.model, done.stretch, MAX(done.last_at) AS last_at,
    CAST(SUM(done.line_count) AS BIGINT) AS line_count
FROM (
    SELECT
        batch_id, segment_id, kind, created_at / CAST(:stretch_ms AS BIGINT) AS stretch,
        MAX(created_at) AS last_at, CAST(SUM(line_count) AS BIGINT) AS line_count
    FROM chunk WHERE created_at > :since
    GROUP BY 1, 2, 3, 4
) AS done
JOIN segment ON segment.id = done.segment_id
JOIN batch ON batch.id = done.batch_id
WHERE
    done.kind = 'output'
    OR (batch.expires_at > :now AND batch.status IN ('in_progress', 'finalizing', 'completed'))
GROUP BY done.batch_id, segment.model, done.stretch;

-- name: list_batch_work
-- What running batches have left to do for each model. Those of one model need no look at their
-- segments.
SELECT
    id AS batch_id, model, band_rank, deadline_at,
    total_count - completed_count - failed_count AS line_count
FROM batch WHERE status = 'in_progress' AND model IS NOT NULL
UNION ALL
SELECT
    batch.id AS batch_id, segment.model, batch.band_rank, batch.deadline_at,
    CAST(SUM(segment.line_count - segment.ended_count) AS BIGINT) AS line_count
FROM batch JOIN segment ON segment.batch_id = batch.id
WHERE batch.status = 'in_progress' AND batch.model IS NULL AND segment.status <> 'done'
GROUP BY batch.id, segment.model, batch.band_rank, batch.deadline_at;

-- name: list_batch_inputs
-- What batches have to be validated, and how large their inputs are; a retry's lines are known.
SELECT
    batch.id, batch.total_count,
    CASE WHEN batch.retry_of IS NULL THEN file.size_bytes END AS size_bytes
FROM batch
LEFT JOIN file ON file.id = batch.input_file_id AND file.project_id = batch.project_id
WHERE batch.status = 'validating';
