-- Responses of a project between two places, each a time of acceptance and an id: one step through a
-- list, with what the rest of a filter looks at. The conditions are those of the indexes.

-- name: list_responses_newest_first
-- Those that have not ended and those that have, as one list.
SELECT * FROM (
    SELECT accepted_at, id, model, completion_window, 'background' AS lane FROM request
    WHERE
        project_id = :project_id AND dialect = 'responses' AND is_stored = 1
        AND hidden_at IS NULL AND finished_at IS NULL
        AND (accepted_at, id) > (:low_at, :low_id)
        AND (accepted_at, id) < (:high_at, :high_id)
    ORDER BY accepted_at DESC, id DESC LIMIT :limit
) AS unfinished
UNION ALL
SELECT * FROM (
    SELECT accepted_at, id, model, completion_window, lane FROM request
    WHERE
        project_id = :project_id AND dialect = 'responses' AND is_stored = 1
        AND hidden_at IS NULL AND finished_at IS NOT NULL
        AND (accepted_at, id) > (:low_at, :low_id)
        AND (accepted_at, id) < (:high_at, :high_id)
    ORDER BY accepted_at DESC, id DESC LIMIT :limit
) AS ended
ORDER BY accepted_at DESC, id DESC LIMIT :limit;

-- name: list_responses_oldest_first
SELECT * FROM (
    SELECT accepted_at, id, model, completion_window, 'background' AS lane FROM request
    WHERE
        project_id = :project_id AND dialect = 'responses' AND is_stored = 1
        AND hidden_at IS NULL AND finished_at IS NULL
        AND (accepted_at, id) > (:low_at, :low_id)
        AND (accepted_at, id) < (:high_at, :high_id)
    ORDER BY accepted_at, id LIMIT :limit
) AS unfinished
UNION ALL
SELECT * FROM (
    SELECT accepted_at, id, model, completion_window, lane FROM request
    WHERE
        project_id = :project_id AND dialect = 'responses' AND is_stored = 1
        AND hidden_at IS NULL AND finished_at IS NOT NULL
        AND (accepted_at, id) > (:low_at, :low_id)
        AND (accepted_at, id) < (:high_at, :high_id)
    ORDER BY accepted_at, id LIMIT :limit
) AS ended
ORDER BY accepted_at, id LIMIT :limit;

-- name: list_ended_responses_newest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL
    AND finished_at IS NOT NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at DESC, id DESC LIMIT :limit;

-- name: list_ended_responses_oldest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL
    AND finished_at IS NOT NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at, id LIMIT :limit;

-- name: list_unfinished_responses_newest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL
    AND finished_at IS NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at DESC, id DESC LIMIT :limit;

-- name: list_unfinished_responses_oldest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL
    AND finished_at IS NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at, id LIMIT :limit;

-- name: list_running_responses_newest_first
-- There are no more of them than slots, in all projects together.
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND dialect = 'responses' AND is_stored = 1 AND lease_id IS NOT NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at DESC, id DESC LIMIT :limit;

-- name: list_running_responses_oldest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND dialect = 'responses' AND is_stored = 1 AND lease_id IS NOT NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at, id LIMIT :limit;

-- name: list_unwell_responses_newest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL
    AND status IN ('incomplete', 'failed', 'cancelled') AND status = :status
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at DESC, id DESC LIMIT :limit;

-- name: list_unwell_responses_oldest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL
    AND status IN ('incomplete', 'failed', 'cancelled') AND status = :status
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at, id LIMIT :limit;

-- name: list_session_responses_newest_first
SELECT accepted_at, id, status, model, completion_window, lane, group_name FROM request
WHERE
    project_id = :project_id AND session = :session AND dialect = 'responses' AND is_stored = 1
    AND hidden_at IS NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at DESC, id DESC LIMIT :limit;

-- name: list_session_responses_oldest_first
SELECT accepted_at, id, status, model, completion_window, lane, group_name FROM request
WHERE
    project_id = :project_id AND session = :session AND dialect = 'responses' AND is_stored = 1
    AND hidden_at IS NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at, id LIMIT :limit;

-- name: list_group_responses_newest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND group_name = :group_name AND dialect = 'responses' AND is_stored = 1
    AND hidden_at IS NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at DESC, id DESC LIMIT :limit;

-- name: list_group_responses_oldest_first
SELECT accepted_at, id, status, model, completion_window, lane FROM request
WHERE
    project_id = :project_id AND group_name = :group_name AND dialect = 'responses' AND is_stored = 1
    AND hidden_at IS NULL
    AND (accepted_at, id) > (:low_at, :low_id)
    AND (accepted_at, id) < (:high_at, :high_id)
ORDER BY accepted_at, id LIMIT :limit;

-- name: get_list_place
-- Where a page ended, though that response may be deleted since.
SELECT accepted_at FROM request WHERE id = :id AND project_id = :project_id;
