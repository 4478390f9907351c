"""The input of Anthropic's Messages as chat messages.

Messages of one role that follow each other are one turn. A tool result is a block of the user's
message there and a message of its own here. Thinking that is echoed back goes to the engine as
`reasoning_content`: templates of reasoning models want it between the steps of a tool loop, and
drop it where it is of no use.
"""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import msgspec

from forebay.core.errors import InvalidParameter
from forebay.dialects.cipher import Cipher
from forebay.dialects.messages_content import TextBlock, chat_parts, content_of, unsupported
from forebay.dialects.messages_thinking import echoed_thinking
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode, read

LEFT_OUT = frozenset(
    {
        "advisor_tool_result",
        "bash_code_execution_tool_result",
        "code_execution_tool_result",
        "fallback",
        "mcp_tool_listing",
        "mcp_tool_result",
        "mcp_tool_use",
        "redacted_thinking",
        "server_tool_use",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "web_fetch_tool_result",
        "web_search_tool_result",
    }
)
"""What only its maker can read, or what tools did that no engine here has."""


class InputMessage(msgspec.Struct):
    """One entry of `messages`; another role is refused in the vendor's words."""

    role: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["user", "assistant", "system"]})]
    content: str | list[JsonObject]


class _ToolUseBlock(msgspec.Struct):
    id: str
    name: str
    input: JsonObject


class _ToolResultBlock(msgspec.Struct):
    tool_use_id: str
    content: str | list[JsonObject] | None = None
    is_error: bool | None = None


_Blocks = list[tuple[str, JsonObject]]
"""The blocks of one turn, each with its path."""


def chat_messages(
    system: str | list[JsonObject] | None,
    messages: list[InputMessage],
    cipher: Cipher | None = None,
) -> list[JsonObject]:
    """Return the messages as chat says them; raises `RequestRejected` with the block's path."""
    given: list[JsonObject] = []
    text = _system_text(system or "", at="system")
    if text:
        given.append({"role": "system", "content": text})
    call_ids: set[str] = set()
    for role, turn in groupby(enumerate(messages), lambda numbered: numbered[1].role):
        numbered = list(turn)
        match role:
            case "user":
                given.extend(_user(_blocks(numbered), call_ids))
            case "assistant":
                given.append(_assistant(_blocks(numbered), call_ids, cipher))
            case "system":
                for index, message in numbered:
                    content = _system_text(message.content, at=f"messages[{index}].content")
                    given.append({"role": "system", "content": content})
            case _:
                raise InvalidParameter(
                    f"Invalid value: '{role}'. Supported values are: 'user', 'assistant' and "
                    "'system'.",
                    param=f"messages[{numbered[0][0]}].role",
                )
    # An answer that is to begin with nothing is an answer to the user.
    if is_prefilled(given) and not given[-1]["content"]:
        given.pop()
    return given


def is_prefilled(messages: list[JsonObject]) -> bool:
    """Tell whether the last of the chat messages is the beginning of the answer."""
    last = messages[-1] if messages else {}
    return last.get("role") == "assistant" and not last.get("tool_calls")


def _system_text(system: str | list[JsonObject], *, at: str) -> str:
    if isinstance(system, str):
        return system
    blocks = enumerate(system)
    return "\n".join([read(block, TextBlock, at=f"{at}[{index}]").text for index, block in blocks])


def _blocks(turn: list[tuple[int, InputMessage]]) -> _Blocks:
    blocks: _Blocks = []
    for number, message in turn:
        at = f"messages[{number}].content"
        if isinstance(message.content, str):
            blocks.append((at, {"type": "text", "text": message.content}))
        else:
            blocks += [(f"{at}[{index}]", block) for index, block in enumerate(message.content)]
    return [(at, block) for at, block in blocks if block.get("type") not in LEFT_OUT]


def _user(blocks: _Blocks, call_ids: set[str]) -> list[JsonObject]:
    results: list[JsonObject] = []
    parts: list[JsonObject] = []
    for at, block in blocks:
        if block.get("type") == "tool_result":
            results.append(_tool_result(block, call_ids, at=at))
        else:
            parts += chat_parts(block, at=at)
    # Results follow the assistant's calls directly, whatever stands around them.
    if parts or not results:
        results.append({"role": "user", "content": content_of(parts)})
    return results


def _assistant(blocks: _Blocks, call_ids: set[str], cipher: Cipher | None) -> JsonObject:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[JsonObject] = []
    for at, block in blocks:
        match block.get("type"):
            case "text" | "document" | "search_result":
                texts += _texts(block, at=at)
            case "thinking":
                thoughts.append(echoed_thinking(block, cipher, at=at))
            case "tool_use":
                use = read(block, _ToolUseBlock, at=at)
                call_ids.add(use.id)
                calls.append(_tool_call(use))
            case kind:
                raise unsupported(kind, at=at)
    text = "".join(texts)
    message: JsonObject = {"role": "assistant", "content": text}
    if calls:
        message["content"] = text or None
        message["tool_calls"] = calls
    reasoning = "\n".join([thought for thought in thoughts if thought])
    if reasoning:
        message["reasoning_content"] = reasoning
    return message


def _texts(block: JsonObject, *, at: str) -> list[str]:
    parts = chat_parts(block, at=at)
    if any(part["type"] != "text" for part in parts):
        raise unsupported("image", at=at)
    return [str(part["text"]) for part in parts]


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
        parts: list[JsonObject] = []
        for index, part in enumerate(result.content):
            parts += chat_parts(part, at=f"{at}.content[{index}]")
        content = content_of(parts)
    # Chat has no field for it, and the model must know.
    if result.is_error and isinstance(content, str):
        content = f"Error: {content}"
    elif result.is_error:
        assert isinstance(content, list)
        content = [{"type": "text", "text": "Error:"}, *content]
    return {"role": "tool", "tool_call_id": result.tool_use_id, "content": content}
