"""Segments of batches and their result chunks: who may change what.

A segment is claimed with a lease; its holder alone records chunks. Recording a chunk, with the
counts and the ledger entry, is the one transaction that makes its results real: after a crash,
exactly the lines without a recorded chunk run again. The one that records the last line of a batch
makes the batch `finalizing`, too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

import msgspec

from forebay.core.batches import Batch, BatchStatus, LineOutcome
from forebay.core.clock import Clock, Instant
from forebay.core.errors import LeaseLost
from forebay.core.ids import NewId
from forebay.core.ledger import LedgerEntry
from forebay.dialects.wire import encode
from forebay.store.batch_files import grow_batch_file
from forebay.store.batches import NewSegment
from forebay.store.chunks import ChunkRecord, NewChunk, Results, Tally
from forebay.store.database import Database, Row, Tx
from forebay.store.ledger import record_entry
from forebay.store.records import Urgency, record, urgency

UNUSUAL_OUTCOMES = tuple(outcome for outcome in LineOutcome if outcome != LineOutcome.COMPLETED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRecord(NewSegment):
    """A segment as it is kept."""

    id: str
    batch_id: str
    band_rank: int
    deadline_at: Instant
    ended_count: int
    lease_id: str | None


class _RecordedBefore(Exception):
    """These results are real already."""


class Segments:
    """The segments and chunks in a database."""

    def __init__(self, database: Database, *, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def peek(self, model: str, *, but_not: Collection[str] = ()) -> Urgency | None:
        """Return the band rank and deadline of the segment that would be claimed next."""
        rows = await self._database.read(
            "peek_waiting_segment", model=model, now=self._clock.now(), but_not=_listed(but_not)
        )
        return urgency(rows[0]) if rows else None

    async def claim(
        self, model: str, *, lease_expires_at: Instant, but_not: Collection[str] = ()
    ) -> tuple[SegmentRecord, Batch] | None:
        """Lease the model's most urgent waiting segment of a running batch to the caller.

        None is of a batch, or is itself, among the ids `but_not`.
        """
        lease_id = self._new_id("lease_")
        now = self._clock.now()

        async def claim(tx: Tx) -> tuple[Row, Row] | None:
            segments = await tx.run(
                "claim_segment",
                model=model,
                lease_id=lease_id,
                lease_expires_at=lease_expires_at,
                now=now,
                but_not=_listed(but_not),
            )
            if not segments:
                return None
            (batch,) = await tx.run("get_batch_of_segment", id=segments[0]["id"])
            return segments[0], batch

        rows = await self._database.write(claim)
        return None if rows is None else (record(rows[0], SegmentRecord), record(rows[1], Batch))

    async def hold_next(
        self, batch_id: str, *, from_ordinal: int, lease_expires_at: Instant
    ) -> SegmentRecord | None:
        """Lease a batch's next segment that waits, from that ordinal on, to whoever closes it."""
        lease_id = self._new_id("lease_")

        async def hold(tx: Tx) -> list[Row]:
            return await tx.run(
                "hold_segment",
                batch_id=batch_id,
                from_ordinal=from_ordinal,
                lease_id=lease_id,
                lease_expires_at=lease_expires_at,
            )

        rows = await self._database.write(hold)
        return record(rows[0], SegmentRecord) if rows else None

    async def has_unfinished(self, batch_id: str) -> bool:
        """Tell whether any of the batch's segments has a line without a result."""
        return bool(await self._database.read("peek_unfinished_segment", batch_id=batch_id))

    async def ended_lines(self, segment_id: str) -> set[int]:
        """Return the numbers of the segment's lines that have a recorded result."""
        rows = await self._database.read("list_ended_lines", segment_id=segment_id)
        return {
            number
            for row in rows
            for number in msgspec.json.decode(str(row["line_numbers"]), type=list[int])
        }

    async def unfinished(self, batch_id: str) -> list[SegmentRecord]:
        """Return the batch's segments that have lines without a result."""
        rows = await self._database.read("list_unfinished_segments", batch_id=batch_id)
        return [record(row, SegmentRecord) for row in rows]

    async def chunks(self, batch_id: str, *, kind: str) -> list[ChunkRecord]:
        """Return the batch's `output` or `error` chunks in the order of their recording."""
        rows = await self._database.read("list_chunks", batch_id=batch_id, kind=kind)
        return [record(row, ChunkRecord) for row in rows]

    async def all_chunks(self, batch_id: str) -> list[ChunkRecord]:
        """Return the batch's chunks of both kinds in the order of their recording."""
        rows = await self._database.read("list_all_chunks", batch_id=batch_id)
        return [record(row, ChunkRecord) for row in rows]

    async def at(self, batch_id: str, ordinal: int) -> SegmentRecord | None:
        """Return the batch's segment of that ordinal."""
        rows = await self._database.read("get_segment", batch_id=batch_id, ordinal=ordinal)
        return record(rows[0], SegmentRecord) if rows else None

    async def chunks_of(self, segment_id: str) -> list[ChunkRecord]:
        """Return the chunks of one segment, of both kinds."""
        rows = await self._database.read("list_segment_chunks", segment_id=segment_id)
        return [record(row, ChunkRecord) for row in rows]

    async def release(
        self,
        segment: SegmentRecord,
        batch: Batch,
        *,
        tally: Tally | None = None,
        waste: LedgerEntry | None = None,
    ) -> None:
        """Give a segment back, and note what its unfinished lines have cost.

        A lease that was lost is nobody's any more, so nothing is said; the cost is noted even then,
        and that of a batch that is gone in the ledger alone.
        """

        async def release(tx: Tx) -> None:
            await tx.run("release_segment", id=segment.id, lease_id=segment.lease_id)
            if tally is not None:
                await self._count(tx, batch, Results(tally=tally), now=self._clock.now())
            if waste is not None:
                await record_entry(tx, waste)

        await self._database.write(release)

    async def record(self, segment: SegmentRecord, batch: Batch, results: Results) -> bool:
        """Make results real: chunks, counts and charge together; tells if the batch has them all.

        Recorded again, after a commit whose answer was lost, they are real once all the same.
        Raises `LeaseLost`, keeping nothing, when the segment is held by somebody else by now.
        """
        chunks = [chunk for chunk in (results.output, results.errors) if chunk is not None]
        now = self._clock.now()

        async def keep(tx: Tx) -> bool:
            ended = sum(len(chunk.line_numbers) for chunk in chunks)
            rows = await tx.run(
                "advance_segment", id=segment.id, lease_id=segment.lease_id, ended=ended
            )
            # After the row's lock was had: whoever was committing the same has done so by now.
            if await tx.run("get_chunk_of_blob", blob_id=chunks[0].blob_id):
                raise _RecordedBefore
            if not rows:
                raise LeaseLost(f"the lease on {segment.id} was lost")
            # The batch's row is locked before its chunks get their numbers: whoever reads results
            # while others record some never sees a number before a smaller one.
            has_all = await self._count(tx, batch, results, now=now)
            for chunk in chunks:
                await self._add_chunk(tx, segment, chunk, now=now)
            for entry in (results.charge, results.waste):
                if entry is not None:
                    await record_entry(tx, entry)
            return has_all

        try:
            return await self._database.write(keep)
        except _RecordedBefore:
            rows = await self._database.read("get_batch_status", id=batch.id)
            return rows[0]["status"] == BatchStatus.FINALIZING.value

    async def _add_chunk(
        self, tx: Tx, segment: SegmentRecord, chunk: NewChunk, *, now: Instant
    ) -> None:
        await tx.run(
            "add_chunk",
            batch_id=segment.batch_id,
            segment_id=segment.id,
            kind=chunk.kind,
            blob_id=chunk.blob_id,
            line_count=len(chunk.line_numbers),
            size_bytes=chunk.size_bytes,
            line_numbers=encode(chunk.line_numbers).decode(),
            schema_failed=encode(chunk.schema_failed).decode() if chunk.schema_failed else None,
            created_at=now,
        )

    async def _count(self, tx: Tx, batch: Batch, results: Results, *, now: Instant) -> bool:
        """Add to the batch's counts; the first chunk of a kind also makes that kind's file.

        Returns whether every line of the batch has its result.
        """
        output, errors, tally = results.output, results.errors, results.tally
        fresh = {kind: self._new_id("file-") for kind in ("output", "error")}
        rows = await tx.run(
            "count_results",
            id=batch.id,
            now=now,
            completed=len(output.line_numbers) if output else 0,
            failed=len(errors.line_numbers) if errors else 0,
            retries=tally.retries,
            waste_input_tokens=tally.waste.input_tokens,
            waste_output_tokens=tally.waste.output_tokens,
            waste_nanos=tally.waste_nanos,
            cost_nanos=results.cost_nanos,
            output_file_id=fresh["output"] if output else None,
            error_file_id=fresh["error"] if errors else None,
            **{outcome.value: tally.outcomes.get(outcome, 0) for outcome in UNUSUAL_OUTCOMES},
            **asdict(results.usage),
        )
        if not rows:
            return False  # deleted meanwhile, as batches are that have ended
        (counted,) = rows
        for chunk in (output, errors):
            if chunk is not None:
                file_id = str(counted[f"{chunk.kind}_file_id"])
                is_new = file_id == fresh[chunk.kind]
                await grow_batch_file(tx, batch, file_id, chunk, is_new=is_new, now=now)
        return counted["status"] == BatchStatus.FINALIZING.value


def _listed(ids: Collection[str]) -> str:
    return encode(list(ids)).decode()
