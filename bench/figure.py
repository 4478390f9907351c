"""One measured figure beside what it is compared with, and the table of all of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value and its baseline, in the same unit; without a baseline it has no ratio."""

    name: str
    value: float
    unit: str
    baseline_name: str = ""
    baseline: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of its baseline."""
        return self.value / self.baseline if self.baseline else None

    def as_json(self) -> dict[str, object]:
        """All fields and the ratio, for a file."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures, and what went wrong; with any failure the figures are worth nothing."""

    figures: list[Figure]
    failures: list[str]


def figure_table(figures: Sequence[Figure]) -> Table:
    """Lay the figures out in their order, one a row."""
    table = Table()
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("baseline", justify="right")
    table.add_column("baseline is")
    table.add_column("ratio", justify="right")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{_number(figure.value)} {figure.unit}",
            "" if figure.baseline is None else f"{_number(figure.baseline)} {figure.unit}",
            figure.baseline_name,
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
        )
    return table


def _number(value: float) -> str:
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}"
