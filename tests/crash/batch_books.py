"""What is left of a batch that has ended: what its owner reads, and what the database holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.crash.batch_calls import until_final
from tests.crash.batch_lines import Lines
from tests.crash.callers import Callers, Json
from tests.crash.kept import Row
from tests.crash.sites import Site

UNSETTLED = (
    "SELECT id FROM batch WHERE status NOT IN ('completed', 'failed', 'expired', 'cancelled')"
)
LEASED = "SELECT id FROM segment WHERE lease_id IS NOT NULL OR status = 'running'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """A batch, its results by kind, its row, and its part of the ledger."""

    lines: Lines
    endpoint: str
    batch: Json
    output: list[Json]
    errors: list[Json]
    row: Row
    segments: list[Row]
    chunks: list[Row]
    charges: list[Row]
    waste: list[Row]

    @property
    def answered(self) -> list[str]:
        """The custom ids in the output."""
        return [str(line["custom_id"]) for line in self.output]

    @property
    def unanswered(self) -> list[str]:
        """The custom ids among the errors."""
        return [str(line["custom_id"]) for line in self.errors]

    def count(self, column: str) -> int:
        """Return a count that the batch's row keeps."""
        return int(str(self.row[column]))


def total(rows: list[Row], column: str) -> int:
    """Return the sum of a column."""
    return sum(int(str(row[column])) for row in rows)


async def books_of(
    site: Site, callers: Callers, batch_id: str, lines: Lines, endpoint: str
) -> Books:
    """Return the books of a batch once it has ended."""
    batch = await until_final(callers, batch_id)
    output, errors = await _results(callers, batch_id, batch)

    async def rows(table: str) -> list[Row]:
        return await site.rows(f"SELECT * FROM {table} WHERE batch_id = '{batch_id}'")

    segments, chunks = await rows("segment"), await rows("chunk")
    subjects = {str(chunk["blob_id"]) for chunk in chunks}
    ids = tuple(f"{one['id']}/" for one in segments) + tuple(f"{each}/" for each in subjects)
    ledger = await site.rows("SELECT * FROM ledger_entry")
    return Books(
        lines=lines,
        endpoint=endpoint,
        batch=batch,
        output=output,
        errors=errors,
        row=(await site.rows(f"SELECT * FROM batch WHERE id = '{batch_id}'"))[0],
        segments=segments,
        chunks=chunks,
        charges=_of(ledger, "charge", lambda subject: subject in subjects),
        waste=_of(ledger, "waste", lambda subject: subject.startswith(ids)),
    )


def _of(ledger: list[Row], kind: str, is_own: Callable[[str], bool]) -> list[Row]:
    return [row for row in ledger if row["kind"] == kind and is_own(str(row["subject_id"]))]


async def _results(callers: Callers, batch_id: str, batch: Json) -> tuple[list[Json], list[Json]]:
    """Return what its owner reads: answers, and all else."""
    if batch_id.startswith("msgbatch_"):
        content = await callers.content(f"/v1/messages/batches/{batch_id}/results")
        lines = [json.loads(line) for line in content.splitlines()]
        answered = [line["result"]["type"] == "succeeded" for line in lines]
        pairs = list(zip(lines, answered, strict=True))
        return [line for line, is_one in pairs if is_one], [
            line for line, is_one in pairs if not is_one
        ]
    return (
        await _file(callers, batch["output_file_id"]),
        await _file(callers, batch["error_file_id"]),
    )


async def _file(callers: Callers, file_id: object) -> list[Json]:
    """Return the lines of a file of results, whose size must be that of its content."""
    if file_id is None:
        return []
    content = await callers.content(f"/v1/files/{file_id}/content")
    file = await callers.get(f"/v1/files/{file_id}")
    assert file["bytes"] == len(content), "the file is not as large as it says"
    return [json.loads(line) for line in content.splitlines()]
