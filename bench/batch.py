"""What batches cost: validating a large file, running its lines, ending it, and the memory of it.

The engine and the load share one process, and so one core; the service has the rest. Each part has
a server and a database of its own, so that none finds what another left.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.batch_parts import Amounts, Place, measure_long, measure_throughput, measure_validation
from bench.databases import opened
from bench.figure import Figure, Report

_PARTS = {
    "validation": measure_validation,
    "throughput": measure_throughput,
    "long": measure_long,
}
PARTS = tuple(_PARTS)


async def run_batch(
    *,
    databases: Sequence[str],
    parts: Sequence[str],
    lines: int,
    rounds: int,
    say: Callable[[str], None],
) -> Report:
    """Run the parts on each database in turn, and leave nothing running.

    A long batch has so many lines, and no other has more; each is run in so many rounds. Raises
    `CommandFailed` if a server or a command does not do its part.
    """
    figures, failures = list[Figure](), list[str]()
    amounts = Amounts(lines=lines, rounds=rounds)
    for name in databases:
        for part in parts:
            with TemporaryDirectory(prefix="forebay-bench-") as folder:
                async with opened(name, Path(folder)) as database:
                    place = Place(database=database, folder=Path(folder), say=say)
                    report = await _PARTS[part](place, amounts)
            figures += report.figures
            failures += report.failures
    return Report(figures=figures, failures=failures)
