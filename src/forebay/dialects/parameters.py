"""Every official parameter of an API is in one of four classes: the table and its check."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from forebay.core.errors import UnsupportedParameter
from forebay.dialects.turn import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a parameter is refused, and the values that change nothing and are let through."""

    reason: str
    neutral: tuple[object, ...] = ()

    def lets_through(self, value: object) -> bool:
        """Tell whether the value changes nothing; to Python, 0 would be as good as False."""
        return value is None or any(
            type(value) is type(neutral) and value == neutral for neutral in self.neutral
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The official parameters of one API: honoured, refused by name, accepted without effect.

    `partly` says what is honoured of those whose every wish is not.
    """

    honoured: frozenset[str]
    partly: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    without_effect: frozenset[str] = frozenset()

    def check(self, body: JsonObject) -> None:
        """Raise `UnsupportedParameter` for the first refused one that would change the result."""
        for name, value in body.items():
            refusal = self.refused.get(name)
            if refusal is not None and not refusal.lets_through(value):
                raise UnsupportedParameter(name, refusal.reason)

    def unknown(self, body: JsonObject) -> JsonObject:
        """Return the fields that this API does not define: the engine may know them."""
        known: Collection[str] = self.honoured
        return {
            name: value
            for name, value in body.items()
            if name not in known
            and name not in self.without_effect
            and name not in self.refused
            and name not in self.partly
        }
