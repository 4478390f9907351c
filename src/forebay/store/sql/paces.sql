-- name: list_queue_milestones
-- Every so manieth of the model's waiting requests, as far as they are counted.
SELECT band_rank, deadline_at, id
FROM (
    SELECT
        band_rank, deadline_at, id,
        ROW_NUMBER() OVER (ORDER BY band_rank, deadline_at, id) AS number
    FROM (
        SELECT band_rank, deadline_at, id FROM request
        WHERE status = 'queued' AND not_before_at = 0 AND model = :model
        ORDER BY band_rank, deadline_at, id LIMIT :most
    ) AS waiting
) AS numbered
WHERE number % CAST(:every AS BIGINT) = 0
ORDER BY number;

-- name: get_place_in_queue
-- How many wait between two places, and until when the one at the second place pauses.
SELECT
    (
        SELECT COUNT(*) FROM (
            SELECT 1 AS one FROM request
            WHERE
                status = 'queued' AND not_before_at = 0 AND model = :model
                AND (band_rank, deadline_at, id) > (:low_band_rank, :low_deadline_at, :low_id)
                AND (band_rank, deadline_at, id) < (:band_rank, :deadline_at, :id)
            LIMIT :most
        ) AS between_them
    ) AS waiting_count,
    (SELECT not_before_at FROM request WHERE id = :id) AS not_before_at;

-- name: count_running_requests
SELECT COUNT(*) AS running_count FROM request WHERE lease_id IS NOT NULL AND model = :model;

-- name: list_ended_turns
-- Of a turn that was not charged no output is known.
SELECT request.attempt_at, request.finished_at, ledger_entry.output_tokens
FROM request
LEFT JOIN ledger_entry
    ON ledger_entry.subject_id = request.id AND ledger_entry.kind = 'charge'
WHERE
    request.model = :model AND request.lane = 'background'
    AND request.status IN ('completed', 'incomplete') AND request.attempt_at IS NOT NULL
ORDER BY request.finished_at DESC LIMIT :limit;
