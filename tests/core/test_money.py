"""Prices and costs: integers, rounded once, half up."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.core.money import (
    FREE,
    Price,
    PriceList,
    Usage,
    per_million,
    show_nanos,
)

TOKENS = st.integers(min_value=0, max_value=10**9)
PICOS = st.integers(min_value=0, max_value=10**9)
FACTORS = st.fractions(min_value=0, max_value=4)
USAGES = st.builds(
    lambda fresh, cached, output: Usage(
        input_tokens=fresh + cached, cached_tokens=cached, output_tokens=output
    ),
    TOKENS,
    TOKENS,
    TOKENS,
)
PRICES = st.builds(lambda i, c, o: Price(input=i, cached=c, output=o), PICOS, PICOS, PICOS)


def exact_nanos(price: Price, usage: Usage) -> Fraction:
    fresh = usage.input_tokens - usage.cached_tokens
    picos = (
        fresh * price.input
        + usage.cached_tokens * price.cached
        + usage.output_tokens * price.output
    )
    return Fraction(picos, 1000)


@given(PRICES, USAGES)
def test_a_cost_is_off_by_half_a_nano_at_most(price: Price, usage: Usage) -> None:
    off = price.cost_nanos(usage) - exact_nanos(price, usage)
    assert Fraction(-1, 2) < off <= Fraction(1, 2)


@given(PRICES, USAGES)
def test_a_cost_that_needs_no_rounding_is_exact(price: Price, usage: Usage) -> None:
    whole = Price(input=price.input * 1000, cached=price.cached * 1000, output=price.output * 1000)
    assert whole.cost_nanos(usage) == exact_nanos(whole, usage)


@given(PRICES, USAGES, USAGES)
def test_more_tokens_never_cost_less(price: Price, usage: Usage, more: Usage) -> None:
    assert price.cost_nanos(usage + more) >= price.cost_nanos(usage)


@pytest.mark.parametrize(("picos", "nanos"), [(499, 0), (500, 1), (1499, 1), (1500, 2)])
def test_half_a_nano_is_rounded_up(picos: int, nanos: int) -> None:
    assert Price(output=picos).cost_nanos(Usage(output_tokens=1)) == nanos


@given(USAGES)
def test_an_unknown_price_costs_nothing(usage: Usage) -> None:
    assert FREE.cost_nanos(usage) == 0


def test_a_cached_token_is_paid_once_and_at_its_own_price() -> None:
    price = Price(input=90_000, cached=30_000, output=190_000)
    usage = Usage(input_tokens=1000, cached_tokens=400, output_tokens=100)
    assert price.cost_nanos(usage) == 600 * 90 + 400 * 30 + 100 * 190


def test_more_cached_tokens_than_input_are_never_a_refund() -> None:
    usage = Usage(input_tokens=1, cached_tokens=5)
    assert Price(input=10_000).cost_nanos(usage) == 0


@given(PRICES, FACTORS)
def test_a_scaled_price_is_rounded_half_up(price: Price, factor: Fraction) -> None:
    off = price.scaled(factor).input - price.input * factor
    assert Fraction(-1, 2) < off <= Fraction(1, 2)


@given(PRICES)
def test_the_factor_one_changes_nothing(price: Price) -> None:
    assert price.scaled(Fraction(1)) == price


def test_an_explicit_price_wins_over_the_factor() -> None:
    standard = Price(input=50_000)
    prices = PriceList(asap=Price(input=90_000), by_window={"standard": standard})
    assert prices.price("standard", Fraction(1, 2)) == standard
    assert prices.price("24h", Fraction(1, 3)) == Price(input=30_000)


@pytest.mark.parametrize(
    ("amount", "picos"),
    [
        ("0.09", 90_000),
        (Decimal("0.015"), 15_000),
        (0.1, 100_000),
        (2, 2_000_000),
        ("0.0000005", 1),
        (0, 0),
    ],
)
def test_a_price_per_million_tokens_is_picos_per_token(
    amount: Decimal | str | int | float, picos: int
) -> None:
    assert per_million(amount) == picos


def test_a_price_cannot_be_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        per_million("-0.01")


@pytest.mark.parametrize(
    ("nanos", "shown"),
    [
        (0, "0"),
        (12_000, "0.000012"),
        (1_000_000_000, "1"),
        (1_500_000_000, "1.5"),
        (10_000_000_001, "10.000000001"),
        (-250_000_000, "-0.25"),
    ],
)
def test_nanos_are_shown_as_a_short_decimal(nanos: int, shown: str) -> None:
    assert show_nanos(nanos) == shown


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_what_is_shown_is_exact(nanos: int) -> None:
    assert Decimal(show_nanos(nanos)) * 10**9 == nanos


@given(USAGES, USAGES)
def test_usage_adds_up(one: Usage, other: Usage) -> None:
    assert (one + other).input_tokens == one.input_tokens + other.input_tokens
    assert one + other == other + one
    assert one + Usage() == one
