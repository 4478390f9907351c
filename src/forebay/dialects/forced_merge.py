"""One schema that demands what two demand.

llama.cpp reads one of a schema's parts and drops the others: beside `anyOf`, `properties` count for
nothing; beside `properties`, `allOf` does; and what `allOf` holds is taken for an object whatever
it says. So a schema goes out with its parts merged.
"""

from __future__ import annotations

from typing import TypeGuard

from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode

_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_LARGEST_WINS = ("minItems", "minLength", "minimum", "exclusiveMinimum")
_SMALLEST_WINS = ("maxItems", "maxLength", "maximum", "exclusiveMaximum")


def merged(first: JsonObject, second: JsonObject) -> JsonObject | None:
    """Return a schema of what fits both, None where nothing does.

    Neither may hold `$ref`, `anyOf` and the like; their subschemas are joined by `allOf`. Where
    both have a pattern or a format, the second one's is left.
    """
    both = {**first, **second}
    if "type" in first and "type" in second:
        types = _types(first) & _types(second)
        if not types:
            return None
        if "number" in types:
            types.discard("integer")
        both["type"] = types.pop() if len(types) == 1 else sorted(types)
    if "enum" in first and "enum" in second:
        # As JSON: for Python, 1 and true are the same.
        theirs = {encode(value) for value in _list(second["enum"])}
        both["enum"] = [value for value in _list(first["enum"]) if encode(value) in theirs]
        if not both["enum"]:
            return None
    if "required" in both:
        names = _list(first.get("required")) + _list(second.get("required"))
        both["required"] = list(dict.fromkeys(name for name in names if isinstance(name, str)))
    for name in ("items", "additionalProperties"):
        if name in first and name in second:
            both[name] = _both(first[name], second[name])
    for bound in (*_LARGEST_WINS, *_SMALLEST_WINS):
        one, other = first.get(bound), second.get(bound)
        if is_number(one) and is_number(other):
            both[bound] = max(one, other) if bound in _LARGEST_WINS else min(one, other)
    if "properties" in both:
        both["properties"] = _properties(first, second)
    if "prefixItems" in both:
        both["prefixItems"] = _places(first, second)
    return both


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number as JSON has them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _properties(first: JsonObject, second: JsonObject) -> JsonObject:
    ours, theirs = _dict(first.get("properties")), _dict(second.get("properties"))
    required = {*_list(first.get("required")), *_list(second.get("required"))}
    properties: JsonObject = {}
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        if name in ours and name in theirs:
            properties[name] = _both(ours[name], theirs[name])
            continue
        given, other = (ours, second) if name in ours else (theirs, first)
        more = other.get("additionalProperties", True)
        if more is not False:
            properties[name] = _both(given[name], more)
        elif name in required:
            # Forbidden here and demanded there: those who write this mean that it may be.
            properties[name] = given[name]
    return properties


def _places(first: JsonObject, second: JsonObject) -> list[object]:
    ours, theirs = _list(first.get("prefixItems")), _list(second.get("prefixItems"))
    count = max(len(ours), len(theirs))
    ours = ours + [first.get("items", True)] * (count - len(ours))
    theirs = theirs + [second.get("items", True)] * (count - len(theirs))
    return [_both(one, other) for one, other in zip(ours, theirs, strict=True)]


def _both(first: object, second: object) -> object:
    if first == second or second is True or second == {}:
        return first
    if first is True or first == {}:
        return second
    if first is False or second is False:
        return False
    return {"allOf": [first, second]}


def _types(schema: JsonObject) -> set[str]:
    given = schema["type"]
    names = {name for name in (given if isinstance(given, list) else [given]) if name in _TYPES}
    return names | {"integer"} if "number" in names else names


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}
