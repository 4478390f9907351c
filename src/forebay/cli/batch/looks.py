"""What is done with batches one by one: submit, watch, fetch, cancel, list, report."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from forebay.cli.batch.batch_input import BatchInput, Terms
from forebay.cli.batch.calls import Calls
from forebay.cli.batch.display import Display
from forebay.cli.batch.endings import CommandRefused, ExitStatus
from forebay.cli.batch.following import followed
from forebay.cli.batch.harvest import Harvest
from forebay.cli.batch.report import report_of
from forebay.cli.batch.rows import Format
from forebay.cli.batch.shapes import BatchList, BatchView
from forebay.cli.batch.submission import BATCHES, chosen_model, created, path_of, sent
from forebay.cli.batch.summary import (
    amount_text,
    batch_pairs,
    problem_lines,
    report_pairs,
    summary_lines,
)
from forebay.cli.batch.tables import Heading, print_pairs, print_table
from forebay.cli.batch.target import OutputWrong, Target, held
from forebay.cli.batch.writing import Written, write_lines_as_they_are

LISTED = (
    Heading("id"),
    Heading("status"),
    Heading("lines", is_number=True),
    Heading("failed", is_number=True),
    Heading("created"),
    Heading("cost", is_number=True),
)


class NoResultsYet(CommandRefused):
    """A batch has no results to fetch."""

    code = "no_results_yet"


async def submit(
    calls: Calls, given: BatchInput, terms: Terms, display: Display, *, scratch: Path
) -> ExitStatus:
    """Create the batch of an input, and print its id alone on standard output."""
    # A key of chance: a call of this command may be repeated, and the command makes a new batch.
    key = f"forebay-batch-{secrets.token_hex(16)}"
    model = await chosen_model(calls, given)
    file_id = await sent(
        calls, given, model=model, scratch=scratch, key=f"{key}-file", display=display
    )
    batch = await created(
        calls,
        file_id=file_id,
        endpoint=given.endpoint,
        terms=terms,
        key=f"{key}-batch",
        may_exist=False,
    )
    print(batch.id)
    return ExitStatus.DONE


async def watch(calls: Calls, batch_id: str, display: Display) -> ExitStatus:
    """Show a batch until it has ended."""
    with display.following() as seen:
        async for batch in followed(calls, batch_id):
            seen(batch)
    if batch.status == "failed":
        return _refused(batch, display)
    failed = Written(failed=batch.counts.failed, where="`forebay batch results` has their lines")
    report = await report_of(calls, batch.id)
    for line in summary_lines(batch, failed, wall_s=batch.wall_s or 0.0, report=report):
        display.say(escape(line))
    return _status(batch, failed.failed)


async def results(calls: Calls, batch_id: str, target: Target, display: Display) -> ExitStatus:
    """Write the result lines of a batch; of one that runs, those that are there."""
    if target.format is not Format.JSONL:
        raise OutputWrong("results are lines of JSON: name a .jsonl file; `run` writes tables")
    with held(target):
        batch = await calls.get(path_of(batch_id), BatchView)
        if batch.status == "failed":
            return _refused(batch, display)
        if batch.output_file_id is None and batch.error_file_id is None and not batch.has_ended:
            raise NoResultsYet(f"{batch_id} is {batch.status}, and has no results yet")
        harvested = await Harvest(calls, target.path).end(batch)
        written = write_lines_as_they_are(harvested, target)
    counts = batch.counts
    state = "" if batch.has_ended else f", {batch.status}: this is what was there by now"
    failed = f", {written.failed:,} failed: {written.where}" if written.failed else ""
    display.say(escape(f"{counts.done:,} of {counts.total:,} lines{failed}{state}"))
    return _status(batch, written.failed) if batch.has_ended else ExitStatus.DONE


async def cancel(calls: Calls, batch_id: str, display: Display) -> ExitStatus:
    """Cancel a batch; what is done stays."""
    batch = await calls.post(f"{path_of(batch_id)}/cancel", BatchView)
    counts = batch.counts
    display.say(escape(f"{batch.id} is {batch.status}, {counts.done:,} of {counts.total:,} done"))
    return ExitStatus.DONE


async def list_batches(calls: Calls, *, limit: int) -> ExitStatus:
    """Print the newest batches."""
    page = await calls.get(BATCHES, BatchList, query={"limit": str(limit)})
    print_table(LISTED, [_cells(batch) for batch in page.data], Console())
    return ExitStatus.DONE


async def report(calls: Calls, batch_id: str) -> ExitStatus:
    """Print the report of a batch; without one, what the batch itself tells."""
    found = await report_of(calls, batch_id)
    if found is None:
        pairs = batch_pairs(await calls.get(path_of(batch_id), BatchView))
    else:
        pairs = report_pairs(found)
    print_pairs(pairs, Console())
    return ExitStatus.DONE


def _cells(batch: BatchView) -> list[str]:
    counts = batch.counts
    return [
        batch.id,
        batch.status,
        f"{counts.done:,}/{counts.total:,}",
        f"{counts.failed:,}",
        _time(batch.created_at),
        "" if batch.cost is None else amount_text(batch.cost),
    ]


def _refused(batch: BatchView, display: Display) -> ExitStatus:
    display.say(f"[bold red]{escape(batch.id)} failed validation[/bold red]")
    for line in problem_lines(batch, unit="line"):
        display.say(escape(line))
    return ExitStatus.REFUSED


def _status(batch: BatchView, failed: int) -> ExitStatus:
    is_good = batch.status == "completed" and not failed
    return ExitStatus.DONE if is_good else ExitStatus.LINES_FAILED


def _time(unix_s: float | None) -> str:
    if unix_s is None:
        return ""
    return datetime.fromtimestamp(unix_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
