"""Files: durable when their caller is told, or nothing of them is left; and who sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from forebay.core.errors import NotFound
from forebay.core.files import MESSAGE_BATCH
from forebay.lanes.batch.files import FileDesk
from forebay.store.blobs import Extent
from forebay.store.database import StoreFailed
from forebay.store.local_blobs import LocalBlobs
from forebay.store.store import Store
from tests.fakes import CountingIds, ManualClock
from tests.lanes.house import CALLER
from tests.store.makers import new_file, new_upload, new_upload_part


async def test_an_upload_that_the_disk_refuses_leaves_nothing(
    store: Store, clock: ManualClock, new_id: CountingIds, tmp_path: Path
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{}"

    blobs = LocalBlobs(tmp_path / "full", new_id=new_id, sync=full)
    desk = FileDesk(replace(store, blobs=blobs), clock=clock, new_id=new_id, max_file_bytes=99)
    writer = await desk.receive(pieces())
    with pytest.raises(StoreFailed):
        await desk.add(CALLER, writer, filename="a", purpose="batch", expires_after_s=None)
    blobs.close()
    assert not [path for path in (tmp_path / "full").rglob("*") if path.is_file()]


@pytest.fixture
def desk(store: Store, clock: ManualClock, new_id: CountingIds) -> FileDesk:
    """A desk over an empty store."""
    return FileDesk(store, clock=clock, new_id=new_id, max_file_bytes=99)


async def test_what_a_message_batch_keeps_is_no_file_to_anybody(
    store: Store, desk: FileDesk
) -> None:
    blob = await store.blobs.put(b"{}")
    hidden = new_file(purpose=MESSAGE_BATCH, blob_id=blob.id, size_bytes=2)
    await store.files.add(hidden)
    for act in (desk.get, desk.open, desk.delete):
        with pytest.raises(NotFound):
            await act(CALLER, hidden.id)
    shown = await desk.page(CALLER, purpose=None, after=None, limit=9)
    assert shown["data"] == []
    assert await store.files.get(CALLER.project_id, hidden.id) == hidden
    assert await store.blobs.get(Extent(blob.id)) == b"{}"


async def test_deleting_a_file_of_parts_leaves_no_blob(store: Store, desk: FileDesk) -> None:
    await store.uploads.add(new_upload())
    parts = []
    for number in range(2):
        blob = await store.blobs.put(b"abcdef")
        part = new_upload_part(number, blob_id=blob.id, size_bytes=6)
        await store.uploads.add_part(part, max_bytes=99)
        parts.append(part)
    file = new_file(blob_id=None)
    await store.uploads.complete(new_upload(), file, parts)
    await desk.delete(CALLER, file.id)
    assert [name async for name, _ in store.blobs.listed()] == []


@pytest.mark.parametrize("skipped", [0, 1])
async def test_a_file_whose_bytes_are_gone_is_not_found(
    store: Store, desk: FileDesk, skipped: int
) -> None:
    await store.files.add(new_file(blob_id="blob_gone"))
    with pytest.raises(NotFound):
        reading = await desk.open(CALLER, "file-1", skipped=skipped)
        await desk.read(reading, start=0, length=reading.size_bytes)
