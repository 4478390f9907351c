"""A table is whole on a terminal of any width, and lines with tabs for another program."""

from __future__ import annotations

import io

from rich.console import Console

from forebay.cli.batch.tables import Heading, print_pairs, print_table

HEADINGS = (Heading("id"), Heading("lines", is_number=True), Heading("cost", is_number=True))
ROWS = [["batch_" + "a" * 60, "1,000/1,000", "0.5 EUR"], ["batch_b", "2/2", ""]]


def console(*, is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, no_color=True, width=40)


def text(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def test_another_program_gets_every_cell_behind_a_tab() -> None:
    shown = console(is_terminal=False)

    print_table(HEADINGS, ROWS, shown)

    assert text(shown).splitlines() == [
        "id\tlines\tcost",
        f"batch_{'a' * 60}\t1,000/1,000\t0.5 EUR",
        "batch_b\t2/2\t",
    ]


def test_a_cell_with_tabs_and_line_ends_stays_one_cell() -> None:
    shown = console(is_terminal=False)

    print_pairs([("status", "odd\tor\nworse [bold]")], shown)

    assert text(shown) == "status\todd or worse [bold]\n"


def test_a_narrow_terminal_loses_no_column() -> None:
    shown = console(is_terminal=True)

    print_table(HEADINGS, ROWS, shown)

    lines = [line.split() for line in text(shown).splitlines()]
    assert lines[1] == ["batch_" + "a" * 60, "1,000/1,000", "0.5", "EUR"]


def test_a_terminal_gets_names_and_values_side_by_side() -> None:
    shown = console(is_terminal=True)

    print_pairs([("status", "completed"), ("cost per accepted", "[none]")], shown)

    status, cost = text(shown).splitlines()
    assert "status" in status and status.rstrip().endswith("completed")
    assert "cost per accepted" in cost and cost.rstrip().endswith("[none]")
