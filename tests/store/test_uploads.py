"""Uploads: parts become a file's, or are forgotten, by the one transaction that ends them."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.clock import after
from forebay.core.files import File, FilePart
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.uploads import Upload, UploadPart, UploadStatus
from forebay.store.database import Tx
from forebay.store.reservations import KeyTaken
from forebay.store.store import Store
from forebay.store.uploads import UploadClosed
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import new_file, new_upload, new_upload_part

GIGABYTE = 10**9
FILE = new_file(blob_id=None, sha256=None, size_bytes=12)


async def kept(store: Store, id: str = "upload_1") -> Upload:
    """Return the upload as it is kept, which it must be."""
    upload = await store.uploads.get(DEFAULT_PROJECT, id)
    assert upload is not None
    return upload


async def pending(store: Store, *numbers: int) -> list[UploadPart]:
    """Keep an upload with these parts."""
    await store.uploads.add(new_upload())
    parts = [new_upload_part(number) for number in numbers]
    for part in parts:
        await store.uploads.add_part(part, max_bytes=GIGABYTE)
    return parts


async def complete(store: Store, parts: list[UploadPart], file: File = FILE) -> list[str]:
    return await store.uploads.complete(new_upload(), file, parts)


async def refuse(_: Tx) -> None:
    raise KeyTaken("taken")


async def test_an_upload_is_kept_as_it_was_added(store: Store) -> None:
    await store.uploads.add(new_upload(file_expires_after_s=3600))
    assert await kept(store) == new_upload(file_expires_after_s=3600)


async def test_another_project_sees_no_upload(store: Store) -> None:
    await store.uploads.add(new_upload())
    assert await store.uploads.get(OTHER_PROJECT, "upload_1") is None


async def test_parts_are_kept_with_their_upload(store: Store) -> None:
    parts = await pending(store, 1, 2)
    assert await store.uploads.parts("upload_1") == parts


async def test_completing_makes_a_file_of_the_parts_in_the_order_named(store: Store) -> None:
    one, two, three = await pending(store, 1, 2, 3)
    assert await complete(store, [three, one]) == [two.blob_id]
    assert await store.files.get(DEFAULT_PROJECT, FILE.id) == FILE
    assert await store.files.parts(FILE.id) == [
        FilePart(blob_id=three.blob_id, size_bytes=three.size_bytes),
        FilePart(blob_id=one.blob_id, size_bytes=one.size_bytes),
    ]
    upload = await kept(store)
    assert (upload.status, upload.file_id) == (UploadStatus.COMPLETED, FILE.id)
    assert await store.uploads.parts("upload_1") == []


async def test_what_cannot_go_before_it_keeps_an_upload_from_being_completed(store: Store) -> None:
    parts = await pending(store, 1)
    with pytest.raises(KeyTaken):
        await store.uploads.complete(new_upload(), FILE, parts, first=refuse)
    assert (await kept(store)).status is UploadStatus.PENDING
    assert await store.files.get(DEFAULT_PROJECT, FILE.id) is None
    assert await store.uploads.parts("upload_1") == parts


async def test_what_cannot_go_before_it_keeps_a_part_from_being_added(store: Store) -> None:
    await pending(store)
    with pytest.raises(KeyTaken):
        await store.uploads.add_part(new_upload_part(1), max_bytes=GIGABYTE, first=refuse)
    assert await store.uploads.parts("upload_1") == []


async def test_cancelling_forgets_the_parts_and_tells_their_blobs(store: Store) -> None:
    parts = await pending(store, 1, 2)
    assert sorted(await store.uploads.cancel("upload_1")) == [part.blob_id for part in parts]
    assert (await kept(store)).status is UploadStatus.CANCELLED
    assert await store.uploads.parts("upload_1") == []


async def test_what_has_ended_is_neither_completed_nor_cancelled(store: Store) -> None:
    parts = await pending(store, 1)
    await store.uploads.cancel("upload_1")
    with pytest.raises(UploadClosed):
        await complete(store, parts)
    with pytest.raises(UploadClosed):
        await store.uploads.cancel("upload_1")
    assert await store.files.get(DEFAULT_PROJECT, FILE.id) is None


async def test_what_has_ended_takes_no_part(store: Store) -> None:
    await pending(store)
    await store.uploads.cancel("upload_1")
    with pytest.raises(UploadClosed):
        await store.uploads.add_part(new_upload_part(1), max_bytes=GIGABYTE)


async def test_an_upload_past_its_expiry_takes_no_part(store: Store, clock: ManualClock) -> None:
    await pending(store)
    clock.move(3600)
    with pytest.raises(UploadClosed):
        await store.uploads.add_part(new_upload_part(1), max_bytes=GIGABYTE)


async def test_parts_that_come_at_once_are_not_more_together_than_allowed(store: Store) -> None:
    await pending(store)
    adding = [
        store.uploads.add_part(new_upload_part(number, size_bytes=40), max_bytes=100)
        for number in range(1, 5)
    ]
    outcomes = await asyncio.gather(*adding, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [UploadClosed, UploadClosed]
    assert len(await store.uploads.parts("upload_1")) == 2


async def test_of_two_ends_at_once_one_alone_happens(store: Store) -> None:
    parts = await pending(store, 1)
    outcomes = await asyncio.gather(
        complete(store, parts),
        complete(store, parts, new_file("file-2", blob_id=None)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes].count(UploadClosed) == 1
    assert len(await store.files.page(DEFAULT_PROJECT, purpose=None, after=None, limit=9)) == 1


async def test_expiring_ends_what_is_overdue_and_nothing_else(
    store: Store, clock: ManualClock
) -> None:
    parts = await pending(store, 1)
    await store.uploads.add(new_upload("upload_2", expires_at=after(START, 3601)))
    clock.move(3600)
    assert await store.uploads.expire() == [part.blob_id for part in parts]
    assert (await kept(store)).status is UploadStatus.EXPIRED
    assert (await kept(store, "upload_2")).status is UploadStatus.PENDING
    assert await store.uploads.parts("upload_1") == []
    assert await store.uploads.expire() == []


async def test_an_upload_that_was_completed_does_not_expire(
    store: Store, clock: ManualClock
) -> None:
    await complete(store, await pending(store, 1))
    clock.move(3600)
    assert await store.uploads.expire() == []
    assert (await kept(store)).status is UploadStatus.COMPLETED


async def test_an_upload_is_over_at_its_expiry_before_anybody_notes_it(store: Store) -> None:
    upload = new_upload()
    assert upload.status_at(START) is UploadStatus.PENDING
    assert upload.status_at(upload.expires_at) is UploadStatus.EXPIRED


async def test_deleting_a_file_of_parts_tells_every_blob(store: Store) -> None:
    parts = await pending(store, 1, 2)
    await complete(store, parts)
    orphans = [part.blob_id for part in parts]
    assert await store.files.delete(DEFAULT_PROJECT, FILE.id) == (True, orphans)
    assert await store.files.parts(FILE.id) == []


@pytest.mark.parametrize("is_completed", [False, True])
async def test_a_blob_that_a_part_names_is_not_orphaned(store: Store, is_completed: bool) -> None:
    parts = await pending(store, 1)
    await store.files.add(new_file("file-2", blob_id=parts[0].blob_id))
    if is_completed:
        await complete(store, parts)
    assert await store.files.delete(DEFAULT_PROJECT, "file-2") == (True, [])
