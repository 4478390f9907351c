"""Anthropic's Messages: body to turn, answer to the message object.

Source of the wire facts: Anthropic's API reference and its SDKs. Fields that the API does not
define, and those of betas, are let through without effect.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from forebay.core.errors import ForebayError, InvalidType
from forebay.dialects.dialect import Call, DialectName, ErrorReply, Outcome, Wishes, Writer
from forebay.dialects.errors import anthropic_error
from forebay.dialects.messages_input import InputMessage, chat_messages
from forebay.dialects.messages_output import message_object
from forebay.dialects.messages_stream import MessagesWriter
from forebay.dialects.messages_tools import ToolChoice, chat_tools, chosen, response_format
from forebay.dialects.metadata import check_pair
from forebay.dialects.parameters import Parameters, Refusal
from forebay.dialects.turn import JsonObject, Turn
from forebay.dialects.wire import read

PARAMETERS = Parameters(
    honoured=frozenset(
        {
            "max_tokens",
            "messages",
            "metadata",
            "model",
            "output_config",
            "output_format",
            "service_tier",
            "stop_sequences",
            "stream",
            "system",
            "temperature",
            "tool_choice",
            "tools",
            "top_k",
            "top_p",
        }
    ),
    partly={
        "thinking": "decides what the caller sees of it; whether and how long to think is the "
        "model's own matter (`output_config.effort` is passed on to the engine)",
    },
    refused={
        "billing_policy": Refusal(reason="nobody else can be billed here"),
        "compaction": Refusal(reason="no compaction runs here"),
        "container": Refusal(reason="no code runs on this server"),
        "mcp_servers": Refusal(reason="no tool runs on this server", neutral=([],)),
        "thread": Refusal(reason="conversations are not kept here; send all messages"),
    },
    without_effect=frozenset(
        {
            "cache_control",
            "context_management",
            "diagnostics",
            "fallback_credit_token",
            "fallbacks",
            "inference_geo",
            "speed",
        }
    ),
)

_Effort = Literal["low", "medium", "high", "xhigh", "max"]


class _OutputConfig(msgspec.Struct):
    effort: _Effort | None = None
    format: JsonObject | None = None


class _Thinking(msgspec.Struct):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]


class _Body(msgspec.Struct):
    model: str
    max_tokens: Annotated[int, msgspec.Meta(ge=1)]
    messages: Annotated[list[InputMessage], msgspec.Meta(min_length=1)]
    system: str | list[JsonObject] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    tools: list[JsonObject] | None = None
    tool_choice: ToolChoice | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None
    output_format: JsonObject | None = None
    service_tier: Literal["auto", "standard_only"] | None = None


class MessagesDialect:
    """Messages."""

    name = DialectName.MESSAGES

    def id_prefix(self) -> str:
        """Return the prefix of message ids."""
        return "msg_"

    def parse(self, body: JsonObject) -> tuple[Turn, Wishes]:
        """Return what the body asks for; raises `RequestRejected` with the field's name."""
        PARAMETERS.check(body)
        shape = read(body, _Body)
        tools = chat_tools(shape.tools or [])
        choice = shape.tool_choice
        is_one_call = choice is not None and bool(choice.disable_parallel_tool_use)
        turn = Turn(
            model=shape.model,
            messages=chat_messages(shape.system, shape.messages),
            tools=tools,
            tool_choice=chosen(choice, tools),
            # Only a wish for one call at a time is worth saying: more is every engine's default.
            parallel_tool_calls=False if is_one_call else None,
            response_format=_response_format(shape),
            sampling=_sampling(shape),
            max_output_tokens=shape.max_tokens,
            extra={} if shape.top_k is None else {"top_k": shape.top_k},
        )
        wishes = Wishes(
            is_streamed=bool(shape.stream),
            service_tier=shape.service_tier,
            metadata=_metadata(body),
        )
        return turn, wishes

    def final(self, call: Call, outcome: Outcome) -> JsonObject:
        """Return the `message` object."""
        return message_object(call, outcome)

    def writer(self, call: Call) -> Writer:
        """Return a writer of message events."""
        return MessagesWriter(call)

    def error(self, error: ForebayError, *, request_id: str) -> ErrorReply:
        """Return the error in Anthropic's words."""
        return anthropic_error(error, request_id=request_id)


def _sampling(shape: _Body) -> JsonObject:
    sampling: JsonObject = {}
    if shape.temperature is not None:
        sampling["temperature"] = shape.temperature
    if shape.top_p is not None:
        sampling["top_p"] = shape.top_p
    if shape.stop_sequences:
        sampling["stop"] = shape.stop_sequences
    if shape.output_config is not None and shape.output_config.effort is not None:
        sampling["reasoning_effort"] = shape.output_config.effort
    return sampling


def _response_format(shape: _Body) -> JsonObject | None:
    if shape.output_config is not None and shape.output_config.format is not None:
        return response_format(shape.output_config.format, at="output_config.format")
    return response_format(shape.output_format, at="output_format")


def _metadata(body: JsonObject) -> dict[str, str]:
    """Return Anthropic's `user_id`, which may be null and long, and our own keys beside it."""
    pairs = body.get("metadata")
    if pairs is None:
        return {}
    if not isinstance(pairs, dict):
        raise InvalidType("Invalid type for 'metadata': expected an object.", param="metadata")
    for key, value in pairs.items():
        if key == "user_id" and (value is None or isinstance(value, str)):
            continue
        check_pair(key, value)
    return {key: value for key, value in pairs.items() if value is not None}
