"""Which kept streams have a text that the next attempt may go on with."""

from __future__ import annotations

import pytest

from forebay.dialects.kept_stream import KeptText, text_so_far
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.background_streams import Stream
from tests.dialects.calls import reasoning, text, tool_call

TOKEN: JsonObject = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}


def test_the_text_so_far_is_that_of_the_open_message() -> None:
    assert text_so_far(Stream().cut(text("Hel", "lo")).kept) == KeptText(
        text="Hello", delta_count=2
    )


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_message_without_text_has_nothing_to_go_on_with(at: int) -> None:
    assert text_so_far(Stream().cut(text("a"), at=at).kept) is None


@pytest.mark.parametrize(
    "deltas",
    [
        [*reasoning("r"), *text("a")],
        [*text("a"), *reasoning("r")],
        [*text("a"), *tool_call(0, "c1", "f", "{}")],
        [*tool_call(0, "c1", "f", "{}"), *text("a")],
        [*text("a"), Delta(refusal="no")],
        [Delta(refusal="no"), *text("a")],
        [Delta(refusal="no")],
        [Delta(text="a", logprobs=(TOKEN,)), *text("b")],
    ],
)
def test_an_attempt_that_told_more_than_text_is_not_gone_on_with(deltas: list[Delta]) -> None:
    assert text_so_far(Stream().cut(deltas).kept) is None


@pytest.mark.parametrize("at", [5, 6, 7, 8])
def test_a_text_whose_end_was_told_is_not_gone_on_with(at: int) -> None:
    stream = Stream().cut_at_the_end(text("a"), at=at)
    assert text_so_far(stream.kept) is None


def test_only_the_last_attempt_counts() -> None:
    stream = Stream().cut([*reasoning("r"), *text("a")]).cut(text("b"))
    assert text_so_far(stream.kept) == KeptText(text="b", delta_count=1)


def test_however_much_was_left_open_before_only_the_last_attempt_counts() -> None:
    stream = Stream().cut([*tool_call(0, "c1", "f", "{}"), *text("a")]).cut(text("b"))
    assert text_so_far(stream.kept) == KeptText(text="b", delta_count=1)


def test_what_one_attempt_was_about_to_end_is_not_taken_for_a_text_of_its_own() -> None:
    # The call stays open beside the text; starting over ends the text, and dies before the call.
    stream = Stream().cut([*tool_call(0, "c1", "f", "{}"), *text("a")])
    for ended in range(1, 4):
        assert text_so_far(Stream(stream.kept).cut([], at=ended).kept) is None
