"""A conversation with tools, said to a chat template that knows nothing of tools.

The tools and the form of the answer stand in the system message. What the assistant said before
has the form that it is to have again; a tool's result is a user's message.
"""

from __future__ import annotations

import msgspec

from forebay.dialects.forced_plan import ForcedPlan
from forebay.dialects.turn import JsonObject
from forebay.dialects.upstream_errors import UNREADABLE
from forebay.dialects.wire import encode

_EXAMPLE = '{"name": "<a tool\'s name>", "arguments": {<what its parameters ask for>}}'

_GO_ON = "Your answer begins with the words below. Write only what comes right behind them:"


def plain_messages(messages: list[JsonObject], plan: ForcedPlan | None) -> list[JsonObject]:
    """Return the messages without tool calls, tool results and the like.

    With a plan they begin with what it allows, and what the assistant said takes the answer's
    form. Without one, calls are told with their results, and all that has nothing to do with tools
    is left as it is.
    """
    conversation = _Conversation(plan)
    for message in messages:
        conversation.add(message)
    if plan is not None:
        if is_begun(messages):
            conversation.go_on(messages[-1])
        _instruct(conversation.messages, instructions(plan))
    return conversation.messages


def is_begun(messages: list[JsonObject]) -> bool:
    """Whether the last message is the assistant's: an answer that the engine is to go on with."""
    return bool(messages) and messages[-1].get("role") == "assistant"


def instructions(plan: ForcedPlan) -> str:
    """Return what the model must know of the tools and of the form of its answer."""
    tools = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters or {}}
        for tool in plan.tools
    ]
    lines = ["You can call these tools:", *[encode(tool).decode() for tool in tools], ""]
    calls = f'{{"tool_calls": [{_EXAMPLE}]}}'
    if not plan.is_message_allowed:
        how_many = "one tool" if plan.max_calls == 1 else "one or more tools"
        lines.append(f"Answer by calling {how_many}, with JSON only, on one line: {calls}")
        return "\n".join(lines)
    words = '"<your words>"'
    if plan.message_schema is not None:
        words = f"<JSON that fits {encode(plan.message_schema).decode()}>"
    how_many = "a tool" if plan.max_calls == 1 else "one or more tools"
    lines.append(
        "Answer with JSON only, on one line, in one of these forms.\n"
        f"To call {how_many}, when that is needed for the answer: {calls}\n"
        "To speak to the user, when no tool is needed or its result is there: "
        f'{{"message": {words}}}'
    )
    return "\n".join(lines)


class _Conversation:
    def __init__(self, plan: ForcedPlan | None) -> None:
        self.messages: list[JsonObject] = []
        self._plan = plan
        self._labels: dict[object, str] = {}
        self._ends_in_result = False

    def add(self, message: JsonObject) -> None:
        role = message.get("role")
        if role in ("tool", "function"):
            self._join(self._result(message))
        elif role == "user" and self._ends_in_result:
            self._join(message)
        elif role == "assistant":
            self._add_assistant(message)
        else:
            self.messages.append(message)
        self._ends_in_result = role in ("tool", "function")

    def go_on(self, begun: JsonObject) -> None:
        """Ask for what comes behind the last message: no engine can go on in the middle of JSON.

        llama.cpp holds such a beginning to the schema too, and other engines do not.
        """
        if _calls(begun):
            self.messages.append({"role": "user", "content": "Go on."})
            return
        self.messages.pop()
        self._join({"role": "user", "content": f"{_GO_ON}\n{_text(begun)}"})

    def _add_assistant(self, message: JsonObject) -> None:
        calls = _calls(message)
        for number, call in enumerate(calls, 1):
            self._labels[call.get("id")] = self._label(call, number, count=len(calls))
        text = _text(message)
        if self._plan is not None:
            said: JsonObject = {}
            if text or not calls:
                said["message"] = _words(text, self._plan)
            if calls:
                said["tool_calls"] = [
                    {"name": _name(call), "arguments": _arguments(call)} for call in calls
                ]
            self.messages.append(_saying(message, encode(said).decode()))
        elif not calls:
            self.messages.append(message)
        elif text:
            self.messages.append(_saying(message, text))

    def _label(self, call: JsonObject, number: int, *, count: int) -> str:
        name = _name(call)
        if self._plan is None:
            # Calls are told with their results only: a model that sees itself write JSON goes on
            # with it, and here no schema keeps it from that.
            return f"{name} with {encode(_arguments(call)).decode()}"
        return f"{name} (call {number})" if count > 1 else name

    def _result(self, message: JsonObject) -> JsonObject:
        call_id = message.get("tool_call_id")
        head = f"Result of {self._labels.get(call_id) or message.get('name') or 'a tool'}:"
        content = message.get("content")
        if isinstance(content, list):
            return {"role": "user", "content": [{"type": "text", "text": head}, *content]}
        return {"role": "user", "content": f"{head}\n{content or ''}"}

    def _join(self, message: JsonObject) -> None:
        """Add a user's message: many chat templates want users and assistants to take turns."""
        if not self.messages or self.messages[-1].get("role") != "user":
            self.messages.append(message)
            return
        before, after = self.messages.pop().get("content"), message.get("content")
        content: object
        if isinstance(before, list) or isinstance(after, list):
            content = [*_parts(before), *_parts(after)]
        else:
            content = f"{before or ''}\n\n{after or ''}"
        self.messages.append({**message, "content": content})


_OF_CALLS = frozenset({"tool_calls", "function_call", "refusal", "content"})


def _instruct(messages: list[JsonObject], text: str) -> None:
    """Put the text into the first system message: many chat templates take only one."""
    first = messages[0] if messages else {}
    if first.get("role") not in ("system", "developer"):
        messages.insert(0, {"role": "system", "content": text})
        return
    given = first.get("content")
    if isinstance(given, list):
        messages[0] = {**first, "content": [*given, {"type": "text", "text": text}]}
    else:
        messages[0] = {**first, "content": f"{given}\n\n{text}" if given else text}


def _saying(message: JsonObject, content: str) -> JsonObject:
    kept = {name: value for name, value in message.items() if name not in _OF_CALLS}
    return {**kept, "content": content}


def _words(text: str, plan: ForcedPlan) -> object:
    if plan.message_schema is None:
        return text
    try:
        return msgspec.json.decode(text)
    except UNREADABLE:
        return text


def _calls(message: JsonObject) -> list[JsonObject]:
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        return [call for call in calls if isinstance(call, dict)]
    # What chat had before tools.
    function = message.get("function_call")
    return [{"function": function}] if isinstance(function, dict) else []


def _name(call: JsonObject) -> str:
    function = call.get("function")
    return str(function.get("name", "")) if isinstance(function, dict) else ""


def _arguments(call: JsonObject) -> JsonObject:
    """Return a call's arguments; text that is not a JSON object is kept under its own key."""
    function = call.get("function")
    given = function.get("arguments") if isinstance(function, dict) else None
    if isinstance(given, dict):
        return given
    if not isinstance(given, str) or not given:
        return {}
    try:
        value = msgspec.json.decode(given)
    except UNREADABLE:
        value = None
    return value if isinstance(value, dict) else {"_arguments": given}


def _text(message: JsonObject) -> str:
    content = message.get("content")
    if content is None:
        content = message.get("refusal")
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    texts = [part.get("text", part.get("refusal")) for part in content if isinstance(part, dict)]
    return "".join([text for text in texts if isinstance(text, str)])


def _parts(content: object) -> list[object]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
