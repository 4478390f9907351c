-- name: list_answered_lines (sqlite)
-- Which lines of these segments were answered, without the answers themselves.
SELECT segment.ordinal, chunk.line_numbers, chunk.schema_failed
FROM segment JOIN chunk ON chunk.segment_id = segment.id
WHERE
    segment.batch_id = :batch_id AND chunk.kind = 'output'
    AND segment.ordinal IN (SELECT value FROM json_each(:ordinals));

-- name: list_answered_lines (postgres)
SELECT segment.ordinal, chunk.line_numbers, chunk.schema_failed
FROM segment JOIN chunk ON chunk.segment_id = segment.id
WHERE
    segment.batch_id = :batch_id AND chunk.kind = 'output'
    AND segment.ordinal IN (
        SELECT CAST(json_array_elements_text(CAST(CAST(:ordinals AS TEXT) AS JSON)) AS BIGINT)
    );

-- name: keep_verdicts (sqlite)
-- A later verdict takes the place of an earlier one.
INSERT INTO verdict (batch_id, custom_id, is_accepted, was_accepted, decided_at)
SELECT
    :batch_id, value ->> 'custom_id', value ->> 'is_accepted', value ->> 'was_accepted', :now
FROM json_each(:verdicts) WHERE true
ON CONFLICT (batch_id, custom_id) DO UPDATE
SET is_accepted = excluded.is_accepted, decided_at = excluded.decided_at;

-- name: keep_verdicts (postgres)
INSERT INTO verdict (batch_id, custom_id, is_accepted, was_accepted, decided_at)
SELECT :batch_id, custom_id, is_accepted, was_accepted, :now
FROM json_to_recordset(CAST(CAST(:verdicts AS TEXT) AS JSON)) AS said (
    custom_id TEXT, is_accepted BIGINT, was_accepted BIGINT
)
ORDER BY custom_id
ON CONFLICT (batch_id, custom_id) DO UPDATE
SET is_accepted = excluded.is_accepted, decided_at = excluded.decided_at;

-- name: count_verdicts
SELECT is_accepted, was_accepted, COUNT(*) AS verdict_count
FROM verdict WHERE batch_id = :batch_id
GROUP BY is_accepted, was_accepted;
