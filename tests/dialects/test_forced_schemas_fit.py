"""Whatever the schema: what a grammar of its plain form lets through fits the given one."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, reject
from hypothesis import strategies as st

from forebay.core.errors import InvalidParameter
from forebay.dialects.forced_schemas import Definitions
from tests.dialects.json_schema import fits

PLAIN_KEYWORDS = {
    "$ref",
    "additionalProperties",
    "anyOf",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "prefixItems",
    "properties",
    "required",
    "type",
}


def plain(schema: Any) -> dict[str, Any]:
    """Return the schema made plain, as a document of its own."""
    definitions = Definitions()
    reference = definitions.add("it", schema, at="tools[0]", is_object=False)
    return {**reference, "$defs": definitions.schemas}


def subschemas(schema: Any) -> list[dict[str, Any]]:
    if not isinstance(schema, dict):
        return []
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inner += [*schema.get("prefixItems", []), schema.get("items")]
    inner.append(schema.get("additionalProperties"))
    return [schema, *[found for part in inner for found in subschemas(part)]]


names = st.sampled_from(["a", "b", "c"])
scalars = st.sampled_from(["x", "yy", 1, 2, True, None, 1.5])
simple = st.one_of(
    st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "null")]),
    st.just({"type": ["string", "null"], "title": "T"}),
    st.just({"$ref": "#/$defs/leaf"}),
    st.just({"$ref": "#/$defs/thing", "description": "D"}),
    st.just({"$ref": "#"}),
    st.just(True),
    st.builds(lambda values: {"enum": values}, st.lists(scalars, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, scalars),
    st.builds(lambda n: {"type": "string", "minLength": n, "maxLength": n + 2}, st.integers(0, 2)),
    st.builds(lambda n: {"type": "integer", "minimum": n, "maximum": n + 2}, st.integers(-2, 2)),
)


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.lists(inner, min_size=1, max_size=2)
    objects = st.fixed_dictionaries(
        {"properties": st.dictionaries(names, inner, max_size=2)},
        optional={
            "type": st.just("object"),
            "required": st.lists(names, max_size=2, unique=True),
            "anyOf": parts,
            "allOf": parts,
            "additionalProperties": inner,
        },
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={
            "items": inner,
            "prefixItems": parts,
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(2, 3),
        },
    )
    combined = st.builds(lambda kind, of: {kind: of}, st.sampled_from(["anyOf", "allOf"]), parts)
    return objects | arrays | combined


schemas = st.recursive(simple, composed, max_leaves=6)


def value_of(draw: st.DrawFn, schema: dict[str, Any], root: Any, depth: int = 0) -> Any:
    """Return one of the values that a grammar made of a plain schema lets through."""
    assume(depth < 12)

    def inside(part: Any) -> Any:
        return value_of(draw, part, root, depth + 1)

    if "$ref" in schema:
        return inside(root["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    if "anyOf" in schema:
        return inside(draw(st.sampled_from(schema["anyOf"])))
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    kinds = schema.get("type", ["string", "null", "integer"])
    match draw(st.sampled_from([kinds] if isinstance(kinds, str) else kinds)):
        case "string":
            least, most = schema.get("minLength", 0), schema.get("maxLength", 3)
            return draw(st.text(min_size=least, max_size=most))
        case "integer" | "number":
            return draw(st.integers(schema.get("minimum"), schema.get("maximum")))
        case "array":
            places = schema.get("prefixItems")
            if places is None:
                count = draw(st.integers(schema.get("minItems", 0), schema.get("maxItems", 3)))
                places = [schema.get("items", {})] * count
            return [inside(place) for place in places]
        case "object":
            properties = dict(schema.get("properties", {}))
            if schema.get("additionalProperties", {}) is not False:
                properties.setdefault("more", schema.get("additionalProperties", {}))
            required = schema.get("required", [])
            return {
                name: inside(part)
                for name, part in properties.items()
                if name in required or (depth < 6 and draw(st.booleans()))
            }
        case _:
            return None


@given(st.data(), schemas)
def test_what_fits_the_plain_schema_fits_the_given_one(drawn: st.DataObject, schema: Any) -> None:
    document = schema if isinstance(schema, dict) else {"anyOf": [schema]}
    document = document | {
        "$defs": {
            "leaf": {"type": "string", "maxLength": 2},
            "thing": {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/leaf"}, "c": {"$ref": "#/$defs/thing"}},
                "required": ["a"],
            },
        }
    }
    try:
        said = plain(document)
    except InvalidParameter:
        reject()  # nothing fits it, or it demands itself

    value = drawn.draw(st.composite(value_of)(said, said))

    assert fits(value, document)
    for found in [found for part in said["$defs"].values() for found in subschemas(part)]:
        assert set(found) <= PLAIN_KEYWORDS
        assert len({"$ref", "anyOf", "enum"} & set(found)) == 0 or len(found) == 1
