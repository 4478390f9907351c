-- name: list_subscribed_endpoints (sqlite)
SELECT id, receiver FROM webhook_endpoint
WHERE project_id = :project_id AND disabled_at IS NULL AND event_types LIKE :wanted
ORDER BY id;

-- name: list_subscribed_endpoints (postgres)
-- Locked as the foreign key of its deliveries would: one that is deleted just now cannot make the
-- end of a request fail.
SELECT id, receiver FROM webhook_endpoint
WHERE project_id = :project_id AND disabled_at IS NULL AND event_types LIKE :wanted
ORDER BY id FOR KEY SHARE;

-- name: enqueue_delivery
INSERT INTO delivery (
    id, event_id, event_type, subject_id, request_id, endpoint_id, url, token, receiver,
    created_at, owed_at, next_at
) VALUES (
    :id, :event_id, :event_type, :subject_id, :request_id, :endpoint_id, :url, :token, :receiver,
    :created_at, :created_at, :created_at
);

-- name: list_due_receivers
-- A loose scan of the index: a step for each receiver, however many deliveries wait for it.
WITH RECURSIVE walked (receiver) AS (
    SELECT MIN(receiver) FROM delivery WHERE next_at IS NOT NULL
    UNION ALL
    SELECT (
        SELECT MIN(later.receiver) FROM delivery AS later
        WHERE later.next_at IS NOT NULL AND later.receiver > walked.receiver
    )
    FROM walked WHERE walked.receiver IS NOT NULL
)
SELECT waiting.receiver FROM (
    SELECT walked.receiver, (
        SELECT MIN(own.next_at) FROM delivery AS own
        WHERE own.receiver = walked.receiver AND own.next_at IS NOT NULL
    ) AS next_at
    FROM walked WHERE walked.receiver IS NOT NULL
) AS waiting
WHERE waiting.next_at <= :now
ORDER BY waiting.next_at, waiting.receiver LIMIT :limit;

-- name: first_delivery_at
SELECT MIN(next_at) AS next_at FROM delivery WHERE next_at IS NOT NULL;

-- name: next_delivery_at
SELECT MIN(next_at) AS next_at FROM delivery WHERE next_at > :after;

-- name: claim_deliveries (sqlite)
-- One writer at a time, so no row needs to be skipped.
UPDATE delivery SET attempt = attempt + 1, next_at = :leased_until, is_leased = 1
WHERE id IN (
    SELECT id FROM delivery WHERE receiver = :receiver AND next_at <= :now
    ORDER BY next_at LIMIT :limit
)
RETURNING id, attempt, receiver;

-- name: claim_deliveries (postgres)
UPDATE delivery SET attempt = attempt + 1, next_at = :leased_until, is_leased = 1
WHERE id = ANY (ARRAY(
    SELECT id FROM delivery WHERE receiver = :receiver AND next_at <= :now
    ORDER BY next_at LIMIT :limit FOR UPDATE SKIP LOCKED
))
RETURNING id, attempt, receiver;

-- name: get_claimed_delivery
-- The endpoint as it is now: it may have moved, or have another secret. A row for each old secret
-- that still signs, the newest first.
SELECT
    delivery.id, delivery.event_id, delivery.event_type, delivery.subject_id,
    delivery.endpoint_id, delivery.receiver, delivery.attempt, delivery.failures,
    delivery.created_at, delivery.owed_at, delivery.token,
    COALESCE(delivery.url, endpoint.url) AS url, endpoint.secret, endpoint.disabled_at,
    old.secret AS old_secret, request.answer
FROM delivery
LEFT JOIN webhook_endpoint AS endpoint ON endpoint.id = delivery.endpoint_id
LEFT JOIN webhook_old_secret AS old ON old.endpoint_id = endpoint.id AND old.until_at > :now
LEFT JOIN request ON request.id = delivery.request_id
WHERE delivery.id = :id AND delivery.attempt = :attempt AND delivery.is_leased = 1
ORDER BY old.until_at DESC;

-- name: record_delivery
-- The attempt is the fence: whoever was too late records nothing.
UPDATE delivery
SET
    next_at = :next_at, delivered_at = :delivered_at, failures = failures + :failed, is_leased = 0
WHERE id = :id AND attempt = :attempt AND is_leased = 1
RETURNING id;

-- name: release_delivery
UPDATE delivery SET next_at = :now, is_leased = 0
WHERE id = :id AND attempt = :attempt AND is_leased = 1
RETURNING id;

-- name: void_delivery_leases
-- A starting server owns the data directory, so no lease of an earlier one can be alive.
UPDATE delivery SET next_at = :now, is_leased = 0 WHERE is_leased = 1
RETURNING id;

-- name: disable_webhook_endpoint
-- Not one that has moved while its old address was called.
UPDATE webhook_endpoint SET disabled_at = :now
WHERE id = :id AND url = :url AND disabled_at IS NULL
RETURNING id;

-- name: give_up_deliveries
UPDATE delivery SET next_at = NULL
WHERE endpoint_id = :endpoint_id AND next_at IS NOT NULL AND is_leased = 0;

-- name: forget_deliveries
-- Of what its caller deleted nobody is told any more.
DELETE FROM delivery WHERE subject_id = :request_id RETURNING id;

-- name: prune_deliveries
DELETE FROM delivery
WHERE id IN (
    SELECT id FROM delivery
    WHERE endpoint_id IS NOT NULL AND next_at IS NULL AND created_at < :before
    ORDER BY created_at LIMIT 100
)
RETURNING id;
