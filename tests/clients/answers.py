"""What the scripted engine answers: pure functions from the body of a request.

The prompt is the script. What it has between backticks becomes every string that a tool or a schema
asks for; a tool that it names is the one that is called; "think" in it brings thoughts; an answer
to "wait" is held until the engine is let go, as by "let go".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import cast

JsonObject = dict[str, object]

WORD = "sample"
NUMBER = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a tool; `arguments` are JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one turn: thoughts, then text or a call."""

    reasoning: str = ""
    text: str = ""
    call: Call | None = None


def answer_to(body: JsonObject) -> Answer:
    """Return the answer to the body of a chat completion.

    A new result of a tool is quoted. A tool is called if there is one and none has given a result
    yet. A JSON schema gets JSON that fits it. Otherwise the prompt is given back.
    """
    messages = _objects(body["messages"])
    prompt = _prompt(messages)
    reasoning = f"They said: {prompt}" if "think" in prompt else ""
    results = [_last_text(message) for message in _since_answer(messages) if _is_result(message)]
    if results:
        return Answer(reasoning=reasoning, text=f"The tool said: {results[-1]}")
    if body.get("tools") and not any(map(_is_result, messages)):
        return Answer(reasoning=reasoning, call=_call(body, prompt))
    if (schema := _schema(body)) is not None:
        return Answer(reasoning=reasoning, text=json.dumps(sample(schema, _word(prompt))))
    return Answer(reasoning=reasoning, text=f"You said: {prompt}")


def is_held(body: JsonObject) -> bool:
    """Tell whether the answer is to be held back."""
    return _prompt(_objects(body["messages"])) == "wait"


def lets_go(body: JsonObject) -> bool:
    """Tell whether the answers that are held back are to go on."""
    return _prompt(_objects(body["messages"])) == "let go"


def sample(schema: JsonObject, word: str) -> object:
    """Return the smallest JSON value that fits `schema`, with `word` for its strings."""
    return _sample(schema, word, cast(JsonObject, schema.get("$defs") or {}))


def _sample(schema: JsonObject, word: str, definitions: JsonObject) -> object:
    if isinstance(reference := schema.get("$ref"), str):
        schema = cast(JsonObject, definitions[reference.rpartition("/")[2]])
    if "const" in schema:
        return schema["const"]
    if isinstance(values := schema.get("enum"), list):
        return values[0]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return _sample(_objects(choices)[0], word, definitions)
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "string":
            return word
        case "integer" | "number":
            return NUMBER
        case "boolean":
            return True
        case "array":
            return [_sample(cast(JsonObject, schema.get("items") or {}), word, definitions)]
        case "null":
            return None
        case _:
            properties = cast(dict[str, JsonObject], schema.get("properties") or {})
            required = cast(list[str], schema.get("required") or [])
            return {name: _sample(properties[name], word, definitions) for name in required}


def _call(body: JsonObject, prompt: str) -> Call:
    tools = [cast(JsonObject, tool["function"]) for tool in _objects(body["tools"])]
    choice = body.get("tool_choice")
    wanted = cast(JsonObject, choice["function"])["name"] if isinstance(choice, dict) else None
    chosen = [tool for tool in tools if tool["name"] == wanted]
    named = [tool for tool in tools if re.search(rf"\b{re.escape(str(tool['name']))}\b", prompt)]
    tool = (chosen or named or tools)[0]
    arguments = sample(cast(JsonObject, tool.get("parameters") or {}), _word(prompt))
    return Call(name=str(tool["name"]), arguments=json.dumps(arguments))


def _schema(body: JsonObject) -> JsonObject | None:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    return cast(JsonObject, wanted["json_schema"]["schema"])


def _word(prompt: str) -> str:
    quoted = re.search(r"`([^`]+)`", prompt)
    return quoted[1] if quoted else WORD


def _prompt(messages: list[JsonObject]) -> str:
    asked = [message for message in messages if message["role"] == "user"]
    return _last_text(asked[-1]) if asked else ""


def _since_answer(messages: list[JsonObject]) -> list[JsonObject]:
    roles = [message["role"] for message in messages]
    start = len(roles) - roles[::-1].index("assistant") if "assistant" in roles else 0
    return messages[start:]


def _is_result(message: JsonObject) -> bool:
    return message["role"] == "tool"


def _last_text(message: JsonObject) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    texts = [str(part["text"]) for part in _objects(content) if part.get("type") == "text"]
    return texts[-1] if texts else ""


def _objects(value: object) -> list[JsonObject]:
    return cast(list[JsonObject], value) if isinstance(value, list) else []
