"""The events of a streamed response; after the last one comes `[DONE]`."""

from __future__ import annotations

import msgspec

from forebay.api.openapi.answers.responses import (
    OutputItem,
    OutputText,
    ReasoningText,
    Refusal,
    Response,
)
from forebay.api.openapi.answers.shared import Count, Logprob

Part = OutputText | Refusal | ReasoningText


class _Event(msgspec.Struct, kw_only=True, tag_field="type", tag="response"):
    sequence_number: Count


class _OfResponse(_Event, tag="response"):
    response: Response


class _OfItem(_Event, tag="response"):
    output_index: Count


class _InItem(_OfItem, tag="response"):
    item_id: str


class _InPart(_InItem, tag="response"):
    content_index: Count


class ResponseCreated(_OfResponse, tag="response.created"):
    """The response is accepted."""


class ResponseQueued(_OfResponse, tag="response.queued"):
    """It waits to be run."""


class ResponseInProgress(_OfResponse, tag="response.in_progress"):
    """It runs."""


class ResponseCompleted(_OfResponse, tag="response.completed"):
    """It is done."""


class ResponseIncomplete(_OfResponse, tag="response.incomplete"):
    """It was cut off."""


class ResponseFailed(_OfResponse, tag="response.failed"):
    """It failed, or was cancelled."""


class OutputItemAdded(_OfItem, tag="response.output_item.added"):
    """An item begins."""

    item: OutputItem


class OutputItemDone(_OfItem, tag="response.output_item.done"):
    """An item is whole."""

    item: OutputItem


class ContentPartAdded(_InPart, tag="response.content_part.added"):
    """A part of an item begins."""

    part: Part


class ContentPartDone(_InPart, tag="response.content_part.done"):
    """A part of an item is whole."""

    part: Part


class OutputTextDelta(_InPart, tag="response.output_text.delta"):
    """More text."""

    delta: str
    logprobs: list[Logprob]


class OutputTextDone(_InPart, tag="response.output_text.done"):
    """A text is whole."""

    text: str
    logprobs: list[Logprob]


class RefusalDelta(_InPart, tag="response.refusal.delta"):
    """More of a refusal."""

    delta: str


class RefusalDone(_InPart, tag="response.refusal.done"):
    """A refusal is whole."""

    refusal: str


class ReasoningTextDelta(_InPart, tag="response.reasoning_text.delta"):
    """More reasoning."""

    delta: str


class ReasoningTextDone(_InPart, tag="response.reasoning_text.done"):
    """A piece of reasoning is whole."""

    text: str


class FunctionCallArgumentsDelta(_InItem, tag="response.function_call_arguments.delta"):
    """More of a call's arguments."""

    delta: str


class FunctionCallArgumentsDone(_InItem, tag="response.function_call_arguments.done"):
    """A call's arguments are whole."""

    name: str
    arguments: str


class CustomToolCallInputDelta(_InItem, tag="response.custom_tool_call_input.delta"):
    """More of a custom tool's input."""

    delta: str


class CustomToolCallInputDone(_InItem, tag="response.custom_tool_call_input.done"):
    """A custom tool's input is whole."""

    input: str


ResponseEvent = (
    ResponseCreated
    | ResponseQueued
    | ResponseInProgress
    | ResponseCompleted
    | ResponseIncomplete
    | ResponseFailed
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | RefusalDelta
    | RefusalDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | FunctionCallArgumentsDelta
    | FunctionCallArgumentsDone
    | CustomToolCallInputDelta
    | CustomToolCallInputDone
)
