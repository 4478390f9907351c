"""One batch from its upload to the last byte of its output, on an engine that answers at once.

Nothing of it counts unless every line has one answer in the output, the engine was asked once for
each, and the batch tells as many tokens as the engine did.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.backlog import TENTHS, rate_of_tenth
from bench.batch_client import Batch, BatchClient
from bench.batch_input import PROMPT_LINE_BYTES, write_input
from bench.batch_output import output_failures
from bench.batch_times import batch_times
from bench.cpu import process_s
from bench.databases import Database
from bench.gate import Gate
from bench.process import CommandFailed
from bench.upstream import ANSWER_TOKENS, MODEL, PROMPT_TOKENS

TURN_TOKENS = PROMPT_TOKENS + ANSWER_TOKENS

_MIN_S = 60.0
_MIN_LINES_PER_S = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a batch is run with: a client, and the engine, database and process to look at."""

    client: BatchClient
    gate: Gate
    database: Database
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRun:
    """What a completed batch took.

    Its end is measured from the recording of the last results and from the engine's last answer;
    `cpu_ms` is the server's for one line, from the batch's beginning on.
    """

    lines: int
    per_s: float
    cpu_ms: float
    finalizing_ms: float
    since_answer_ms: float
    first_tenth_per_s: float
    last_tenth_per_s: float
    failures: list[str]


async def prompts(folder: Path, *, lines: int) -> Path:
    """Write an input of prompts of 500 tokens into the folder."""
    file = folder / f"prompts-{lines}.jsonl"
    await asyncio.to_thread(
        write_input, file, lines=lines, line_bytes=PROMPT_LINE_BYTES, model=MODEL
    )
    return file


async def run_batch_of(bench: Bench, file: Path, *, lines: int) -> BatchRun:
    """Upload the file, run it and read its output; raises `CommandFailed` unless it completes."""
    limit_s = _MIN_S + lines / _MIN_LINES_PER_S
    file_id = await bench.client.upload(file)
    asked_before = len(bench.gate.asked_at)
    batch = await bench.client.has_begun(await bench.client.create(file_id), seconds=limit_s)
    before_s = process_s(bench.pid)
    batch = await bench.client.has_completed(batch, seconds=limit_s)
    cpu_s = process_s(bench.pid) - before_s
    times = await batch_times(bench.database, batch.id)
    answered_at = bench.gate.answered_at[asked_before:]
    if not answered_at:
        raise CommandFailed(f"a batch of {lines} lines was completed without asking the engine")
    return BatchRun(
        lines=lines,
        per_s=lines / times.run_s,
        cpu_ms=1000 * cpu_s / lines,
        finalizing_ms=times.finalizing_ms,
        since_answer_ms=times.ms_since(_unix_s(answered_at[-1])),
        first_tenth_per_s=_tenth_per_s(answered_at, 0),
        last_tenth_per_s=_tenth_per_s(answered_at, TENTHS - 1),
        failures=[
            *told_failures(batch, lines=lines, asked=len(bench.gate.asked_at) - asked_before),
            *await _read(bench.client, batch, lines=lines),
        ],
    )


def told_failures(batch: Batch, *, lines: int, asked: int) -> Iterator[str]:
    """Say where the batch's own account and the engine's differ."""
    counts, usage = batch.request_counts, batch.usage
    if (counts.total, counts.completed, counts.failed) != (lines, lines, 0):
        yield f"a batch of {lines} lines tells {counts.completed} completed of {counts.total}"
    if asked != lines:
        yield f"the engine was asked {asked} times for {lines} lines"
    told, spent = usage.input_tokens + usage.output_tokens, lines * TURN_TOKENS
    if told != spent:
        yield f"a batch tells {told} tokens of the {spent} that the engine did"
    if batch.error_file_id is not None:
        yield "a batch without errors has an error file"


async def _read(client: BatchClient, batch: Batch, *, lines: int) -> list[str]:
    if batch.output_file_id is None:
        return ["a completed batch has no output"]
    return await output_failures(client.content(batch.output_file_id), lines=lines)


def _tenth_per_s(answered_at: Sequence[float], tenth: int) -> float:
    return rate_of_tenth(answered_at, tenth, opened_at=answered_at[0])


def _unix_s(at: float) -> float:
    return at + time.time() - time.perf_counter()
