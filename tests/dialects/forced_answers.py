"""What the tests of forced tools share: tools, turns, and the reading of an engine's text."""

from __future__ import annotations

import json
from typing import Any

from forebay.dialects.answer import Answer
from forebay.dialects.forced_reader import ForcedReader
from forebay.dialects.turn import Delta, JsonObject, Turn
from tests.dialects.calls import answer_of

WEATHER: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city"],
}


def tool(name: str, parameters: Any = None, **others: Any) -> JsonObject:
    function = {"name": name, **others}
    return {
        "type": "function",
        "function": function if parameters is None else {**function, "parameters": parameters},
    }


TOOLS = [tool("get_weather", WEATHER, description="The weather of a city."), tool("get_time")]
NAMED = {"type": "function", "function": {"name": "get_weather"}}


def turn_of(*messages: JsonObject, **others: Any) -> Turn:
    """Return a turn that may call the tools."""
    fields: dict[str, Any] = {"model": "m", "messages": list(messages), "tools": TOOLS, **others}
    return Turn(**fields)


def user(content: Any) -> JsonObject:
    return {"role": "user", "content": content}


def calls_json(*calls: tuple[str, Any]) -> list[JsonObject]:
    """Return calls as an engine that is held to the schema writes them."""
    return [{"name": name, "arguments": arguments} for name, arguments in calls]


def read_all(turn: Turn, *pieces: str, finish_reason: str | None = "stop") -> list[Delta]:
    """Return what a reader makes of these pieces of text."""
    reader = ForcedReader(turn, call_id="resp_0123")
    deltas = [out for piece in pieces for out in reader.feed([Delta(text=piece)])]
    if finish_reason is not None:
        deltas += reader.feed([Delta(finish_reason=finish_reason)])
    return deltas + reader.end()


def read(turn: Turn, *pieces: str, finish_reason: str | None = "stop") -> Answer:
    """Return the answer that a reader makes of these pieces of text."""
    return answer_of(read_all(turn, *pieces, finish_reason=finish_reason))


def called(answer: Answer) -> list[tuple[str, Any]]:
    """Return the calls of an answer, with decoded arguments."""
    return [(call.name, json.loads(call.arguments)) for call in answer.tool_calls]
