"""A background stream stays whole, wherever its attempts are cut off and however they resume."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from forebay.dialects.kept_stream import KeptText, text_so_far
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece
from tests.dialects.background_streams import (
    CALL,
    DIALECT,
    Stream,
    check_is_well_formed,
    check_with_the_sdk,
    of_type,
)
from tests.dialects.calls import events

TOKEN: JsonObject = {"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}
LOGPROBS = st.sampled_from([(), (), (TOKEN,)])
TEXT = st.text(min_size=1, max_size=3)
ARGUMENTS = st.sampled_from(["", "{", '{"input": "l', 's"}', "\n\n"])
PIECES = st.builds(
    ToolCallPiece,
    st.integers(0, 2),
    name=st.sampled_from(["f", "shell"]),
    arguments=ARGUMENTS,
)
DELTAS = st.lists(
    st.one_of(
        st.builds(Delta, text=TEXT, logprobs=LOGPROBS),
        st.builds(Delta, text=TEXT),
        st.builds(Delta, reasoning=TEXT),
        st.builds(Delta, refusal=TEXT),
        st.builds(Delta, tool_calls=st.tuples(PIECES)),
    ),
    max_size=6,
)
ATTEMPTS = st.lists(
    st.tuples(st.one_of(DELTAS, st.lists(st.builds(Delta, text=TEXT))), st.integers(0, 40)),
    max_size=4,
)


def as_engines_send_them(deltas: list[Delta]) -> list[Delta]:
    """Number the calls in the order in which they begin; their ids are those of every attempt."""
    begun: list[int] = []
    sent = []
    for delta in deltas:
        pieces = []
        for piece in delta.tool_calls:
            is_first = piece.index not in begun
            if is_first:
                begun.append(piece.index)
            number = begun.index(piece.index)
            pieces.append(
                ToolCallPiece(
                    number,
                    f"c{number}" if is_first else None,
                    piece.name if is_first else None,
                    piece.arguments,
                )
            )
        sent.append(msgspec.structs.replace(delta, tool_calls=tuple(pieces)))
    return sent


@given(ATTEMPTS, DELTAS, st.booleans())
def test_the_stream_is_whole_wherever_it_was_cut(
    attempts: list[tuple[list[Delta], int]], last: list[Delta], wants_to_go_on: bool
) -> None:
    stream = Stream()
    for deltas, at in attempts:
        goes_on = wants_to_go_on and text_so_far(stream.kept) is not None
        stream.cut_at_the_end(as_engines_send_them(deltas), at=at, goes_on=goes_on)
    goes_on = wants_to_go_on and text_so_far(stream.kept) is not None
    whole = stream.end(as_engines_send_them(last), goes_on=goes_on)
    check_is_well_formed(whole)
    check_with_the_sdk(whole)


@given(ATTEMPTS, DELTAS)
def test_the_final_object_holds_the_last_items_as_they_were_streamed(
    attempts: list[tuple[list[Delta], int]], last: list[Delta]
) -> None:
    stream = Stream()
    for deltas, at in attempts:
        stream.cut_at_the_end(as_engines_send_them(deltas), at=at)
    begun = len(of_type(events(stream.kept), "output_item.added"))
    found = events(stream.end(as_engines_send_them(last)))
    done = {event["output_index"]: event["item"] for event in of_type(found, "output_item.done")}
    assert found[-1]["response"]["output"] == [done[index] for index in range(begun, len(done))]


@given(ATTEMPTS, st.booleans())
def test_a_text_so_far_is_all_that_its_attempt_has_told(
    attempts: list[tuple[list[Delta], int]], wants_to_go_on: bool
) -> None:
    stream, first_index = Stream(), 0
    for deltas, at in attempts:
        goes_on = wants_to_go_on and text_so_far(stream.kept) is not None
        begun = DIALECT.resumed(CALL, stream.kept, goes_on=goes_on)
        length = len(stream.kept)
        stream.cut_at_the_end(as_engines_send_them(deltas), at=at, goes_on=goes_on)
        if len(stream.kept) > length:
            first_index = begun.first_index
    text = text_so_far(stream.kept)
    if text is not None:
        told = [e for e in events(stream.kept) if e.get("output_index", -1) >= first_index]
        added, part, *deltas_told = [event["type"].removeprefix("response.") for event in told]
        assert (added, part) == ("output_item.added", "content_part.added")
        assert deltas_told == ["output_text.delta"] * text.delta_count
        assert "".join([event["delta"] for event in told[2:]]) == text.text


@given(st.lists(st.lists(TEXT, min_size=1, max_size=4), min_size=1, max_size=3))
def test_a_text_is_gone_on_with_over_and_over(attempts: list[list[str]]) -> None:
    stream = Stream()
    for number, pieces in enumerate(attempts):
        stream.cut([Delta(text=piece) for piece in pieces], goes_on=number > 0)
        shown = [piece for pieces in attempts[: number + 1] for piece in pieces]
        text = KeptText(text="".join(shown), delta_count=len(shown))
        assert text_so_far(stream.kept) == text
    (item,) = events(stream.end([], goes_on=True))[-1]["response"]["output"]
    assert item["content"][0]["text"] == "".join(shown)
