"""When a batch moved from one state to the next, by the database's own milliseconds.

The API tells whole seconds, and whoever polls it sees a move late; the rows have the instants at
which the service itself noted them.
"""

from dataclasses import dataclass

from bench.databases import Database
from bench.process import CommandFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTimes:
    """Instants of a completed batch, in unix milliseconds; `last_result` is its last chunk's."""

    in_progress: int
    last_result: int
    completed: int

    @property
    def run_s(self) -> float:
        """How long its lines took, with what follows the last of them."""
        return (self.completed - self.in_progress) / 1000

    @property
    def finalizing_ms(self) -> float:
        """How long it took from the recording of its last results to its end."""
        return float(self.completed - self.last_result)

    def ms_since(self, at_unix_s: float) -> float:
        """Give the milliseconds from an instant to the batch's end."""
        return self.completed - at_unix_s * 1000


async def batch_times(database: Database, batch_id: str) -> BatchTimes:
    """Read them; raises `CommandFailed` if the batch has not completed."""
    # The id is the service's own, and needs no quoting; columns and tables are the benchmark's.
    of_batch = f"FROM batch WHERE id = '{batch_id}'"
    in_progress = await database.run(f"SELECT in_progress_at {of_batch}")
    completed = await database.run(f"SELECT completed_at {of_batch}")
    last_result = await database.run(
        f"SELECT max(created_at) FROM chunk WHERE batch_id = '{batch_id}'"
    )
    if in_progress is None or completed is None or last_result is None:
        raise CommandFailed(f"the database does not say when {batch_id} was completed")
    return BatchTimes(in_progress=in_progress, last_result=last_result, completed=completed)
