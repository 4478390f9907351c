-- name: take_duty
INSERT INTO duty (name, owner, lease_expires_at) VALUES (:name, :owner, :until)
ON CONFLICT (name) DO UPDATE SET owner = :owner, lease_expires_at = :until
WHERE duty.owner = :owner OR duty.lease_expires_at <= :now
RETURNING name;

-- name: is_duty_orphaned
-- Somebody had it and neither renewed it nor let go.
SELECT name FROM duty WHERE name = :name AND owner <> :owner AND lease_expires_at <= :now;

-- name: let_go_duties
DELETE FROM duty WHERE owner = :owner;
