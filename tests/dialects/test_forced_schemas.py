"""How callers' schemas are made plain: one by one, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.core.errors import InvalidParameter
from forebay.dialects.forced_schemas import MAX_STEPS, Definitions

STRING = {"type": "string"}


def plain(schema: Any, *, is_object: bool = False) -> dict[str, Any]:
    """Return the schema made plain, as a document of its own."""
    definitions = Definitions()
    reference = definitions.add("it", schema, at="tools[0]", is_object=is_object)
    return {**reference, "$defs": definitions.schemas}


def plain_only(schema: Any) -> Any:
    """Return the one definition that the schema becomes."""
    definitions = plain(schema)["$defs"]
    assert set(definitions) == {"it"}
    return definitions["it"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"const": 1}, {"enum": [1]}),
        ({"type": "string", "enum": ["a", 1]}, {"enum": ["a"]}),
        ({"anyOf": [{"const": 1}, False]}, {"enum": [1]}),
        ({"oneOf": [{"const": 1}, STRING]}, {"anyOf": [{"enum": [1]}, STRING]}),
        ({"allOf": [STRING, {"maxLength": 4}]}, {"type": "string", "maxLength": 4}),
        ({"minLength": 2, "title": "T"}, {"type": "string", "minLength": 2}),
        ({"type": "string", "pattern": "^\\d$"}, {"type": "string", "pattern": "^[0-9]$"}),
        ({"pattern": "(?=a)", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "format": "int32"}, STRING),
        ({"type": "integer", "maximum": 1e30, "minimum": 0}, {"type": "integer", "minimum": 0}),
        ({"type": "array", "items": True, "uniqueItems": True}, {"type": "array"}),
        ({"type": "array", "items": False}, {"type": "array", "maxItems": 0}),
    ],
)
def test_a_schema_is_said_in_plain_words(given: Any, said: Any) -> None:
    assert plain_only(given) == said


def test_an_object_that_lists_its_properties_is_closed() -> None:
    listed = {"properties": {"a": STRING}, "required": ["a"]}

    assert plain_only(listed) == {"type": "object", **listed, "additionalProperties": False}
    assert plain_only(listed | {"additionalProperties": True})["additionalProperties"] == {}
    assert plain_only({"type": "object"}) == {"type": "object"}


def test_a_required_name_becomes_a_property() -> None:
    said = plain_only({"type": "object", "required": ["a"], "additionalProperties": STRING})

    assert said["properties"] == {"a": STRING}


def test_what_stands_beside_a_choice_belongs_to_each_way() -> None:
    base = {"properties": {"a": STRING, "b": STRING}, "type": "object"}

    said = plain_only({**base, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})

    assert [way["required"] for way in said["anyOf"]] == [["a"], ["b"]]
    assert all(set(way["properties"]) == {"a", "b"} for way in said["anyOf"])


def test_references_of_every_kind_keep_working() -> None:
    document = {
        "type": "object",
        "$id": "https://example.com/tree",
        "$defs": {"a/b": STRING, "c d": {"$ref": "#/definitions/e"}},
        "definitions": {"e": {"type": "integer"}},
        "properties": {
            "slash": {"$ref": "#/$defs/a~1b"},
            "space": {"$ref": "#/$defs/c%20d", "description": "a chain"},
            "same": {"$ref": "#/properties/slash"},
            "place": {"$ref": "#/anyOf/0"},
            "kids": {"type": "array", "items": {"$ref": "#"}},
        },
        "anyOf": [{"maxProperties": 3}],
    }
    said = plain(document, is_object=True)

    defs = said["$defs"]
    properties = defs["it"]["properties"]
    found = {name: defs.get(part.get("$ref", "")[8:]) for name, part in properties.items()}
    assert found == {
        "slash": STRING,
        "space": {"type": "integer"},
        "same": STRING,
        "place": {},
        "kids": None,
    }
    assert properties["kids"]["items"] == {"$ref": "#/$defs/it"}


def test_a_reference_with_demands_beside_it_may_lead_to_itself() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/node", "required": ["v"]}, "v": STRING},
    }
    defs = plain({"$ref": "#/$defs/node", "$defs": {"node": node}})["$defs"]

    further = defs[defs["it"]["properties"]["next"]["$ref"][8:]]
    assert further["required"] == ["v"]
    assert further["properties"]["next"] == defs["it"]["properties"]["next"]


def test_with_is_object_only_the_objects_are_left() -> None:
    assert plain({}, is_object=True)["$defs"]["it"] == {"type": "object"}
    way = {"properties": {"a": STRING}}
    said = plain({"anyOf": [STRING, way, {"type": ["object", "null"]}]}, is_object=True)
    assert [part["type"] for part in said["$defs"]["it"]["anyOf"]] == ["object", "object"]


DOUBLING = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
WIDE = {"properties": {f"p{n}": STRING for n in range(1000)}}
DEEP: dict[str, Any] = {}
for _ in range(400):
    DEEP = {"items": DEEP, "type": "array"}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "#/$defs/none"}, "points to nothing"),
        ({"$ref": "https://example.com/x"}, "does not point into the same schema"),
        ({"$ref": "#anchor"}, "does not point into the same schema"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"allOf": [{"$ref": "#"}, STRING]}, "demands itself"),
        ({"anyOf": [{"$ref": "#"}, STRING]}, "demands itself"),
        ({"anyOf": 3}, "'anyOf' must be a list"),
        ({"properties": {"a": "string"}}, "must be an object or a boolean"),
        ({"allOf": [STRING, {"type": "null"}]}, "nothing fits it"),
        ({"minimum": 2, "maximum": 1}, "nothing fits it"),
        ({"$defs": DOUBLING | {"d40": STRING}, "$ref": "#/$defs/d0"}, "too large together"),
        ({"$defs": {"wide": WIDE}, "allOf": [{"$ref": "#/$defs/wide"}] * 30}, "too large together"),
        (DEEP, "nested too deeply"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_schema_that_cannot_be_followed_is_refused(schema: Any, reason: str) -> None:
    with pytest.raises(InvalidParameter, match=reason) as refused:
        plain(schema)
    assert refused.value.param == "tools[0]"


def test_parameters_that_are_no_object_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="no object fits it"):
        plain(STRING, is_object=True)


def test_a_schema_of_reasonable_size_is_not_too_large() -> None:
    schema = {"type": "object", "properties": {f"p{n}": STRING for n in range(MAX_STEPS // 10)}}

    assert len(plain_only(schema)["properties"]) == MAX_STEPS // 10
