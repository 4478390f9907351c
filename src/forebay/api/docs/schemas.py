"""Schemas for people: types in words, and the fields of objects as tables."""

from __future__ import annotations

import json

from forebay.api.docs.markup import Markup, code, joined, prose, table, tag, text
from forebay.api.openapi.schemas import CLASS, PLACE
from forebay.dialects.turn import JsonObject

ORDER = ("honoured", "in part", "refused", "without effect")

_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "maxProperties": "at most {} pairs",
    "default": "{} unless said",
}


def component_view(name: str, schema: JsonObject) -> Markup:
    """Return a component as a part of the page that others refer to."""
    description = tag("p", prose(str(schema.get("description", ""))))
    shown = joined(description, fields_view(schema))
    if "properties" not in schema:
        shown = joined(description, tag("p", type_words(schema)))
    summary = tag("summary", code(name))
    return tag("details", summary, shown, id=f"shape-{name}", of_class="shape")


def fields_view(schema: JsonObject) -> Markup:
    """Return the fields of an object: those that are required first, then by their class."""
    fields = _objects(schema.get("properties"))
    required = schema.get("required")
    needed = set(required) if isinstance(required, list) else set()
    order = sorted(fields, key=lambda name: (name not in needed, _rank(fields[name]), name))
    has_classes = any(CLASS in field for field in fields.values())
    rows = []
    for name in order:
        field = fields[name]
        label = joined(code(name), text(" required")) if name in needed else code(name)
        cells = [label, type_words(field)]
        if has_classes:
            cells.append(class_view(field))
        cells.append(notes(field))
        rows.append(tuple(cells))
    head = ("field", "type", "taken", "notes") if has_classes else ("field", "type", "notes")
    return table(head, rows)


def class_view(field: JsonObject) -> Markup:
    """Return how a parameter is taken."""
    kind = str(field.get(CLASS, ORDER[0]))
    return tag("span", text(kind), of_class=f"class {kind.replace(' ', '-')}")


def type_words(schema: JsonObject) -> Markup:
    """Return a type in words, with links to the shapes that have a name."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(PLACE)
        return tag("a", text(name), href=f"#shape-{name}")
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _either([type_words(one) for one in _list(schema[word])])
    if "enum" in schema:
        values = schema["enum"]
        assert isinstance(values, list)
        return _either([code(json.dumps(value)) for value in values])
    kind = schema.get("type", "any")
    kinds = kind if isinstance(kind, list) else [kind]
    return _either([_kind_words(str(one), schema) for one in kinds])


def notes(schema: JsonObject) -> Markup:
    """Return the limits of a value, and what is said of it."""
    limits = [
        words.format(json.dumps(schema[name])) for name, words in _LIMITS.items() if name in schema
    ]
    described = str(schema.get("description", ""))
    return prose(". ".join(filter(None, [", ".join(limits), described])))


def _kind_words(kind: str, schema: JsonObject) -> Markup:
    match kind:
        case "array":
            entry = schema.get("items")
            return (
                joined(text("list of "), type_words(entry))
                if isinstance(entry, dict)
                else text("list")
            )
        case "object":
            value = schema.get("additionalProperties")
            return (
                joined(text("object of "), type_words(value))
                if isinstance(value, dict)
                else text("object")
            )
        case "string" if schema.get("format") == "binary":
            return text("file")
        case _:
            return text(kind)


def _either(words: list[Markup]) -> Markup:
    return Markup(" or ".join(dict.fromkeys(words)))


def _rank(field: JsonObject) -> int:
    return ORDER.index(str(field.get(CLASS, ORDER[0])))


def _objects(value: object) -> dict[str, JsonObject]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[JsonObject]:
    assert isinstance(value, list)
    return value
