"""Tables on standard output: columns on a terminal, and lines with tabs for another program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Heading:
    """The name of a column; one of numbers has them at its right."""

    name: str
    is_number: bool = False


def print_table(headings: Sequence[Heading], rows: Sequence[Cells], console: Console) -> None:
    """Print rows below their headings, all of them whole."""
    names = [heading.name for heading in headings]
    if not console.is_terminal:
        _print_lines([names, *rows], console)
        return
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading.name, justify="right" if heading.is_number else "left")
    _print_whole(table, rows, console)


def print_pairs(pairs: Sequence[tuple[str, str]], console: Console) -> None:
    """Print names and their values."""
    if not console.is_terminal:
        _print_lines(pairs, console)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    _print_whole(table, pairs, console)


def _print_whole(table: Table, rows: Sequence[Cells], console: Console) -> None:
    for row in rows:
        table.add_row(*map(Text, row))
    # A terminal that is too narrow breaks the lines itself; we would leave columns out.
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    console.width = max(console.width, needed)
    console.print(table)


def _print_lines(rows: Sequence[Cells], console: Console) -> None:
    for row in rows:
        # Not by the console, which would make spaces of the tabs.
        print("\t".join(" ".join(cell.split()) for cell in row), file=console.file)
