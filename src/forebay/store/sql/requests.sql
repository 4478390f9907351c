-- name: enqueue_request
INSERT INTO request (
    id, project_id, key_id, lane, dialect, model, completion_window, band_rank, status,
    accepted_at, deadline_at, expires_at, not_before_at, is_stored, is_streamed, has_events, body,
    webhook_url, webhook_token, metadata, session, group_name, previous_id, conversation_id,
    retry_of
) VALUES (
    :id, :project_id, :key_id, :lane, :dialect, :model, :completion_window, :band_rank, 'queued',
    :accepted_at, :deadline_at, :expires_at, 0, :is_stored, :is_streamed, :has_events, :body,
    :webhook_url, :webhook_token, :metadata, :session, :group_name, :previous_id, :conversation_id,
    :retry_of
);

-- name: store_settled_request
-- A realtime turn that is kept: it is written once, in its final state.
INSERT INTO request (
    id, project_id, key_id, lane, dialect, model, completion_window, band_rank, status,
    accepted_at, deadline_at, expires_at, not_before_at, started_at, attempt_at, finished_at,
    margin_ms, attempt, is_stored, body, answer, metadata, session, group_name, previous_id,
    conversation_id
) VALUES (
    :id, :project_id, :key_id, :lane, :dialect, :model, :completion_window, :band_rank, :status,
    :accepted_at, :deadline_at, :deadline_at, 0, :accepted_at, :accepted_at, :finished_at,
    CAST(:deadline_at AS BIGINT) - CAST(:finished_at AS BIGINT), 1, :is_stored, :body, :answer,
    :metadata, :session, :group_name, :previous_id, :conversation_id
);

-- name: get_request
SELECT * FROM request WHERE id = :id AND project_id = :project_id AND hidden_at IS NULL;

-- name: get_request_status
SELECT status FROM request WHERE id = :id;

-- name: peek_waiting_requests
SELECT band_rank, deadline_at FROM request
WHERE status = 'queued' AND not_before_at = 0 AND model = :model
ORDER BY band_rank, deadline_at, id LIMIT :limit;

-- name: next_pause_end
SELECT MIN(not_before_at) AS not_before_at FROM request
WHERE status = 'queued' AND not_before_at > 0 AND model = :model;

-- name: ripen_requests
UPDATE request SET not_before_at = 0
WHERE status = 'queued' AND not_before_at > 0 AND model = :model AND not_before_at <= :now;

-- name: claim_requests (sqlite)
-- One writer at a time, so no row needs to be skipped.
UPDATE request
SET
    status = 'in_progress', lease_id = :lease_id || '.' || id,
    lease_expires_at = :lease_expires_at, started_at = COALESCE(started_at, :now),
    attempt = attempt + 1, attempt_at = :now, output_tokens = 0
WHERE id IN (
    SELECT id FROM request
    WHERE status = 'queued' AND not_before_at = 0 AND model = :model
    ORDER BY band_rank, deadline_at, id LIMIT :limit
)
RETURNING *;

-- name: claim_requests (postgres)
-- What another process is claiming just now is its own.
WITH claimed AS MATERIALIZED (
    SELECT id FROM request
    WHERE status = 'queued' AND not_before_at = 0 AND model = :model
    ORDER BY band_rank, deadline_at, id LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE request
SET
    status = 'in_progress', lease_id = CAST(:lease_id AS TEXT) || '.' || request.id,
    lease_expires_at = :lease_expires_at, started_at = COALESCE(started_at, :now),
    attempt = attempt + 1, attempt_at = :now, output_tokens = 0
FROM claimed
WHERE request.id = claimed.id
RETURNING request.*;

-- name: renew_request_leases (sqlite)
-- `progress` has the output tokens by the ids of the leases.
UPDATE request
SET
    lease_expires_at = :lease_expires_at,
    output_tokens = COALESCE(
        (SELECT value FROM json_each(:progress) WHERE key = request.lease_id), output_tokens
    )
WHERE lease_id IN (SELECT key FROM json_each(:progress))
RETURNING lease_id;

-- name: renew_request_leases (postgres)
UPDATE request
SET
    lease_expires_at = :lease_expires_at,
    output_tokens = COALESCE(CAST(renewed.output_tokens AS BIGINT), request.output_tokens)
FROM json_each_text(CAST(CAST(:progress AS TEXT) AS JSON)) AS renewed (lease_id, output_tokens)
WHERE request.lease_id = renewed.lease_id
RETURNING request.lease_id;

-- name: settle_request
-- The lease is the fence: a worker that lost it changes nothing.
UPDATE request
SET
    status = :status, lease_id = NULL, lease_expires_at = NULL,
    finished_at = :finished_at, margin_ms = deadline_at - :finished_at, answer = :answer
WHERE id = :id AND lease_id = :lease_id AND status = 'in_progress'
RETURNING id;

-- name: requeue_request
UPDATE request
SET
    status = 'queued', lease_id = NULL, lease_expires_at = NULL,
    not_before_at = :not_before_at, attempt = attempt - :uncounted,
    failures = failures + :failed
WHERE id = :id AND lease_id = :lease_id AND status = 'in_progress'
RETURNING id;

-- name: cancel_request
-- No lease is asked for: cancel wins over whoever runs it.
UPDATE request
SET
    status = 'cancelled', lease_id = NULL, lease_expires_at = NULL,
    finished_at = :finished_at, margin_ms = deadline_at - :finished_at, answer = :answer
WHERE
    id = :id AND project_id = :project_id AND lane = 'background'
    AND status IN ('queued', 'in_progress')
RETURNING id;

-- name: void_request_leases
-- A starting server owns the data directory, so no lease of an earlier one can be alive.
UPDATE request SET status = 'queued', not_before_at = 0, lease_id = NULL, lease_expires_at = NULL
WHERE lease_id IS NOT NULL
RETURNING id;

-- name: void_request_leases_of_model
UPDATE request SET status = 'queued', not_before_at = 0, lease_id = NULL, lease_expires_at = NULL
WHERE lease_id IS NOT NULL AND model = :model;

-- name: reap_requests (sqlite)
UPDATE request SET status = 'queued', not_before_at = 0, lease_id = NULL, lease_expires_at = NULL
WHERE lease_id IS NOT NULL AND lease_expires_at < :now
RETURNING model, band_rank, deadline_at;

-- name: reap_requests (postgres)
-- Of what is being ended or renewed just now nothing needs to be taken back.
UPDATE request SET status = 'queued', not_before_at = 0, lease_id = NULL, lease_expires_at = NULL
WHERE id IN (
    SELECT id FROM request
    WHERE lease_id IS NOT NULL AND lease_expires_at < :now
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING model, band_rank, deadline_at;

-- name: list_expired_requests
SELECT * FROM request
WHERE status = 'queued' AND expires_at <= :now
ORDER BY expires_at LIMIT 100;

-- name: expire_request
UPDATE request
SET
    status = 'failed', finished_at = :finished_at, margin_ms = deadline_at - :finished_at,
    answer = :answer
WHERE id = :id AND project_id = :project_id AND status = 'queued'
RETURNING id;
