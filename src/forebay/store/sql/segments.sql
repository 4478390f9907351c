-- name: add_segments (sqlite)
-- All of a plan at once: `segments` is a JSON list of objects.
INSERT INTO segment (
    id, batch_id, ordinal, model, band_rank, deadline_at, status, blob_id, offset_bytes, size_bytes,
    line_count, input_tokens, prefix
)
SELECT
    value ->> 'id', :batch_id, value ->> 'ordinal', value ->> 'model', :band_rank, :deadline_at,
    'waiting', value ->> 'blob_id', value ->> 'offset_bytes', value ->> 'size_bytes',
    value ->> 'line_count', value ->> 'input_tokens', value ->> 'prefix'
FROM json_each(:segments);

-- name: add_segments (postgres)
INSERT INTO segment (
    id, batch_id, ordinal, model, band_rank, deadline_at, status, blob_id, offset_bytes, size_bytes,
    line_count, input_tokens, prefix
)
SELECT
    id, :batch_id, ordinal, model, :band_rank, :deadline_at, 'waiting', blob_id, offset_bytes,
    size_bytes, line_count, input_tokens, prefix
FROM json_to_recordset(CAST(CAST(:segments AS TEXT) AS JSON)) AS planned (
    id TEXT, ordinal BIGINT, model TEXT, blob_id TEXT, offset_bytes BIGINT, size_bytes BIGINT,
    line_count BIGINT, input_tokens BIGINT, prefix TEXT
);

-- name: peek_waiting_segment (sqlite)
SELECT segment.band_rank, segment.deadline_at
FROM segment JOIN batch ON batch.id = segment.batch_id
WHERE
    segment.status = 'waiting' AND segment.model = :model AND batch.status = 'in_progress'
    AND batch.expires_at > :now
    AND segment.batch_id NOT IN (SELECT value FROM json_each(:but_not))
    AND segment.id NOT IN (SELECT value FROM json_each(:but_not))
ORDER BY segment.band_rank, segment.deadline_at, segment.batch_id, segment.ordinal LIMIT 1;

-- name: peek_waiting_segment (postgres)
SELECT segment.band_rank, segment.deadline_at
FROM segment JOIN batch ON batch.id = segment.batch_id
WHERE
    segment.status = 'waiting' AND segment.model = :model AND batch.status = 'in_progress'
    AND batch.expires_at > :now
    AND segment.batch_id NOT IN (
        SELECT json_array_elements_text(CAST(CAST(:but_not AS TEXT) AS JSON))
    )
    AND segment.id NOT IN (
        SELECT json_array_elements_text(CAST(CAST(:but_not AS TEXT) AS JSON))
    )
ORDER BY segment.band_rank, segment.deadline_at, segment.batch_id, segment.ordinal LIMIT 1;

-- name: claim_segment (sqlite)
UPDATE segment
SET status = 'running', lease_id = :lease_id, lease_expires_at = :lease_expires_at
WHERE id = (
    SELECT segment.id FROM segment JOIN batch ON batch.id = segment.batch_id
    WHERE
        segment.status = 'waiting' AND segment.model = :model AND batch.status = 'in_progress'
        AND batch.expires_at > :now
        AND segment.batch_id NOT IN (SELECT value FROM json_each(:but_not))
        AND segment.id NOT IN (SELECT value FROM json_each(:but_not))
    ORDER BY segment.band_rank, segment.deadline_at, segment.batch_id, segment.ordinal LIMIT 1
)
RETURNING *;

-- name: claim_segment (postgres)
WITH claimed AS MATERIALIZED (
    SELECT segment.id FROM segment JOIN batch ON batch.id = segment.batch_id
    WHERE
        segment.status = 'waiting' AND segment.model = :model AND batch.status = 'in_progress'
        AND batch.expires_at > :now
        AND segment.batch_id NOT IN (
            SELECT json_array_elements_text(CAST(CAST(:but_not AS TEXT) AS JSON))
        )
        AND segment.id NOT IN (
            SELECT json_array_elements_text(CAST(CAST(:but_not AS TEXT) AS JSON))
        )
    ORDER BY segment.band_rank, segment.deadline_at, segment.batch_id, segment.ordinal LIMIT 1
    FOR NO KEY UPDATE OF segment SKIP LOCKED
)
UPDATE segment
SET status = 'running', lease_id = :lease_id, lease_expires_at = :lease_expires_at
FROM claimed
WHERE segment.id = claimed.id
RETURNING segment.*;

-- name: renew_segment_leases (sqlite)
UPDATE segment SET lease_expires_at = :lease_expires_at
WHERE lease_id IN (SELECT value FROM json_each(:lease_ids))
RETURNING lease_id;

-- name: renew_segment_leases (postgres)
UPDATE segment SET lease_expires_at = :lease_expires_at
WHERE lease_id IN (SELECT json_array_elements_text(CAST(CAST(:lease_ids AS TEXT) AS JSON)))
RETURNING lease_id;

-- name: advance_segment
-- The lease is the fence for every chunk; the last line ends the segment.
UPDATE segment
SET
    ended_count = ended_count + :ended,
    status = CASE WHEN ended_count + :ended = line_count THEN 'done' ELSE status END,
    lease_id = CASE WHEN ended_count + :ended = line_count THEN NULL ELSE lease_id END
WHERE id = :id AND lease_id = :lease_id AND status = 'running'
RETURNING batch_id;

-- name: release_segment
UPDATE segment SET status = 'waiting', lease_id = NULL, lease_expires_at = NULL
WHERE id = :id AND lease_id = :lease_id AND status = 'running'
RETURNING id;

-- name: void_segment_leases
UPDATE segment SET status = 'waiting', lease_id = NULL, lease_expires_at = NULL
WHERE lease_id IS NOT NULL
RETURNING id;

-- name: void_segment_leases_of_model
UPDATE segment SET status = 'waiting', lease_id = NULL, lease_expires_at = NULL
WHERE lease_id IS NOT NULL AND model = :model;

-- name: reap_segments (sqlite)
UPDATE segment SET status = 'waiting', lease_id = NULL, lease_expires_at = NULL
WHERE lease_id IS NOT NULL AND lease_expires_at < :now
RETURNING id;

-- name: reap_segments (postgres)
UPDATE segment SET status = 'waiting', lease_id = NULL, lease_expires_at = NULL
WHERE id IN (
    SELECT id FROM segment
    WHERE lease_id IS NOT NULL AND lease_expires_at < :now
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id;

-- name: list_unfinished_segments
SELECT * FROM segment WHERE batch_id = :batch_id AND status <> 'done' ORDER BY ordinal;

-- name: get_segment
SELECT * FROM segment WHERE batch_id = :batch_id AND ordinal = :ordinal;

-- name: add_chunk
INSERT INTO chunk (
    batch_id, segment_id, kind, blob_id, line_count, size_bytes, line_numbers, schema_failed,
    created_at
) VALUES (
    :batch_id, :segment_id, :kind, :blob_id, :line_count, :size_bytes, :line_numbers,
    :schema_failed, :created_at
);

-- name: list_segment_chunks
SELECT * FROM chunk WHERE segment_id = :segment_id ORDER BY id;

-- name: list_failed_lines
SELECT
    chunk.id, chunk.line_numbers, segment.ordinal, segment.blob_id, segment.offset_bytes,
    segment.size_bytes
FROM chunk JOIN segment ON segment.id = chunk.segment_id
WHERE chunk.batch_id = :batch_id AND chunk.kind = 'error' AND chunk.id > :after_id
ORDER BY chunk.id LIMIT :limit;

-- name: list_all_chunks
SELECT * FROM chunk WHERE batch_id = :batch_id ORDER BY id;

-- name: list_chunks
SELECT * FROM chunk WHERE batch_id = :batch_id AND kind = :kind ORDER BY id;

-- name: list_ended_lines
SELECT line_numbers FROM chunk WHERE segment_id = :segment_id;

-- name: get_chunk_of_blob
SELECT id FROM chunk WHERE blob_id = :blob_id LIMIT 1;

-- name: peek_unfinished_segment
SELECT 1 AS found FROM segment WHERE batch_id = :batch_id AND status <> 'done' LIMIT 1;

-- name: hold_segment (sqlite)
-- For whoever closes a batch: it takes a segment whatever the batch's status.
UPDATE segment
SET status = 'running', lease_id = :lease_id, lease_expires_at = :lease_expires_at
WHERE id = (
    SELECT id FROM segment
    WHERE batch_id = :batch_id AND ordinal >= :from_ordinal AND status <> 'done'
        AND status = 'waiting'
    ORDER BY ordinal LIMIT 1
)
RETURNING *;

-- name: hold_segment (postgres)
WITH held AS MATERIALIZED (
    SELECT id FROM segment
    WHERE batch_id = :batch_id AND ordinal >= :from_ordinal AND status <> 'done'
        AND status = 'waiting'
    ORDER BY ordinal LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE segment
SET status = 'running', lease_id = :lease_id, lease_expires_at = :lease_expires_at
FROM held
WHERE segment.id = held.id
RETURNING segment.*;
