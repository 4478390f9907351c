"""Answers in the form that was asked for: JSON, or JSON of a schema, if the caller was strict."""

from __future__ import annotations

import pytest

from forebay.dialects.answer import Answer
from forebay.dialects.chat import ChatDialect
from forebay.dialects.dialect import Dialect
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import Delta, EmbeddingTurn, JsonObject, ToolCallPiece, Turn
from forebay.lanes.batch.schema_check import SchemaCheck

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"age": {"type": "integer"}},
    "required": ["age"],
}
GOOD, BAD = '{"age": 3}', '{"age": "three"}'


def turn(response_format: JsonObject | None) -> Turn:
    """Return a turn that asks for this form."""
    return Turn(model="tiny", messages=[], response_format=response_format)


def strict(schema: JsonObject = SCHEMA, *, is_strict: bool | None = True) -> Turn:
    """Return a turn that asks for JSON of this schema."""
    named: JsonObject = {"name": "x", "schema": schema, "strict": is_strict}
    return turn({"type": "json_schema", "json_schema": named})


def answer(*texts: str, finish_reason: str = "stop") -> Answer:
    """Return an answer with these choices."""
    whole = Answer()
    for number, text in enumerate(texts):
        whole.add(Delta(choice=number, text=text, finish_reason=finish_reason))
    return whole


@pytest.mark.parametrize(
    ("text", "is_met"),
    [(GOOD, True), (BAD, False), ("{}", False), ("three", False), ("", False), (GOOD + "}", False)],
)
def test_an_answer_is_held_against_its_strict_schema(text: str, is_met: bool) -> None:
    assert SchemaCheck().is_met(strict(), answer(text)) is is_met


@pytest.mark.parametrize(("text", "is_met"), [("{}", True), ("[]", False), ("no", False)])
def test_an_answer_that_was_to_be_json_is_an_object(text: str, is_met: bool) -> None:
    assert SchemaCheck().is_met(turn({"type": "json_object"}), answer(text)) is is_met


@pytest.mark.parametrize(
    "asked",
    [
        turn(None),
        turn({"type": "text"}),
        strict(is_strict=False),
        strict(is_strict=None),
        EmbeddingTurn(model="tiny", inputs=["x"]),
    ],
)
def test_whoever_was_not_strict_gets_what_comes(asked: Turn | EmbeddingTurn) -> None:
    assert SchemaCheck().is_met(asked, answer("three"))


@pytest.mark.parametrize("finish_reason", ["length", "content_filter"])
def test_an_answer_that_was_cut_off_is_wrong_even_where_it_looks_whole(finish_reason: str) -> None:
    assert not SchemaCheck().is_met(strict(), answer(GOOD, finish_reason=finish_reason))


def test_every_choice_has_to_have_the_form() -> None:
    assert SchemaCheck().is_met(strict(), answer(GOOD, GOOD))
    assert not SchemaCheck().is_met(strict(), answer(GOOD, BAD))


def test_a_refusal_is_not_the_form_that_was_asked_for() -> None:
    refused = Answer()
    refused.add(Delta(refusal="no", finish_reason="stop"))
    assert not SchemaCheck().is_met(strict(), refused)


def test_a_call_of_a_tool_has_no_form_to_keep() -> None:
    calling = Answer()
    piece = ToolCallPiece(0, "call_1", "look_up", "{}")
    calling.add(Delta(tool_calls=(piece,), finish_reason="tool_calls"))
    assert SchemaCheck().is_met(strict(), calling)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"type": "no such type"},
        {"enum": ["x" * 300_000]},
    ],
)
def test_a_schema_that_cannot_be_used_asks_for_json_and_fetches_nothing(
    schema: JsonObject,
) -> None:
    check = SchemaCheck()
    assert check.is_met(strict(schema), answer("3"))
    assert not check.is_met(strict(schema), answer("three"))


def test_an_answer_that_is_nested_without_end_is_wrong() -> None:
    assert not SchemaCheck().is_met(strict({}), answer("[" * 100_000))


def test_a_pattern_that_would_take_for_ever_is_given_up() -> None:
    schema: JsonObject = {"type": "string", "pattern": "^(?=(a+)+$)(a+)+$"}
    assert not SchemaCheck().is_met(strict(schema), answer(f'"{"a" * 60}b"'))


def test_a_schema_is_compiled_once_and_forgotten_when_others_are_met_later() -> None:
    check = SchemaCheck(max_schemas=2)
    schemas: list[JsonObject] = [{"const": number} for number in range(3)]
    compiled = [check.validator(schema) for schema in schemas[:2]]
    assert check.validator(schemas[0]) is compiled[0]
    check.validator(schemas[2])
    assert check.validator(schemas[0]) is compiled[0]
    assert check.validator(schemas[1]) is not compiled[1]


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (
            ChatDialect(),
            {
                "messages": [{"role": "user", "content": "hi"}],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": SCHEMA},
                },
            },
        ),
        (
            ResponsesDialect(),
            {
                "input": "hi",
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "x",
                        "strict": True,
                        "schema": SCHEMA,
                    }
                },
            },
        ),
        (
            MessagesDialect(),
            {
                "max_tokens": 9,
                "messages": [{"role": "user", "content": "hi"}],
                "output_format": {"type": "json_schema", "schema": SCHEMA},
            },
        ),
    ],
)
def test_every_api_can_ask_strictly(dialect: Dialect, body: JsonObject) -> None:
    parsed, _ = dialect.parse({"model": "tiny"} | body)
    check = SchemaCheck()
    assert check.is_met(parsed, answer(GOOD))
    assert not check.is_met(parsed, answer(BAD))
