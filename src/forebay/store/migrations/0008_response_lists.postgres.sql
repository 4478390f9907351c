-- Lists of the responses of a project, by the time of their acceptance, and what queues are judged
-- by. A request is in one of the first two: so a list of all is a merge, and each status is found
-- without those of another.

CREATE INDEX request_list_unfinished ON request (project_id, accepted_at, id)
WHERE dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL AND finished_at IS NULL;
CREATE INDEX request_list_ended ON request (project_id, accepted_at, id)
WHERE dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL AND finished_at IS NOT NULL;
-- Those that did not end well are few among those that did.
CREATE INDEX request_list_unwell ON request (project_id, status, accepted_at, id)
WHERE
    dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL
    AND status IN ('incomplete', 'failed', 'cancelled');
CREATE INDEX request_list_session ON request (project_id, session, accepted_at, id)
WHERE session IS NOT NULL AND dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL;
CREATE INDEX request_list_group ON request (project_id, group_name, accepted_at, id)
WHERE group_name IS NOT NULL AND dialect = 'responses' AND is_stored = 1 AND hidden_at IS NULL;

-- The turns of a model that ended well in the background, the last ones being of interest.
CREATE INDEX request_pace ON request (model, finished_at)
WHERE lane = 'background' AND status IN ('completed', 'incomplete') AND attempt_at IS NOT NULL;
