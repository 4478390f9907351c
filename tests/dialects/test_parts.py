"""A turn of several choices is asked for in turns of one choice each."""

from __future__ import annotations

from forebay.dialects.answer import Answer
from forebay.dialects.turn import Delta, EmbeddingTurn, TextTurn, Turn, parts


def test_a_turn_of_one_choice_is_its_own_only_part() -> None:
    turn = Turn(model="m", messages=[{"role": "user", "content": "hi"}], sampling={"seed": 1})
    assert parts(turn) == [turn]


def test_each_choice_has_a_seed_of_its_own() -> None:
    turn = Turn(model="m", messages=[], sampling={"seed": 7, "top_p": 0.5}, choices=3)
    asked = parts(turn)
    assert [part.sampling for part in asked if isinstance(part, Turn)] == [
        {"seed": 7, "top_p": 0.5},
        {"seed": 8, "top_p": 0.5},
        {"seed": 9, "top_p": 0.5},
    ]
    assert all(isinstance(part, Turn) and part.choices == 1 for part in asked)


def test_every_prompt_gets_its_choices_one_prompt_after_the_other() -> None:
    turn = TextTurn(model="m", prompts=["a", "b"], choices=2)
    asked = [part.prompts for part in parts(turn) if isinstance(part, TextTurn)]
    assert asked == [["a"], ["a"], ["b"], ["b"]]


def test_embeddings_are_asked_for_together() -> None:
    turn = EmbeddingTurn(model="m", inputs=["a", "b"])
    assert parts(turn) == [turn]


def test_deltas_fold_into_their_own_choice() -> None:
    answer = Answer()
    for delta in (Delta(text="a"), Delta(choice=2, text="c"), Delta(text="b")):
        answer.add(delta)
    assert [choice.text for choice in answer.choices] == ["ab", "", "c"]
    assert answer.has_output
