-- Registered webhook endpoints, deliveries that are leased, and the log of what came of each.

CREATE TABLE webhook_endpoint (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    receiver TEXT COLLATE "C" NOT NULL, -- the host and port of the URL
    event_types TEXT NOT NULL, -- a JSON list of strings
    secret BYTEA NOT NULL, -- sealed with the server's secret
    secret_hint TEXT NOT NULL,
    rotated_at BIGINT, -- null: the secret is the first one
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    disabled_at BIGINT -- it answered that it is gone
);

CREATE INDEX webhook_endpoint_listing ON webhook_endpoint (project_id, id);

-- The secrets that were replaced and sign, too, each until its time is over.
CREATE TABLE webhook_old_secret (
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
    secret BYTEA NOT NULL, -- sealed
    until_at BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, secret)
);

ALTER TABLE delivery RENAME TO old_delivery;
-- The name is wanted for the new one.
ALTER TABLE old_delivery RENAME CONSTRAINT delivery_pkey TO old_delivery_pkey;

-- An event that one receiver is told of: an endpoint, or the webhook that a request itself names.
CREATE TABLE delivery (
    id TEXT COLLATE "C" PRIMARY KEY,
    event_id TEXT COLLATE "C" NOT NULL, -- what each try is sent with
    event_type TEXT NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL, -- the response or the batch that the event is about
    request_id TEXT COLLATE "C" REFERENCES request (id) ON DELETE CASCADE, -- null: it is an endpoint's
    endpoint_id TEXT COLLATE "C" REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
    url TEXT, -- null: the endpoint's
    token BYTEA, -- sealed
    receiver TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0, -- rises with each claim, and fences what it records
    failures BIGINT NOT NULL DEFAULT 0, -- tries that were recorded and failed
    is_leased BIGINT NOT NULL DEFAULT 0 CHECK (is_leased IN (0, 1)), -- 1: until next_at
    created_at BIGINT NOT NULL,
    owed_at BIGINT NOT NULL, -- since when it is tried: its creation, or the last redelivery
    next_at BIGINT, -- null once delivered or given up
    delivered_at BIGINT,
    CHECK ((endpoint_id IS NULL) = (request_id IS NOT NULL)),
    CHECK ((endpoint_id IS NULL) = (url IS NOT NULL)),
    CHECK (is_leased = 0 OR next_at IS NOT NULL),
    CHECK (delivered_at IS NULL OR next_at IS NULL)
);

INSERT INTO delivery (
    id, event_id, event_type, subject_id, request_id, url, token, receiver, attempt, failures,
    created_at, owed_at, next_at, delivered_at
)
SELECT
    old.id, 'evt_' || substr(old.id, 5), 'response.' || request.status, old.request_id,
    old.request_id, old.url, old.token, old.url, old.attempt, old.attempt,
    request.finished_at, request.finished_at, old.next_at, old.delivered_at
FROM old_delivery AS old JOIN request ON request.id = old.request_id;

DROP TABLE old_delivery;

CREATE INDEX delivery_receiver ON delivery (receiver, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_next ON delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_leased ON delivery (id) WHERE is_leased = 1;
CREATE INDEX delivery_request ON delivery (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX delivery_subject ON delivery (subject_id);
CREATE INDEX delivery_log ON delivery (endpoint_id, id) WHERE endpoint_id IS NOT NULL;
CREATE INDEX delivery_old ON delivery (created_at)
WHERE endpoint_id IS NOT NULL AND next_at IS NULL;

CREATE TABLE delivery_attempt (
    delivery_id TEXT COLLATE "C" NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status_code BIGINT, -- null: there was no answer
    error TEXT, -- null: delivered
    PRIMARY KEY (delivery_id, number)
);
