-- name: take_duty
INSERT INTO duty (name, owner, lease_expires_at) VALUES (:name, :owner, :until)
ON CONFLICT (name) DO UPDATE SET owner = :owner, lease_expires_at = :until
WHERE duty.owner = :owner OR duty.lease_expires_at <= :now
RETURNING name;

-- name: let_go_duties
DELETE FROM duty WHERE owner = :owner;
