-- What one process does for all: who has it, and until when unless that is renewed.
CREATE TABLE duty (
    name TEXT COLLATE "C" PRIMARY KEY,
    owner TEXT NOT NULL,
    lease_expires_at BIGINT NOT NULL
);
