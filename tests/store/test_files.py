"""Files: rows that name blobs, seen by their project alone."""

from __future__ import annotations

from dataclasses import replace

from forebay.core.clock import after
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import new_file


async def test_a_file_is_kept_as_it_was_added(store: Store) -> None:
    await store.files.add(new_file())
    assert await store.files.get(DEFAULT_PROJECT, "file-1") == new_file()


async def test_another_project_sees_and_deletes_nothing(store: Store) -> None:
    await store.files.add(new_file())
    assert await store.files.get(OTHER_PROJECT, "file-1") is None
    assert await store.files.page(OTHER_PROJECT, purpose=None, after=None, limit=9) == []
    assert await store.files.delete(OTHER_PROJECT, "file-1") == (False, [])
    assert await store.files.get(DEFAULT_PROJECT, "file-1") is not None


async def test_pages_go_from_new_to_old_and_begin_after_the_cursor(store: Store) -> None:
    for number in range(1, 5):
        await store.files.add(new_file(f"file-{number}"))
    first = await store.files.page(DEFAULT_PROJECT, purpose=None, after=None, limit=2)
    rest = await store.files.page(DEFAULT_PROJECT, purpose=None, after=first[-1].id, limit=9)
    assert [file.id for file in first] == ["file-4", "file-3"]
    assert [file.id for file in rest] == ["file-2", "file-1"]


async def test_a_page_can_be_of_one_purpose(store: Store) -> None:
    await store.files.add(new_file("file-1"))
    await store.files.add(new_file("file-2", purpose="user_data"))
    found = await store.files.page(DEFAULT_PROJECT, purpose="user_data", after=None, limit=9)
    assert [file.id for file in found] == ["file-2"]


async def test_deleting_the_last_name_of_a_blob_tells_it(store: Store) -> None:
    file = new_file()
    await store.files.add(file)
    await store.files.add(replace(file, id="file-2"))
    assert await store.files.delete(DEFAULT_PROJECT, "file-1") == (True, [])
    assert await store.files.delete(DEFAULT_PROJECT, "file-2") == (True, ["blob_1"])
    assert await store.files.delete(DEFAULT_PROJECT, "file-2") == (False, [])


async def test_files_are_listed_from_either_end(store: Store) -> None:
    for name in ("file-1", "file-2", "file-3"):
        await store.files.add(new_file(name))
    found = await store.files.page(
        DEFAULT_PROJECT, purpose=None, after="file-1", limit=9, is_oldest_first=True
    )
    assert [item.id for item in found] == ["file-2", "file-3"]


async def test_an_expired_file_is_not_listed(store: Store, clock: ManualClock) -> None:
    await store.files.add(new_file("file-1", expires_at=after(START, 60)))
    clock.move(60)
    assert await store.files.page(DEFAULT_PROJECT, purpose=None, after=None, limit=9) == []


async def test_the_files_of_message_batches_are_not_listed(store: Store) -> None:
    await store.files.add(new_file("file-1", purpose="message_batch"))
    for purpose in (None, "message_batch"):
        for is_oldest_first in (False, True):
            assert not await store.files.page(
                DEFAULT_PROJECT,
                purpose=purpose,
                after=None,
                limit=9,
                is_oldest_first=is_oldest_first,
            )
    assert await store.files.get(DEFAULT_PROJECT, "file-1") is not None
