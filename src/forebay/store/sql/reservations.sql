-- name: reserve
-- Takes a key that is free: never used, or used for work that was cut off, of which nothing is
-- kept. What was handed to the background goes on there under its id.
INSERT INTO reservation (
    project_id, key_id, route, idempotency_key, fingerprint, subject_id, created_at, ended_at,
    lease_id, lease_expires_at
) VALUES (
    :project_id, :key_id, :route, :idempotency_key, :fingerprint, :subject_id, :now, :ended_at,
    :lease_id, :lease_expires_at
)
ON CONFLICT (project_id, key_id, route, idempotency_key) DO UPDATE SET
    fingerprint = excluded.fingerprint, subject_id = excluded.subject_id,
    created_at = excluded.created_at, ended_at = excluded.ended_at, lease_id = excluded.lease_id,
    lease_expires_at = excluded.lease_expires_at
WHERE
    reservation.ended_at IS NULL
    AND (reservation.lease_id IS NULL OR reservation.lease_expires_at <= excluded.created_at)
    AND NOT EXISTS (
        SELECT 1 FROM request
        WHERE request.id = reservation.subject_id AND request.lane = 'background'
    )
RETURNING subject_id;

-- name: get_reservation
SELECT
    fingerprint, subject_id, ended_at, lease_expires_at,
    (
        SELECT COUNT(*) FROM request
        WHERE request.id = reservation.subject_id AND request.lane = 'background'
    ) AS background_count
FROM reservation
WHERE
    project_id = :project_id AND key_id = :key_id AND route = :route
    AND idempotency_key = :idempotency_key;

-- name: end_reservation
-- The lease is the fence: who lost it has made nothing.
UPDATE reservation SET ended_at = :now, lease_id = NULL, lease_expires_at = NULL
WHERE lease_id = :lease_id
RETURNING subject_id;

-- name: release_reservation
DELETE FROM reservation
WHERE
    lease_id = :lease_id
    AND NOT EXISTS (
        SELECT 1 FROM request
        WHERE request.id = reservation.subject_id AND request.lane = 'background'
    );

-- name: renew_reservation_leases (sqlite)
UPDATE reservation SET lease_expires_at = :lease_expires_at
WHERE lease_id IN (SELECT value FROM json_each(:lease_ids))
RETURNING lease_id;

-- name: renew_reservation_leases (postgres)
UPDATE reservation SET lease_expires_at = :lease_expires_at
WHERE lease_id IN (SELECT json_array_elements_text(CAST(CAST(:lease_ids AS TEXT) AS JSON)))
RETURNING lease_id;

-- name: void_reservation_leases
UPDATE reservation SET lease_id = NULL, lease_expires_at = NULL
WHERE lease_id IS NOT NULL
RETURNING subject_id;

-- name: prune_reservations
DELETE FROM reservation
WHERE (project_id, key_id, route, idempotency_key) IN (
    SELECT project_id, key_id, route, idempotency_key FROM reservation
    WHERE
        created_at <= :created_before
        AND (lease_id IS NULL OR lease_expires_at <= :created_before)
    ORDER BY created_at LIMIT 100
)
RETURNING subject_id;
