"""What a person sees while a command works: bars on a terminal, a line now and then elsewhere.

All of it goes to standard error, so that standard output has the results alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from forebay.cli.batch.pace import Outlook, Pace, seconds_text
from forebay.cli.batch.shapes import BatchView

BAR_WIDTH = 24
PLAIN_EVERY_S = 30.0
PLAIN_EVERY = 0.1
"""Where there is no terminal, a line is said for a tenth of the batch, or for so many seconds."""

Moved = Callable[[int], None]
Seen = Callable[[BatchView], None]


class Display:
    """Shows the steps of one command. `clock` tells the seconds that pass."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._clock = clock

    def say(self, text: str) -> None:
        """Show a line that stays; markup in it is honoured."""
        self.console.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def bar(self, text: str, *, total: int | None) -> Iterator[Moved]:
        """Show how far a step is, while it lasts."""
        if not self.console.is_terminal:
            yield lambda _: None
            return
        with self._progress("") as progress:
            task = progress.add_task(text, total=total, details="")
            yield lambda done: progress.update(
                task, completed=done, details=f"{done:,} rows" if total is None else ""
            )

    @contextmanager
    def following(self) -> Iterator[Seen]:
        """Show a batch as it goes on, while the block lasts."""
        pace = Pace()
        if not self.console.is_terminal:
            yield _Plain(self, pace, self._clock).seen
            return
        with self._progress("") as progress:
            task = progress.add_task("waiting", total=None, details="")

            def seen(batch: BatchView) -> None:
                outlook = pace.seen(batch, now_s=self._clock(), unix_s=time.time())
                progress.update(
                    task,
                    description=batch.status.replace("_", " "),
                    completed=batch.counts.done,
                    total=batch.counts.total or None,
                    details=escape(details_text(batch, outlook)),
                )

            yield seen

    def _progress(self, details: str) -> Progress:
        return Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=BAR_WIDTH),
            TextColumn("{task.fields[details]}"),
            console=self.console,
            transient=True,
        )


class _Plain:
    """Says a line when the status changes, and now and then between."""

    def __init__(self, display: Display, pace: Pace, clock: Callable[[], float]) -> None:
        self._display = display
        self._pace = pace
        self._clock = clock
        self._status = ""
        self._done = 0
        self._said_at = 0.0

    def seen(self, batch: BatchView) -> None:
        now = self._clock()
        outlook = self._pace.seen(batch, now_s=now, unix_s=time.time())
        counts = batch.counts
        is_due = counts.done - self._done >= max(1.0, counts.total * PLAIN_EVERY) or (
            now - self._said_at >= PLAIN_EVERY_S
        )
        if batch.status == self._status and not is_due:
            return
        self._status, self._done, self._said_at = batch.status, counts.done, now
        details = details_text(batch, outlook)
        text = batch.status.replace("_", " ") + (f": {details}" if details else "")
        self._display.say(escape(text))


def details_text(batch: BatchView, outlook: Outlook) -> str:
    """Return what is known of a batch's progress, in one line."""
    counts = batch.counts
    if not counts.total:
        return ""
    parts = [f"{counts.done:,}/{counts.total:,}"]
    if counts.failed:
        parts.append(f"{counts.failed:,} failed")
    if not batch.has_ended and counts.done < counts.total:
        if outlook.lines_per_s is not None:
            parts.append(f"{outlook.lines_per_s:,.1f} lines/s")
        if outlook.left_s is not None:
            parts.append(f"{seconds_text(outlook.left_s)} left")
    if batch.cost is not None and batch.cost.amount.strip("0.") != "":
        parts.append(f"{batch.cost.amount} {batch.cost.currency}")
    return "  ".join(parts)
