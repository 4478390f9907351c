"""Uploads: a file is durable when its caller is told, or nothing of it is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from forebay.lanes.batch.files import FileDesk
from forebay.store.blobs import LocalBlobs
from forebay.store.database import StoreFailed
from forebay.store.store import Store
from tests.fakes import CountingIds, ManualClock
from tests.lanes.house import CALLER


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
