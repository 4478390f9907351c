"""Uploads: what is announced comes in parts, and is a file when it is whole."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from forebay.core.errors import (
    BodyTooLarge,
    InvalidParameter,
    NotFound,
    RequestRejected,
    UploadNotPending,
)
from forebay.core.projects import DEFAULT_PROJECT
from forebay.lanes.admission import Caller
from forebay.lanes.batch.contents import Contents
from forebay.lanes.batch.uploads import UploadDesk
from forebay.store.reservations import Birth
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, CountingIds, ManualClock

CALLER = Caller(project_id=DEFAULT_PROJECT, key_id="key_1")
STRANGER = Caller(project_id=OTHER_PROJECT, key_id="key_2")
BODY: dict[str, Any] = {
    "filename": "in.jsonl",
    "purpose": "batch",
    "bytes": 6,
    "mime_type": "application/jsonl",
}


class Desk(UploadDesk):
    """An upload desk with small limits, called as a caller without idempotency keys does."""

    def __init__(self, store: Store, clock: ManualClock, new_id: CountingIds) -> None:
        super().__init__(store, clock=clock, new_id=new_id, max_upload_bytes=12, max_part_bytes=8)
        self.store = store
        self.new_id = new_id

    async def begin(self, **others: Any) -> str:
        birth = Birth(id=self.new_id("upload_"))
        return str((await self.create(CALLER, BODY | others, birth=birth))["id"])

    async def send(self, upload_id: str, content: bytes, caller: Caller = CALLER) -> str:
        async def pieces() -> AsyncIterator[bytes]:
            yield content

        await self.check_pending(caller, upload_id)
        writer = await self.receive(pieces())
        birth = Birth(id=self.new_id("part_"))
        return str((await self.add_part(caller, upload_id, writer, birth=birth))["id"])

    async def end(self, upload_id: str, *part_ids: str, **others: Any) -> Any:
        body = {"part_ids": list(part_ids), **others}
        return await self.complete(CALLER, upload_id, body, birth=Birth(id=self.new_id("file-")))

    async def content(self, file_id: str) -> bytes:
        file = await self.store.files.get(DEFAULT_PROJECT, file_id)
        assert file is not None
        contents = Contents(self.store)
        extents = await contents.extents(file)
        return b"".join([piece async for piece in contents.pieces(extents)])

    async def blob_count(self) -> int:
        return len([name async for name, _ in self.store.blobs.listed()])


@pytest.fixture
def desk(store: Store, clock: ManualClock, new_id: CountingIds) -> Desk:
    """A desk over an empty store."""
    return Desk(store, clock, new_id)


async def test_a_new_upload_is_pending_for_an_hour(desk: Desk) -> None:
    shown = await desk.get(CALLER, await desk.begin())
    assert shown == {
        "id": shown["id"],
        "object": "upload",
        "bytes": 6,
        "created_at": START // 1000,
        "expires_at": START // 1000 + 3600,
        "filename": "in.jsonl",
        "purpose": "batch",
        "status": "pending",
        "file": None,
    }


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"bytes": 13}, "bytes"),
        ({"bytes": 0}, "bytes"),
        ({"bytes": "6"}, "bytes"),
        ({"bytes": 6.5}, "bytes"),
        ({"purpose": "nonsense"}, "purpose"),
        ({"purpose": "message_batch"}, "purpose"),
        ({"filename": ""}, "filename"),
        ({"filename": "n" * 513}, "filename"),
        ({"mime_type": "text plain"}, "mime_type"),
        ({"expires_after": {"anchor": "now", "seconds": 3600}}, "expires_after.anchor"),
        ({"expires_after": {"anchor": "created_at", "seconds": 60}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "created_at"}}, "expires_after.seconds"),
        ({"parts": 3}, "parts"),
    ],
)
async def test_a_wrong_upload_is_refused_with_its_field(
    desk: Desk, change: dict[str, Any], param: str
) -> None:
    with pytest.raises(RequestRejected) as refused:
        await desk.begin(**change)
    assert refused.value.param == param


@pytest.mark.parametrize("missing", list(BODY))
async def test_a_field_that_is_missing_is_named(desk: Desk, missing: str) -> None:
    body = {name: value for name, value in BODY.items() if name != missing}
    with pytest.raises(RequestRejected) as refused:
        await desk.create(CALLER, body, birth=Birth(id="upload_1"))
    assert refused.value.param == missing


async def test_the_parts_are_the_file_in_the_order_named_and_nothing_is_copied(desk: Desk) -> None:
    upload_id = await desk.begin()
    second, first = await desk.send(upload_id, b"def"), await desk.send(upload_id, b"abc")
    upload = await desk.end(upload_id, first, second)
    assert (upload["status"], upload["file"]["bytes"]) == ("completed", 6)
    assert upload["file"]["filename"] == "in.jsonl"
    assert await desk.content(upload["file"]["id"]) == b"abcdef"
    assert await desk.blob_count() == 2


async def test_parts_that_come_at_once_are_all_there(desk: Desk) -> None:
    upload_id = await desk.begin()
    parts = await asyncio.gather(*[desk.send(upload_id, content) for content in (b"abc", b"def")])
    upload = await desk.end(upload_id, *parts)
    assert await desk.content(upload["file"]["id"]) == b"abcdef"


async def test_parts_that_are_not_named_are_forgotten(desk: Desk) -> None:
    upload_id = await desk.begin()
    await desk.send(upload_id, b"xyz")
    upload = await desk.end(upload_id, await desk.send(upload_id, b"abcdef"))
    assert await desk.content(upload["file"]["id"]) == b"abcdef"
    assert await desk.blob_count() == 1


async def test_completing_again_answers_with_the_same_file(desk: Desk) -> None:
    upload_id = await desk.begin()
    part = await desk.send(upload_id, b"abcdef")
    assert await desk.end(upload_id, part) == await desk.end(upload_id, part)


async def test_completing_twice_at_once_makes_one_file(desk: Desk) -> None:
    upload_id = await desk.begin()
    part = await desk.send(upload_id, b"abcdef")
    one, other = await asyncio.gather(*[desk.end(upload_id, part) for _ in range(2)])
    assert one == other
    found = await desk.store.files.page(DEFAULT_PROJECT, purpose=None, after=None, limit=9)
    assert [file.id for file in found] == [one["file"]["id"]]


@pytest.mark.parametrize(
    ("named", "param"),
    [
        ([0, 0], "part_ids"),
        ([1, 0], "part_ids"),
        ([1], "part_ids"),
        (["part_unknown"], "part_ids[0]"),
        ([0, "of another"], "part_ids[1]"),
        ([], "part_ids"),
        ([7], "part_ids[0]"),
    ],
    ids=["twice", "too-much", "too-little", "unknown", "of-another", "none", "no-text"],
)
async def test_parts_that_do_not_make_the_file_are_refused_and_stay(
    desk: Desk, named: list[Any], param: str
) -> None:
    upload_id, another = await desk.begin(), await desk.begin()
    parts = [await desk.send(upload_id, b"abcdef"), await desk.send(upload_id, b"abc")]
    foreign = await desk.send(another, b"xyz")
    chosen = {0: parts[0], 1: parts[1], "of another": foreign}
    with pytest.raises(RequestRejected) as refused:
        await desk.end(upload_id, *[chosen.get(name, name) for name in named])
    assert refused.value.param == param
    assert (await desk.end(upload_id, parts[0]))["status"] == "completed"


async def test_the_md5_of_the_parts_together_is_checked(desk: Desk) -> None:
    upload_id = await desk.begin()
    parts = [await desk.send(upload_id, content) for content in (b"abc", b"def")]
    for wrong in (hashlib.md5(b"fedcba").hexdigest(), "abcdef", "x" * 32):
        with pytest.raises(InvalidParameter) as refused:
            await desk.end(upload_id, *parts, md5=wrong)
        assert refused.value.param == "md5"
    right = hashlib.md5(b"abcdef").hexdigest().upper()
    assert (await desk.end(upload_id, *parts, md5=right))["status"] == "completed"


async def test_an_unknown_field_of_a_completion_is_refused(desk: Desk) -> None:
    with pytest.raises(RequestRejected) as refused:
        await desk.end(await desk.begin(), "part_1", sha256="ab")
    assert refused.value.param == "sha256"


async def test_cancelling_leaves_no_blob_and_can_be_repeated(desk: Desk) -> None:
    upload_id = await desk.begin()
    part = await desk.send(upload_id, b"abcdef")
    assert (await desk.cancel(CALLER, upload_id))["status"] == "cancelled"
    assert await desk.cancel(CALLER, upload_id) == await desk.get(CALLER, upload_id)
    assert await desk.blob_count() == 0
    with pytest.raises(UploadNotPending, match="cancelled"):
        await desk.end(upload_id, part)
    with pytest.raises(UploadNotPending, match="cancelled"):
        await desk.send(upload_id, b"abc")


async def test_a_completed_upload_is_not_cancelled(desk: Desk) -> None:
    upload_id = await desk.begin()
    upload = await desk.end(upload_id, await desk.send(upload_id, b"abcdef"))
    with pytest.raises(UploadNotPending, match="completed"):
        await desk.cancel(CALLER, upload_id)
    assert await desk.content(upload["file"]["id"]) == b"abcdef"


async def test_an_upload_expires(desk: Desk, clock: ManualClock) -> None:
    upload_id = await desk.begin()
    part = await desk.send(upload_id, b"abcdef")
    clock.move(3600)
    assert (await desk.get(CALLER, upload_id))["status"] == "expired"
    for act in (
        desk.end(upload_id, part),
        desk.send(upload_id, b"a"),
        desk.cancel(CALLER, upload_id),
    ):
        with pytest.raises(UploadNotPending, match="expired"):
            await act


async def test_a_part_that_is_too_large_leaves_nothing(desk: Desk) -> None:
    upload_id = await desk.begin()
    with pytest.raises(BodyTooLarge):
        await desk.send(upload_id, b"x" * 9)
    assert await desk.blob_count() == 0


async def test_parts_that_are_too_much_together_leave_nothing(desk: Desk) -> None:
    upload_id = await desk.begin()
    await desk.send(upload_id, b"x" * 8)
    with pytest.raises(InvalidParameter) as refused:
        await desk.send(upload_id, b"x" * 5)
    assert refused.value.param == "data"
    assert await desk.blob_count() == 1


async def test_a_part_whose_upload_ends_meanwhile_leaves_nothing(desk: Desk) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        await desk.cancel(CALLER, upload_id)

    upload_id = await desk.begin()
    writer = await desk.receive(pieces())
    with pytest.raises(UploadNotPending):
        await desk.add_part(CALLER, upload_id, writer, birth=Birth(id="part_1"))
    assert await desk.blob_count() == 0


async def test_the_file_lives_as_long_as_the_upload_says(desk: Desk, clock: ManualClock) -> None:
    expiry = {"anchor": "created_at", "seconds": 3600}
    upload_id = await desk.begin(expires_after=expiry, purpose="user_data")
    part = await desk.send(upload_id, b"abcdef")
    clock.move(60)
    upload = await desk.end(upload_id, part)
    assert upload["file"]["expires_at"] == START // 1000 + 60 + 3600
    clock.move(3600)
    assert (await desk.get(CALLER, upload_id))["file"] is None


async def test_a_file_for_batches_lives_thirty_days_unless_said_otherwise(desk: Desk) -> None:
    upload_id = await desk.begin()
    upload = await desk.end(upload_id, await desk.send(upload_id, b"abcdef"))
    assert upload["file"]["expires_at"] == START // 1000 + 30 * 86_400


async def test_another_project_finds_no_upload(desk: Desk) -> None:
    upload_id = await desk.begin()
    part = await desk.send(upload_id, b"abcdef")
    for act in (
        desk.get(STRANGER, upload_id),
        desk.cancel(STRANGER, upload_id),
        desk.send(upload_id, b"abc", STRANGER),
        desk.part(STRANGER, upload_id, part),
        desk.complete(STRANGER, upload_id, {"part_ids": [part]}, birth=Birth(id="file-1")),
    ):
        with pytest.raises(NotFound):
            await act
    assert (await desk.end(upload_id, part))["status"] == "completed"
