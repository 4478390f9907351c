"""Blobs on local disk: really there once committed, and nothing else is left behind."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.core.clock import Instant
from forebay.store.blobs import Extent
from forebay.store.database import StoreFailed
from forebay.store.local_blobs import SYNC_BYTES, LocalBlobs
from tests.fakes import CountingIds


class WatchedSync:
    """Notes what is synced, and what the folder of blobs holds at that moment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.synced: list[tuple[str, list[str]]] = []

    def __call__(self, descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
        named = [path.name for path in self._folder.glob("??/*")]
        self.synced.append((f"{kind} {name}", named))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def sync(folder: Path) -> WatchedSync:
    return WatchedSync(folder)


@pytest.fixture
def blobs(folder: Path, sync: WatchedSync) -> Iterator[LocalBlobs]:
    blobs = LocalBlobs(folder, new_id=CountingIds(), sync=sync)
    yield blobs
    blobs.close()


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads names from /proc")
async def test_a_blob_is_synced_before_it_has_its_name_and_its_folder_after(
    blobs: LocalBlobs, sync: WatchedSync
) -> None:
    blob = await blobs.put(b"content")
    spread = blob.id[-2:]
    assert sync.synced == [
        (f"file {blob.id}", []),
        ("folder blobs", []),  # which names the folder that is new
        (f"folder {spread}", [blob.id]),
    ]


async def test_a_large_blob_is_synced_while_it_is_written(
    blobs: LocalBlobs, sync: WatchedSync
) -> None:
    writer = await blobs.create()
    for _ in range(3):
        await writer.write(bytes(SYNC_BYTES // 2))
    assert [name for name, _ in sync.synced] == ["file blob_000000000000000000000000000000000001"]
    await writer.abandon()


async def test_a_blob_that_is_not_committed_cannot_be_read(blobs: LocalBlobs, folder: Path) -> None:
    writer = await blobs.create()
    await writer.write(b"half")
    (name,) = files_in(folder)
    with pytest.raises(StoreFailed):
        await blobs.get(Extent(name))
    await writer.abandon()


async def test_abandoning_leaves_nothing(blobs: LocalBlobs, folder: Path) -> None:
    writer = await blobs.create()
    await writer.write(b"half")
    await writer.abandon()
    assert files_in(folder) == []


async def test_a_writer_that_is_cancelled_in_its_commit_can_still_be_abandoned(
    folder: Path,
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        reached.set()
        go_on.wait()

    blobs = LocalBlobs(folder, new_id=CountingIds(), sync=slow)
    writer = await blobs.create()
    await writer.write(b"half")
    committing = asyncio.create_task(writer.commit())
    await asyncio.to_thread(reached.wait)
    committing.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await committing
    await writer.abandon()
    blobs.close()
    assert files_in(folder) == []


async def test_what_a_crash_left_is_swept_at_the_next_start(
    blobs: LocalBlobs, folder: Path
) -> None:
    kept = await blobs.put(b"kept")
    writer = await blobs.create()
    await writer.write(b"half")
    LocalBlobs(folder, new_id=CountingIds()).close()
    assert files_in(folder) == [kept.id]
    await writer.abandon()


async def test_a_server_that_shares_the_folder_sweeps_only_what_is_old(
    blobs: LocalBlobs, folder: Path
) -> None:
    old, new = await blobs.create(), await blobs.create()
    await old.write(b"left by a crash")
    (left,) = files_in(folder)
    os.utime(folder / "incoming" / left, (0, 0))
    await new.write(b"half of what another server takes just now")
    LocalBlobs(folder, new_id=CountingIds(), is_shared=True).close()
    blob = await new.commit()
    assert files_in(folder) == [blob.id]
    await old.abandon()


async def test_a_deleted_blob_is_gone_and_may_be_deleted_again(
    blobs: LocalBlobs, folder: Path
) -> None:
    blob = await blobs.put(b"content")
    for _ in range(2):
        await blobs.delete(blob.id)
    assert files_in(folder) == []


async def test_a_disk_that_fails_is_the_stores_error(folder: Path) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    blobs = LocalBlobs(folder, new_id=CountingIds(), sync=full)
    with pytest.raises(StoreFailed, match="No space left"):
        await blobs.put(b"content")
    blobs.close()


async def test_a_blob_that_could_not_be_put_leaves_nothing(folder: Path) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    blobs = LocalBlobs(folder, new_id=CountingIds(), sync=full)
    with pytest.raises(StoreFailed):
        await blobs.put(b"content")
    blobs.close()
    assert files_in(folder) == []


async def test_what_a_crash_left_goes_while_others_write(blobs: LocalBlobs, folder: Path) -> None:
    old, new = await blobs.create(), await blobs.create()
    await old.write(b"left by a crash")
    (left,) = files_in(folder)
    os.utime(folder / "incoming" / left, (1000, 1000))
    await new.write(b"half of what is taken just now")
    await blobs.tidy(before=Instant(1_000_001))
    blob = await new.commit()
    assert files_in(folder) == [blob.id]
    await old.abandon()


async def test_a_mark_is_on_disk_before_it_has_its_name(
    blobs: LocalBlobs, sync: WatchedSync
) -> None:
    await blobs.keep_mark("abc")
    assert [name for name, _ in sync.synced] == [
        "file mark_000000000000000000000000000000000001",
        "folder blobs",
    ]
