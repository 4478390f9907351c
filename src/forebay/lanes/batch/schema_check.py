"""Whether an answer has the form that its caller was strict about: JSON, or JSON of a schema.

Engines are held to the form while they write, so what is wrong here is mostly cut off.
"""

from __future__ import annotations

from collections import OrderedDict

import jsonschema_rs
import msgspec

from forebay.dialects.answer import Answer
from forebay.dialects.turn import AnyTurn, JsonObject, Turn
from forebay.dialects.wire import encode

MAX_SCHEMAS = 64
MAX_SCHEMA_BYTES = 256 * 1024
MAX_PATTERN_STEPS = 100_000
UNFINISHED = ("length", "content_filter")
UNREADABLE = (msgspec.DecodeError, RecursionError)


class SchemaCheck:
    """Checks answers. The schemas met last are kept compiled, found again by their bytes."""

    def __init__(self, *, max_schemas: int = MAX_SCHEMAS) -> None:
        self._max_schemas = max_schemas
        self._compiled: OrderedDict[bytes, jsonschema_rs.Validator | None] = OrderedDict()

    def is_met(self, turn: AnyTurn, answer: Answer) -> bool:
        """Tell whether every choice has the form that the turn demands, if it demands one.

        A choice that calls tools instead of speaking has no form to keep.
        """
        if not isinstance(turn, Turn) or turn.response_format is None:
            return True
        schema = _strict_schema(turn.response_format)
        return schema is None or all(self._is_in_form(schema, each) for each in answer.choices)

    def _is_in_form(self, schema: JsonObject, answer: Answer) -> bool:
        if answer.finish_reason in UNFINISHED:
            return False
        if answer.tool_calls and not answer.text_parts:
            return True
        try:
            value = msgspec.json.decode(answer.text)
            validator = self.validator(schema)
            return validator is None or validator.is_valid(value)
        except (*UNREADABLE, ValueError):
            # The last is said of what no validator comes to an end with.
            return False

    def validator(self, schema: JsonObject) -> jsonschema_rs.Validator | None:
        """Return the compiled schema; None for one that cannot be compiled: JSON is enough then."""
        text = encode(schema)
        if text in self._compiled:
            self._compiled.move_to_end(text)
            return self._compiled[text]
        validator = _compiled(text)
        self._compiled[text] = validator
        if len(self._compiled) > self._max_schemas:
            self._compiled.popitem(last=False)
        return validator


def _strict_schema(response_format: JsonObject) -> JsonObject | None:
    """Return the schema of a format that was asked for strictly."""
    match response_format:
        case {"type": "json_object"}:
            return {"type": "object"}
        case {"type": "json_schema", "json_schema": {"strict": True, "schema": dict(schema)}}:
            return schema
        case _:
            return None


def _compiled(schema: bytes) -> jsonschema_rs.Validator | None:
    if len(schema) > MAX_SCHEMA_BYTES:
        return None
    try:
        # Nothing is fetched, and a pattern is given up after so many steps.
        return jsonschema_rs.validator_for(
            schema.decode(),
            offline=True,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=MAX_PATTERN_STEPS),
        )
    except (ValueError, jsonschema_rs.ReferencingError):
        return None
