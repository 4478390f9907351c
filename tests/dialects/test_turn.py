"""The fold of deltas into an answer, and the order in which its output came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forebay.core.requests import RequestStatus
from forebay.dialects.answer import Answer, OutputKind, ToolCall
from forebay.dialects.dialect import final_status
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece
from tests.dialects.calls import USAGE, answer_of, finish, reasoning, text, tool_call

KINDS = st.sampled_from(["text", "reasoning", "refusal"])


def token(name: str) -> JsonObject:
    return {"token": name, "logprob": -1.0}


def segments(answer: Answer) -> list[tuple[OutputKind, str]]:
    return [
        (segment.kind, segment.call.arguments if segment.call else segment.text)
        for segment in answer.segments()
    ]


def test_an_answer_holds_all_that_its_deltas_brought() -> None:
    deltas = [
        *reasoning("a", "b"),
        *text("c", "d"),
        *tool_call(0, "c1", "f", "{", "}"),
        *finish("tool_calls"),
    ]
    answer = answer_of(deltas)
    assert (answer.reasoning, answer.text) == ("ab", "cd")
    assert answer.tool_calls == [ToolCall(id="c1", name="f", arguments="{}")]
    assert (answer.finish_reason, answer.usage) == ("tool_calls", USAGE)


def test_a_delta_of_several_kinds_loses_none_of_them() -> None:
    piece = ToolCallPiece(0, "c1", "f", "{}")
    answer = answer_of([Delta(reasoning="r", text="t", refusal="no", tool_calls=(piece,))])
    assert (answer.reasoning, answer.text, answer.refusal) == ("r", "t", "no")
    assert answer.tool_calls == [ToolCall(id="c1", name="f", arguments="{}")]


def test_only_deltas_with_output_are_counted() -> None:
    assert answer_of([*text("a", "b"), *reasoning("c"), *finish()]).delta_count == 3


def test_segments_come_in_the_order_of_the_output() -> None:
    deltas = [*text("a"), *tool_call(0, "c1", "f", "1"), *reasoning("r"), *text("b", "c")]
    assert segments(answer_of(deltas)) == [
        (OutputKind.TEXT, "a"),
        (OutputKind.TOOL_CALL, "1"),
        (OutputKind.REASONING, "r"),
        (OutputKind.TEXT, "bc"),
    ]


def test_late_pieces_of_a_call_belong_to_the_call_that_began() -> None:
    deltas = [
        *tool_call(0, "c1", "f", "1"),
        *tool_call(1, "c2", "f", "2"),
        Delta(tool_calls=(ToolCallPiece(0, arguments="1"),)),
    ]
    assert segments(answer_of(deltas)) == [
        (OutputKind.TOOL_CALL, "11"),
        (OutputKind.TOOL_CALL, "2"),
    ]


def test_the_logprobs_of_a_segment_are_those_of_its_own_tokens() -> None:
    deltas = [
        Delta(reasoning="r", logprobs=(token("r"),)),
        Delta(text="a", logprobs=(token("a"),)),
        Delta(logprobs=(token("b"),)),
        *tool_call(0, "c1", "f"),
        Delta(text="c", logprobs=(token("c"),)),
    ]
    logprobs = [segment.logprobs for segment in answer_of(deltas).segments()]
    assert logprobs == [[token("r")], [token("a"), token("b")], [], [token("c")]]


def test_an_answer_made_by_hand_has_the_usual_order() -> None:
    answer = Answer(
        text_parts=["t"],
        reasoning_parts=["r"],
        tool_calls=[ToolCall(id="c1", name="f", arguments="{}")],
        logprobs=[token("t")],
    )
    assert segments(answer) == [
        (OutputKind.REASONING, "r"),
        (OutputKind.TEXT, "t"),
        (OutputKind.TOOL_CALL, "{}"),
    ]


@given(st.lists(st.tuples(KINDS, st.text(min_size=1))))
def test_segments_are_the_output_cut_where_its_kind_changes(pieces: list[tuple[str, str]]) -> None:
    expected: list[tuple[str, str]] = []
    for kind, piece in pieces:
        if expected and expected[-1][0] == kind:
            expected[-1] = (kind, expected[-1][1] + piece)
        else:
            expected.append((kind, piece))
    answer = answer_of([Delta(**{kind: piece}) for kind, piece in pieces])  # type: ignore[arg-type]
    assert segments(answer) == expected


def test_a_cut_answer_is_incomplete() -> None:
    assert final_status(Answer(finish_reason="length")) is RequestStatus.INCOMPLETE
    assert final_status(Answer(finish_reason="content_filter")) is RequestStatus.INCOMPLETE
    assert final_status(Answer(finish_reason="tool_calls")) is RequestStatus.COMPLETED
