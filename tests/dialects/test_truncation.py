"""A prompt that does not fit loses its oldest messages, and never what must stay."""

from __future__ import annotations

from forebay.dialects.truncation import without_the_oldest
from forebay.dialects.turn import JsonObject, Turn


def said(role: str, content: str = "x" * 100, **others: object) -> JsonObject:
    return {"role": role, "content": content, **others}


def turn(*messages: JsonObject, is_truncatable: bool = True) -> Turn:
    return Turn(model="m", messages=list(messages), is_truncatable=is_truncatable)


def test_a_turn_that_may_not_be_cut_is_not() -> None:
    long = turn(said("user"), said("assistant"), said("user"), is_truncatable=False)
    assert without_the_oldest(long) is None


def test_the_oldest_messages_go_first() -> None:
    messages = [said("user", f"{number}" * 100) for number in range(8)]
    shorter = without_the_oldest(turn(*messages))
    assert shorter is not None
    assert shorter.messages == messages[2:]


def test_instructions_and_the_last_question_stay() -> None:
    kept = [said("system"), said("user", "now?")]
    cut: Turn | None = turn(kept[0], said("user"), said("assistant"), kept[1])
    seen = []
    while cut is not None:
        seen.append(cut)
        cut = without_the_oldest(cut)
    assert seen[-1].messages == kept
    assert len(seen) > 1


def test_a_tools_result_goes_with_its_call() -> None:
    call = said("assistant", tool_calls=[{"id": "c"}])
    result = said("tool", tool_call_id="c")
    later = [said("user"), said("assistant", "y" * 900), said("user")]
    shorter = without_the_oldest(turn(said("user"), call, result, result, *later))
    assert shorter is not None
    assert shorter.messages[0]["role"] != "tool"


def test_what_follows_the_last_question_stays() -> None:
    loop = [said("user", "do"), said("assistant", tool_calls=[{"id": "c"}]), said("tool")]
    shorter = without_the_oldest(turn(said("user"), said("assistant"), *loop))
    assert shorter is not None
    assert shorter.messages[-3:] == loop


def test_a_single_question_cannot_be_made_shorter() -> None:
    assert without_the_oldest(turn(said("system"), said("user"))) is None
