"""What a Forebay server reports of a batch, as far as it is used here; other servers have none."""

from __future__ import annotations

import msgspec

from forebay.cli.batch.calls import Calls
from forebay.cli.batch.endings import ServerAnswered
from forebay.cli.batch.shapes import Cost, Tokens
from forebay.cli.batch.submission import path_of

NOT_THERE = (404, 405, 501)


class Times(msgspec.Struct, frozen=True):
    """Seconds and rates."""

    wall_s: float | None = None
    run_s: float | None = None
    tokens_per_s: float | None = None
    lines_per_s: float | None = None


class Waste(msgspec.Struct, frozen=True):
    """Tokens that were made in vain, and are not billed."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: Cost | None = None


class WindowKept(msgspec.Struct, frozen=True):
    """The window of a batch, and whether it was met; None is open."""

    name: str = ""
    is_met: bool | None = None
    margin_s: float | None = None


class BatchReport(msgspec.Struct, frozen=True):
    """A report: `lines` counts each line once, by what became of it."""

    batch_id: str
    status: str
    lines: dict[str, int] = {}
    retries: int = 0
    usage: Tokens = Tokens()
    prefix_cache_share: float | None = None
    waste: Waste = Waste()
    cost: Cost | None = None
    spent: Cost | None = None
    cost_per_accepted: Cost | None = None
    time: Times = Times()
    window: WindowKept = WindowKept()


async def report_of(calls: Calls, batch_id: str) -> BatchReport | None:
    """Return the report of a batch; None from a server that makes none.

    Raises `ServerAnswered` or `ServerGone` for a call that failed another way.
    """
    try:
        return await calls.get(f"{path_of(batch_id)}/report", BatchReport)
    except ServerAnswered as error:
        if error.status in NOT_THERE:
            return None
        raise
