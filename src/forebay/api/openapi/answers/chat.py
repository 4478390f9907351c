"""The answers of Chat Completions."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from forebay.api.openapi.answers.shared import (
    Count,
    Forebay,
    Logprob,
    Metadata,
    Page,
    Seconds,
    Tier,
)
from forebay.dialects.turn import JsonObject

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class CachedTokens(msgspec.Struct):
    """Of the prompt's tokens, those that a cache had."""

    cached_tokens: Count


class ReasoningTokens(msgspec.Struct):
    """Of the answer's tokens, those of reasoning."""

    reasoning_tokens: Count


class ChatUsage(msgspec.Struct):
    """What a completion took."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: CachedTokens
    completion_tokens_details: ReasoningTokens


class CalledFunction(msgspec.Struct):
    """A function, and its arguments as JSON text."""

    name: str
    arguments: str


class ChatToolCall(msgspec.Struct):
    """A call of a tool."""

    id: str
    type: Literal["function"]
    function: CalledFunction


class ChatLogprobs(msgspec.Struct):
    """The logprobs of a choice."""

    content: list[Logprob] | None
    refusal: list[Logprob] | None


class ChatAnswer(msgspec.Struct):
    """The assistant's message."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ChatToolCall] | UnsetType = UNSET


class ChatChoice(msgspec.Struct):
    """One of the `n` answers."""

    index: Count
    message: ChatAnswer
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason


class ChatCompletion(msgspec.Struct):
    """A completion."""

    id: str
    object: Literal["chat.completion"]
    created: Seconds
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    service_tier: Tier
    forebay: Forebay | UnsetType = UNSET


class StoredChatCompletion(ChatCompletion, kw_only=True):
    """A completion that was stored, with its metadata."""

    metadata: Metadata


class FunctionPiece(msgspec.Struct):
    """A piece of a call; the first one has the name."""

    arguments: str
    name: str | UnsetType = UNSET


class ToolCallDelta(msgspec.Struct):
    """A piece of a call of a tool; the first one has the id."""

    index: Count
    function: FunctionPiece
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET


class ChatDelta(msgspec.Struct):
    """What a chunk adds to the message."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ToolCallDelta] | UnsetType = UNSET


class ChatChunkChoice(msgspec.Struct):
    """What a chunk adds to one of the answers."""

    index: Count
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None


class ChatCompletionChunk(msgspec.Struct):
    """An event of a streamed completion; after the last one comes `[DONE]`.

    With `stream_options.include_usage` the last one has the usage, and no choices.
    """

    id: str
    object: Literal["chat.completion.chunk"]
    created: Seconds
    model: str
    choices: list[ChatChunkChoice]
    service_tier: Tier
    usage: ChatUsage | UnsetType | None = UNSET
    forebay: Forebay | UnsetType = UNSET


class StoredMessage(msgspec.Struct):
    """A message that a stored completion was asked with."""

    id: str
    role: str
    content: str | None
    content_parts: list[JsonObject] | None
    name: str | None
    refusal: str | UnsetType | None = UNSET
    tool_calls: list[JsonObject] | UnsetType | None = UNSET
    tool_call_id: str | UnsetType = UNSET
    function_call: JsonObject | UnsetType | None = UNSET
    reasoning_content: str | UnsetType | None = UNSET


class StoredChatPage(Page, kw_only=True):
    """A page of stored completions."""

    data: list[StoredChatCompletion]


class StoredMessagePage(Page, kw_only=True):
    """A page of the messages that a stored completion was asked with."""

    data: list[StoredMessage]
