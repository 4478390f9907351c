-- name: add_webhook_endpoint
INSERT INTO webhook_endpoint (
    id, project_id, name, url, receiver, event_types, secret, secret_hint, created_at, updated_at
)
SELECT
    CAST(:id AS TEXT), CAST(:project_id AS TEXT), CAST(:name AS TEXT), CAST(:url AS TEXT),
    CAST(:receiver AS TEXT), CAST(:event_types AS TEXT), :secret, CAST(:secret_hint AS TEXT),
    CAST(:now AS BIGINT), CAST(:now AS BIGINT)
WHERE (SELECT COUNT(*) FROM webhook_endpoint WHERE project_id = :project_id) < :most
RETURNING *;

-- name: get_webhook_endpoint
SELECT * FROM webhook_endpoint WHERE id = :id AND project_id = :project_id;

-- name: list_webhook_endpoints
SELECT * FROM webhook_endpoint
WHERE project_id = :project_id AND (CAST(:after AS TEXT) IS NULL OR id < CAST(:after AS TEXT))
ORDER BY id DESC LIMIT :limit;

-- name: update_webhook_endpoint
-- What is null stays as it is. A change of anything is noted, and ends a disablement.
UPDATE webhook_endpoint
SET
    updated_at = CASE
        WHEN
            disabled_at IS NULL AND name = COALESCE(CAST(:name AS TEXT), name)
            AND url = COALESCE(CAST(:url AS TEXT), url)
            AND event_types = COALESCE(CAST(:event_types AS TEXT), event_types)
        THEN updated_at
        ELSE CAST(:now AS BIGINT)
    END,
    name = COALESCE(CAST(:name AS TEXT), name), url = COALESCE(CAST(:url AS TEXT), url),
    receiver = COALESCE(CAST(:receiver AS TEXT), receiver),
    event_types = COALESCE(CAST(:event_types AS TEXT), event_types), disabled_at = NULL
WHERE id = :id AND project_id = :project_id
RETURNING *;

-- name: move_deliveries
UPDATE delivery SET receiver = :receiver
WHERE endpoint_id = :endpoint_id AND next_at IS NOT NULL;

-- name: begin_rotation
-- Whoever else rotates it waits until this is over.
UPDATE webhook_endpoint SET rotated_at = :now, updated_at = :now
WHERE id = :id AND project_id = :project_id
RETURNING secret;

-- name: forget_old_secrets
DELETE FROM webhook_old_secret WHERE endpoint_id = :endpoint_id AND until_at <= :until;

-- name: add_old_secret
INSERT INTO webhook_old_secret (endpoint_id, secret, until_at)
VALUES (:endpoint_id, :secret, :until);

-- name: list_old_secrets
SELECT secret FROM webhook_old_secret
WHERE endpoint_id = :endpoint_id AND until_at > :now
ORDER BY until_at DESC;

-- name: rotate_webhook_secret
UPDATE webhook_endpoint SET secret = :secret, secret_hint = :secret_hint
WHERE id = :id
RETURNING *;

-- name: delete_webhook_endpoint
-- Its deliveries go with it.
DELETE FROM webhook_endpoint WHERE id = :id AND project_id = :project_id RETURNING id;

-- name: list_deliveries
SELECT * FROM delivery
WHERE endpoint_id = :endpoint_id AND (CAST(:after AS TEXT) IS NULL OR id < CAST(:after AS TEXT))
ORDER BY id DESC LIMIT :limit;

-- name: list_delivery_attempts
SELECT attempt.* FROM delivery_attempt AS attempt
JOIN delivery ON delivery.id = attempt.delivery_id
WHERE
    delivery.endpoint_id = :endpoint_id AND delivery.id >= :first_id AND delivery.id <= :last_id
ORDER BY attempt.delivery_id, attempt.number;

-- name: get_delivery
SELECT * FROM delivery WHERE id = :id AND endpoint_id = :endpoint_id;

-- name: redeliver
-- One that is being delivered just now is left alone.
UPDATE delivery SET owed_at = :now, next_at = :now, failures = 0, delivered_at = NULL
WHERE id = :id AND endpoint_id = :endpoint_id AND is_leased = 0
RETURNING *;

-- name: add_tested_delivery
INSERT INTO delivery (
    id, event_id, event_type, subject_id, endpoint_id, receiver, attempt, failures, created_at,
    owed_at, delivered_at
) VALUES (
    :id, :event_id, :event_type, :subject_id, :endpoint_id, :receiver, 1, :failures, :created_at,
    :created_at, :delivered_at
);

-- name: add_delivery_attempt
INSERT INTO delivery_attempt (delivery_id, number, began_at, duration_ms, status_code, error)
VALUES (:delivery_id, :number, :began_at, :duration_ms, :status_code, :error);
