"""Files: what callers uploaded, and what batches put out."""

from __future__ import annotations

from forebay.core.clock import Clock
from forebay.core.files import File, FilePart
from forebay.store.database import Database, Operation, Row, Tx
from forebay.store.records import record

PARTS_A_READ = 500  # a large batch has thousands: the event loop has its turn between them


class Files:
    """The files in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, file: File, *, first: Operation[None] | None = None) -> None:
        """Keep a file whose blob is already on disk.

        `first` runs in the same transaction before it, and keeps it from happening by raising.
        """

        async def add(tx: Tx) -> None:
            if first is not None:
                await first(tx)
            await add_file(tx, file)

        await self._database.write(add)

    async def get(self, project_id: str, file_id: str) -> File | None:
        """Return the project's file of that id."""
        rows = await self._database.read("get_file", id=file_id, project_id=project_id)
        return record(rows[0], File) if rows else None

    async def parts(self, file_id: str) -> list[FilePart]:
        """Return what a file holds that was uploaded in parts, in its order; else nothing."""
        rows = await self._database.read("list_file_parts", file_id=file_id)
        return [record(row, FilePart) for row in rows]

    async def result_parts(self, batch_id: str, *, kind: str) -> list[FilePart]:
        """Return what the batch's `output` or `error` file holds: its chunks, as recorded."""
        parts: list[FilePart] = []
        last_id, is_over = 0, False
        while not is_over:
            rows = await self._database.read(
                "list_result_parts",
                batch_id=batch_id,
                kind=kind,
                after_id=last_id,
                limit=PARTS_A_READ,
            )
            for row in rows:
                parts.append(record(row, FilePart))
                last_id = _id(row)
            is_over = len(rows) < PARTS_A_READ
        return parts

    async def page(
        self,
        project_id: str,
        *,
        purpose: str | None,
        after: str | None,
        limit: int,
        is_oldest_first: bool = False,
    ) -> list[File]:
        """Return the project's live files that come after the file `after` in that order."""
        rows = await self._database.read(
            "list_files_oldest_first" if is_oldest_first else "list_files_newest_first",
            project_id=project_id,
            purpose=purpose,
            after=after,
            limit=limit,
            now=self._clock.now(),
        )
        return [record(row, File) for row in rows]

    async def expired(self) -> list[File]:
        """Return some files whose life is over."""
        rows = await self._database.read("list_expired_files", now=self._clock.now())
        return [record(row, File) for row in rows]

    async def delete(self, project_id: str, file_id: str) -> tuple[bool, list[str]]:
        """Forget a file; returns whether it was there, and the blobs that nothing names any more.

        The results of a batch stay with the batch.
        """

        async def delete(tx: Tx) -> tuple[bool, list[str]]:
            parts = await tx.run("list_file_parts", file_id=file_id)
            rows = await tx.run("delete_file", id=file_id, project_id=project_id)
            if not rows:
                return False, []
            named = {str(row["blob_id"]) for row in (*rows, *parts) if row["blob_id"] is not None}
            orphans = [
                blob_id
                for blob_id in sorted(named)
                if not await tx.run("is_blob_named", blob_id=blob_id)
            ]
            return True, orphans

        return await self._database.write(delete)


async def add_file(tx: Tx, file: File) -> None:
    """Keep a file inside a larger transaction, unless its id is there already."""
    await tx.run(
        "add_file",
        id=file.id,
        project_id=file.project_id,
        purpose=file.purpose,
        filename=file.filename,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        blob_id=file.blob_id,
        created_at=file.created_at,
        expires_at=file.expires_at,
    )


def _id(row: Row) -> int:
    number = row["id"]
    assert isinstance(number, int)
    return number
