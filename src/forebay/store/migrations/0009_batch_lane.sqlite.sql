-- Batches of both vendors: segments are stretches of one blob, results are counted by their kind,
-- and files may be made of several blobs.

-- The content of a file that was uploaded in parts, in their order; the file itself names no blob.
CREATE TABLE file_part (
    file_id TEXT NOT NULL REFERENCES file (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    blob_id TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (file_id, ordinal)
) STRICT;

CREATE INDEX file_part_blob ON file_part (blob_id);

CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    key_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, -- as its maker announced it
    received_bytes INTEGER NOT NULL DEFAULT 0, -- in parts, whether they will be named or not
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'expired')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    file_expires_after_s INTEGER,
    file_id TEXT, -- what it was completed to
    CHECK ((status = 'completed') = (file_id IS NOT NULL))
) STRICT;

CREATE INDEX upload_pending ON upload (expires_at) WHERE status = 'pending';

CREATE TABLE upload_part (
    id TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    blob_id TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX upload_part_upload ON upload_part (upload_id, id);
CREATE INDEX upload_part_blob ON upload_part (blob_id);

-- By which vendor's API the batch was made, and is seen.
ALTER TABLE batch ADD COLUMN api TEXT NOT NULL DEFAULT 'batches'
CHECK (api IN ('batches', 'message_batches'));
ALTER TABLE batch ADD COLUMN retry_of TEXT; -- whose failed and expired lines it runs again
ALTER TABLE batch ADD COLUMN index_blob_id TEXT; -- where each custom id is found
ALTER TABLE batch ADD COLUMN deleted_at INTEGER; -- nobody sees it any more
ALTER TABLE batch ADD COLUMN cleared_at INTEGER; -- its plan and its results are gone
-- What became of lines, beside completed_count and failed_count.
ALTER TABLE batch ADD COLUMN schema_failed_count INTEGER NOT NULL DEFAULT 0; -- of the completed
ALTER TABLE batch ADD COLUMN refused_count INTEGER NOT NULL DEFAULT 0; -- of the failed, as are:
ALTER TABLE batch ADD COLUMN engine_failed_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN expired_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN cancelled_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN retry_count INTEGER NOT NULL DEFAULT 0; -- attempts after the first
ALTER TABLE batch ADD COLUMN waste_input_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN waste_output_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN waste_nanos INTEGER NOT NULL DEFAULT 0;

-- Whoever recorded the last result makes a batch finalizing now; before, its closer did so later.
UPDATE batch SET status = 'finalizing', finalizing_at = created_at
WHERE status = 'in_progress' AND total_count > 0 AND completed_count + failed_count = total_count;

-- How long results are kept counts from the end of their batch on, no more from the first of them.
UPDATE file SET expires_at = NULL
WHERE id IN (
    SELECT output_file_id FROM batch WHERE status IN ('in_progress', 'finalizing', 'cancelling')
    UNION ALL
    SELECT error_file_id FROM batch WHERE status IN ('in_progress', 'finalizing', 'cancelling')
);

DROP INDEX batch_listing;
CREATE INDEX batch_listing ON batch (project_id, api, id);
CREATE INDEX batch_remains ON batch (id) WHERE cleared_at IS NULL OR deleted_at IS NOT NULL;
CREATE INDEX batch_index_blob ON batch (index_blob_id) WHERE index_blob_id IS NOT NULL;

-- Where in its blob a segment is, and what the scheduler is to know of it.
ALTER TABLE segment ADD COLUMN offset_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN size_bytes INTEGER; -- null for the whole of the blob
ALTER TABLE segment ADD COLUMN input_tokens INTEGER NOT NULL DEFAULT 0; -- an estimate
ALTER TABLE segment ADD COLUMN prefix TEXT NOT NULL DEFAULT ''; -- what its prompts begin with, hashed

CREATE INDEX segment_blob ON segment (blob_id);

-- Whoever closes batches finds what is left to be done, and when, without a look at all the rest.
CREATE INDEX segment_unfinished ON segment (batch_id, ordinal) WHERE status <> 'done';
CREATE INDEX batch_expiry ON batch (status, expires_at) WHERE status = 'in_progress';

-- A JSON list: those of its lines that were answered, but not in the form that was asked for.
ALTER TABLE chunk ADD COLUMN schema_failed TEXT;

CREATE INDEX chunk_blob ON chunk (blob_id);

-- What was recorded lately, without what it was.
CREATE INDEX chunk_pace ON chunk (created_at, batch_id, segment_id, kind, line_count);

-- What was said downstream of single results; without that, a result is accepted if it has the form
-- that was asked for (`was_accepted`).
CREATE TABLE verdict (
    batch_id TEXT NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    custom_id TEXT NOT NULL,
    is_accepted INTEGER NOT NULL CHECK (is_accepted IN (0, 1)),
    was_accepted INTEGER NOT NULL CHECK (was_accepted IN (0, 1)),
    decided_at INTEGER NOT NULL,
    PRIMARY KEY (batch_id, custom_id)
) STRICT;

-- Counted without a look at the verdicts themselves.
CREATE INDEX verdict_tally ON verdict (batch_id, is_accepted, was_accepted);
