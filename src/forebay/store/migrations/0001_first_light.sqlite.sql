-- Times are unix milliseconds, money is nano-units of the currency.

CREATE TABLE project (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE, -- SHA-256 of the key, hexadecimal
    hint TEXT NOT NULL,
    is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE request (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    key_id TEXT NOT NULL,
    lane TEXT NOT NULL CHECK (lane IN ('realtime', 'background')),
    dialect TEXT NOT NULL,
    model TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    band_rank INTEGER NOT NULL CHECK (band_rank IN (0, 1, 2)),
    status TEXT NOT NULL CHECK (
        status IN ('queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled')
    ),
    accepted_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    not_before_at INTEGER NOT NULL, -- a pause after a failed attempt
    started_at INTEGER,
    finished_at INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, -- attempts that the engine failed, not those it was away
    is_stored INTEGER NOT NULL CHECK (is_stored IN (0, 1)), -- 0: deleted a while after its end
    lease_id TEXT,
    lease_expires_at INTEGER,
    body BLOB NOT NULL, -- what the caller sent, without secrets
    answer BLOB, -- the final object, as GET returns it
    webhook_url TEXT,
    webhook_token BLOB, -- sealed with the server's secret
    CHECK ((status = 'in_progress') = (lease_id IS NOT NULL)),
    CHECK ((status IN ('queued', 'in_progress')) = (finished_at IS NULL)),
    CHECK ((finished_at IS NULL) = (answer IS NULL))
) STRICT;

CREATE INDEX request_waiting ON request (model, band_rank, deadline_at, id) WHERE status = 'queued';
CREATE UNIQUE INDEX request_lease ON request (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX request_expiry ON request (expires_at) WHERE status = 'queued';

CREATE INDEX request_unstored ON request (finished_at)
WHERE is_stored = 0 AND finished_at IS NOT NULL;

CREATE TABLE ledger_entry (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'waste', 'adjustment', 'external')),
    subject_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_nanos INTEGER NOT NULL,
    is_window_met INTEGER NOT NULL CHECK (is_window_met IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX ledger_entry_charge ON ledger_entry (subject_id) WHERE kind = 'charge';

CREATE TABLE delivery (
    id TEXT PRIMARY KEY,
    request_id TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    token BLOB,
    attempt INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER, -- null once delivered or given up
    delivered_at INTEGER,
    last_error TEXT
) STRICT;

CREATE INDEX delivery_due ON delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_request ON delivery (request_id);

CREATE TABLE file (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    purpose TEXT NOT NULL,
    filename TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT,
    blob_id TEXT, -- null for the output of a batch: its content is the batch's chunks
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

CREATE INDEX file_listing ON file (project_id, id);
CREATE INDEX file_expiry ON file (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX file_blob ON file (blob_id) WHERE blob_id IS NOT NULL;

CREATE TABLE batch (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    key_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    input_file_id TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    band_rank INTEGER NOT NULL CHECK (band_rank IN (0, 1, 2)),
    model TEXT,
    metadata TEXT NOT NULL, -- a JSON object of strings
    status TEXT NOT NULL CHECK (
        status IN (
            'validating', 'in_progress', 'finalizing', 'completed',
            'failed', 'expired', 'cancelling', 'cancelled'
        )
    ),
    errors TEXT, -- JSON: what validation found
    created_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    in_progress_at INTEGER,
    finalizing_at INTEGER,
    completed_at INTEGER,
    failed_at INTEGER,
    expired_at INTEGER,
    cancelling_at INTEGER,
    cancelled_at INTEGER,
    total_count INTEGER NOT NULL DEFAULT 0,
    completed_count INTEGER NOT NULL DEFAULT 0,
    failed_count INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    cost_nanos INTEGER NOT NULL DEFAULT 0,
    output_file_id TEXT,
    error_file_id TEXT,
    output_expires_after_s INTEGER,
    CHECK (completed_count + failed_count <= total_count),
    CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((status = 'failed') = (failed_at IS NOT NULL)),
    CHECK ((status = 'expired') = (expired_at IS NOT NULL)),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
) STRICT;

CREATE INDEX batch_listing ON batch (project_id, id);
CREATE INDEX batch_status ON batch (status, id);
CREATE UNIQUE INDEX batch_output_file ON batch (output_file_id) WHERE output_file_id IS NOT NULL;
CREATE UNIQUE INDEX batch_error_file ON batch (error_file_id) WHERE error_file_id IS NOT NULL;

CREATE TABLE segment (
    id TEXT PRIMARY KEY,
    batch_id TEXT NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    model TEXT NOT NULL,
    band_rank INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done')),
    blob_id TEXT NOT NULL,
    line_count INTEGER NOT NULL,
    ended_count INTEGER NOT NULL DEFAULT 0, -- lines in recorded chunks
    lease_id TEXT,
    lease_expires_at INTEGER,
    UNIQUE (batch_id, ordinal),
    CHECK ((status = 'running') = (lease_id IS NOT NULL)),
    CHECK (ended_count <= line_count)
) STRICT;

CREATE INDEX segment_waiting ON segment (model, band_rank, deadline_at, batch_id, ordinal)
WHERE status = 'waiting';
CREATE UNIQUE INDEX segment_lease ON segment (lease_id) WHERE lease_id IS NOT NULL;

-- Immutable results of some lines of a segment; recording one makes those results real.
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    batch_id TEXT NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    segment_id TEXT NOT NULL REFERENCES segment (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('output', 'error')),
    blob_id TEXT NOT NULL,
    line_count INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    line_numbers TEXT NOT NULL, -- a JSON list: the segment's lines that ended here
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX chunk_order ON chunk (batch_id, kind, id);
CREATE INDEX chunk_segment ON chunk (segment_id);
