"""The answers of the routes that count tokens."""

from __future__ import annotations

from typing import Literal

import msgspec

from forebay.api.openapi.answers.shared import Count


class MessageTokens(msgspec.Struct):
    """The tokens of a prompt, as Anthropic says it."""

    input_tokens: Count


class ResponseTokens(msgspec.Struct):
    """The tokens of a prompt, as OpenAI says it."""

    object: Literal["response.input_tokens"]
    input_tokens: Count
