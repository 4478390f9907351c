"""Chunks by chance: whatever crashes, loses its lease, or is not answered, in whatever order, every
line has one result in the end, and what is counted is what is charged is what is in the chunks.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from forebay.core.batches import Batch, BatchStatus, LineOutcome
from forebay.core.errors import LeaseLost
from forebay.core.money import Usage
from forebay.core.projects import DEFAULT_PROJECT
from forebay.lanes.batch.results import LineResult, ResultBuffer
from forebay.store.database import Database, StoreFailed
from forebay.store.local_blobs import LocalBlobs
from forebay.store.postgres import PostgresDatabase
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store, build_store
from tests.fakes import CountingIds, ManualClock
from tests.lanes.busy_store import BusyBlobs, BusySegments
from tests.postgres_server import PostgresServer
from tests.store.makers import LEASED_UNTIL, batch_of, begun, segment

LINES = 6
NANOS = 700
USAGE = Usage(input_tokens=10, output_tokens=2)
outcomes = st.sampled_from([LineOutcome.COMPLETED, LineOutcome.SCHEMA_FAILED, LineOutcome.REFUSED])


class ChunkRecovery(RuleBasedStateMachine):
    """Does at random what workers, crashes and disks do to a batch of two segments."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock, self.new_id = ManualClock(), CountingIds()
        self.buffers: list[tuple[str, ResultBuffer, set[int]]] = []
        self.database, self.store = self.runner.run(self.begin())

    async def open(self) -> Database:
        """Open an empty database."""
        return SqliteDatabase(Path(self.folder.name) / "chunks.sqlite")

    async def begin(self) -> tuple[Database, Store]:
        """Open a store with the batch in it."""
        database = await self.open()
        local = LocalBlobs(
            Path(self.folder.name) / "blobs", new_id=self.new_id, sync=lambda _: None
        )
        self.blobs = BusyBlobs(local)
        self.segments = BusySegments(database, clock=self.clock, new_id=self.new_id)
        built = build_store(database, local, clock=self.clock, new_id=self.new_id)
        store = replace(built, blobs=self.blobs, segments=self.segments)
        await store.projects.add_project(DEFAULT_PROJECT, name="default")
        await begun(store, segment(0, lines=LINES), segment(1, lines=LINES))
        return database, store

    def teardown(self) -> None:
        """Let one worker that nothing befalls finish the batch, and look at what came of it."""
        self.blobs.refused_puts = self.segments.refused = self.segments.unsure = 0
        try:
            self.runner.run(self.finish())
            self.agree()
        finally:
            self.runner.run(self.close())
            self.runner.close()
            self.folder.cleanup()

    async def close(self) -> None:
        """Close the database."""
        await self.database.close()

    async def finish(self) -> None:
        """Run what is left."""
        await self.store.leases.void_all()
        while claimed := await self.store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL):
            held, batch = claimed
            buffer = ResultBuffer(self.store, held, batch, clock=self.clock)
            for number in set(range(LINES)) - await self.store.segments.ended_lines(held.id):
                buffer.add(result(number, LineOutcome.COMPLETED))
            await buffer.flush()
        batch = await batch_of(self.store)
        assert (batch.status, batch.ended_count) == (BatchStatus.FINALIZING, 2 * LINES)

    @rule()
    def claim(self) -> None:
        """A worker claims a segment, and begins with what has no result."""
        self.runner.run(self._claim())

    async def _claim(self) -> None:
        claimed = await self.store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
        if claimed is not None:
            held, batch = claimed
            ended = await self.store.segments.ended_lines(held.id)
            buffer = ResultBuffer(self.store, held, batch, clock=self.clock)
            self.buffers.append((held.id, buffer, set(range(LINES)) - ended))

    @rule(which=st.integers(0, 3), count=st.integers(1, 3), outcome=outcomes)
    def run(self, which: int, count: int, outcome: LineOutcome) -> None:
        """Lines of a segment come to their results."""
        if which < len(self.buffers):
            _, buffer, left = self.buffers[which]
            for number in sorted(left)[:count]:
                left.discard(number)
                buffer.add(result(number, outcome))

    @rule(which=st.integers(0, 3))
    def flush(self, which: int) -> None:
        """A worker flushes; one whose lease is lost gives up."""
        if which < len(self.buffers):
            try:
                with suppress(StoreFailed):
                    self.runner.run(self.buffers[which][1].flush())
            except LeaseLost:
                del self.buffers[which]

    @rule()
    def lose_leases(self) -> None:
        """The leases are taken back; whoever had them does not know it yet."""
        self.runner.run(self.store.leases.void_all())

    @rule(which=st.integers(0, 3))
    def crash(self, which: int) -> None:
        """A worker dies with what it had not recorded."""
        if which < len(self.buffers):
            del self.buffers[which]

    @rule(puts=st.integers(0, 2), refused=st.integers(0, 1), unsure=st.integers(0, 1))
    def be_busy(self, puts: int, refused: int, unsure: int) -> None:
        """The disk refuses, the database refuses, or it does not answer."""
        self.blobs.refused_puts, self.segments.refused = puts, refused
        self.segments.unsure = unsure

    @invariant()
    def agree(self) -> None:
        """Chunks, counts and ledger say the same, and no line is in two chunks."""
        self.runner.run(self._agree())

    async def _agree(self) -> None:
        batch = await batch_of(self.store)
        lines: Counter[tuple[str, int]] = Counter()
        recorded: Counter[str] = Counter()
        for ordinal in (0, 1):
            found = await self.store.segments.at(batch.id, ordinal)
            assert found is not None
            for chunk in await self.store.segments.chunks_of(found.id):
                lines.update((found.id, number) for number in chunk.numbers)
                recorded[chunk.kind] += chunk.line_count
        assert all(count == 1 for count in lines.values())
        self._compare(batch, recorded)
        charges, usage, cost_nanos = await self.store.ledger.total(DEFAULT_PROJECT)
        assert (usage, cost_nanos) == (batch.usage, batch.cost_nanos)
        assert charges == len(await self.store.segments.chunks(batch.id, kind="output"))

    def _compare(self, batch: Batch, recorded: Counter[str]) -> None:
        assert batch.completed_count == recorded["output"]
        assert batch.failed_count == batch.refused_count == recorded["error"]
        assert batch.cost_nanos == NANOS * recorded["output"]


def result(number: int, outcome: LineOutcome) -> LineResult:
    """Return the result of a line; answers are charged."""
    if not outcome.has_output:
        return LineResult(number=number, line=b"{}\n", outcome=outcome)
    return LineResult(number=number, line=b"{}\n", outcome=outcome, usage=USAGE, cost_nanos=NANOS)


class ChunkRecoveryOnPostgres(ChunkRecovery):
    """The same on PostgreSQL."""

    server: PostgresServer

    async def open(self) -> Database:
        """Open an empty database."""
        self.url = await self.server.lend()
        return await PostgresDatabase.open(self.url)

    async def close(self) -> None:
        """Close the database, for another test."""
        await super().close()
        await self.server.take_back(self.url)


@pytest.fixture(scope="module", autouse=True)
def server(postgres_server: PostgresServer) -> None:
    """Give the machine its server: it cannot ask for fixtures itself."""
    ChunkRecoveryOnPostgres.server = postgres_server


TestChunkRecovery = ChunkRecovery.TestCase
TestChunkRecoveryOnPostgres = ChunkRecoveryOnPostgres.TestCase
TestChunkRecovery.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestChunkRecoveryOnPostgres.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None
)
