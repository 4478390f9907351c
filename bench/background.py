"""What the background costs: keeping a request, bringing it to the engine, working a backlog off.

The engine and the load share one process, and so one core; the service has the rest. In the end the
database must hold every request, completed at its first try and charged once, or the figures are
worth nothing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.background_figures import Measured, failures_of, figures_of
from bench.backlog import Creates, Creating, Drain, create_backlog, drain
from bench.baseline import run_bare_loop, serve_bare_store
from bench.databases import Database, charges, kept, opened
from bench.dispatch import Dispatches, measure_dispatches
from bench.figure import Report
from bench.gate import Gate, serve_gated_upstream
from bench.gateway import Gateway, serve_forebay
from bench.memory import ResidentMemory, watched
from bench.tenants import create_tenants

_DISPATCHES = 400
_CONCURRENCY = 256
"""Turns at a time on one engine, by default."""


async def run_background(
    *, databases: Sequence[str], requests: int, connections: int, say: Callable[[str], None]
) -> Report:
    """Run the scenario on each database in turn, in about five minutes each with 100,000 requests.

    Nothing is left running. Raises `CommandFailed` if a server or a command does not do its part.
    """
    reports: list[Report] = []
    for name in databases:
        with TemporaryDirectory(prefix="forebay-bench-") as folder:
            async with opened(name, Path(folder)) as database:
                measured = await _measure(
                    database,
                    folder=Path(folder),
                    requests=requests,
                    connections=connections,
                    say=say,
                )
        figures, failures = list(figures_of(measured)), list(failures_of(measured))
        reports.append(Report(figures=figures, failures=failures))
    return Report(
        figures=[figure for report in reports for figure in report.figures],
        failures=[failure for report in reports for failure in report.failures],
    )


async def _measure(
    database: Database,
    *,
    folder: Path,
    requests: int,
    connections: int,
    say: Callable[[str], None],
) -> Measured:
    gate, failures = Gate(), list[str]()

    def tell(text: str) -> None:
        say(f"{database.name}: {text}")

    async with serve_gated_upstream(gate) as upstream:
        async with serve_forebay(
            upstream=upstream,
            folder=folder / "measured",
            is_priced=True,
            more_environment=database.environment,
        ) as gateway:
            resident = ResidentMemory(gateway.pid)
            async with watched(resident, *([database.memory] if database.memory else [])):
                dispatches, creates, drained = await _run(
                    database,
                    gateway,
                    gate,
                    folder=folder,
                    requests=requests,
                    connections=connections,
                    failures=failures,
                    say=tell,
                )
        tell(f"the bare loop's {creates.created:,} calls")
        loop = await run_bare_loop(
            upstream=upstream, calls=creates.created, concurrency=_CONCURRENCY, logs=folder
        )
    return Measured(
        database=database.name,
        dispatches=dispatches,
        creates=creates,
        drain=drained,
        loop=loop,
        resident_mb=resident.peak_bytes / 1e6,
        database_mb=database.memory.peak_bytes / 1e6 if database.memory else None,
        kept=await kept(database),
        failures=failures,
    )


async def _run(
    database: Database,
    gateway: Gateway,
    gate: Gate,
    *,
    folder: Path,
    requests: int,
    connections: int,
    failures: list[str],
    say: Callable[[str], None],
) -> tuple[Dispatches, Creates, Drain]:
    keys = await create_tenants(gateway, database)
    say(f"from call to engine, {_DISPATCHES} times")
    dispatches = await measure_dispatches(url=gateway.url, keys=keys, gate=gate, calls=_DISPATCHES)
    gate.shut()
    async with serve_bare_store(flags=database.bare_flags, logs=folder) as bare:
        creating, bare_creating = (
            Creating(url=server.url, pid=server.pid, keys=keys, connections=connections)
            for server in (gateway, bare)
        )
        creates = await create_backlog(
            forebay=creating, bare=bare_creating, requests=requests, say=say
        )
    failures += creating.failures + bare_creating.failures
    say(f"draining {creates.created:,} requests")
    drained = await drain(
        gate=gate,
        database=database,
        pid=gateway.pid,
        requests=creates.created,
        asked_before=dispatches.calls,
        charged_before=await charges(database),
    )
    return dispatches, creates, drained
