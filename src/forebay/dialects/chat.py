"""OpenAI's Chat Completions: body to turn, deltas to chunks and to the final object.

Source of the wire facts: OpenAI's API reference and OpenAPI document.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from forebay.core.errors import (
    ForebayError,
    InvalidParameter,
    MissingParameter,
)
from forebay.dialects.chat_output import ChatWriter, completion_object
from forebay.dialects.chat_tools import check_tools, chosen
from forebay.dialects.dialect import (
    Call,
    DialectName,
    ErrorReply,
    Outcome,
    Wishes,
    Writer,
)
from forebay.dialects.errors import openai_error
from forebay.dialects.metadata import read_metadata
from forebay.dialects.parameters import Parameters, Refusal
from forebay.dialects.turn import JsonObject, Turn
from forebay.dialects.wire import read

SAMPLING = frozenset(
    {
        "temperature",
        "top_p",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "reasoning_effort",
    }
)

PARAMETERS = Parameters(
    honoured=SAMPLING
    | {
        "model",
        "messages",
        "stream",
        "max_tokens",
        "max_completion_tokens",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "metadata",
        "n",
        "service_tier",
        "store",
    },
    partly={
        "stream_options": "`include_usage` is; `include_obfuscation` has no effect: no chunk is "
        "padded",
    },
    refused={
        "modalities": Refusal(reason="only text is supported", neutral=(["text"],)),
        "audio": Refusal(reason="only text is supported"),
        "functions": Refusal(reason="use 'tools'", neutral=([],)),
        "function_call": Refusal(reason="use 'tool_choice'", neutral=("none", "auto")),
        "web_search_options": Refusal(reason="no web search runs here"),
        "moderation": Refusal(reason="no moderation runs here"),
    },
    without_effect=frozenset(
        {
            "user",
            "safety_identifier",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "prediction",
            "verbosity",
        }
    ),
)


ROLES = ("system", "developer", "user", "assistant", "tool", "function")


class _Message(msgspec.Struct):
    # Checked on its own, for a message of the vendor's; here it tells what is taken.
    role: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(ROLES)})]
    content: str | list[JsonObject] | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class ChatBody(msgspec.Struct):
    """A call of Chat Completions."""

    model: str
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    reasoning_effort: str | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    service_tier: str | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    store: bool | None = None


class ChatDialect:
    """Chat Completions."""

    name = DialectName.CHAT

    def within(self, project_id: str) -> ChatDialect:
        """Return the dialect for one project's calls: nothing is sealed in them."""
        return self

    def id_prefix(self) -> str:
        """Return the prefix of completion ids."""
        return "chatcmpl-"

    def parse(self, body: JsonObject) -> tuple[Turn, Wishes]:
        """Return what the body asks for; raises `RequestRejected` with the field's name."""
        PARAMETERS.check(body)
        shape = read(body, ChatBody)
        if shape.stream_options is not None and not shape.stream:
            raise InvalidParameter(
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                param="stream_options",
            )
        _check_formats(shape)
        tool_choice, tools = chosen(shape.tool_choice, shape.tools or [])
        messages = body["messages"]
        assert isinstance(messages, list)
        turn = Turn(
            model=shape.model,
            messages=_with_plain_roles(messages),
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=shape.parallel_tool_calls,
            response_format=shape.response_format,
            sampling={
                name: value
                for name, value in body.items()
                if name in SAMPLING and value is not None
            },
            max_output_tokens=shape.max_completion_tokens or shape.max_tokens,
            choices=shape.n or 1,
            extra=PARAMETERS.unknown(body),
        )
        return turn, _wishes(shape, body)

    def wishes(self, body: JsonObject) -> Wishes:
        """Return the wishes alone of a body that was parsed before."""
        return _wishes(read(body, ChatBody), body)

    def final(self, call: Call, outcome: Outcome) -> JsonObject:
        """Return the `chat.completion` object."""
        return completion_object(call, outcome)

    def writer(self, call: Call) -> Writer:
        """Return a writer of `chat.completion.chunk` events."""
        return ChatWriter(call)

    def error(self, error: ForebayError, *, request_id: str) -> ErrorReply:
        """Return the error in OpenAI's words."""
        return openai_error(error)


def _wishes(shape: ChatBody, body: JsonObject) -> Wishes:
    return Wishes(
        is_streamed=bool(shape.stream),
        is_stored=bool(shape.store),
        service_tier=shape.service_tier,
        metadata=read_metadata(body),
    )


def _with_plain_roles(messages: list[JsonObject]) -> list[JsonObject]:
    """Return the messages with one role for instructions: few chat templates know `developer`."""
    if all(message["role"] != "developer" for message in messages):
        return messages
    return [
        {**message, "role": "system"} if message["role"] == "developer" else message
        for message in messages
    ]


def _check_formats(shape: ChatBody) -> None:
    for index, message in enumerate(shape.messages):
        if message.role not in ROLES:
            raise InvalidParameter(
                f"Invalid value: '{message.role}'. Supported values are: 'system', 'developer', "
                "'user', 'assistant' and 'tool'.",
                param=f"messages[{index}].role",
            )
    check_tools(shape.tools or [])
    if shape.response_format is not None:
        kind = shape.response_format.get("type")
        if kind not in ("text", "json_object", "json_schema"):
            raise InvalidParameter(
                f"Invalid value: '{kind}'. Supported values are: 'text', 'json_object' and "
                "'json_schema'.",
                param="response_format.type",
            )
        if kind == "json_schema" and "json_schema" not in shape.response_format:
            raise MissingParameter("response_format.json_schema")
    if shape.top_logprobs and not shape.logprobs:
        raise InvalidParameter(
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
            param="top_logprobs",
        )
