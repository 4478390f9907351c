-- name: append_events
-- A group that is kept again, because nobody knew whether it had been, takes its own place: it holds
-- the same events, and perhaps more.
INSERT INTO event_group (request_id, first_number, last_number, events)
VALUES (:request_id, :first_number, :last_number, :events)
ON CONFLICT (request_id, first_number)
DO UPDATE SET last_number = excluded.last_number, events = excluded.events;

-- name: append_events_of_holder (sqlite)
-- The lease is the fence: a worker that lost it shows nothing more.
INSERT INTO event_group (request_id, first_number, last_number, events)
SELECT id, CAST(:first_number AS BIGINT), CAST(:last_number AS BIGINT), :events FROM request
WHERE id = :request_id AND lease_id = :lease_id AND status = 'in_progress'
ON CONFLICT (request_id, first_number)
DO UPDATE SET last_number = excluded.last_number, events = excluded.events
RETURNING last_number;

-- name: append_events_of_holder (postgres)
-- The request is held until the commit: who cancels it numbers its last event after these.
INSERT INTO event_group (request_id, first_number, last_number, events)
SELECT held.id, CAST(:first_number AS BIGINT), CAST(:last_number AS BIGINT), :events FROM (
    SELECT id FROM request
    WHERE id = :request_id AND lease_id = :lease_id AND status = 'in_progress'
    FOR NO KEY UPDATE
) AS held
ON CONFLICT (request_id, first_number)
DO UPDATE SET last_number = excluded.last_number, events = excluded.events
RETURNING last_number;

-- name: last_event_number
SELECT last_number FROM event_group WHERE request_id = :request_id
ORDER BY first_number DESC LIMIT 1;

-- name: list_events
SELECT first_number, last_number, events FROM event_group
-- From the group on that holds the number behind it.
WHERE
    request_id = :request_id AND last_number > :number
    AND first_number >= COALESCE((
        SELECT MAX(first_number) FROM event_group
        WHERE request_id = :request_id AND first_number <= :number + 1
    ), 0)
ORDER BY first_number LIMIT :limit;

-- name: forget_events
-- The objects outlive their events.
UPDATE request SET has_events = 0
WHERE id IN (
    SELECT id FROM request
    WHERE has_events = 1 AND finished_at <= :finished_before
    ORDER BY finished_at LIMIT 100
)
RETURNING id;

-- name: delete_events
DELETE FROM event_group WHERE request_id = :request_id;
