"""JSON schemas from the code's own types, each named component made once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from forebay.api.openapi.operation import FormBody, JsonBody
from forebay.dialects.parameters import Parameters, Refusal
from forebay.dialects.turn import JsonObject

PLACE = "#/components/schemas/"
CLASS = "x-forebay-class"
ANYTHING = "x-anything"


class Schemas:
    """Makes schemas; `components` has what they refer to."""

    def __init__(self) -> None:
        self.components: dict[str, JsonObject] = {}
        self._made: dict[type, JsonObject] = {}

    def of(self, kind: object, *, stem: str = "") -> JsonObject:
        """Return the schema of a type, or of any of a tuple of types.

        A private type's component is named after the `stem`, for many modules have a `_Message`.
        """
        if isinstance(kind, tuple):
            return {"anyOf": [self.of(one, stem=stem) for one in kind]}
        if isinstance(kind, type) and kind in self._made:
            return self._made[kind]
        (schema,), found = msgspec.json.schema_components(
            [kind], ref_template=PLACE + "{name}", schema_hook=_anything
        )
        names = {name: stem + name[1:] for name in found if name.startswith("_")}
        for name, component in found.items():
            made = _tidied(component, names)
            known = self.components.setdefault(names.get(name, name), made)
            assert known.keys() >= made.keys(), f"two types are named {name}"
        made = _tidied(schema, names)
        if isinstance(kind, type):
            self._made[kind] = made
        return made

    def of_body(self, body: JsonBody | FormBody) -> JsonObject:
        """Return the schema of a body, which says of each field how it is taken."""
        name = body.shape.__name__
        schema = self.of(body.shape, stem=name.removesuffix("Body"))
        if isinstance(body, FormBody):
            return schema
        component = {**self.components[name]}
        fields = {**_fields(component)}
        for also, kind in body.also.items():
            fields[also] = self.of(kind)
        if body.parameters is not None:
            fields |= _classified(fields, body.parameters)
        component["properties"] = fields
        component["required"] = [
            field
            for field in fields
            if field in {*_required(component), *body.required} and field not in body.optional
        ]
        name = body.named or name
        self.components[name] = component
        return {"$ref": PLACE + name}


def _anything(kind: type) -> JsonObject:
    """Return the schema of what may be any JSON value; msgspec does not take an empty one."""
    if kind is not object:
        raise NotImplementedError
    return {ANYTHING: True}


def _fields(component: JsonObject) -> dict[str, JsonObject]:
    return cast(dict[str, JsonObject], component["properties"])


def _required(component: JsonObject) -> list[str]:
    return cast(list[str], component["required"])


def _classified(fields: Mapping[str, JsonObject], parameters: Parameters) -> dict[str, JsonObject]:
    """Return the fields, and those that the shape does not name, each with its class."""
    made: dict[str, JsonObject] = {}
    for name in sorted(parameters.honoured):
        made[name] = {**fields[name], CLASS: "honoured"}
    for name, what in sorted(parameters.partly.items()):
        made[name] = {**fields[name], CLASS: "in part", "description": what}
    for name in sorted(parameters.without_effect):
        made[name] = {**fields.get(name, {}), CLASS: "without effect"}
    for name, refusal in sorted(parameters.refused.items()):
        made[name] = _refused(refusal)
    return made


def _refused(refusal: Refusal) -> JsonObject:
    return {
        # What changes nothing is let through.
        "enum": [None, *refusal.neutral],
        CLASS: "refused",
        "description": f"Refused: {refusal.reason}.",
    }


def _tidied(value: object, names: Mapping[str, str]) -> JsonObject:
    """Return a schema with the components' names, without what msgspec says of its own accord."""
    return cast(JsonObject, _tidy(value, names))


def _tidy(value: object, names: Mapping[str, str], *, is_named: bool = False) -> object:
    """Go through a schema; the keys of what `is_named` are names of fields, not words of JSON."""
    match value:
        case {"anyOf": [{"type": str(kind), **rest}, {"type": "null"}]} if not is_named:
            # Shorter, and easier to read.
            return _tidy({"type": [kind, "null"], **rest}, names)
        case dict():
            return {
                key: _tidy(entry, names, is_named=not is_named and key in ("properties", "mapping"))
                for key, entry in value.items()
                if is_named or not _is_idle(key, entry)
            }
        case list():
            return [_tidy(entry, names) for entry in value]
        case str() if value.startswith(PLACE):
            name = value.removeprefix(PLACE)
            return PLACE + names.get(name, name)
        case _:
            return value


def _is_idle(key: str, entry: object) -> bool:
    # A null that stands for an absent field is no default that callers could mean; a title repeats
    # the component's name; and whatever an object may hold besides needs no word.
    return (
        key in ("title", ANYTHING)
        or (key == "default" and entry is None)
        or (key == "additionalProperties" and entry == {ANYTHING: True})
    )
