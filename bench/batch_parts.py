"""The parts of the batch scenario: each starts a server, measures, and looks at what was kept."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.baseline import LoopResult, run_bare_batch, run_bare_read
from bench.batch_client import batch_client
from bench.batch_figures import (
    LongMeasured,
    ThroughputMeasured,
    batch_failures,
    long_figures,
    throughput_figures,
)
from bench.batch_input import PROMPT_LINE_BYTES
from bench.batch_run import BatchRun, Bench, prompts, run_batch_of
from bench.databases import Database, batch_ledger, charges
from bench.figure import Report
from bench.gate import Gate, serve_gated_upstream
from bench.gateway import serve_forebay
from bench.memory import TogetherMemory, watched
from bench.upstream import serve_upstream
from bench.validation import ABSENT_MODEL, absent_engine, long_lines, measure_validations
from bench.validation_figures import ValidationMeasured, validation_failures, validation_figures

_VALIDATED_LINES = 50_000
_THROUGHPUT_LINES = 20_000
_SHORT_LINES = 1_000
_SHORT_RUNS = 5
_CONCURRENCY = 256
"""Turns at a time on one engine, by default."""
_MAX_LINES = 50_000
_MAX_BYTES = 200_000_000
"""What a batch and its file may have by default, or a little less."""
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database, a folder, and somebody to tell how far it is."""

    database: Database
    folder: Path
    say: Callable[[str], None]

    def tell(self, text: str) -> None:
        """Tell, with the database's name."""
        self.say(f"{self.database.name}: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """How many lines a long batch has, and the others at most; how often each is run."""

    lines: int
    rounds: int


async def measure_validation(place: Place, amounts: Amounts) -> Report:
    """Validate a file of long lines while realtime goes on, in about a minute and a half."""
    lines = min(_VALIDATED_LINES, amounts.lines)
    file = await long_lines(place.folder, lines=lines)
    place.tell(f"the bare loop reads {lines:,} lines")
    bare_read_s = await run_bare_read(file, lines=lines, logs=place.folder)
    with absent_engine() as absent:
        async with (
            serve_upstream() as upstream,
            serve_forebay(
                upstream=upstream,
                folder=place.folder / "measured",
                is_priced=True,
                more_models={ABSENT_MODEL: absent},
                more_environment=place.database.environment,
            ) as gateway,
            batch_client(gateway) as client,
        ):
            keys = await gateway.create_keys()
            memory = TogetherMemory(gateway.pid)
            async with watched(memory, pause_s=_LOOK_S):
                validations = await measure_validations(
                    client,
                    file,
                    url=gateway.url,
                    pid=gateway.pid,
                    upstream=upstream,
                    keys=keys,
                    say=place.tell,
                )
    measured = ValidationMeasured(
        database=place.database.name,
        lines=lines,
        bare_read_s=bare_read_s,
        validations=validations,
        resident_mb=memory.peak_bytes / 1e6,
        charges=await charges(place.database),
    )
    return Report(
        figures=list(validation_figures(measured)), failures=list(validation_failures(measured))
    )


async def measure_throughput(place: Place, amounts: Amounts) -> Report:
    """Run batches through one worker, each after the bare loop has run the same lines."""
    lines = min(_THROUGHPUT_LINES, amounts.lines)
    runs, loops = list[BatchRun](), list[LoopResult]()
    file = await prompts(place.folder, lines=lines)
    async with _served(place, lines=lines) as (bench, upstream):
        for number in range(1, amounts.rounds + 1):
            place.tell(f"round {number} of {amounts.rounds}: {lines:,} lines")
            loops.append(
                await run_bare_batch(
                    upstream=upstream,
                    source=file,
                    lines=lines,
                    concurrency=_CONCURRENCY,
                    logs=place.folder,
                )
            )
            runs.append(await run_batch_of(bench, file, lines=lines))
    measured = ThroughputMeasured(
        database=place.database.name,
        runs=runs,
        loops=loops,
        ledger=await batch_ledger(place.database),
    )
    return Report(
        figures=list(throughput_figures(measured)),
        failures=list(batch_failures(runs, measured.ledger)),
    )


async def measure_long(place: Place, amounts: Amounts) -> Report:
    """Run short batches, to see how they end, then long ones, and look at the memory of those."""
    lines = amounts.lines
    short_file = await prompts(place.folder, lines=_SHORT_LINES)
    file = await prompts(place.folder, lines=lines)
    async with _served(place, lines=lines) as (bench, _):
        place.tell(f"{_SHORT_RUNS} times {_SHORT_LINES:,} lines")
        short = [
            await run_batch_of(bench, short_file, lines=_SHORT_LINES) for _ in range(_SHORT_RUNS)
        ]
        memory, database_memory = TogetherMemory(bench.pid), place.database.memory
        looked_at = [database_memory] if database_memory else []
        async with watched(memory, *looked_at, pause_s=_LOOK_S):
            long = list[BatchRun]()
            for number in range(1, amounts.rounds + 1):
                place.tell(f"round {number} of {amounts.rounds}: {lines:,} lines")
                long.append(await run_batch_of(bench, file, lines=lines))
    measured = LongMeasured(
        database=place.database.name,
        short=short,
        long=long,
        resident_mb=memory.peak_bytes / 1e6,
        database_mb=database_memory.peak_bytes / 1e6 if database_memory else None,
        ledger=await batch_ledger(place.database),
    )
    return Report(
        figures=list(long_figures(measured)),
        failures=list(batch_failures([*short, *long], measured.ledger)),
    )


@asynccontextmanager
async def _served(place: Place, *, lines: int) -> AsyncIterator[tuple[Bench, str]]:
    """Serve in front of an engine that answers at once; gives that engine's URL, too."""
    gate = Gate()
    async with (
        serve_gated_upstream(gate) as upstream,
        serve_forebay(
            upstream=upstream,
            folder=place.folder / "measured",
            is_priced=True,
            more_environment={**place.database.environment, **raised_limits(lines)},
        ) as gateway,
        batch_client(gateway) as client,
    ):
        yield (
            Bench(client=client, gate=gate, database=place.database, pid=gateway.pid),
            upstream,
        )


def raised_limits(lines: int) -> dict[str, str]:
    """Give the settings that let so many lines in, where the service's own limits do not."""
    limits: dict[str, str] = {}
    if lines > _MAX_LINES:
        limits["FOREBAY_MAX_BATCH_REQUESTS"] = str(lines)
    size_bytes = lines * PROMPT_LINE_BYTES
    if size_bytes > _MAX_BYTES:
        limits["FOREBAY_MAX_FILE_BYTES"] = str(size_bytes)
        limits["FOREBAY_MAX_BATCH_FILE_BYTES"] = str(size_bytes)
    return limits
