"""The demo's bill: what each mode took, used and cost, and what it would have cost at once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table

from forebay.core.money import NANOS_PER_UNIT, Price, Usage, per_million

NANOS_PER_SHOWN = 1000  # amounts are shown in millionths of the currency's unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one thing that the demo did took, used and cost."""

    mode: str
    window: str
    wall_s: float
    usage: Usage
    cost_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The model's price at `asap`, as the service lists it per million tokens."""

    listed: dict[str, str]
    currency: str

    @property
    def price(self) -> Price:
        """The price in the service's own units."""
        return Price(**{name: per_million(amount) for name, amount in self.listed.items()})


def extension(answer: BaseModel) -> dict[str, object]:
    """Return the service's own fields of an answer, which the SDKs keep as extra ones."""
    fields = (answer.model_extra or {}).get("forebay")
    assert isinstance(fields, dict), "every answer of the service carries its own fields"
    return fields


def cost_nanos(fields: dict[str, object]) -> int:
    """Return the cost in an answer's own fields."""
    cost = fields["cost"]
    assert isinstance(cost, dict)
    return int(Decimal(cost["amount"]) * NANOS_PER_UNIT)


def show_bill(console: Console, entries: list[Entry], tariff: Tariff) -> None:
    """Print the bill."""
    table = Table(show_footer=True, box=box.SIMPLE_HEAD)
    total = sum((entry.usage for entry in entries), Usage())
    paid = sum(entry.cost_nanos for entry in entries)
    at_once = [tariff.price.cost_nanos(entry.usage) for entry in entries]
    table.add_column("mode", "total", no_wrap=True)
    table.add_column("window", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("in", f"{total.input_tokens:,}", justify="right")
    table.add_column("out", f"{total.output_tokens:,}", justify="right")
    table.add_column("cost", _shown(paid), justify="right")
    table.add_column("at asap", _shown(sum(at_once)), justify="right")
    for entry, nanos in zip(entries, at_once, strict=True):
        table.add_row(
            entry.mode,
            entry.window,
            f"{entry.wall_s:.2f} s",
            f"{entry.usage.input_tokens:,}",
            f"{entry.usage.output_tokens:,}",
            _shown(entry.cost_nanos),
            _shown(nanos),
        )
    console.print(table, highlight=False)
    console.print(_footnote(tariff, paid=paid, at_once=sum(at_once)), highlight=False)


def _footnote(tariff: Tariff, *, paid: int, at_once: int) -> str:
    listed = tariff.listed
    saved = 100 - 100 * paid / at_once if at_once else 0.0
    return (
        f" In and out are tokens; costs are in millionths of a {tariff.currency}.\n"
        f" Per million tokens at asap: {listed['input']} in, {listed['cached']} cached, "
        f"{listed['output']} out. Waiting saved [bold]{saved:.0f} %[/bold]."
    )


def _shown(nanos: int) -> str:
    return f"{nanos / NANOS_PER_SHOWN:.2f}"
