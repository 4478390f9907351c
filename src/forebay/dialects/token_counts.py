"""The counting of a prompt's tokens, as OpenAI and Anthropic ask for it and are answered."""

from __future__ import annotations

from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import JsonObject


def countable(name: DialectName, body: JsonObject) -> JsonObject:
    """Return the body as one that its dialect can parse: counting needs no cap of the output."""
    return {**body, "max_tokens": 1} if name is DialectName.MESSAGES else body


def count_object(name: DialectName, tokens: int) -> JsonObject:
    """Return the answer in this API's words."""
    if name is DialectName.RESPONSES:
        return {"object": "response.input_tokens", "input_tokens": tokens}
    return {"input_tokens": tokens}
