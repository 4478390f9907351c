"""What callers speak: pure translation between wire bodies and the canonical turn and deltas."""
