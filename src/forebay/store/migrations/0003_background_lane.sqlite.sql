-- Background responses: kept streams, progress, margins, retries; pauses out of the claim's way.

ALTER TABLE request ADD COLUMN is_streamed INTEGER NOT NULL DEFAULT 0
    CHECK (is_streamed IN (0, 1));
ALTER TABLE request ADD COLUMN has_events INTEGER NOT NULL DEFAULT 0
    CHECK (has_events IN (0, 1)); -- 1: the events of its stream are kept, 0: no more, or it has none
ALTER TABLE request ADD COLUMN session TEXT; -- metadata.session
ALTER TABLE request ADD COLUMN group_name TEXT; -- metadata.group
ALTER TABLE request ADD COLUMN retry_of TEXT; -- the request whose body this one runs again
ALTER TABLE request ADD COLUMN margin_ms INTEGER; -- what was left of the window; below 0: missed
ALTER TABLE request ADD COLUMN output_tokens INTEGER NOT NULL DEFAULT 0; -- of the running attempt
ALTER TABLE request ADD COLUMN attempt_at INTEGER; -- when the running attempt began

-- 0: ready to run. Pausing requests must not stand before ready ones in the index of the claim.
UPDATE request SET not_before_at = 0;
UPDATE request SET margin_ms = deadline_at - finished_at WHERE finished_at IS NOT NULL;

DROP INDEX request_waiting;
CREATE INDEX request_waiting ON request (model, band_rank, deadline_at, id)
WHERE status = 'queued' AND not_before_at = 0;
CREATE INDEX request_pausing ON request (model, not_before_at)
WHERE status = 'queued' AND not_before_at > 0;
CREATE INDEX request_ended ON request (finished_at)
WHERE finished_at IS NOT NULL AND hidden_at IS NULL;

CREATE INDEX request_events ON request (finished_at)
WHERE has_events = 1 AND finished_at IS NOT NULL;

-- The events of a streamed background response, in small groups, as they were (or will be) sent.
CREATE TABLE event_group (
    request_id TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
    first_number INTEGER NOT NULL, -- the sequence number of its first event
    last_number INTEGER NOT NULL,
    events BLOB NOT NULL, -- whole server-sent events, one for each number
    PRIMARY KEY (request_id, first_number),
    CHECK (first_number <= last_number)
) STRICT, WITHOUT ROWID;
