"""Callers' JSON Schemas made plain, together under one `$defs`.

A grammar takes a small part of JSON Schema, and each engine another one. Facts about llama.cpp
(its release of October 2026): it honours types, `enum`, `const`, `anyOf`, the order of
`properties`, `required`, `additionalProperties`, `items`, lengths, the numbers of items, bounds of
integers, and four formats (dates, times, both, UUIDs). It refuses `true` as a schema, `$ref` to
`#`, and pointers with escapes. It drops without a word: what stands beside `$ref`, `anyOf` or
`properties` (see `forced_merge`), names in `required` without a property, `prefixItems` beside
`items`, bounds of `number`, `multipleOf`, `uniqueItems`, `contains`, `not`, `if`, `dependent...`,
`propertyNames`, `patternProperties`, and the numbers of properties. `oneOf` is its `anyOf`.
Patterns are in `forced_pattern`.

So only what it honours goes out, with references that are plain names. What a grammar cannot
promise the model reads in its instructions, where the tools stand as they were given.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from urllib.parse import unquote

from forebay.core.errors import InvalidParameter
from forebay.dialects.forced_keywords import KEPT, enum_values, typed_keywords
from forebay.dialects.forced_merge import merged
from forebay.dialects.turn import JsonObject

MAX_STEPS = 20_000
"""How much work all schemas of a turn may make together, some microseconds each.

References inside `allOf` can double it with each level.
"""


class Definitions:
    """Schemas from several documents, whose references among themselves keep working."""

    def __init__(self) -> None:
        self.schemas: JsonObject = {}
        self._steps = 0

    def add(self, name: str, document: JsonObject, *, at: str, is_object: bool) -> JsonObject:
        """Put a document under `name` and return a reference to it.

        With `is_object`, only the objects among its values are left. Raises `InvalidParameter` for
        a schema that cannot be followed, with `at` as the path.
        """
        try:
            _Document(self, name, document, at).write(is_object=is_object)
        except RecursionError:
            raise InvalidParameter(
                f"Invalid schema in '{at}': it is nested too deeply.", param=at
            ) from None
        return {"$ref": f"#/$defs/{name}"}

    def can_go_on(self, steps: int) -> bool:
        """Count so many steps more, and return whether all of them are still few enough."""
        self._steps += steps
        return self._steps <= MAX_STEPS


class _Document:
    def __init__(self, definitions: Definitions, name: str, root: JsonObject, at: str) -> None:
        self._definitions = definitions
        self._name = name
        self._root = root
        self._at = at
        self._names: dict[str, str] = {}
        self._hoisted: dict[int, tuple[str, JsonObject]] = {}
        self._waiting: list[tuple[str, object]] = []
        self._open: set[str] = set()

    def write(self, *, is_object: bool) -> None:
        self._names["#"] = self._name
        root: object = self._root
        if is_object:
            whole = self._joined({"type": "object"}, self._flat(root))
            if whole is None:
                raise self._invalid("no object fits it")
            root = whole
        self._waiting.append((self._name, root))
        ways: dict[str, set[str]] = {}
        while self._waiting:
            name, given = self._waiting.pop()
            plain = self._plain_here(given)
            if plain is False:
                raise self._invalid("nothing fits it")
            self._definitions.schemas[name] = plain
            ways[name] = _ways(plain)
        try:
            TopologicalSorter(ways).prepare()
        except CycleError:
            # A grammar of it has no end, and engines differ in how they fail on that.
            raise self._invalid("a part of it demands itself") from None

    def _plain(self, given: object) -> JsonObject | bool:
        """Return the schema in plain words, False where nothing fits it."""
        self._step()
        given = _bare(given)
        if isinstance(given, dict) and ("$ref" in given or "allOf" in given):
            # What is merged here may hold itself: under a name of its own it is merged once.
            is_reference = "$ref" in given and not KEPT.intersection(given)
            name = self._reference(given["$ref"]) if is_reference else self._hoist(given)
            return {"$ref": f"#/$defs/{name}"}
        return self._plain_here(given)

    def _plain_here(self, given: object) -> JsonObject | bool:
        whole = self._flat(given)
        if whole is None:
            return False
        if "anyOf" in whole:
            branches = whole["anyOf"]
            assert isinstance(branches, list)
            plain = [branch for part in branches if (branch := self._plain(part)) is not False]
            return {"anyOf": plain} if len(plain) > 1 else plain[0] if plain else False
        if "enum" in whole:
            values = enum_values(whole)
            return {"enum": values} if values else False
        said = typed_keywords(whole, self._plain)
        return False if said is None else said

    def _flat(self, given: object) -> JsonObject | None:
        """Return the schema without `$ref` and `allOf`, and `anyOf` only where it stands alone."""
        self._step()
        if isinstance(given, bool):
            return {} if given else None
        if not isinstance(given, dict):
            raise self._invalid("a schema must be an object or a boolean")
        whole: JsonObject | None = {
            name: given[name] for name in given if name in KEPT and name not in _COMBINING
        }
        if "const" in given:
            whole = self._joined(whole, {"enum": [given["const"]]})
        if "$ref" in given:
            whole = self._joined(whole, self._referred(given["$ref"]))
        for part in self._parts(given, "allOf"):
            whole = self._joined(whole, self._flat(part))
        for name in ("anyOf", "oneOf"):
            if name in given:
                whole = self._joined(whole, {"anyOf": self._parts(given, name)})
        return whole

    def _joined(self, first: JsonObject | None, second: JsonObject | None) -> JsonObject | None:
        self._step()
        if first is None or second is None:
            return None
        if not first or not second:
            return first or second
        if "anyOf" in first:
            ways = [self._joined(self._flat(way), second) for way in self._parts(first, "anyOf")]
        elif "anyOf" in second:
            ways = [self._joined(first, self._flat(way)) for way in self._parts(second, "anyOf")]
        else:
            self._step(_size(first) + _size(second))
            return merged(first, second)
        left = [way for way in ways if way is not None]
        return {"anyOf": left} if left else None

    def _parts(self, given: JsonObject, name: str) -> list[object]:
        parts = given.get(name, [])
        if not isinstance(parts, list):
            raise self._invalid(f"'{name}' must be a list")
        return parts

    def _referred(self, reference: object) -> JsonObject | None:
        pointer, target = self._resolved(reference)
        if pointer in self._open:
            raise self._invalid(f"'{pointer}' demands itself")
        self._open.add(pointer)
        whole = self._flat(target)
        self._open.remove(pointer)
        return whole

    def _reference(self, reference: object) -> str:
        pointer, target = self._resolved(reference)
        name = self._names.get(pointer)
        if name is None:
            name = self._new_name()
            self._names[pointer] = name
            self._waiting.append((name, target))
        return name

    def _hoist(self, given: JsonObject) -> str:
        if id(given) not in self._hoisted:
            name = self._new_name()
            self._hoisted[id(given)] = (name, given)
            self._waiting.append((name, given))
        return self._hoisted[id(given)][0]

    def _new_name(self) -> str:
        return f"{self._name}_{len(self._names) + len(self._hoisted)}"

    def _resolved(self, reference: object) -> tuple[str, object]:
        """Return the end of a chain of references: its pointer, and what is there."""
        passed: set[str] = set()
        while True:
            self._step()
            if not isinstance(reference, str) or not (reference + "/").startswith("#/"):
                raise self._invalid(f"$ref '{reference}' does not point into the same schema")
            if reference in passed:
                raise self._invalid(f"$ref '{reference}' leads back to itself")
            passed.add(reference)
            target = _bare(self._found(reference))
            if not isinstance(target, dict) or "$ref" not in target or KEPT.intersection(target):
                return reference, target
            reference = target["$ref"]

    def _found(self, pointer: str) -> object:
        target: object = self._root
        for token in pointer.split("/")[1:]:
            key = unquote(token).replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and key in target:
                target = target[key]
            elif isinstance(target, list) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            else:
                raise self._invalid(f"$ref '{pointer}' points to nothing")
        return target

    def _step(self, count: int = 1) -> None:
        if not self._definitions.can_go_on(count):
            raise self._invalid("the schemas are too large together")

    def _invalid(self, reason: str) -> InvalidParameter:
        return InvalidParameter(f"Invalid schema in '{self._at}': {reason}.", param=self._at)


def _size(schema: JsonObject) -> int:
    return sum(len(value) for value in schema.values() if isinstance(value, dict | list))


def _bare(given: object) -> object:
    """Return what an `allOf` of one thing and nothing else wraps."""
    while isinstance(given, dict) and KEPT.intersection(given) == {"allOf"} and "$ref" not in given:
        parts = given["allOf"]
        if not isinstance(parts, list) or len(parts) != 1:
            break
        given = parts[0]
    return given


def _ways(plain: object) -> set[str]:
    """Return the definitions of which one must fit in full where this fits."""
    assert isinstance(plain, dict)
    if "$ref" in plain:
        return {plain["$ref"].removeprefix("#/$defs/")}
    return {name for part in plain.get("anyOf", []) for name in _ways(part)}


_COMBINING = frozenset({"const", "allOf", "anyOf", "oneOf"})
