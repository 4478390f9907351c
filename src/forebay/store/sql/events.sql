-- name: append_events
INSERT INTO event_group (request_id, first_number, last_number, events)
VALUES (:request_id, :first_number, :last_number, :events);

-- name: append_events_of_holder (sqlite)
-- The lease is the fence: a worker that lost it shows nothing more.
INSERT INTO event_group (request_id, first_number, last_number, events)
SELECT id, CAST(:first_number AS BIGINT), CAST(:last_number AS BIGINT), :events FROM request
WHERE id = :request_id AND lease_id = :lease_id AND status = 'in_progress'
RETURNING last_number;

-- name: append_events_of_holder (postgres)
-- The request is held until the commit: who cancels it numbers its last event after these.
INSERT INTO event_group (request_id, first_number, last_number, events)
SELECT held.id, CAST(:first_number AS BIGINT), CAST(:last_number AS BIGINT), :events FROM (
    SELECT id FROM request
    WHERE id = :request_id AND lease_id = :lease_id AND status = 'in_progress'
    FOR NO KEY UPDATE
) AS held
RETURNING last_number;

-- name: last_event_number
SELECT MAX(last_number) AS last_number FROM event_group WHERE request_id = :request_id;

-- name: list_events
SELECT first_number, last_number, events FROM event_group
WHERE request_id = :request_id AND last_number > :number
ORDER BY last_number LIMIT :limit;

-- name: forget_events
-- The objects outlive their events.
DELETE FROM event_group
WHERE request_id IN (
    SELECT request.id FROM request
    WHERE
        request.is_streamed = 1 AND request.finished_at <= :finished_before
        AND EXISTS (SELECT 1 FROM event_group WHERE event_group.request_id = request.id)
    LIMIT 100
)
RETURNING request_id;
