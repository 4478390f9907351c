"""What a case of the tables of honoured parameters is, and where it is looked whether it is true.

A case says what stands in one place when a parameter has a value: in what the engine is sent, in
what the lanes are told, or in what the caller gets. The same call without it has something else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from forebay.dialects.dialect import Dialect
from forebay.dialects.parameters import Parameters
from forebay.dialects.turn import (
    AnyTurn,
    Delta,
    EmbeddingTurn,
    JsonObject,
    TextTurn,
    Turn,
    parts,
)
from forebay.dialects.upstream import encode_turn
from forebay.dialects.upstream_embeddings import encode_embedding_turn
from forebay.dialects.upstream_text import encode_text_turn
from tests.dialects.calls import Event, call_of, events, finish, outcome_of, streamed

ABSENT = "nothing is there"

Look = Callable[[Dialect, JsonObject], object]
"""Looks at what becomes of a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What `look` sees when a parameter has this value; `beside` stands in both calls."""

    name: str
    value: object
    look: Look
    seen: object
    beside: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One API: a plain `body`, and a case at least for each parameter that it honours.

    `as_parsed` is what becomes of a body before its dialect reads it. The lanes alone know what is
    kept `elsewhere`: there are tests of the whole service for those.
    """

    path: str
    parameters: Parameters
    dialect: Dialect
    body: JsonObject
    cases: tuple[Case, ...]
    as_parsed: Callable[[JsonObject], JsonObject] = lambda body: body
    elsewhere: frozenset[str] = frozenset()

    def seen(self, case: Case, *, is_without: bool = False) -> object:
        """Return what the case's look sees of its call, or of the same call without it."""
        body = {**self.body, **case.beside}
        if not is_without:
            body[case.name] = case.value
        return case.look(self.dialect, self.as_parsed(body))


def sent(*path: str | int) -> Look:
    """Look into the body that the engine gets for the first choice."""
    return lambda dialect, body: _dug(_bodies(dialect, body)[0], path)


def sent_each(name: str) -> Look:
    """Look at one field of the bodies that the engine gets, one for each choice."""
    return lambda dialect, body: [_dug(one, (name,)) for one in _bodies(dialect, body)]


def asked(name: str) -> Look:
    """Look at a field of the turn."""
    return lambda dialect, body: getattr(dialect.parse(body)[0], name)


def wished(name: str) -> Look:
    """Look at what the body asks for beyond the turn."""
    return lambda dialect, body: getattr(dialect.parse(body)[1], name)


def answered(*path: str | int, deltas: list[Delta]) -> Look:
    """Look into the answer, when the engine said these deltas."""

    def look(dialect: Dialect, body: JsonObject) -> object:
        final = dialect.final(call_of(dialect, body), outcome_of([*deltas, *finish()]))
        return _dug(json.loads(json.dumps(final)), path)

    return look


def told(pick: Callable[[list[Event]], object], *, deltas: list[Delta]) -> Look:
    """Look at the events of a streamed answer, when the engine said these deltas."""

    def look(dialect: Dialect, body: JsonObject) -> object:
        return pick(events(streamed(dialect, call_of(dialect, body), [*deltas, *finish()])))

    return look


def passed_on(name: str, value: object, *, under: str = "", **beside: object) -> Case:
    """Return the case of a parameter that the engine gets as it is, perhaps under another name."""
    return Case(name=name, value=value, look=sent(under or name), seen=value, beside=beside)


def _bodies(dialect: Dialect, body: JsonObject) -> list[Any]:
    return [json.loads(_encoded(one)) for one in parts(dialect.parse(body)[0])]


def _encoded(turn: AnyTurn) -> bytes:
    match turn:
        case Turn():
            return encode_turn(turn, model="engine", extra={})
        case TextTurn():
            return encode_text_turn(turn, model="engine", extra={})
        case EmbeddingTurn():
            return encode_embedding_turn(turn, model="engine")


def _dug(value: Any, path: tuple[str | int, ...]) -> object:
    for step in path:
        is_there = step in value if isinstance(value, dict) else isinstance(value, list)
        if not is_there or (isinstance(step, int) and step >= len(value)):
            return ABSENT
        value = value[step]
    return value
