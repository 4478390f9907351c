-- name: add_project
INSERT INTO project (id, name, created_at) VALUES (:id, :name, :now)
ON CONFLICT (id) DO NOTHING;

-- name: has_project
SELECT 1 AS found FROM project WHERE id = :id;

-- name: add_api_key
INSERT INTO api_key (id, project_id, name, hash, hint, is_admin, created_at)
VALUES (:id, :project_id, :name, :hash, :hint, :is_admin, :created_at)
ON CONFLICT (hash) DO NOTHING
RETURNING id;

-- name: list_api_keys
SELECT id, project_id, name, hash, hint, is_admin, created_at, revoked_at FROM api_key ORDER BY id;

-- name: revoke_api_key
UPDATE api_key SET revoked_at = :now
WHERE id = :id AND project_id = :project_id AND revoked_at IS NULL
RETURNING id;
