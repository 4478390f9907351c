"""The keywords of a JSON Schema that go out to engines, each in the form that grammars take."""

from __future__ import annotations

from collections.abc import Callable

from forebay.dialects.forced_merge import is_number
from forebay.dialects.forced_pattern import safe_pattern
from forebay.dialects.turn import JsonObject

Plain = Callable[[object], JsonObject | bool]
"""Makes a subschema plain; False where nothing fits it."""

# Any other format is no reason for a grammar to fail.
_FORMATS = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"}
)
_RANGES = (("minItems", "maxItems"), ("minLength", "maxLength"), ("minimum", "maximum"))
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OBJECT = frozenset({"properties", "required", "additionalProperties"})
_ARRAY = frozenset({"items", "prefixItems", "minItems", "maxItems"})
_STRING = frozenset({"pattern", "format", "minLength", "maxLength"})

KEPT = frozenset(
    {"type", "enum", "const", "allOf", "anyOf", "oneOf", *_OBJECT, *_ARRAY, *_STRING, *_BOUNDS}
)
"""Every keyword that is looked at; all others are left out."""

_MAX_INTEGER = 2**63
"""llama.cpp fails on bounds that do not fit 64 bits."""

_MAX_PLACES = 64


def enum_values(whole: JsonObject) -> list[object]:
    """Return the values of an `enum` that type, length and bounds beside it allow."""
    return [value for value in _list(whole["enum"]) if _fits(value, whole)]


def typed_keywords(whole: JsonObject, plain: Plain) -> JsonObject | None:
    """Return what a schema says of its type and of values of that type, None where none fits."""
    for least, most in _RANGES:
        low, high = whole.get(least), whole.get(most)
        if is_number(low) and is_number(high) and low > high:
            return None
    kind = _kind(whole)
    said = _scalar_keywords(whole) if kind is None else {"type": kind, **_scalar_keywords(whole)}
    for name, keywords in (("object", _object_keywords), ("array", _array_keywords)):
        if name == kind or (isinstance(kind, list) and name in kind):
            more = keywords(whole, plain)
            if more is None:
                return None
            said |= more
    return said


def _object_keywords(whole: JsonObject, plain: Plain) -> JsonObject | None:
    """Return what a schema says of objects, None where no object fits.

    An object that lists its properties has no others, unless the schema says so: a model that may
    invent some never stops.
    """
    if not _OBJECT.intersection(whole):
        return {}
    given = _dict(whole.get("properties"))
    more: JsonObject | bool = False
    if "additionalProperties" in whole or not given:
        more = plain(whole.get("additionalProperties", "properties" not in whole))
    properties = {
        name: said for name, schema in given.items() if (said := plain(schema)) is not False
    }
    required = [name for name in _list(whole.get("required")) if isinstance(name, str)]
    for name in required:
        if name not in properties:
            if name in given or (more is False and "additionalProperties" in whole):
                return None
            properties[name] = {} if more is False else more
    said = {"properties": properties, "required": required} if properties else {}
    return {**said, "additionalProperties": more}


def _array_keywords(whole: JsonObject, plain: Plain) -> JsonObject | None:
    """Return what a schema says of items: each by its place, or all alike, never both."""
    least, most = whole.get("minItems"), whole.get("maxItems")
    items = whole.get("items")
    places = _list(items) or _list(whole.get("prefixItems"))
    if not places:
        said = {} if items is None or isinstance(items, list) else plain(items)
        if said is False:
            return None if least else {"maxItems": 0}
        return {"items": said} if said else {}
    if isinstance(least, int) and not isinstance(items, list):
        places = places + [True if items is None else items] * (
            min(least, _MAX_PLACES) - len(places)
        )
    kept = []
    for place in places[: most if isinstance(most, int) else None]:
        said = plain(place)
        if said is False:
            break
        kept.append(said)
    if isinstance(least, int) and len(kept) < least:
        return None
    return {"prefixItems": kept, "maxItems": len(kept)} if kept else {"maxItems": 0}


def _scalar_keywords(whole: JsonObject) -> JsonObject:
    said: JsonObject = {}
    for name in _COUNTS:
        if isinstance(count := whole.get(name), int):
            said[name] = count
    for name in _BOUNDS:
        bound = whole.get(name)
        if is_number(bound) and abs(bound) < _MAX_INTEGER:
            said[name] = bound
    pattern = whole.get("pattern")
    pattern = safe_pattern(pattern) if isinstance(pattern, str) else None
    if pattern is not None:
        said["pattern"] = pattern
    elif whole.get("format") in _FORMATS:
        said["format"] = whole["format"]
    return said


def _fits(value: object, whole: JsonObject) -> bool:
    kinds = whole.get("type")
    if kinds is not None and not any(
        _is(value, kind) for kind in (kinds if isinstance(kinds, list) else [kinds])
    ):
        return False
    size: object = len(value) if isinstance(value, str) else value
    least, most = ("minLength", "maxLength") if isinstance(value, str) else ("minimum", "maximum")
    low, high = whole.get(least), whole.get(most)
    return not is_number(size) or (
        not (is_number(low) and size < low) and not (is_number(high) and size > high)
    )


def _is(value: object, kind: object) -> bool:
    match kind:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return is_number(value) and (isinstance(value, int) or value.is_integer())
        case _:
            return is_number(value)


def _kind(whole: JsonObject) -> object:
    """Return the type; one that is left out is the one that the other keywords are about."""
    if "type" in whole:
        return whole["type"]
    about = [("object", _OBJECT), ("array", _ARRAY), ("string", _STRING)]
    return next((kind for kind, keywords in about if keywords.intersection(whole)), None)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}
