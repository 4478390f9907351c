"""Forced tool calls with the embedded engine, whose model has never heard of tools.

So small a model calls what it likes; what counts is that the grammar lets nothing through but calls
that fit. Lengths are bounded in the tools, or it would write on until it is cut off.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from forebay.dialects.answer import Answer
from forebay.dialects.forced_plan import MAX_CALLS
from forebay.dialects.forced_reader import ForcedReader
from forebay.dialects.forced_tools import forced
from forebay.dialects.turn import Delta, Turn
from forebay.engines.embedded import EmbeddedEngine
from forebay.engines.embedded_options import EmbeddedOptions
from forebay.engines.http import HttpEngine, HttpEngineOptions
from forebay.engines.known_models import DEFAULT_MODEL
from forebay.engines.weights import Weights
from tests.default_model import require_default_model
from tests.dialects.calls import answer_of
from tests.dialects.forced_answers import called, tool, turn_of, user
from tests.dialects.json_schema import fits

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

WEATHER: Any = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 20},
        "unit": {"enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "unit", "days"],
}
EVENT: Any = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"},
        "place": {"$ref": "#/$defs/place"},
        "guests": {"type": "array", "items": {"$ref": "#/$defs/guest"}, "maxItems": 2},
        "kind": {"allOf": [{"$ref": "#/definitions/kind"}], "default": "party"},
        "note": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]},
    },
    "required": ["day", "place", "guests", "kind", "note"],
    "$defs": {
        "place": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}]},
        "guest": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 9},
                "likes": {"$ref": "#/properties/kind"},
            },
            "required": ["name", "likes"],
        },
    },
    "definitions": {"kind": {"enum": ["party", "fête", "a \"quoted\" thing"]}},
}  # fmt: skip
TREE: Any = {
    "type": "object",
    "properties": {
        "value": {"type": "integer", "minimum": 0, "maximum": 3},
        "child": {"anyOf": [{"type": "null"}, {"$ref": "#"}]},
    },
    "required": ["value", "child"],
}
CONTACT: Any = {
    "type": "object",
    "properties": {
        "mail": {"type": "string", "pattern": "^[^@ ]{1,8}@.{1,8}$"},
        "phone": {"type": "string", "pattern": "^\\+\\d{4,6}$"},
    },
    "anyOf": [{"required": ["mail"]}, {"required": ["phone", "mail"]}],
}
SCHEMAS = {"weather": WEATHER, "event": EVENT, "tree": TREE, "contact": CONTACT, "now": {}}
TOOLS = [tool(name, schema or None) for name, schema in SCHEMAS.items()]
FEW = [TOOLS[0], TOOLS[4]]


@pytest.fixture(scope="module")
def model_path() -> Path:
    """The weights of the default model."""
    with asyncio.Runner() as runner:
        return runner.run(Weights(require_default_model()).path(DEFAULT_MODEL))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for the engine that all of these tests ask."""
    with asyncio.Runner() as runner:
        yield runner


@asynccontextmanager
async def running(model_path: Path) -> AsyncIterator[HttpEngine]:
    options = EmbeddedOptions(
        model_path=model_path, alias=DEFAULT_MODEL, slots=1, slot_context_tokens=4096
    )
    child = EmbeddedEngine(options)
    url = await child.start()
    engine = HttpEngine(HttpEngineOptions(url=url, key=child.api_key, can_reuse_connections=False))
    try:
        yield engine
    finally:
        await engine.close()
        await child.close()


class Engine:
    """The engine, asked in turns."""

    def __init__(self, runner: asyncio.Runner, engine: HttpEngine) -> None:
        self._runner = runner
        self._engine = engine

    def deltas(self, turn: Turn) -> list[Delta]:
        return self._runner.run(self._read(turn))

    def answer(self, turn: Turn) -> Answer:
        return answer_of(self.deltas(turn))

    async def _read(self, turn: Turn) -> list[Delta]:
        reader = ForcedReader(turn, call_id="resp_0123")
        stream = self._engine.stream(forced(turn), model=DEFAULT_MODEL)
        read = [delta async for deltas in stream for delta in reader.feed(deltas)]
        return read + reader.end()


@pytest.fixture(scope="module")
def engine(runner: asyncio.Runner, model_path: Path) -> Iterator[Engine]:
    """The embedded engine."""
    child = running(model_path)
    yield Engine(runner, runner.run(child.__aenter__()))
    runner.run(child.__aexit__(None, None, None))


def asked(prompt: str, **others: Any) -> Turn:
    """Return a turn that a model answers the same way each time, on one machine."""
    fields = {"tools": TOOLS, "max_output_tokens": 700, "sampling": {"temperature": 0}, **others}
    return turn_of(user(prompt), **fields)


def named(name: str) -> Any:
    return {"type": "function", "function": {"name": name}}


def assert_calls_fit(answer: Answer, *, most: int = MAX_CALLS) -> None:
    assert answer.finish_reason == "tool_calls"
    assert 1 <= len(answer.tool_calls) <= most
    assert [call.id for call in answer.tool_calls] == [
        f"call_0123{number}" for number in range(len(answer.tool_calls))
    ]
    for name, arguments in called(answer):
        assert fits(arguments, SCHEMAS[name] or {"additionalProperties": False})


@pytest.mark.parametrize("prompt", ["What is the weather in Paris?", "Write a poem."])
def test_a_required_call_is_made_whatever_was_said(engine: Engine, prompt: str) -> None:
    answer = engine.answer(asked(prompt, tools=FEW, tool_choice="required"))

    assert_calls_fit(answer)
    assert answer.text == ""


@pytest.mark.parametrize("name", ["weather", "event", "contact", "now"])
def test_a_named_tool_is_called_once_with_arguments_that_fit(engine: Engine, name: str) -> None:
    answer = engine.answer(asked("Fill in whatever you like.", tool_choice=named(name)))

    assert_calls_fit(answer, most=1)
    assert called(answer)[0][0] == name


@pytest.mark.parametrize("seed", range(2))
def test_arguments_fit_however_wild_the_sampling(engine: Engine, seed: int) -> None:
    sampling = {"temperature": 1.5, "seed": seed}

    turn = asked("Plan a party.", tool_choice=named("event"), sampling=sampling)
    assert_calls_fit(engine.answer(turn), most=1)


def test_a_schema_that_holds_itself_is_followed_as_deep_as_the_model_goes(engine: Engine) -> None:
    answer = engine.answer(asked("A tree!", tool_choice=named("tree"), max_output_tokens=100))

    arguments = "".join(answer.tool_calls[0].arguments.split())
    assert re.fullmatch(r'(\{"value":[0-3],"child":)*(null\}*|.{0,19})', arguments)
    assert arguments.count("child") > 1


def test_a_model_that_may_call_or_speak_does_either(engine: Engine) -> None:
    prompts = ["Hello! Who are you?", "Weather in Rome?", "Weather in Rome and Oslo?", "Thanks!"]
    answers = [engine.answer(asked(prompt, tools=FEW)) for prompt in prompts]

    for answer in answers:
        if answer.tool_calls:
            assert_calls_fit(answer)
        else:
            assert answer.text and answer.finish_reason == "stop"
    assert 0 < sum(bool(answer.tool_calls) for answer in answers) < len(answers)


def test_calls_are_made_together_only_where_they_may_be(engine: Engine) -> None:
    turns = [
        asked("Hello!", tools=FEW, tool_choice="required", sampling={"temperature": 0.7, "seed": n})
        for n in range(4)
    ]
    several = [engine.answer(turn) for turn in turns]
    single = [engine.answer(replace(turn, parallel_tool_calls=False)) for turn in turns]

    for answer in several:
        assert_calls_fit(answer)
    for answer in single:
        assert_calls_fit(answer, most=1)
    assert any(len(answer.tool_calls) > 1 for answer in several)


def test_a_message_may_be_json_of_a_schema_of_its_own(engine: Engine) -> None:
    mood = {"enum": ["good", "bad"]}
    schema = {"type": "object", "properties": {"mood": mood}, "required": ["mood"]}
    wanted = {"type": "json_schema", "json_schema": {"schema": schema}}

    answer = engine.answer(asked("Hello! Who are you?", tools=FEW, response_format=wanted))

    assert fits(json.loads(answer.text), schema)


def test_a_conversation_with_results_goes_on(engine: Engine) -> None:
    function = {"name": "weather", "arguments": '{"city":"Rome"}'}
    call = {"id": "c1", "type": "function", "function": function}
    turn = turn_of(
        user("Weather in Rome?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "18 degrees, sunny"},
        tools=FEW,
        sampling={"temperature": 0},
        max_output_tokens=300,
    )
    answer, spoken = engine.answer(turn), engine.answer(replace(turn, tool_choice="none"))

    assert answer.text or answer.tool_calls
    assert spoken.text and not spoken.tool_calls


def test_text_and_arguments_come_piece_by_piece(engine: Engine) -> None:
    spoken = engine.deltas(asked("Hello! Who are you?", tools=FEW))
    calling = engine.deltas(asked("Hello!", tool_choice=named("weather")))

    assert sum(bool(delta.text) for delta in spoken) > 3
    assert sum(bool(delta.tool_calls) for delta in calling) > 3
