"""The input of Anthropic's Messages as chat messages.

A tool result is a block of the user's message there and a message of its own here. Thinking that is
echoed back goes to the engine as `reasoning_content`: templates of reasoning models want it between
the steps of a tool loop, and drop it where it is of no use. Redacted thinking cannot be read by
anybody but its maker, so it is dropped.
"""

from __future__ import annotations

import msgspec

from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode, read


class InputMessage(msgspec.Struct):
    """One entry of `messages`."""

    role: str
    content: str | list[JsonObject]


class _TextBlock(msgspec.Struct):
    text: str


class _ImageBlock(msgspec.Struct):
    source: JsonObject


class _Base64Source(msgspec.Struct):
    media_type: str
    data: str


class _UrlSource(msgspec.Struct):
    url: str


class _ToolUseBlock(msgspec.Struct):
    id: str
    name: str
    input: JsonObject


class _ToolResultBlock(msgspec.Struct):
    tool_use_id: str
    content: str | list[JsonObject] | None = None
    is_error: bool | None = None


class _ThinkingBlock(msgspec.Struct):
    thinking: str


def chat_messages(
    system: str | list[JsonObject] | None, messages: list[InputMessage]
) -> list[JsonObject]:
    """Return the messages as chat says them; raises `RequestRejected` with the block's path."""
    given: list[JsonObject] = []
    text = _system_text(system, at="system")
    if text:
        given.append({"role": "system", "content": text})
    call_ids: set[str] = set()
    for index, message in enumerate(messages):
        at = f"messages[{index}]"
        match message.role:
            case "user":
                given.extend(_user(message.content, call_ids, at=f"{at}.content"))
            case "assistant":
                given.append(_assistant(message.content, call_ids, at=f"{at}.content"))
            case "system":
                content = _system_text(message.content, at=f"{at}.content")
                given.append({"role": "system", "content": content})
            case role:
                raise InvalidParameter(
                    f"Invalid value: '{role}'. Supported values are: 'user', 'assistant' and "
                    "'system'.",
                    param=f"{at}.role",
                )
    return given


def _system_text(system: str | list[JsonObject] | None, *, at: str) -> str:
    if system is None or isinstance(system, str):
        return system or ""
    blocks = enumerate(system)
    return "\n".join([read(block, _TextBlock, at=f"{at}[{index}]").text for index, block in blocks])


def _user(content: str | list[JsonObject], call_ids: set[str], *, at: str) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[JsonObject] = []
    parts: list[JsonObject] = []
    for index, block in enumerate(content):
        path = f"{at}[{index}]"
        if block.get("type") == "tool_result":
            results.append(_tool_result(block, call_ids, at=path))
        else:
            parts.append(_part(block, at=path))
    # Results follow the assistant's calls directly, whatever stands around them.
    if parts or not results:
        results.append({"role": "user", "content": _content(parts)})
    return results


def _assistant(content: str | list[JsonObject], call_ids: set[str], *, at: str) -> JsonObject:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[JsonObject] = []
    for index, block in enumerate(content):
        path = f"{at}[{index}]"
        match block.get("type"):
            case "text":
                texts.append(read(block, _TextBlock, at=path).text)
            case "thinking":
                thoughts.append(read(block, _ThinkingBlock, at=path).thinking)
            case "redacted_thinking":
                pass
            case "tool_use":
                use = read(block, _ToolUseBlock, at=path)
                call_ids.add(use.id)
                calls.append(_tool_call(use))
            case kind:
                raise _unsupported(kind, at=path)
    message: JsonObject = {"role": "assistant", "content": "".join(texts)}
    if calls:
        message["content"] = "".join(texts) or None
        message["tool_calls"] = calls
    reasoning = "\n".join([thought for thought in thoughts if thought])
    if reasoning:
        message["reasoning_content"] = reasoning
    return message


def _tool_call(use: _ToolUseBlock) -> JsonObject:
    arguments = encode(use.input).decode()
    return {
        "id": use.id,
        "type": "function",
        "function": {"name": use.name, "arguments": arguments},
    }


def _tool_result(block: JsonObject, call_ids: set[str], *, at: str) -> JsonObject:
    result = read(block, _ToolResultBlock, at=at)
    if result.tool_use_id not in call_ids:
        raise InvalidParameter(
            f"{at}: no earlier 'tool_use' block has the id '{result.tool_use_id}'.",
            param=f"{at}.tool_use_id",
        )
    content: str | list[JsonObject] = ""
    if isinstance(result.content, str):
        content = result.content
    elif result.content is not None:
        blocks = enumerate(result.content)
        content = _content([_part(part, at=f"{at}.content[{index}]") for index, part in blocks])
    # Chat has no field for it, and the model must know.
    if result.is_error and isinstance(content, str):
        content = f"Error: {content}"
    elif result.is_error:
        assert isinstance(content, list)
        content = [{"type": "text", "text": "Error:"}, *content]
    return {"role": "tool", "tool_call_id": result.tool_use_id, "content": content}


def _content(parts: list[JsonObject]) -> str | list[JsonObject]:
    # Plain text wherever it is enough: not every chat template takes lists.
    if len(parts) > 1 or any(part["type"] != "text" for part in parts):
        return parts
    return str(parts[0]["text"]) if parts else ""


def _part(block: JsonObject, *, at: str) -> JsonObject:
    match block.get("type"):
        case "text":
            return {"type": "text", "text": read(block, _TextBlock, at=at).text}
        case "image":
            source = read(block, _ImageBlock, at=at).source
            url = _image_url(source, at=f"{at}.source")
            return {"type": "image_url", "image_url": {"url": url}}
        case kind:
            raise _unsupported(kind, at=at)


def _image_url(source: JsonObject, *, at: str) -> str:
    match source.get("type"):
        case "base64":
            image = read(source, _Base64Source, at=at)
            return f"data:{image.media_type};base64,{image.data}"
        case "url":
            return read(source, _UrlSource, at=at).url
        case kind:
            raise UnsupportedParameter(
                f"{at}.type", f"images of source '{kind}' are not supported; use 'base64' or 'url'"
            )


def _unsupported(kind: object, *, at: str) -> UnsupportedParameter:
    return UnsupportedParameter(
        f"{at}.type", f"blocks of type '{kind}' are not supported here; send their text instead"
    )
