-- name: enqueue_delivery
INSERT INTO delivery (id, request_id, url, token, next_at)
VALUES (:id, :request_id, :url, :token, :next_at);

-- name: list_due_deliveries
SELECT delivery.id, delivery.request_id, delivery.url, delivery.token, delivery.attempt,
    request.answer
FROM delivery JOIN request ON request.id = delivery.request_id
WHERE delivery.next_at <= :now
ORDER BY delivery.next_at LIMIT :limit;

-- name: next_delivery_at
SELECT MIN(next_at) AS next_at FROM delivery WHERE next_at > :after;

-- name: record_delivery
UPDATE delivery
SET
    attempt = attempt + 1, next_at = :next_at, delivered_at = :delivered_at,
    last_error = :last_error
WHERE id = :id
RETURNING id;

-- name: forget_deliveries
-- Of what its caller deleted nobody is told any more.
DELETE FROM delivery WHERE request_id = :request_id RETURNING id;
