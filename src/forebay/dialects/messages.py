"""Anthropic's Messages: body to turn, answer to the message object.

Source of the wire facts: Anthropic's API reference and its SDKs. Fields that the API does not
define, and those of betas, are let through without effect.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from forebay.core.errors import ForebayError, InvalidType
from forebay.dialects.cipher import Cipher
from forebay.dialects.dialect import Call, DialectName, ErrorReply, Outcome, Wishes, Writer
from forebay.dialects.errors import anthropic_error
from forebay.dialects.messages_input import InputMessage, chat_messages, is_prefilled
from forebay.dialects.messages_output import message_object
from forebay.dialects.messages_stream import MessagesWriter
from forebay.dialects.messages_thinking import ThinkingWish, template_fields
from forebay.dialects.messages_tools import ToolChoice, chat_tools, chosen, response_format
from forebay.dialects.messages_version import check_version
from forebay.dialects.metadata import check_pair
from forebay.dialects.parameters import Parameters, Refusal
from forebay.dialects.turn import JsonObject, Turn
from forebay.dialects.wire import read

PARAMETERS = Parameters(
    honoured=frozenset(
        {
            "max_tokens",
            "model",
            "output_format",
            "stream",
            "system",
            "temperature",
            "tool_choice",
            "top_k",
            "top_p",
        }
    ),
    partly={
        "messages": "PDFs, uploaded files and wishes for citations are refused; blocks of tools "
        "that ran elsewhere are left out; a last message of the assistant is continued by "
        "llama.cpp (the embedded engine, too), and by vLLM and SGLang as far as the model's "
        "template can (they are told `continue_final_message`)",
        "metadata": "names the completion window; nothing is kept",
        "output_config": "`effort` and `format` are; `task_budget` has no effect",
        "stop_sequences": "vLLM, SGLang and the embedded engine tell which one ended the answer; "
        "with others `stop_reason` is `end_turn`",
        "thinking": "decides what the caller sees of it; `enabled` and `disabled` are told to the "
        "engine as `chat_template_kwargs.enable_thinking`, which models without such a switch do "
        "not heed; `budget_tokens` has no effect (`output_config.effort` is passed on)",
        "tools": "those that run on Anthropic's servers are left out, and refused where "
        "`tool_choice` demands one; computer and browser tools are refused; `allowed_callers`, "
        "`defer_loading` and `eager_input_streaming` have no effect",
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
            "service_tier",
            "speed",
        }
    ),
)

_Effort = Literal["low", "medium", "high", "xhigh", "max"]


class _OutputConfig(msgspec.Struct):
    effort: _Effort | None = None
    format: JsonObject | None = None


class MessagesBody(msgspec.Struct):
    """A call of Messages."""

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
    thinking: ThinkingWish | None = None
    output_config: _OutputConfig | None = None
    output_format: JsonObject | None = None
    service_tier: Literal["auto", "standard_only"] | None = None


class MessagesDialect:
    """Messages. With a `cipher`, thinking survives its way through the caller's hands."""

    name = DialectName.MESSAGES

    def __init__(self, cipher: Cipher | None = None, *, is_sampling_refused: bool = False) -> None:
        self._cipher = cipher
        self._is_sampling_refused = is_sampling_refused

    def within(self, project_id: str) -> MessagesDialect:
        """Return the dialect for one project's calls: what is sealed in them is its own."""
        if self._cipher is None:
            return self
        return MessagesDialect(
            self._cipher.within(project_id), is_sampling_refused=self._is_sampling_refused
        )

    def id_prefix(self) -> str:
        """Return the prefix of message ids."""
        return "msg_"

    def check_version(self, body: JsonObject, version: str | None) -> None:
        """Raise `RequestRejected` for what the header's `anthropic-version` has no more."""
        check_version(body, version, is_sampling_refused=self._is_sampling_refused)

    def parse(self, body: JsonObject) -> tuple[Turn, Wishes]:
        """Return what the body asks for; raises `RequestRejected` with the field's name."""
        PARAMETERS.check(body)
        shape = read(body, MessagesBody)
        tools = chat_tools(shape.tools or [])
        choice = shape.tool_choice
        is_one_call = choice is not None and bool(choice.disable_parallel_tool_use)
        messages = chat_messages(shape.system, shape.messages, self._cipher)
        turn = Turn(
            model=shape.model,
            messages=messages,
            tools=tools.functions,
            tool_choice=chosen(choice, tools),
            # Only a wish for one call at a time is worth saying: more is every engine's default.
            parallel_tool_calls=False if is_one_call else None,
            response_format=_response_format(shape),
            sampling=_sampling(shape),
            max_output_tokens=shape.max_tokens,
            extra=_extra(shape, messages),
        )
        return turn, _wishes(shape, body)

    def wishes(self, body: JsonObject) -> Wishes:
        """Return the wishes alone of a body that was parsed before."""
        return _wishes(read(body, MessagesBody), body)

    def final(self, call: Call, outcome: Outcome) -> JsonObject:
        """Return the `message` object."""
        return message_object(call, outcome, self._cipher)

    def writer(self, call: Call) -> Writer:
        """Return a writer of message events."""
        return MessagesWriter(call, self._cipher)

    def error(self, error: ForebayError, *, request_id: str) -> ErrorReply:
        """Return the error in Anthropic's words."""
        return anthropic_error(error, request_id=request_id)


def _wishes(shape: MessagesBody, body: JsonObject) -> Wishes:
    return Wishes(
        is_streamed=bool(shape.stream),
        service_tier=shape.service_tier,
        metadata=_metadata(body),
    )


def _sampling(shape: MessagesBody) -> JsonObject:
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


def _extra(shape: MessagesBody, messages: list[JsonObject]) -> JsonObject:
    extra: JsonObject = {} if shape.top_k is None else {"top_k": shape.top_k}
    return extra | template_fields(shape.thinking, is_prefilled=is_prefilled(messages))


def _response_format(shape: MessagesBody) -> JsonObject | None:
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
