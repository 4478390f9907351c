"""Blobs whose naming failed, and whose deletion did: no row names what is gone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from forebay.core.errors import WindowNotOffered
from forebay.core.windows import DEFAULT_WINDOWS
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.files import FileDesk
from forebay.lanes.batch.inline_batches import InlineBatches
from forebay.lanes.batch.message_batches import MessageBatchDesk
from forebay.lanes.batch.uploads import UploadDesk
from forebay.store.database import Database, Operation, Row, StoreFailed, T, Tx, Value
from forebay.store.reservations import Birth, KeyTaken
from forebay.store.store import Store, build_store
from tests.fakes import CountingIds, ManualClock, ScriptedEngine
from tests.lanes.house import CALLER, House
from tests.lanes.stuck_blobs import StuckBlobs
from tests.store.makers import new_file, new_upload, new_upload_part

PARAMS = {"model": "tiny", "messages": [{"role": "user", "content": "a"}]}
BATCH: JsonObject = {
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
    "requests": [{"custom_id": "a", "params": PARAMS}],
}


class AllKept:
    """A database that keeps what it is given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, operation: Operation[T]) -> T:
        return await self._database.write(operation)

    async def append(self, query: str, row: tuple[Value, ...]) -> None:
        await self._database.append(query, row)

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        return await self._database.read(query, **values)

    async def close(self) -> None:
        await self._database.close()


class Unsure(AllKept):
    """One that does not know what it has kept."""

    async def write(self, operation: Operation[T]) -> T:
        await super().write(operation)
        raise StoreFailed("no answer to a commit")


class Unread(AllKept):
    """One of which no batch can be read."""

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        if query == "get_batch":
            raise StoreFailed("no connection to read by")
        return await super().read(query, **values)


async def taken(_: Tx) -> None:
    """Refuse what is to be kept."""
    raise KeyTaken("the idempotency key is taken")


async def pieces(content: object) -> AsyncIterator[bytes]:
    yield json.dumps(content).encode()


async def blobs_of(store: Store) -> list[str]:
    return [blob_id async for blob_id, _ in store.blobs.listed()]


async def make_file(house: House, **birth: Operation[None]) -> None:
    desk = FileDesk(house.store, clock=house.clock, new_id=house.new_id, max_file_bytes=99)
    writer = await desk.receive(pieces({}))
    await desk.add(
        CALLER,
        writer,
        filename="a",
        purpose="batch",
        expires_after_s=None,
        birth=Birth(id="file-1", **birth),
    )


async def make_part(house: House, **birth: Operation[None]) -> None:
    desk = UploadDesk(house.store, clock=house.clock, new_id=house.new_id, max_upload_bytes=99)
    writer = await desk.receive(pieces({}))
    await desk.add_part(CALLER, "upload_1", writer, birth=Birth(id="part_1", **birth))


async def make_batch(house: House, body: JsonObject = BATCH, **birth: Operation[None]) -> None:
    desk = InlineBatches(
        house.store,
        house.batches,
        clock=house.clock,
        new_id=house.new_id,
        max_requests=9,
        max_bytes=999,
        max_fields_bytes=999,
    )
    spooled = await desk.receive(pieces(body))
    await desk.create(CALLER, spooled, birth=Birth(id="batch_1", **birth))


async def make_message_batch(house: House, **birth: Operation[None]) -> None:
    desk = MessageBatchDesk(
        house.store,
        clock=house.clock,
        new_id=house.new_id,
        windows=DEFAULT_WINDOWS,
        currency="USD",
        expiry_s=86_400,
        max_requests=9,
        max_bytes=999,
        on_changed=lambda: None,
    )
    spooled = await desk.receive(pieces({"requests": BATCH["requests"]}))
    await desk.create(
        CALLER,
        spooled,
        birth=Birth(id="msgbatch_1", **birth),
        base_url="http://here",
        version=None,
        header_window=None,
    )


MAKING = pytest.mark.parametrize("make", [make_file, make_part, make_batch, make_message_batch])
Make = Callable[..., Awaitable[None]]


@MAKING
async def test_what_the_database_may_have_kept_keeps_its_bytes(
    store: Store,
    database: Database,
    clock: ManualClock,
    new_id: CountingIds,
    engine: ScriptedEngine,
    make: Make,
) -> None:
    await store.uploads.add(new_upload())
    unsure = build_store(Unsure(database), store.blobs, clock=clock, new_id=new_id)
    with pytest.raises(StoreFailed):
        await make(House(unsure, clock, new_id, engine))
    [blob_id] = await blobs_of(store)
    assert await store.blob_names.unnamed([blob_id]) == []


@MAKING
async def test_what_is_refused_leaves_no_bytes(house: House, make: Make) -> None:
    await house.store.uploads.add(new_upload())
    with pytest.raises(KeyTaken):
        await make(house, first=taken)
    assert await blobs_of(house.store) == []


async def test_a_batch_in_a_window_that_is_refused_leaves_no_bytes(house: House) -> None:
    with pytest.raises(WindowNotOffered):
        await make_batch(house, BATCH | {"completion_window": "never"})
    assert await blobs_of(house.store) == []


async def test_a_batch_that_is_kept_and_cannot_be_read_keeps_its_requests(
    store: Store,
    database: Database,
    clock: ManualClock,
    new_id: CountingIds,
    engine: ScriptedEngine,
) -> None:
    unread = build_store(Unread(database), store.blobs, clock=clock, new_id=new_id)
    with pytest.raises(StoreFailed):
        await make_batch(House(unread, clock, new_id, engine))
    batch = await store.batches.get(CALLER.project_id, "batch_1")
    assert batch is not None
    [blob_id] = await blobs_of(store)
    assert await store.blob_names.unnamed([blob_id]) == []


@pytest.fixture
def stuck(house: House) -> Store:
    """The store, with blobs that cannot be deleted."""
    blobs = StuckBlobs(house.store.blobs)
    blobs.is_all_stuck = True
    return replace(house.store, blobs=blobs)


async def test_a_file_is_deleted_although_its_blob_cannot_be(house: House, stuck: Store) -> None:
    blob = await stuck.blobs.put(b"x")
    await stuck.files.add(new_file(blob_id=blob.id))
    desk = FileDesk(stuck, clock=house.clock, new_id=house.new_id, max_file_bytes=99)
    assert (await desk.delete(CALLER, "file-1"))["deleted"] is True
    assert await stuck.blob_names.unnamed([blob.id]) == [blob.id]


async def test_an_upload_is_cancelled_although_its_parts_cannot_be_deleted(
    house: House, stuck: Store
) -> None:
    blob = await stuck.blobs.put(b"x")
    await stuck.uploads.add(new_upload())
    await stuck.uploads.add_part(new_upload_part(1, blob_id=blob.id), max_bytes=99)
    desk = UploadDesk(stuck, clock=house.clock, new_id=house.new_id, max_upload_bytes=99)
    assert (await desk.cancel(CALLER, "upload_1"))["status"] == "cancelled"
    assert await stuck.blob_names.unnamed([blob.id]) == [blob.id]


async def test_why_something_was_refused_is_told_although_its_blob_stays(
    house: House, stuck: Store
) -> None:
    house.store = stuck
    with pytest.raises(KeyTaken):
        await make_file(house, first=taken)
