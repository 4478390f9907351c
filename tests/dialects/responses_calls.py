"""What the tests of Responses share: bodies of calls, and the response objects that answer them."""

from __future__ import annotations

from typing import Any

from openai.types.responses import Response

from forebay.dialects.dialect import Outcome
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import JsonObject
from tests.dialects.calls import call_of
from tests.dialects.sdks import openai_reading

DIALECT = ResponsesDialect()
TOOL: JsonObject = {"type": "function", "name": "f"}
RESULT: JsonObject = {"type": "function_call_output", "call_id": "c1", "output": "42"}
USER: JsonObject = {"role": "user", "content": "hi"}


def body(**others: object) -> JsonObject:
    """Return a plain body with these fields besides."""
    return {"model": "m", "input": "hi", **others}


def final(outcome: Outcome, given: JsonObject | None = None) -> dict[str, Any]:
    """Return the response object that ends the call."""
    return DIALECT.final(call_of(DIALECT, given or body()), outcome)


def read(outcome: Outcome, given: JsonObject | None = None) -> Response:
    """Return the response object as the official SDK reads it."""
    with openai_reading(final(outcome, given)) as client:
        return client.responses.create(model="m", input="hi")
