-- Idempotency keys: what each of them has made, so that a call that is sent again makes nothing.

CREATE TABLE reservation (
    project_id TEXT COLLATE "C" NOT NULL REFERENCES project (id),
    key_id TEXT COLLATE "C" NOT NULL,
    route TEXT COLLATE "C" NOT NULL, -- the path that was called
    idempotency_key TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT NOT NULL, -- SHA-256 of the body, hexadecimal
    subject_id TEXT NOT NULL, -- what is made: chosen before it is
    created_at BIGINT NOT NULL,
    ended_at BIGINT, -- made; NULL: being made, or cut off, by the holder of the lease
    lease_id TEXT COLLATE "C",
    lease_expires_at BIGINT,
    PRIMARY KEY (project_id, key_id, route, idempotency_key),
    CHECK ((lease_id IS NULL) = (lease_expires_at IS NULL)),
    CHECK (ended_at IS NULL OR lease_id IS NULL)
);

CREATE UNIQUE INDEX reservation_lease ON reservation (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX reservation_age ON reservation (created_at);
