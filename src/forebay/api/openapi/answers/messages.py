"""The answers of Anthropic's Messages."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from forebay.api.openapi.answers.shared import Count, Forebay
from forebay.api.openapi.errors import AnthropicErrorDetail
from forebay.dialects.turn import JsonObject

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]


class ThinkingTokens(msgspec.Struct):
    """Of the answer's tokens, those of thinking."""

    thinking_tokens: Count


class MessageUsage(msgspec.Struct):
    """What a message took; `input_tokens` are those that no cache had."""

    input_tokens: Count
    cache_creation_input_tokens: Count
    cache_read_input_tokens: Count
    output_tokens: Count
    output_tokens_details: ThinkingTokens
    service_tier: Literal["standard", "batch"]


class TextBlock(msgspec.Struct, tag_field="type", tag="text"):
    """Text."""

    text: str
    citations: None


class ThinkingBlock(msgspec.Struct, tag_field="type", tag="thinking"):
    """Thinking; send it back as it is."""

    thinking: str
    signature: str


class ToolUseBlock(msgspec.Struct, tag_field="type", tag="tool_use"):
    """A call of a tool."""

    id: str
    name: str
    input: JsonObject


Block = TextBlock | ThinkingBlock | ToolUseBlock


class Message(msgspec.Struct):
    """The assistant's message."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[Block]
    stop_reason: StopReason | None
    stop_sequence: str | None
    usage: MessageUsage
    forebay: Forebay | UnsetType = UNSET


class TextDelta(msgspec.Struct, tag_field="type", tag="text_delta"):
    """More text."""

    text: str


class ThinkingDelta(msgspec.Struct, tag_field="type", tag="thinking_delta"):
    """More thinking."""

    thinking: str


class SignatureDelta(msgspec.Struct, tag_field="type", tag="signature_delta"):
    """The signature of the thinking that ends."""

    signature: str


class InputJsonDelta(msgspec.Struct, tag_field="type", tag="input_json_delta"):
    """More of a call's input, as JSON text."""

    partial_json: str


class MessageEnding(msgspec.Struct):
    """Why the message ended."""

    stop_reason: StopReason
    stop_sequence: str | None


class MessageStart(msgspec.Struct, tag_field="type", tag="message_start"):
    """The message begins; nothing is counted yet."""

    message: Message


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """The stream lives."""


class BlockStart(msgspec.Struct, tag_field="type", tag="content_block_start"):
    """A block begins."""

    index: Count
    content_block: Block


class BlockDelta(msgspec.Struct, tag_field="type", tag="content_block_delta"):
    """A block goes on."""

    index: Count
    delta: TextDelta | ThinkingDelta | SignatureDelta | InputJsonDelta


class BlockStop(msgspec.Struct, tag_field="type", tag="content_block_stop"):
    """A block ends."""

    index: Count


class MessageDelta(msgspec.Struct, tag_field="type", tag="message_delta"):
    """The message is whole."""

    delta: MessageEnding
    usage: MessageUsage
    forebay: Forebay | UnsetType = UNSET


class MessageStop(msgspec.Struct, tag_field="type", tag="message_stop"):
    """The stream ends."""


class MessageError(msgspec.Struct, tag_field="type", tag="error"):
    """The stream broke off."""

    error: AnthropicErrorDetail
    request_id: str


MessageEvent = (
    MessageStart
    | Ping
    | BlockStart
    | BlockDelta
    | BlockStop
    | MessageDelta
    | MessageStop
    | MessageError
)
