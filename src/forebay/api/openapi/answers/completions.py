"""The answers of Completions."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from forebay.api.openapi.answers.chat import ChatUsage
from forebay.api.openapi.answers.shared import Count, Forebay, Seconds


class TextLogprobs(msgspec.Struct):
    """The logprobs of a text: a list each, with an entry for every token."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float | None] | None]
    text_offset: list[Count]


class CompletionChoice(msgspec.Struct):
    """One of the texts; in an event, what comes to it."""

    text: str
    index: Count
    logprobs: TextLogprobs | None
    finish_reason: Literal["stop", "length", "content_filter"] | None


class Completion(msgspec.Struct):
    """A completion, or an event of a streamed one; after the last event comes `[DONE]`.

    With `stream_options.include_usage` the last event has the usage, and no choices.
    """

    id: str
    object: Literal["text_completion"]
    created: Seconds
    model: str
    choices: list[CompletionChoice]
    usage: ChatUsage | UnsetType | None = UNSET
    forebay: Forebay | UnsetType = UNSET
