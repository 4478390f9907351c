"""The answers of Responses and of Conversations: the response object and its items."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from forebay.api.openapi.answers.chat import ReasoningTokens
from forebay.api.openapi.answers.shared import (
    Count,
    Forebay,
    Logprob,
    Metadata,
    Page,
    Seconds,
    Tier,
)
from forebay.core.requests import RequestStatus
from forebay.dialects.turn import JsonObject

ItemStatus = Literal["in_progress", "completed", "incomplete"]


class OutputText(msgspec.Struct, tag_field="type", tag="output_text"):
    """Text of the assistant."""

    text: str
    annotations: list[JsonObject]
    logprobs: list[Logprob]


class Refusal(msgspec.Struct, tag_field="type", tag="refusal"):
    """What the assistant will not do."""

    refusal: str


class ReasoningText(msgspec.Struct, tag_field="type", tag="reasoning_text"):
    """Reasoning."""

    text: str


class OutputMessage(msgspec.Struct, tag_field="type", tag="message"):
    """A message of the assistant."""

    id: str
    status: ItemStatus
    role: Literal["assistant"]
    content: list[OutputText | Refusal]


class FunctionCall(msgspec.Struct, tag_field="type", tag="function_call"):
    """A call of a function, its arguments as JSON text."""

    id: str
    status: ItemStatus
    call_id: str
    name: str
    arguments: str


class CustomToolCall(msgspec.Struct, tag_field="type", tag="custom_tool_call"):
    """A call of a custom tool, whose input is text of any kind."""

    id: str
    status: ItemStatus
    call_id: str
    name: str
    input: str


class Reasoning(msgspec.Struct, tag_field="type", tag="reasoning"):
    """What the model thought."""

    id: str
    status: ItemStatus
    summary: list[JsonObject]
    content: list[ReasoningText]
    encrypted_content: str | None


OutputItem = OutputMessage | FunctionCall | CustomToolCall | Reasoning

Item = Annotated[
    JsonObject,
    Meta(
        description="An item of input or output, in full: it has an `id`, a `type` (`message`, "
        "`function_call`, `function_call_output`, `custom_tool_call`, `custom_tool_call_output`, "
        "`reasoning`, `compaction`) and the fields of that type.",
        extra_json_schema={"required": ["id", "type"]},
    ),
]


class InputTokens(msgspec.Struct):
    """Of the input's tokens, those that a cache had."""

    cached_tokens: Count
    cache_write_tokens: Count


class ResponseUsage(msgspec.Struct):
    """What a response took."""

    input_tokens: Count
    input_tokens_details: InputTokens
    output_tokens: Count
    output_tokens_details: ReasoningTokens
    total_tokens: Count


class ResponseError(msgspec.Struct):
    """Why a response failed."""

    code: str
    message: str


class IncompleteDetails(msgspec.Struct):
    """Why a response is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class ReasoningEcho(msgspec.Struct):
    """What was asked of the reasoning."""

    effort: str | None
    summary: str | None


class TextEcho(msgspec.Struct):
    """What was asked of the text."""

    format: JsonObject
    verbosity: str | UnsetType = UNSET


class ConversationReference(msgspec.Struct):
    """The conversation that a response belongs to."""

    id: str


class Response(msgspec.Struct):
    """A response, in whatever status it is; much of it repeats what was asked."""

    id: str
    object: Literal["response"]
    created_at: Seconds
    status: RequestStatus
    background: bool
    completed_at: Seconds | None
    error: ResponseError | None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: None
    model: str
    output: list[OutputItem]
    parallel_tool_calls: bool
    presence_penalty: float
    frequency_penalty: float
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: ReasoningEcho
    safety_identifier: str | None
    service_tier: Tier
    store: bool
    temperature: float
    text: TextEcho
    tool_choice: str | JsonObject
    tools: list[JsonObject]
    top_logprobs: int
    top_p: float
    truncation: Literal["auto", "disabled"]
    usage: ResponseUsage | None
    user: str | None
    metadata: Metadata
    conversation: ConversationReference | UnsetType = UNSET
    forebay: Forebay | UnsetType = UNSET


class Compaction(msgspec.Struct):
    """A conversation made shorter: the user's messages, and the rest summed up and sealed."""

    id: str
    object: Literal["response.compaction"]
    created_at: Seconds
    output: list[Item]
    usage: ResponseUsage
    forebay: Forebay


class Conversation(msgspec.Struct):
    """A conversation; its items are listed on their own."""

    id: str
    object: Literal["conversation"]
    created_at: Seconds
    metadata: Metadata


class ItemPage(Page, kw_only=True):
    """A page of items."""

    data: list[Item]


class ResponsePage(Page, kw_only=True):
    """A page of responses."""

    data: list[Response]
