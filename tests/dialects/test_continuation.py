"""Turns that go on with a text, and the joining of what the engine says to it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.dialects.continuation import Joint, continued
from forebay.dialects.turn import Delta, JsonObject, Turn

USER: JsonObject = {"role": "user", "content": "hi"}
TURN = Turn(model="m", messages=[USER])


def turn_with(**fields: object) -> Turn:
    return msgspec.structs.replace(TURN, **fields)


def test_the_text_becomes_the_beginning_of_the_answer() -> None:
    turn = continued(TURN, "Hel", text_tokens=1)
    assert turn is not None
    assert turn.messages == [USER, {"role": "assistant", "content": "Hel"}]
    assert turn.extra == {
        "continue_final_message": True,
        "add_generation_prompt": False,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def test_white_space_at_the_end_of_the_text_is_sent() -> None:
    turn = continued(TURN, "def f():\n    ", text_tokens=3)
    assert turn is not None
    assert turn.messages[-1]["content"] == "def f():\n    "


def test_what_the_turn_has_besides_is_kept() -> None:
    given_turn = turn_with(
        sampling={"temperature": 0, "seed": 7},
        extra={"top_k": 5, "chat_template_kwargs": {"style": "brief"}},
        is_truncatable=True,
    )
    turn = continued(given_turn, "Hel", text_tokens=1)
    assert turn is not None
    assert turn.sampling == given_turn.sampling
    assert turn.is_truncatable
    assert turn.extra["top_k"] == 5
    kwargs = {"style": "brief", "enable_thinking": False}
    assert turn.extra["chat_template_kwargs"] == kwargs


def test_the_turn_that_is_gone_on_with_is_not_changed() -> None:
    before = msgspec.json.encode(TURN)
    continued(TURN, "Hel", text_tokens=1)
    assert msgspec.json.encode(TURN) == before


@pytest.mark.parametrize(("cap", "left"), [(10, 7), (4, 1), (None, None)])
def test_the_cap_is_less_by_what_the_text_has_used(cap: int | None, left: int | None) -> None:
    turn = continued(turn_with(max_output_tokens=cap), "Hel", text_tokens=3)
    assert turn is not None
    assert turn.max_output_tokens == left


@pytest.mark.parametrize("cap", [1, 3])
def test_a_text_that_has_used_up_the_cap_is_not_gone_on_with(cap: int) -> None:
    assert continued(turn_with(max_output_tokens=cap), "Hel", text_tokens=3) is None


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_nothing_is_not_gone_on_with(text: str) -> None:
    assert continued(TURN, text, text_tokens=1) is None


@pytest.mark.parametrize(
    "turn",
    [
        turn_with(tools=[{"type": "function", "function": {"name": "f"}}]),
        turn_with(response_format={"type": "json_object"}),
        turn_with(sampling={"logprobs": True}),
        turn_with(sampling={"stop": ["END"]}),
        turn_with(choices=2),
        turn_with(messages=[USER, {"role": "assistant", "content": "Well"}]),
        turn_with(messages=[]),
    ],
    ids=["tools", "format", "logprobs", "stop", "choices", "a prefill", "no message"],
)
def test_an_answer_that_is_not_plain_text_is_not_gone_on_with(turn: Turn) -> None:
    assert continued(turn, "Hel", text_tokens=1) is None


def test_images_may_be_among_the_messages() -> None:
    image: JsonObject = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
    assert continued(turn_with(messages=[{"role": "user", "content": [image]}]), "A", text_tokens=1)


def joined(text: str, said: list[str]) -> str:
    """Return the text with what an engine said in these pieces, a call of `trim` for each."""
    joint = Joint(text)
    told = [delta for piece in said for delta in joint.trim([Delta(text=piece)])]
    assert all(delta.text for delta in told)
    return text + "".join([delta.text for delta in told])


def test_white_space_that_is_repeated_in_part_is_dropped_in_part() -> None:
    assert joined("a\n\n", ["\n", "b"]) == "a\n\nb"


def test_other_white_space_is_kept() -> None:
    assert joined("a ", ["\n b"]) == "a \n b"


def test_only_the_first_new_text_repeats() -> None:
    assert joined("a ", ["b", " c"]) == "a b c"


def test_a_text_that_ends_in_no_white_space_is_joined_as_it_is() -> None:
    deltas = [Delta(text=" b")]
    assert Joint("a").trim(deltas) is deltas


def test_what_else_a_delta_tells_is_kept() -> None:
    joint = Joint("a ")
    assert joint.trim([Delta(text=" ", finish_reason="stop")]) == [Delta(finish_reason="stop")]


WORDS = st.text("ab \n\t", max_size=6)
SPACE = st.text(" \n\t", max_size=4)
PIECES = st.lists(st.integers(1, 3), max_size=12)


def pieces_of(text: str, lengths: list[int]) -> list[str]:
    pieces = []
    for length in [*lengths, len(text)]:
        if text:
            pieces.append(text[:length])
            text = text[length:]
    return pieces


@given(WORDS, SPACE, WORDS, PIECES)
def test_an_engine_whose_template_strips_the_white_space_goes_on_with_the_text(
    words: str, space: str, rest: str, lengths: list[int]
) -> None:
    text = f"{words}x{space}"
    assert joined(text, pieces_of(space + rest, lengths)) == text + rest


@given(WORDS, SPACE, WORDS, PIECES)
def test_an_engine_that_got_the_white_space_goes_on_with_the_text(
    words: str, space: str, rest: str, lengths: list[int]
) -> None:
    text = f"{words}x{space}"
    assert joined(text, pieces_of(f"y{rest}", lengths)) == f"{text}y{rest}"
