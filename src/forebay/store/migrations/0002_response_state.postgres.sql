-- Responses that continue others, conversations, and stored chat completions with their metadata.

ALTER TABLE request ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}'; -- JSON strings, no secrets
ALTER TABLE request ADD COLUMN previous_id TEXT COLLATE "C"; -- the response that this one continues
ALTER TABLE request ADD COLUMN conversation_id TEXT;
ALTER TABLE request ADD COLUMN hidden_at BIGINT; -- deleted by its caller; others may continue it

CREATE INDEX request_continued ON request (previous_id) WHERE previous_id IS NOT NULL;
CREATE INDEX request_hidden ON request (hidden_at) WHERE hidden_at IS NOT NULL;
-- Not by what a listing chooses by, as in SQLite: metadata may be larger than an entry of an index,
-- and bodies, which are kept apart, are not in the way here.
CREATE INDEX request_listing ON request (project_id, dialect, id)
WHERE is_stored = 1 AND hidden_at IS NULL AND finished_at IS NOT NULL;

CREATE TABLE conversation (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    metadata TEXT NOT NULL, -- a JSON object of strings
    created_at BIGINT NOT NULL,
    is_deleted BIGINT NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)) -- its items are kept
);

CREATE TABLE conversation_item (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- later items come later
    id TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    item TEXT NOT NULL, -- JSON, as the API shows it
    UNIQUE (conversation_id, id)
);

CREATE INDEX conversation_item_order ON conversation_item (conversation_id, position);
