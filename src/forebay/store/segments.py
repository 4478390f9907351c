"""Segments of batches and their result chunks: who may change what.

A segment is claimed with a lease; its holder alone records chunks. Recording a chunk, with the
counts and the ledger entry, is the one transaction that makes its results real: after a crash,
exactly the lines without a recorded chunk run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from forebay.core.batches import Batch, LineOutcome
from forebay.core.clock import Clock, Instant
from forebay.core.errors import LeaseLost
from forebay.core.files import File
from forebay.core.ids import NewId
from forebay.core.ledger import LedgerEntry
from forebay.core.money import Usage
from forebay.dialects.wire import encode
from forebay.store.batches import NewSegment
from forebay.store.database import Database, Row, Tx
from forebay.store.files import add_file
from forebay.store.ledger import record_entry
from forebay.store.records import Urgency, record, urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRecord(NewSegment):
    """A segment as it is kept."""

    id: str
    batch_id: str
    band_rank: int
    deadline_at: Instant
    ended_count: int
    lease_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChunk:
    """Results of some lines: a blob of JSON lines. `line_numbers` are the segment's, from 0.

    Of these, the `schema_failed` ones are answers that do not have the form that was asked for.
    """

    kind: str
    blob_id: str
    size_bytes: int
    line_numbers: list[int]
    schema_failed: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRecord:
    """A chunk as it is kept; its lists are JSON."""

    kind: str
    blob_id: str
    line_count: int
    size_bytes: int
    line_numbers: str
    schema_failed: str | None

    @property
    def numbers(self) -> list[int]:
        """The numbers of the segment's lines whose results it holds, in their order there."""
        return msgspec.json.decode(self.line_numbers, type=list[int])

    @property
    def failed_numbers(self) -> list[int]:
        """Those of them that do not have the form that was asked for."""
        return msgspec.json.decode(self.schema_failed or "[]", type=list[int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the lines of one flush, and what their repeated attempts cost us."""

    outcomes: Mapping[LineOutcome, int] = field(default_factory=dict)
    retries: int = 0
    waste: Usage = field(default_factory=Usage)
    waste_nanos: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What one flush records: the output chunk, the error chunk, or both, and their bill."""

    output: NewChunk | None
    errors: NewChunk | None
    usage: Usage
    cost_nanos: int
    charge: LedgerEntry | None
    tally: Tally = field(default_factory=Tally)
    waste: LedgerEntry | None = None


class Segments:
    """The segments and chunks in a database."""

    def __init__(self, database: Database, *, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def peek(self, model: str) -> Urgency | None:
        """Return the band rank and deadline of the segment that would be claimed next."""
        rows = await self._database.read("peek_waiting_segment", model=model, now=self._clock.now())
        return urgency(rows[0]) if rows else None

    async def claim(
        self, model: str, *, lease_expires_at: Instant
    ) -> tuple[SegmentRecord, Batch] | None:
        """Lease the model's most urgent waiting segment of a running batch to the caller."""
        lease_id = self._new_id("lease_")
        now = self._clock.now()

        async def claim(tx: Tx) -> tuple[Row, Row] | None:
            segments = await tx.run(
                "claim_segment",
                model=model,
                lease_id=lease_id,
                lease_expires_at=lease_expires_at,
                now=now,
            )
            if not segments:
                return None
            (batch,) = await tx.run("get_batch_of_segment", id=segments[0]["id"])
            return segments[0], batch

        rows = await self._database.write(claim)
        return None if rows is None else (record(rows[0], SegmentRecord), record(rows[1], Batch))

    async def hold(
        self, segment: SegmentRecord, *, lease_expires_at: Instant
    ) -> SegmentRecord | None:
        """Lease this segment to the caller, to close it; None when it is held or done."""
        lease_id = self._new_id("lease_")

        async def hold(tx: Tx) -> list[Row]:
            return await tx.run(
                "hold_segment", id=segment.id, lease_id=lease_id, lease_expires_at=lease_expires_at
            )

        rows = await self._database.write(hold)
        return record(rows[0], SegmentRecord) if rows else None

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

    async def release(self, segment: SegmentRecord) -> None:
        """Give a segment back; a lease that was lost is nobody's any more, so nothing is said."""

        async def release(tx: Tx) -> None:
            await tx.run("release_segment", id=segment.id, lease_id=segment.lease_id)

        await self._database.write(release)

    async def record(self, segment: SegmentRecord, batch: Batch, results: Results) -> None:
        """Make results real: chunks, counts and charge together.

        Raises `LeaseLost`, keeping nothing, when the segment is held by somebody else by now.
        """
        chunks = [chunk for chunk in (results.output, results.errors) if chunk is not None]
        now = self._clock.now()

        async def keep(tx: Tx) -> None:
            ended = sum(len(chunk.line_numbers) for chunk in chunks)
            rows = await tx.run(
                "advance_segment", id=segment.id, lease_id=segment.lease_id, ended=ended
            )
            if not rows:
                raise LeaseLost(f"the lease on {segment.id} was lost")
            for chunk in chunks:
                await self._add_chunk(tx, segment, chunk, now=now)
            await self._count(tx, batch, results, now=now)
            for entry in (results.charge, results.waste):
                if entry is not None:
                    await record_entry(tx, entry)

        await self._database.write(keep)

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

    async def _count(self, tx: Tx, batch: Batch, results: Results, *, now: Instant) -> None:
        """Add to the batch's counts; the first chunk of a kind also makes that kind's file."""
        output, errors, tally = results.output, results.errors, results.tally
        fresh = {kind: self._new_id("file-") for kind in ("output", "error")}
        (files,) = await tx.run(
            "count_results",
            id=batch.id,
            completed=len(output.line_numbers) if output else 0,
            failed=len(errors.line_numbers) if errors else 0,
            schema_failed=tally.outcomes.get(LineOutcome.SCHEMA_FAILED, 0),
            refused=tally.outcomes.get(LineOutcome.REFUSED, 0),
            engine_failed=tally.outcomes.get(LineOutcome.ENGINE_FAILED, 0),
            expired=tally.outcomes.get(LineOutcome.EXPIRED, 0),
            cancelled=tally.outcomes.get(LineOutcome.CANCELLED, 0),
            retries=tally.retries,
            waste_input_tokens=tally.waste.input_tokens,
            waste_output_tokens=tally.waste.output_tokens,
            waste_nanos=tally.waste_nanos,
            input_tokens=results.usage.input_tokens,
            cached_tokens=results.usage.cached_tokens,
            output_tokens=results.usage.output_tokens,
            reasoning_tokens=results.usage.reasoning_tokens,
            cost_nanos=results.cost_nanos,
            output_file_id=fresh["output"] if output else None,
            error_file_id=fresh["error"] if errors else None,
        )
        for chunk in (output, errors):
            if chunk is not None:
                file_id = str(files[f"{chunk.kind}_file_id"])
                if file_id == fresh[chunk.kind]:
                    await add_file(tx, _batch_file(batch, chunk, file_id, now=now))
                # A file that its owner deleted meanwhile stays deleted.
                await tx.run("grow_file", id=file_id, size_bytes=chunk.size_bytes)


def _batch_file(batch: Batch, chunk: NewChunk, file_id: str, *, now: Instant) -> File:
    expires_after_s = batch.output_expires_after_s
    return File(
        id=file_id,
        project_id=batch.project_id,
        purpose="batch_output",
        filename=f"{batch.id}_{chunk.kind}.jsonl",
        size_bytes=0,
        sha256=None,
        blob_id=None,
        created_at=now,
        expires_at=None if expires_after_s is None else Instant(now + expires_after_s * 1000),
    )
