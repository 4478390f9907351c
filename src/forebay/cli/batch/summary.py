"""What is said at the end: of a batch that was run, one that failed validation, and of reports."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from forebay.cli.batch.pace import seconds_text
from forebay.cli.batch.report import BatchReport
from forebay.cli.batch.shapes import BatchView, Cost
from forebay.cli.batch.writing import Written

MAX_PROBLEMS = 20


def summary_lines(
    batch: BatchView, written: Written, *, wall_s: float, report: BatchReport | None
) -> list[str]:
    """Return the end of a run, in a few lines."""
    counts = batch.counts
    total = max(counts.total, counts.done)
    lines = [f"{_count(total, 'line')}, {_failed(written)}"]
    if batch.status != "completed":
        lines[0] = (
            f"the batch {'has ' if batch.status == 'expired' else 'was '}{batch.status}; {lines[0]}"
        )
    if batch.usage is not None:
        tokens = batch.usage
        lines.append(f"{tokens.input_tokens:,} tokens in, {tokens.output_tokens:,} out")
    cost = batch.cost
    if cost is not None:
        each = _each(batch, report)
        lines.append(f"{amount_text(cost)}" + (f", {each} a record" if each else ""))
    rate = counts.done / wall_s if wall_s > 0 else 0.0
    lines.append(f"{seconds_text(wall_s)}, {rate:,.1f} lines/s")
    return lines


def problem_lines(batch: BatchView, *, unit: str) -> list[str]:
    """Return what validation found, by the lines or rows of the input."""
    problems = [] if batch.errors is None else batch.errors.data
    lines = []
    for problem in problems[:MAX_PROBLEMS]:
        where = "input" if problem.line is None else f"{unit} {problem.line}"
        at = f" ({problem.param})" if problem.param else ""
        lines.append(f"  {where}: {problem.message or problem.code or 'refused'}{at}")
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"  and {len(problems) - MAX_PROBLEMS} more")
    return lines or ["  the server gives no reason"]


def report_pairs(report: BatchReport) -> list[tuple[str, str]]:
    """Return what a report says, by its names."""
    tokens, wasted = report.usage, report.waste.input_tokens + report.waste.output_tokens
    pairs = [("batch", report.batch_id), ("status", report.status)]
    for name, count in report.lines.items():
        if count or name in ("total", "accepted"):
            pairs.append((f"lines {name.replace('_', ' ')}", f"{count:,}"))
    pairs.append(("retries", f"{report.retries:,}"))
    pairs.append(("tokens", f"{tokens.input_tokens:,} in, {tokens.output_tokens:,} out"))
    if report.prefix_cache_share is not None:
        pairs.append(("prefix cache", f"{report.prefix_cache_share:.1%} of the tokens in"))
    if wasted:
        pairs.append(("wasted", f"{wasted:,} tokens, {amount_text(report.waste.cost)}"))
    return [
        *pairs,
        ("cost", amount_text(report.cost)),
        ("cost per accepted", amount_text(report.cost_per_accepted)),
        ("time", _seconds(report.time.wall_s)),
        ("time running", _seconds(report.time.run_s)),
        ("tokens/s", _rate(report.time.tokens_per_s)),
        ("lines/s", _rate(report.time.lines_per_s)),
        ("window", _window(report)),
    ]


def batch_pairs(batch: BatchView) -> list[tuple[str, str]]:
    """Return what is known of a batch whose server makes no reports, by its names."""
    counts = batch.counts
    pairs = [
        ("batch", batch.id),
        ("status", batch.status),
        ("lines total", f"{counts.total:,}"),
        ("lines completed", f"{counts.completed:,}"),
        ("lines failed", f"{counts.failed:,}"),
    ]
    if batch.usage is not None:
        tokens = batch.usage
        pairs.append(("tokens", f"{tokens.input_tokens:,} in, {tokens.output_tokens:,} out"))
    if batch.cost is not None:
        pairs.append(("cost", amount_text(batch.cost)))
    return pairs


def amount_text(cost: Cost | None) -> str:
    """Return an amount of money."""
    return "none" if cost is None else f"{cost.amount} {cost.currency}"


def _each(batch: BatchView, report: BatchReport | None) -> str | None:
    if report is not None:
        each = report.cost_per_accepted
        return None if each is None else each.amount
    if batch.cost is None or not batch.counts.completed:
        return None
    try:
        return f"{Decimal(batch.cost.amount) / batch.counts.completed:.3g}"
    except InvalidOperation:
        return None


def _failed(written: Written) -> str:
    if not written.failed:
        return "none failed"
    rows = ", ".join(map(str, written.first_failed))
    more = ", ..." if written.failed > len(written.first_failed) else ""
    named = f" (row {rows}{more})" if rows else ""
    return f"{written.failed:,} failed{named}: {written.where}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _seconds(seconds: float | None) -> str:
    return "none" if seconds is None else seconds_text(seconds)


def _rate(rate: float | None) -> str:
    return "none" if rate is None else f"{rate:,.1f}"


def _window(report: BatchReport) -> str:
    kept = {True: "met", False: "missed", None: "open"}[report.window.is_met]
    return f"{report.window.name}, {kept}"
