-- name: record_entry
INSERT INTO ledger_entry (
    kind, subject_id, project_id, key_id, lane, completion_window, model, input_tokens,
    cached_tokens, output_tokens, reasoning_tokens, cost_nanos, is_window_met, created_at
) VALUES (
    :kind, :subject_id, :project_id, :key_id, :lane, :completion_window, :model, :input_tokens,
    :cached_tokens, :output_tokens, :reasoning_tokens, :cost_nanos, :is_window_met, :created_at
);

-- name: sum_charges
SELECT
    COUNT(*) AS charge_count,
    CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens,
    CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens,
    CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT) AS cost_nanos
FROM ledger_entry
WHERE project_id = :project_id AND kind = 'charge';
