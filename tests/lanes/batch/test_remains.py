"""The remains of batches: what nobody can read any more goes, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.batches import Batch, BatchApi
from forebay.core.files import MESSAGE_BATCH
from forebay.core.projects import DEFAULT_PROJECT
from forebay.lanes.batch.remains import EVERY_S, STEP, BatchRemains
from forebay.store.batches import NewSegment
from forebay.store.blobs import Extent
from forebay.store.database import Database
from forebay.store.remains import Remains
from forebay.store.store import Store
from tests.fakes import ManualClock
from tests.lanes.busy_store import BusyBlobs
from tests.lanes.stuck_blobs import StuckBlobs
from tests.store.makers import LEASED_UNTIL, batch_of, chunk, new_batch, new_file, results

DAY_S = 86_400.0
KINDS = ("output", "error")


async def begun(
    store: Store, id: str = "batch_1", *, segments: int = 2, api: BatchApi = BatchApi.BATCHES
) -> Batch:
    """Return a batch that runs: segments of two lines in one plan, an index, and an input file."""
    content = await store.blobs.put(f"{id} input".encode())
    purpose = MESSAGE_BATCH if api is BatchApi.MESSAGE_BATCHES else "batch"
    await store.files.add(new_file(f"file-{id}", blob_id=content.id, purpose=purpose))
    await store.batches.create(new_batch(id, input_file_id=f"file-{id}", api=api))
    plan, index = [await store.blobs.put(f"{id} {name}".encode()) for name in ("plan", "index")]
    planned = [
        NewSegment(ordinal=number, model="tiny", blob_id=plan.id, line_count=2)
        for number in range(segments)
    ]
    assert await store.batches.begin(await batch_of(store, id), planned, index_blob_id=index.id)
    return await batch_of(store, id)


async def run(store: Store, batch: Batch) -> None:
    """Record a line of output and one of errors for each segment that waits."""
    while claimed := await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL):
        output, errors = [
            (await store.blobs.put(f"{batch.id} {kind}".encode())).id for kind in KINDS
        ]
        recorded = results(chunk(0, blob_id=output), chunk(1, kind="error", blob_id=errors))
        await store.segments.record(claimed[0], batch, recorded)


async def ended(store: Store, id: str = "batch_1", *, api: BatchApi = BatchApi.BATCHES) -> Batch:
    """Return such a batch that is completed."""
    await run(store, await begun(store, id, api=api))
    assert await store.batches.complete(id)
    return await batch_of(store, id)


async def contents(store: Store) -> set[str]:
    """Return what the blobs are that are left, in words."""
    kept = [blob_id async for blob_id, _ in store.blobs.listed()]
    return {(await store.blobs.get(Extent(blob_id))).decode() for blob_id in kept}


def all_of(id: str) -> set[str]:
    return {f"{id} {name}" for name in ("input", "plan", "index", *KINDS)}


async def delete_file(store: Store, file_id: str | None) -> None:
    assert file_id is not None
    assert (await store.files.delete(DEFAULT_PROJECT, file_id))[0]


async def look(store: Store, clock: ManualClock) -> None:
    """Go through all batches."""
    remains = BatchRemains(store, clock=clock)
    while await remains.step():
        pass


async def test_a_batch_whose_files_are_there_keeps_everything(
    store: Store, clock: ManualClock
) -> None:
    await ended(store)
    await look(store, clock)
    assert await contents(store) == all_of("batch_1")


async def test_with_its_output_only_that_goes(store: Store, clock: ManualClock) -> None:
    batch = await ended(store)
    await delete_file(store, batch.output_file_id)
    await look(store, clock)
    assert await contents(store) == all_of("batch_1") - {"batch_1 output"}
    assert await store.segments.chunks("batch_1", kind="output") == []
    assert len(await store.segments.chunks("batch_1", kind="error")) == 2


async def test_without_any_results_the_plan_and_the_index_go_and_the_batch_stays(
    store: Store, clock: ManualClock
) -> None:
    batch = await ended(store)
    await delete_file(store, batch.output_file_id)
    await delete_file(store, batch.error_file_id)
    await look(store, clock)
    assert await contents(store) == {"batch_1 input"}
    assert await store.segments.at("batch_1", 0) is None
    after_all = await batch_of(store)
    assert after_all == replace(batch, index_blob_id=None)
    assert await store.remains.page(after="", limit=9) == []


async def test_another_batch_loses_nothing(store: Store, clock: ManualClock) -> None:
    other = await ended(store, "batch_0")
    batch = await ended(store)
    for file_id in (batch.output_file_id, batch.error_file_id):
        await delete_file(store, file_id)
    await look(store, clock)
    assert await contents(store) == all_of(other.id) | {"batch_1 input"}


async def test_a_batch_that_runs_keeps_what_its_owner_deletes(
    store: Store, clock: ManualClock
) -> None:
    batch = await begun(store, segments=3)
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    output = await store.blobs.put(b"batch_1 output")
    await store.segments.record(claimed[0], batch, results(chunk(0, blob_id=output.id)))
    await delete_file(store, (await batch_of(store)).output_file_id)
    await look(store, clock)
    assert await contents(store) == all_of("batch_1") - {"batch_1 error"}


async def test_a_batch_that_is_read_for_another_waits_for_that(
    store: Store, clock: ManualClock
) -> None:
    batch = await ended(store)
    for file_id in (batch.output_file_id, batch.error_file_id):
        await delete_file(store, file_id)
    await store.batches.create(new_batch("batch_2", retry_of="batch_1"))
    await look(store, clock)
    assert await contents(store) == all_of("batch_1")
    await store.batches.fail("batch_2", errors="[]")
    await look(store, clock)
    assert await contents(store) == {"batch_1 input"}


@pytest.mark.parametrize("api", list(BatchApi))
async def test_a_deleted_batch_goes_altogether_but_for_what_was_uploaded(
    store: Store, clock: ManualClock, database: Database, api: BatchApi
) -> None:
    batch = await ended(store, api=api)
    await store.batches.delete(DEFAULT_PROJECT, "batch_1")
    await look(store, clock)
    is_private = api is BatchApi.MESSAGE_BATCHES
    assert await contents(store) == (set() if is_private else {"batch_1 input"})
    for file_id in (batch.output_file_id, batch.error_file_id):
        assert await store.files.get(DEFAULT_PROJECT, str(file_id)) is None
    assert await database.read("get_batch_status", id="batch_1") == []


async def test_a_batch_that_was_cleared_can_still_be_deleted(
    store: Store, clock: ManualClock, database: Database
) -> None:
    batch = await ended(store)
    for file_id in (batch.output_file_id, batch.error_file_id):
        await delete_file(store, file_id)
    await look(store, clock)
    await store.batches.delete(DEFAULT_PROJECT, "batch_1")
    await look(store, clock)
    assert await database.read("get_batch_status", id="batch_1") == []


async def test_the_results_of_a_message_batch_are_in_a_hidden_file(store: Store) -> None:
    batch = await ended(store, api=BatchApi.MESSAGE_BATCHES)
    file = await store.files.get(DEFAULT_PROJECT, str(batch.output_file_id))
    assert file is not None
    assert (file.purpose, file.is_hidden) == (MESSAGE_BATCH, True)


@pytest.mark.parametrize("blobs_kind", ["local"])
async def test_a_large_batch_goes_in_steps(store: Store, clock: ManualClock) -> None:
    batch = await begun(store, segments=STEP + 1)
    await store.batches.cancel(batch)
    await store.batches.end_cancelled("batch_1")
    remains = BatchRemains(store, clock=clock)
    assert await remains.step()
    assert len(await store.segments.unfinished("batch_1")) == 1
    assert await remains.step()
    assert not await remains.step()
    assert await contents(store) == {"batch_1 input"}


async def test_batches_are_looked_through_once_an_hour(store: Store, clock: ManualClock) -> None:
    remains = BatchRemains(store, clock=clock)
    assert not await remains.step()
    batch = await ended(store)
    await delete_file(store, batch.output_file_id)
    clock.move(EVERY_S - 1)
    assert not await remains.step()
    clock.move(1)
    assert await remains.step()


class DyingBlobs(BusyBlobs):
    """Blobs of a server that dies at a deletion, having done it."""

    def __init__(self, life: Life, store: Store) -> None:
        super().__init__(store.blobs)
        self._life = life

    async def delete(self, blob_id: str) -> None:
        await super().delete(blob_id)
        self._life.pass_by()


class DyingRemains(Remains):
    """Remains in the database of such a server."""

    def __init__(self, life: Life, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock=clock)
        self._life = life

    async def _run(self, query: str, **values: str | int) -> None:
        await super()._run(query, **values)
        self._life.pass_by()


class ServerDied(Exception):
    """Ends a server."""


class Life:
    """How many changes a server makes before it dies."""

    def __init__(self, changes: int) -> None:
        self.left = changes

    def pass_by(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise ServerDied


@pytest.mark.parametrize("blobs_kind", ["local"])
@pytest.mark.parametrize("changes", range(1, 11))
async def test_a_deletion_that_was_cut_short_anywhere_is_begun_again(
    store: Store, clock: ManualClock, database: Database, changes: int
) -> None:
    await ended(store)
    await store.batches.delete(DEFAULT_PROJECT, "batch_1")
    life = Life(changes)
    dying = replace(
        store, blobs=DyingBlobs(life, store), remains=DyingRemains(life, database, clock)
    )
    with pytest.raises(ServerDied):
        await look(dying, clock)
    await look(store, clock)
    assert await contents(store) == {"batch_1 input"}
    assert await database.read("get_batch_status", id="batch_1") == []


async def test_what_cannot_be_deleted_holds_up_no_other_batch(
    store: Store, clock: ManualClock
) -> None:
    for id in ("batch_1", "batch_2"):
        batch = await ended(store, id)
        for file_id in (batch.output_file_id, batch.error_file_id):
            await delete_file(store, file_id)
    stuck = StuckBlobs(store.blobs)
    [chunk, _] = await store.segments.chunks("batch_1", kind="output")
    stuck.stuck = {chunk.blob_id}
    remains = BatchRemains(replace(store, blobs=stuck), clock=clock)
    while await remains.step():
        pass
    assert "batch_1 output" in await contents(store)
    inputs = {"batch_1 input", "batch_2 input"}
    assert {content for content in await contents(store) if "batch_2" in content} < inputs
    stuck.stuck = set()
    clock.move(EVERY_S)
    while await remains.step():
        pass
    assert await contents(store) == inputs
