"""What validating a large file does to those who wait for answers: realtime before, and meanwhile.

The batch's model is one whose engine is away. So the file is validated and planned, and nothing of
it runs; realtime has another engine, which answers at once. The load asks that engine directly,
too: what this costs meanwhile is the machine's and the load's own.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.batch_client import BatchClient
from bench.batch_input import LONG_LINE_BYTES, write_input
from bench.calls import chat
from bench.cpu import CpuMoment
from bench.garbage import no_collections
from bench.load import percentile_ms
from bench.open_load import Pace, PacedCalls, Stretch, paced_calls

ABSENT_MODEL = "bench-absent"
REALTIME_PER_S = 200.0

_DIRECT_PER_S = 50.0
_MIN_VALIDATIONS = 5
_MAX_VALIDATIONS = 12
_MIN_SAMPLES = 3000
_MAX_VALIDATION_S = 300.0
_WARM_UP_S = 2.0
_BEFORE_S = 4.0
_AFTER_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Milliseconds of the calls before and during the validations, each the median over those.

    So a busy moment of the machine, in one of them, moves nothing; `samples` are all during them.
    """

    p50_before: float
    p99_before: float
    p50_during: float
    p99_during: float
    samples: int

    @property
    def p99_ratio(self) -> float:
        """By how much the 99th percentile moved."""
        return self.p99_during / (self.p99_before or 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validations:
    """What the validations of one file took, from create to in_progress, and what realtime saw.

    `others_before` is the percentage of a core that all but the server and the load took before.
    """

    seconds: Sequence[float]
    realtime: Latencies
    direct: Latencies
    others_before: float
    answers: int
    failures: list[str]

    @property
    def median_s(self) -> float:
        """The middle one."""
        return median(self.seconds)


async def long_lines(folder: Path, *, lines: int) -> Path:
    """Write an input of long lines for the model whose engine is away."""
    file = folder / f"long-lines-{lines}.jsonl"
    await asyncio.to_thread(
        write_input, file, lines=lines, line_bytes=LONG_LINE_BYTES, model=ABSENT_MODEL
    )
    return file


@contextmanager
def absent_engine() -> Iterator[str]:
    """Hold a port on which nobody listens while the block runs; gives its URL without `/v1`."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


async def measure_validations(
    client: BatchClient,
    file: Path,
    *,
    url: str,
    pid: int,
    upstream: str,
    keys: Sequence[str],
    say: Callable[[str], None],
) -> Validations:
    """Validate the file again and again, until there are calls enough in the meantime."""
    file_id = await client.upload(file)
    call = chat(is_streamed=False)
    before, during, seconds = list[Stretch](), list[Stretch](), list[float]()
    others = list[float]()
    with no_collections():
        async with (
            paced_calls(Pace(url=url, keys=keys, call=call, per_s=REALTIME_PER_S)) as realtime,
            paced_calls(Pace(url=upstream, keys=keys, call=call, per_s=_DIRECT_PER_S)) as direct,
        ):
            await asyncio.sleep(_WARM_UP_S)
            while not _is_enough(seconds):
                say(f"validation {len(seconds) + 1}")
                cpu = CpuMoment.now(pid)
                before.append(await _rested())
                others.append(CpuMoment.now(pid).shares_since(cpu).others)
                during.append(await _validated(client, file_id))
                seconds.append(during[-1].end - during[-1].begin)
                await asyncio.sleep(_AFTER_S)
    return Validations(
        seconds=seconds,
        realtime=latencies(realtime, before, during),
        direct=latencies(direct, before, during),
        others_before=median(others),
        answers=realtime.answers,
        failures=[*_failures("realtime", realtime), *_failures("the engine itself", direct)],
    )


def latencies(calls: PacedCalls, before: Sequence[Stretch], during: Sequence[Stretch]) -> Latencies:
    """Sort the calls by when they were made."""
    rested = [calls.latencies_s(stretch) for stretch in before]
    meanwhile = [calls.latencies_s(stretch) for stretch in during]
    return Latencies(
        p50_before=_median_ms(rested, 0.50),
        p99_before=_median_ms(rested, 0.99),
        p50_during=_median_ms(meanwhile, 0.50),
        p99_during=_median_ms(meanwhile, 0.99),
        samples=sum(len(ordered_s) for ordered_s in meanwhile),
    )


def _median_ms(of_each: Sequence[list[float]], share: float) -> float:
    return median(percentile_ms(ordered_s, share) for ordered_s in of_each)


def _is_enough(seconds: Sequence[float]) -> bool:
    has_samples = sum(seconds) * REALTIME_PER_S >= _MIN_SAMPLES
    return len(seconds) >= (_MIN_VALIDATIONS if has_samples else _MAX_VALIDATIONS)


async def _rested() -> Stretch:
    begin = time.perf_counter()
    await asyncio.sleep(_BEFORE_S)
    return Stretch(begin, time.perf_counter())


async def _validated(client: BatchClient, file_id: str) -> Stretch:
    begin = time.perf_counter()
    await client.has_begun(await client.create(file_id), seconds=_MAX_VALIDATION_S)
    return Stretch(begin, time.perf_counter())


def _failures(what: str, calls: PacedCalls) -> Iterator[str]:
    if calls.errors or not calls.answers:
        first = calls.first_error or "no answer came at all"
        yield f"{what}, while validating: {calls.errors} errors, the first:\n{first}"
