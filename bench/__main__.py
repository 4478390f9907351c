"""Run the scenarios, print one table, and end with status 1 if anything was wrong."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop
from rich.console import Console

from bench.background import run_background
from bench.batch import PARTS, run_batch
from bench.databases import POSTGRES, SQLITE
from bench.figure import Report, figure_table
from bench.passthrough import run_passthrough
from bench.process import CommandFailed
from bench.streams import run_stream_gaps

_WIDTH = 110
_MIN_LINES = 1000
_SCENARIOS = ("passthrough", "streams", "background", "batch")


def main() -> int:
    """Give the exit status."""
    arguments = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    progress = Console(stderr=True, style="dim")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(_run(arguments, progress))
    except CommandFailed as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped", file=sys.stderr)
        return 130
    console.print(figure_table(report.figures))
    if arguments.json:
        _write(report, arguments.json)
    for failure in report.failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if report.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--only", choices=_SCENARIOS, help="run this scenario and no other")
    parser.add_argument("--rounds", type=int, default=3, help="median of so many (default 3)")
    parser.add_argument(
        "--connections",
        type=int,
        default=64,
        help="for passthrough's throughput and background's creates (default 64)",
    )
    parser.add_argument(
        "--requests",
        type=int,
        default=100_000,
        help="for background's backlog, at least 1000 (default 100000)",
    )
    parser.add_argument(
        "--lines",
        type=_lines,
        default=100_000,
        help="for batch's long ones, at least 1000; the others have no more (default 100000)",
    )
    parser.add_argument(
        "--part", choices=PARTS, help="for batch: this part and no other (default all in turn)"
    )
    parser.add_argument(
        "--database",
        choices=(SQLITE, POSTGRES),
        help="for background and batch (default both in turn)",
    )
    return parser


def _lines(text: str) -> int:
    lines = int(text)
    if lines < _MIN_LINES:
        raise argparse.ArgumentTypeError(f"{lines} is less than {_MIN_LINES}")
    return lines


async def _run(arguments: argparse.Namespace, progress: Console) -> Report:
    task = asyncio.current_task()
    assert task is not None
    # Ctrl-C already cancels this task; so that a stop from elsewhere cleans up, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    rounds: int = arguments.rounds
    reports: list[Report] = []
    if arguments.only in (None, "passthrough"):
        reports.append(
            await run_passthrough(
                connections=arguments.connections, rounds=rounds, say=progress.print
            )
        )
    if arguments.only in (None, "streams"):
        reports.append(await run_stream_gaps(rounds=rounds, say=progress.print))
    databases = (arguments.database,) if arguments.database else (SQLITE, POSTGRES)
    if arguments.only in (None, "background"):
        reports.append(
            await run_background(
                databases=databases,
                requests=arguments.requests,
                connections=arguments.connections,
                say=progress.print,
            )
        )
    if arguments.only in (None, "batch"):
        reports.append(
            await run_batch(
                databases=databases,
                parts=(arguments.part,) if arguments.part else PARTS,
                lines=arguments.lines,
                rounds=rounds,
                say=progress.print,
            )
        )
    return Report(
        figures=[figure for report in reports for figure in report.figures],
        failures=[failure for report in reports for failure in report.failures],
    )


def _write(report: Report, file: Path) -> None:
    figures = [figure.as_json() for figure in report.figures]
    file.write_text(json.dumps({"figures": figures, "failures": report.failures}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
