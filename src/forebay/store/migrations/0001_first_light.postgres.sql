-- Times are unix milliseconds, money is nano-units of the currency.
-- COLLATE "C", for whatever is in an index: compared byte by byte, as SQLite does, whatever
-- language the database was made for.

CREATE TABLE project (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_key (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL UNIQUE, -- SHA-256 of the key, hexadecimal
    hint TEXT NOT NULL,
    is_admin BIGINT NOT NULL CHECK (is_admin IN (0, 1)),
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE request (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES project (id),
    key_id TEXT NOT NULL,
    lane TEXT NOT NULL CHECK (lane IN ('realtime', 'background')),
    dialect TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    completion_window TEXT NOT NULL,
    band_rank BIGINT NOT NULL CHECK (band_rank IN (0, 1, 2)),
    status TEXT COLLATE "C" NOT NULL CHECK (
        status IN ('queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled')
    ),
    accepted_at BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    not_before_at BIGINT NOT NULL, -- a pause after a failed attempt
    started_at BIGINT,
    finished_at BIGINT,
    attempt BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0, -- attempts that the engine failed, not those it was away
    is_stored BIGINT NOT NULL CHECK (is_stored IN (0, 1)), -- 0: deleted a while after its end
    lease_id TEXT COLLATE "C",
    lease_expires_at BIGINT,
    body BYTEA NOT NULL, -- what the caller sent, without secrets
    answer BYTEA, -- the final object, as GET returns it
    webhook_url TEXT,
    webhook_token BYTEA, -- sealed with the server's secret
    CHECK ((status = 'in_progress') = (lease_id IS NOT NULL)),
    CHECK ((status IN ('queued', 'in_progress')) = (finished_at IS NULL)),
    CHECK ((finished_at IS NULL) = (answer IS NULL))
);

-- A queue leaves many dead rows at its head, which every claim would step over.
ALTER TABLE request SET (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);

CREATE INDEX request_waiting ON request (model, band_rank, deadline_at, id) WHERE status = 'queued';
CREATE UNIQUE INDEX request_lease ON request (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX request_expiry ON request (expires_at) WHERE status = 'queued';

CREATE INDEX request_unstored ON request (finished_at)
WHERE is_stored = 0 AND finished_at IS NOT NULL;

CREATE TABLE ledger_entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'waste', 'adjustment', 'external')),
    subject_id TEXT COLLATE "C" NOT NULL,
    project_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    is_window_met BIGINT NOT NULL CHECK (is_window_met IN (0, 1)),
    created_at BIGINT NOT NULL
);

CREATE UNIQUE INDEX ledger_entry_charge ON ledger_entry (subject_id) WHERE kind = 'charge';

CREATE TABLE delivery (
    id TEXT COLLATE "C" PRIMARY KEY,
    request_id TEXT COLLATE "C" NOT NULL REFERENCES request (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    token BYTEA,
    attempt BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT, -- null once delivered or given up
    delivered_at BIGINT,
    last_error TEXT
);

CREATE INDEX delivery_due ON delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_request ON delivery (request_id);

CREATE TABLE file (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES project (id),
    purpose TEXT NOT NULL,
    filename TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT,
    blob_id TEXT COLLATE "C", -- null for the output of a batch: its content is the batch's chunks
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);

CREATE INDEX file_listing ON file (project_id, id);
CREATE INDEX file_expiry ON file (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX file_blob ON file (blob_id) WHERE blob_id IS NOT NULL;

CREATE TABLE batch (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES project (id),
    key_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    input_file_id TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    band_rank BIGINT NOT NULL CHECK (band_rank IN (0, 1, 2)),
    model TEXT,
    metadata TEXT NOT NULL, -- a JSON object of strings
    status TEXT COLLATE "C" NOT NULL CHECK (
        status IN (
            'validating', 'in_progress', 'finalizing', 'completed',
            'failed', 'expired', 'cancelling', 'cancelled'
        )
    ),
    errors TEXT, -- JSON: what validation found
    created_at BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    in_progress_at BIGINT,
    finalizing_at BIGINT,
    completed_at BIGINT,
    failed_at BIGINT,
    expired_at BIGINT,
    cancelling_at BIGINT,
    cancelled_at BIGINT,
    total_count BIGINT NOT NULL DEFAULT 0,
    completed_count BIGINT NOT NULL DEFAULT 0,
    failed_count BIGINT NOT NULL DEFAULT 0,
    input_tokens BIGINT NOT NULL DEFAULT 0,
    cached_tokens BIGINT NOT NULL DEFAULT 0,
    output_tokens BIGINT NOT NULL DEFAULT 0,
    reasoning_tokens BIGINT NOT NULL DEFAULT 0,
    cost_nanos BIGINT NOT NULL DEFAULT 0,
    output_file_id TEXT COLLATE "C",
    error_file_id TEXT COLLATE "C",
    output_expires_after_s BIGINT,
    CHECK (completed_count + failed_count <= total_count),
    CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((status = 'failed') = (failed_at IS NOT NULL)),
    CHECK ((status = 'expired') = (expired_at IS NOT NULL)),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
);

CREATE INDEX batch_listing ON batch (project_id, id);
CREATE INDEX batch_status ON batch (status, id);
CREATE UNIQUE INDEX batch_output_file ON batch (output_file_id) WHERE output_file_id IS NOT NULL;
CREATE UNIQUE INDEX batch_error_file ON batch (error_file_id) WHERE error_file_id IS NOT NULL;

CREATE TABLE segment (
    id TEXT COLLATE "C" PRIMARY KEY,
    batch_id TEXT COLLATE "C" NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    band_rank BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done')),
    blob_id TEXT NOT NULL,
    line_count BIGINT NOT NULL,
    ended_count BIGINT NOT NULL DEFAULT 0, -- lines in recorded chunks
    lease_id TEXT COLLATE "C",
    lease_expires_at BIGINT,
    UNIQUE (batch_id, ordinal),
    CHECK ((status = 'running') = (lease_id IS NOT NULL)),
    CHECK (ended_count <= line_count)
);

CREATE INDEX segment_waiting ON segment (model, band_rank, deadline_at, batch_id, ordinal)
WHERE status = 'waiting';
CREATE UNIQUE INDEX segment_lease ON segment (lease_id) WHERE lease_id IS NOT NULL;

-- Immutable results of some lines of a segment; recording one makes those results real.
CREATE TABLE chunk (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id TEXT COLLATE "C" NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    segment_id TEXT COLLATE "C" NOT NULL REFERENCES segment (id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('output', 'error')),
    blob_id TEXT NOT NULL,
    line_count BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    line_numbers TEXT NOT NULL, -- a JSON list: the segment's lines that ended here
    created_at BIGINT NOT NULL
);

CREATE INDEX chunk_order ON chunk (batch_id, kind, id);
CREATE INDEX chunk_segment ON chunk (segment_id);
