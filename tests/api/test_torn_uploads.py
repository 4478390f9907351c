"""Uploads that are torn or too large: nothing of them is left, neither a file nor a blob."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from forebay.api.multipart import MAX_FRAME_BYTES
from forebay.lanes.batch.uploads import MAX_PART_BYTES
from forebay.settings import Settings
from tests.api.conftest import KEY, MAX_FILE_BYTES, Front
from tests.api.test_files import field, form, upload
from tests.fakes import until

UPLOAD = {"bytes": 6, "filename": "a.txt", "mime_type": "text/plain", "purpose": "user_data"}


class Sender:
    """A caller who sends a body in pieces, and goes away in the midst of it, or waits."""

    def __init__(self, *pieces: bytes, is_whole: bool) -> None:
        self._messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        last = {"type": "http.request", "body": b"", "more_body": False}
        self._messages.append(last if is_whole else {"type": "http.disconnect"})
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def post(self, front: Front, path: str) -> None:
        headers = {
            "authorization": f"Bearer {KEY}",
            "content-type": "multipart/form-data; boundary=edge",
        }
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await front.service.app(scope, self.receive, self.send)


@pytest.fixture(params=["file", "part"])
async def place(request: pytest.FixtureRequest, front: Front) -> tuple[str, bytes]:
    """Where something is uploaded, with the beginning of the form that is sent there."""
    if request.param == "file":
        return "/v1/files", form(field("purpose", "batch"), upload(b"", "file"))[0][: -len(END)]
    made = (await front.http.post("/v1/uploads", json=UPLOAD)).json()
    return f"/v1/uploads/{made['id']}/parts", form(upload(b"", "data"))[0][: -len(END)]


END = b"\r\n--edge--\r\n"


def blobs(settings: Settings) -> list[Path]:
    """Return every file that blobs are kept in, or that is on its way to be one."""
    found = (Path(settings.data_dir) / "blobs").rglob("blob_*")
    return [path for path in found if path.is_file()]


async def test_what_comes_whole_is_a_blob(
    front: Front, settings: Settings, place: tuple[str, bytes]
) -> None:
    path, head = place
    sender = Sender(head, b"x" * 1000, END, is_whole=True)
    await sender.post(front, path)
    assert sender.sent[0]["status"] == 200
    assert len(blobs(settings)) == 1


async def test_a_caller_who_goes_away_leaves_nothing(
    front: Front, settings: Settings, place: tuple[str, bytes]
) -> None:
    path, head = place
    await Sender(head, b"x" * 1000, b"x" * 1000, is_whole=False).post(front, path)
    assert blobs(settings) == []


async def test_a_caller_who_goes_away_behind_the_content_leaves_nothing(
    front: Front, settings: Settings, place: tuple[str, bytes]
) -> None:
    path, head = place
    await Sender(head, b"x" * 1000, b"\r\n--edge\r\n", is_whole=False).post(front, path)
    assert blobs(settings) == []


async def test_a_form_that_is_not_closed_leaves_nothing(
    front: Front, settings: Settings, place: tuple[str, bytes]
) -> None:
    path, head = place
    sender = Sender(head, b"x" * 1000, is_whole=True)
    await sender.post(front, path)
    assert sender.sent[0]["status"] == 400
    assert blobs(settings) == []


async def test_a_call_that_is_cut_off_leaves_nothing(
    front: Front, settings: Settings, place: tuple[str, bytes]
) -> None:
    path, head = place
    sender = Sender(head, b"x" * 1000, is_whole=False)
    del sender._messages[-1]
    calling = asyncio.create_task(sender.post(front, path))

    async def is_written() -> bool:
        return bool(blobs(settings))

    await until(is_written)
    calling.cancel()
    await asyncio.wait([calling])
    assert blobs(settings) == []


@pytest.mark.parametrize("where", ["before", "behind"])
async def test_what_is_in_no_part_is_limited(
    front: Front, settings: Settings, place: tuple[str, bytes], where: str
) -> None:
    path, head = place
    junk = [b"\r\n" * 32_768] * (MAX_FRAME_BYTES // 65_536 + 1)
    pieces = [*junk, head, END] if where == "before" else [head, END, *junk]
    sender = Sender(*pieces, is_whole=False)
    del sender._messages[-1]
    await sender.post(front, path)
    assert sender.sent[0]["status"] == 413
    assert blobs(settings) == []


async def test_what_is_too_large_leaves_nothing(
    front: Front, settings: Settings, place: tuple[str, bytes]
) -> None:
    path, head = place
    most = MAX_FILE_BYTES if path == "/v1/files" else MAX_PART_BYTES
    piece = b"x" * (most // 2)
    sender = Sender(head, piece, piece, b"xx", END, is_whole=True)
    await sender.post(front, path)
    assert sender.sent[0]["status"] == 413
    assert blobs(settings) == []
