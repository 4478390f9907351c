"""Whether a value fits a JSON Schema: as much of the standard as the tests of forced tools need."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any] | bool

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: _TYPES["number"](value) and value == int(value),
}


def fits(value: Any, schema: Schema, *, root: Schema | None = None) -> bool:
    """Return whether `value` fits; references are those into `root`, the schema itself at first."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        return schema

    def inside(part: Any, subschema: Schema) -> bool:
        return fits(part, subschema, root=root)

    kinds = schema.get("type", [])
    demands = [
        not kinds
        or any(_TYPES[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds)),
        "enum" not in schema or any(_same(value, one) for one in schema["enum"]),
        "const" not in schema or _same(value, schema["const"]),
        "$ref" not in schema or inside(value, _target(schema["$ref"], root)),
        all(inside(value, part) for part in schema.get("allOf", [])),
        "anyOf" not in schema or any(inside(value, part) for part in schema["anyOf"]),
        "oneOf" not in schema or sum(inside(value, part) for part in schema["oneOf"]) == 1,
    ]
    if not all(demands):
        return False
    if isinstance(value, dict):
        return _object_fits(value, schema, inside)
    if isinstance(value, list):
        return _array_fits(value, schema, inside)
    if isinstance(value, str):
        return _count_fits(len(value), schema, "Length") and (
            "pattern" not in schema or re.search(schema["pattern"], value, re.ASCII) is not None
        )
    return not _TYPES["number"](value) or (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    )


def _object_fits(value: Any, schema: Any, inside: Callable[[Any, Schema], bool]) -> bool:
    properties = schema.get("properties", {})
    more = schema.get("additionalProperties", True)
    return all(name in value for name in schema.get("required", [])) and all(
        inside(part, properties.get(name, more)) for name, part in value.items()
    )


def _array_fits(value: Any, schema: Any, inside: Callable[[Any, Schema], bool]) -> bool:
    places = schema.get("prefixItems", [])
    items = [*places, *[schema.get("items", True)] * (len(value) - len(places))]
    return _count_fits(len(value), schema, "Items") and all(map(inside, value, items))


def _count_fits(count: int, schema: Any, of: str) -> bool:
    return bool(schema.get(f"min{of}", 0) <= count <= schema.get(f"max{of}", count))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _target(reference: str, root: Any) -> Any:
    found = root
    for token in reference.split("/")[1:]:
        found = found[token.replace("~1", "/").replace("~0", "~")]
    return found
