"""What a chat costs on its way through: Forebay beside a bare loop and beside the upstream itself.

The upstream and the load share one process, and so one core; the gateway has the rest.
In the end the ledger must hold one charge for each answer, or the figures are worth nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.baseline import serve_bare
from bench.figure import Figure, Report
from bench.gateway import Gateway, count_charges, serve_forebay
from bench.ledger import ledger_failures, ledger_figure
from bench.load import LoadResult
from bench.measurement import Measurements, Subject, Variant, targets
from bench.upstream import serve_upstream

_STARTS = 3
_READY_TARGET_S = 2.0
_RESTING_TARGET_MB = 150.0
_THROUGHPUT_S = 1.8
# A few hundred requests a second: little enough that they do not wait for each other.
_LATENCY_CONNECTIONS = 4
_LATENCY_PAUSE_S = 0.008
_LATENCY_S = 1.2


async def run_passthrough(*, connections: int, rounds: int, say: Callable[[str], None]) -> Report:
    """Run the scenario, in about 75 seconds with three rounds, and leave nothing running.

    Raises `CommandFailed` if a server or a command does not do its part.
    """
    throughput = _variants(connections=connections, pause_s=0.0, seconds=_THROUGHPUT_S)
    latency = _variants(
        connections=_LATENCY_CONNECTIONS, pause_s=_LATENCY_PAUSE_S, seconds=_LATENCY_S
    )
    with TemporaryDirectory(prefix="forebay-bench-") as name:
        folder = Path(name)
        async with serve_upstream() as upstream:
            say(f"starting Forebay {_STARTS} times")
            gateways = await _start_and_stop(_STARTS - 1, upstream=upstream, folder=folder)
            measured = folder / "measured"
            async with (
                serve_forebay(upstream=upstream, folder=measured) as gateway,
                serve_bare(upstream=upstream, logs=folder) as bare,
            ):
                gateways.append(gateway)
                measurements = Measurements(
                    await targets(upstream=upstream, bare=bare, gateway=gateway)
                )
                await _measure(measurements, [*throughput, *latency], rounds=rounds, say=say)
        charges = count_charges(measured)
    answers = measurements.answers[Subject.FOREBAY]
    return Report(
        figures=[
            *_throughput_figures(measurements, throughput),
            *_latency_figures(measurements, latency),
            *_start_figures(gateways),
            ledger_figure("passthrough", charges=charges, answers=answers),
        ],
        failures=[*measurements.failures, *ledger_failures(charges=charges, answers=answers)],
    )


def _variants(*, connections: int, pause_s: float, seconds: float) -> list[Variant]:
    return [
        Variant(is_streamed=is_streamed, connections=connections, pause_s=pause_s, seconds=seconds)
        for is_streamed in (False, True)
    ]


async def _start_and_stop(times: int, *, upstream: str, folder: Path) -> list[Gateway]:
    gateways: list[Gateway] = []
    for number in range(times):
        async with serve_forebay(upstream=upstream, folder=folder / f"start-{number}") as gateway:
            gateways.append(gateway)
    return gateways


async def _measure(
    measurements: Measurements,
    variants: Sequence[Variant],
    *,
    rounds: int,
    say: Callable[[str], None],
) -> None:
    say("warming up")
    for variant in variants:
        await measurements.warm_up(variant)
    for number in range(1, rounds + 1):
        for variant in variants:
            say(f"round {number} of {rounds}: {variant}")
            await measurements.run_round(variant)


def _throughput_figures(
    measurements: Measurements, variants: Sequence[Variant]
) -> Iterator[Figure]:
    for variant in variants:
        rates = {
            subject: measurements.median(subject, variant, attrgetter("requests_per_s"))
            for subject in Subject
        }
        yield Figure(
            name=f"{variant}",
            value=rates[Subject.FOREBAY],
            unit="/s",
            baseline=rates[Subject.BARE],
            baseline_name=Subject.BARE,
        )
        yield Figure(
            name=f"{variant}, the bare loop",
            value=rates[Subject.BARE],
            unit="/s",
            baseline=rates[Subject.UPSTREAM],
            baseline_name=Subject.UPSTREAM,
        )


def _latency_figures(measurements: Measurements, variants: Sequence[Variant]) -> Iterator[Figure]:
    """Time added to the upstream's own, by Forebay and by the bare loop."""
    for variant in variants:
        figures = {"p50": "p50_ms", "p99": "p99_ms"}
        if variant.is_streamed:
            figures |= {
                "first byte p50": "first_byte_p50_ms",
                "first byte p99": "first_byte_p99_ms",
            }
        for label, field in figures.items():
            of: Callable[[LoadResult], float] = attrgetter(field)
            upstream, bare, forebay = (
                measurements.median(subject, variant, of)
                for subject in (Subject.UPSTREAM, Subject.BARE, Subject.FOREBAY)
            )
            yield Figure(
                name=f"{variant}, {label} added",
                value=forebay - upstream,
                unit="ms",
                baseline=bare - upstream,
                baseline_name=Subject.BARE,
            )


def _start_figures(gateways: Sequence[Gateway]) -> Iterator[Figure]:
    yield Figure(
        name=f"start to ready, median of {len(gateways)}",
        value=median(gateway.ready_s for gateway in gateways),
        unit="s",
        baseline=_READY_TARGET_S,
        baseline_name="target, at most",
    )
    yield Figure(
        name="memory at rest after the start",
        value=median(gateway.resting_bytes for gateway in gateways) / 1e6,
        unit="MB",
        baseline=_RESTING_TARGET_MB,
        baseline_name="target, at most",
    )
