"""Stored chat completions, as they are shown."""

from __future__ import annotations

from forebay.dialects.stored_chats import stored_chat
from forebay.dialects.wire import MAX_BRACKETS


def test_a_long_answer_is_shown_with_all_its_log_probabilities() -> None:
    # Some forty arrays and objects for each token: more than any body of a caller may have.
    answer = b'{"id":"chatcmpl-1","choices":[' + b"{}," * MAX_BRACKETS + b"{}]}"
    shown = stored_chat(answer, {"a": "b"})
    assert shown["choices"] == [{}] * (MAX_BRACKETS + 1)
