"""The input of OpenAI's Responses as chat messages.

Items are flat there and nested in Chat Completions: reasoning, text and calls that follow each
other become one assistant message.
"""

from __future__ import annotations

import msgspec

from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    UnsupportedParameter,
)
from forebay.dialects.cipher import Cipher
from forebay.dialects.custom_tools import arguments_of
from forebay.dialects.tool_names import engine_name
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

# The two instruction roles are one: many chat templates do not know `developer`.
_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}

# What tools that the vendor runs have left behind: the model has said what came of them.
RECORDS = frozenset(
    {
        "code_interpreter_call",
        "file_search_call",
        "image_generation_call",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
    }
)

_TEXT_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


class _MessageItem(msgspec.Struct):
    role: str
    content: str | list[JsonObject]


class _ReasoningItem(msgspec.Struct):
    encrypted_content: str | None = None
    summary: list[JsonObject] | None = None
    content: list[JsonObject] | None = None


class _FunctionCallItem(msgspec.Struct):
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None


class _FunctionOutputItem(msgspec.Struct):
    call_id: str
    output: str | list[JsonObject]


class _CustomCallItem(msgspec.Struct):
    call_id: str
    name: str
    input: str
    namespace: str | None = None


class _CompactionItem(msgspec.Struct):
    encrypted_content: str


class _ImagePart(msgspec.Struct):
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


def chat_messages(body: JsonObject, cipher: Cipher | None = None) -> list[JsonObject]:
    """Return the messages that `instructions` and `input` ask for; raises `RequestRejected`.

    `cipher` opens what was handed out encrypted. Without any input the model is asked to go on.
    """
    conversation = _Conversation(cipher)
    instructions = body.get("instructions")
    if isinstance(instructions, str) and instructions:
        conversation.add_message("system", instructions)
    given = body.get("input")
    if isinstance(given, str):
        conversation.add_message("user", given)
    elif isinstance(given, list):
        for index, item in enumerate(given):
            conversation.add_item(item, at=f"input[{index}]")
    elif given is not None:
        raise InvalidType("Invalid type for 'input': expected a string or a list.", param="input")
    if not conversation.messages:
        conversation.add_message("user", "")
    return conversation.messages


class _Conversation:
    def __init__(self, cipher: Cipher | None) -> None:
        self._cipher = cipher
        self.messages: list[JsonObject] = []
        self._reasoning: list[str] = []
        self._call_ids: set[str] = set()

    def add_item(self, item: object, *, at: str) -> None:
        if not isinstance(item, dict):
            raise InvalidType(f"Invalid type for '{at}': expected an object.", param=at)
        match item.get("type") or "message":
            case "message":
                message = read(item, _MessageItem, at=at)
                self._add_given_message(message, at=at)
            case "reasoning":
                self._add_reasoning(read(item, _ReasoningItem, at=at))
            case "function_call":
                self._add_call(read(item, _FunctionCallItem, at=at))
            case "custom_tool_call":
                call = read(item, _CustomCallItem, at=at)
                arguments = arguments_of(call.input)
                self._add_call(
                    _FunctionCallItem(call.call_id, call.name, arguments, call.namespace)
                )
            case "function_call_output" | "custom_tool_call_output":
                self._add_output(read(item, _FunctionOutputItem, at=at), at=at)
            case "compaction":
                self._add_compaction(read(item, _CompactionItem, at=at), at=at)
            case kind if kind in RECORDS:
                pass
            case kind:
                raise UnsupportedParameter(
                    f"{at}.type", f"items of type '{kind}' are not supported by this server"
                )

    def add_message(self, role: str, content: str | list[JsonObject]) -> None:
        if role == "assistant":
            self.messages.append(self._assistant(content))
            return
        # Reasoning that leads to no answer and no call helps nobody.
        self._reasoning.clear()
        if role == "system" and self._joins_the_first(content):
            return
        self.messages.append({"role": role, "content": content})

    def _joins_the_first(self, content: str | list[JsonObject]) -> bool:
        # Many chat templates take one system message only, and only as the first one.
        if len(self.messages) != 1 or self.messages[0]["role"] != "system":
            return False
        first = self.messages[0]["content"]
        if not isinstance(first, str) or not isinstance(content, str):
            return False
        self.messages[0]["content"] = f"{first}\n\n{content}"
        return True

    def _add_given_message(self, message: _MessageItem, *, at: str) -> None:
        role = _ROLES.get(message.role)
        if role is None:
            raise InvalidParameter(
                f"Invalid value: '{message.role}'. Supported values are: 'assistant', 'system', "
                "'developer', and 'user'.",
                param=f"{at}.role",
            )
        content = _content(message.content, at=f"{at}.content")
        if role == "assistant" and isinstance(content, list):
            content = _joined(content, at=f"{at}.content")
        self.add_message(role, content)

    def _add_reasoning(self, item: _ReasoningItem) -> None:
        texts = [part.get("text") for part in item.content or []]
        if not texts and item.encrypted_content is not None and self._cipher is not None:
            # Another server's reasoning cannot be opened, and the turn does without it.
            texts = [self._cipher.unseal(item.encrypted_content)]
        if not any(texts):
            texts = [part.get("text") for part in item.summary or []]
        self._reasoning.extend([text for text in texts if isinstance(text, str) and text])

    def _add_compaction(self, item: _CompactionItem, *, at: str) -> None:
        opened = None if self._cipher is None else self._cipher.unseal(item.encrypted_content)
        if opened is None:
            raise InvalidParameter(
                f"The compaction at '{at}' was not made by this server.",
                param=f"{at}.encrypted_content",
            )
        self.add_message("user", opened)

    def _assistant(self, content: str | list[JsonObject] | None) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": content}
        if self._reasoning:
            message["reasoning_content"] = "\n".join(self._reasoning)
            self._reasoning.clear()
        return message

    def _add_call(self, call: _FunctionCallItem) -> None:
        self._call_ids.add(call.call_id)
        last = self.messages[-1] if self.messages else {}
        if last.get("role") != "assistant" or self._reasoning:
            last = self._assistant(None)
            self.messages.append(last)
        calls = last.setdefault("tool_calls", [])
        assert isinstance(calls, list)
        calls.append(
            {
                "id": call.call_id,
                "type": "function",
                "function": {
                    "name": engine_name(call.name, call.namespace),
                    "arguments": call.arguments,
                },
            }
        )

    def _add_output(self, output: _FunctionOutputItem, *, at: str) -> None:
        if output.call_id not in self._call_ids:
            raise InvalidParameter(
                f"No tool call found for function call output with call_id {output.call_id}.",
                param="input",
            )
        self._reasoning.clear()
        content = _content(output.output, at=f"{at}.output")
        self.messages.append({"role": "tool", "tool_call_id": output.call_id, "content": content})


def _content(content: str | list[JsonObject], *, at: str) -> str | list[JsonObject]:
    if isinstance(content, str):
        return content
    parts = [_part(part, at=f"{at}[{index}]") for index, part in enumerate(content)]
    # Plain text wherever it is enough: not every chat template takes lists.
    if len(parts) > 1 or any(part["type"] != "text" for part in parts):
        return parts
    return str(parts[0]["text"]) if parts else ""


def _joined(parts: list[JsonObject], *, at: str) -> str:
    """Return the text of an answer's parts, which cannot show anything."""
    for index, part in enumerate(parts):
        if part["type"] != "text":
            raise UnsupportedParameter(f"{at}[{index}].type", "answers of the model are text alone")
    return "".join([str(part["text"]) for part in parts])


def _part(part: JsonObject, *, at: str) -> JsonObject:
    kind = part.get("type")
    if isinstance(kind, str) and kind in _TEXT_PARTS:
        text = part.get(_TEXT_PARTS[kind])
        if text is None:
            raise MissingParameter(f"{at}.{_TEXT_PARTS[kind]}")
        if not isinstance(text, str):
            raise InvalidType(
                f"Invalid type for '{at}.text': expected a string.", param=f"{at}.text"
            )
        return {"type": "text", "text": text}
    if kind == "input_image":
        return _image(read(part, _ImagePart, at=at), at=at)
    if kind in ("input_file", "input_audio"):
        raise UnsupportedParameter(f"{at}.type", f"parts of type '{kind}' are not supported here")
    raise InvalidParameter(
        f"Invalid value: '{kind}'. Supported values are: 'input_text', 'input_image', "
        "'output_text' and 'refusal'.",
        param=f"{at}.type",
    )


def _image(image: _ImagePart, *, at: str) -> JsonObject:
    if image.image_url is None:
        if image.file_id is not None:
            raise UnsupportedParameter(f"{at}.file_id", "give the image as 'image_url'")
        raise MissingParameter(f"{at}.image_url")
    fields: JsonObject = {"url": image.image_url}
    if image.detail is not None:
        fields["detail"] = image.detail
    return {"type": "image_url", "image_url": fields}
