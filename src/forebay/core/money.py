"""Prices and costs, in integers.

Prices are pico-units of the currency per token (0.09 per million tokens is 90,000). The cost of one
request or batch line is rounded once, half up, to nano-units; every sum above that is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

PICO_PER_NANO = 1000
NANOS_PER_UNIT = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one turn; `cached_tokens` are part of the input, `reasoning_tokens` of output."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Pico-units of the currency per token."""

    input: int = 0
    cached: int = 0
    output: int = 0

    def scaled(self, factor: Fraction) -> Price:
        """Return the price times a window's factor, each part rounded half up."""
        return Price(
            input=_half_up(self.input * factor),
            cached=_half_up(self.cached * factor),
            output=_half_up(self.output * factor),
        )

    def cost_nanos(self, usage: Usage) -> int:
        """Return what the turn costs, rounded once, half up."""
        fresh_tokens = max(0, usage.input_tokens - usage.cached_tokens)
        picos = (
            fresh_tokens * self.input
            + usage.cached_tokens * self.cached
            + usage.output_tokens * self.output
        )
        return (picos + PICO_PER_NANO // 2) // PICO_PER_NANO


FREE = Price()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """A model's `asap` price, and explicit prices of windows that are not a mere factor of it."""

    asap: Price = FREE
    by_window: dict[str, Price] = field(default_factory=dict)

    def price(self, window: str, factor: Fraction) -> Price:
        """Return the price in a window whose factor against `asap` is `factor`."""
        explicit = self.by_window.get(window)
        return explicit if explicit is not None else self.asap.scaled(factor)


def per_million(amount: Decimal | str | int | float) -> int:
    """Return pico-units per token for an amount per million; raises ValueError below zero."""
    picos = Fraction(str(amount)) * 1_000_000
    if picos < 0:
        raise ValueError("a price cannot be negative")
    return _half_up(picos)


def show_nanos(nanos: int) -> str:
    """Return nano-units as a decimal string of whole units, without trailing zeros: `0.000012`."""
    sign = "-" if nanos < 0 else ""
    units, rest = divmod(abs(nanos), NANOS_PER_UNIT)
    if rest == 0:
        return f"{sign}{units}"
    return f"{sign}{units}.{rest:09d}".rstrip("0")


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
