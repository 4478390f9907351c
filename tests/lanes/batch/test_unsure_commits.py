"""A commit whose answer was lost may have been kept: then what it names must be there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from forebay.core.windows import DEFAULT_WINDOWS
from forebay.lanes.batch.inline_batches import InlineBatches
from forebay.lanes.batch.message_batches import MessageBatchDesk
from forebay.lanes.batch.uploads import UploadDesk
from forebay.store.database import Database, Operation, Row, StoreFailed, T, Value
from forebay.store.reservations import Birth
from forebay.store.store import Store, build_store
from tests.fakes import CountingIds, ManualClock, ScriptedEngine
from tests.lanes.house import CALLER, House
from tests.store.makers import new_upload

PARAMS = {"model": "tiny", "messages": [{"role": "user", "content": "a"}]}
REQUESTS = [{"custom_id": "a", "params": PARAMS}]
BATCH = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}


class LostDatabase:
    """A database that keeps what it is given, and is lost before it says so."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, operation: Operation[T]) -> T:
        await self._database.write(operation)
        raise StoreFailed("no answer to a commit")

    async def append(self, query: str, row: tuple[Value, ...]) -> None:
        await self._database.append(query, row)

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        return await self._database.read(query, **values)

    async def close(self) -> None:
        await self._database.close()


async def pieces(content: object) -> AsyncIterator[bytes]:
    """Return what a caller sends."""
    yield json.dumps(content).encode()


async def make_file(house: House) -> None:
    writer = await house.files.receive(pieces({}))
    await house.files.add(CALLER, writer, filename="a", purpose="batch", expires_after_s=None)


async def make_part(house: House) -> None:
    desk = UploadDesk(house.store, clock=house.clock, new_id=house.new_id, max_upload_bytes=99)
    writer = await desk.receive(pieces({}))
    await desk.add_part(CALLER, "upload_1", writer, birth=Birth(id="part_1"))


async def make_message_batch(house: House) -> None:
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
    await desk.create(
        CALLER,
        await desk.receive(pieces({"requests": REQUESTS})),
        birth=Birth(id="msgbatch_1"),
        base_url="http://here",
        version=None,
        header_window=None,
    )


async def make_inline_batch(house: House) -> None:
    desk = InlineBatches(
        house.store,
        house.batches,
        clock=house.clock,
        new_id=house.new_id,
        max_requests=9,
        max_bytes=999,
        max_fields_bytes=999,
    )
    spooled = await desk.receive(pieces(BATCH | {"requests": REQUESTS}))
    await desk.create(CALLER, spooled, birth=Birth(id="batch_1"))


@pytest.mark.parametrize("make", [make_file, make_part, make_message_batch, make_inline_batch])
async def test_what_may_have_been_kept_keeps_its_bytes(
    store: Store,
    database: Database,
    clock: ManualClock,
    new_id: CountingIds,
    engine: ScriptedEngine,
    make: Callable[[House], Awaitable[None]],
) -> None:
    await store.uploads.add(new_upload())
    lost = build_store(LostDatabase(database), store.blobs, clock=clock, new_id=new_id)
    with pytest.raises(StoreFailed):
        await make(House(lost, clock, new_id, engine))
    (blob_id,) = [blob_id async for blob_id, _ in store.blobs.listed()]
    assert await store.blob_names.unnamed([blob_id]) == []
