"""Bodies that are cut off, too large or too slow: nothing of them runs."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from forebay.api.body import BodyLimits, body_pieces, whole_body
from forebay.core.errors import BodyTimedOut, BodyTooLarge
from forebay.settings import Settings
from tests.api.conftest import KEY, MAX_BODY_BYTES, MAX_FILE_BYTES, MODEL, Front
from tests.fakes import ScriptedEngine

LIMITS = BodyLimits(max_bytes=10, timeout_s=60)
CHAT = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}).encode()
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"half of it" * 99
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The usual settings, with little patience."""
    return msgspec.structs.replace(settings, body_timeout_s=0.02)


@dataclass
class Caller:
    """A caller whose body comes in these messages; after them it sends nothing for ever."""

    messages: list[Message]
    sent: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        if self.messages:
            return self.messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def call(self, front: Front, path: str, **headers: str) -> None:
        given = {"authorization": f"Bearer {KEY}"} | headers
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        await front.service.app(scope, self.receive, self.send)

    @property
    def head(self) -> tuple[int, dict[bytes, bytes]]:
        return self.sent[0]["status"], dict(self.sent[0]["headers"])

    @property
    def error(self) -> dict[str, Any]:
        error = json.loads(self.sent[1]["body"])["error"]
        assert isinstance(error, dict)
        return error


def piece(body: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": not is_last}


class CountedPiece(bytes):
    """A piece of a body that notes how much is copied when it is added to what came before."""

    copied: list[int]

    @staticmethod
    def of(content: bytes, copied: list[int]) -> CountedPiece:
        made = CountedPiece(content)
        made.copied = copied
        return made

    def __radd__(self, before: bytes) -> bytes:
        self.copied.append(len(before))
        return before + bytes(self)


LEFT: Message = {"type": "http.disconnect"}


async def test_a_body_that_comes_in_pieces_is_put_together() -> None:
    caller = Caller([piece(b"ab"), piece(b"cd"), piece(b"", is_last=True)])
    assert await whole_body([], caller.receive, LIMITS) == b"abcd"


async def test_a_body_of_many_small_pieces_is_not_copied_for_each_of_them() -> None:
    copied: list[int] = []
    sent = [CountedPiece.of(b"x" * 10, copied) for _ in range(1000)]
    caller = Caller([*[piece(each) for each in sent], piece(b"", is_last=True)])
    limits = BodyLimits(max_bytes=10_000, timeout_s=60)
    assert await whole_body([], caller.receive, limits) == b"x" * 10_000
    assert sum(copied) <= 10_000


async def test_a_body_that_is_cut_off_is_none() -> None:
    with pytest.raises(ClientDisconnect):
        await whole_body([], Caller([piece(b"ab"), LEFT]).receive, LIMITS)


async def test_a_body_that_grows_too_large_is_refused() -> None:
    caller = Caller([piece(b"123456"), piece(b"123456"), piece(b"never read")])
    with pytest.raises(BodyTooLarge):
        await whole_body([], caller.receive, LIMITS)
    assert len(caller.messages) == 1


@pytest.mark.parametrize("length", [b"11", b"9" * 5000])
async def test_a_body_that_is_declared_too_large_is_refused_before_it_comes(length: bytes) -> None:
    with pytest.raises(BodyTooLarge):
        await whole_body([(b"content-length", length)], Caller([]).receive, LIMITS)


@pytest.mark.parametrize("messages", [[], [piece(b"ab")]], ids=["nothing", "a piece"])
async def test_a_body_that_does_not_come_in_time_is_refused(messages: list[Message]) -> None:
    limits = BodyLimits(max_bytes=10, timeout_s=0.001)
    with pytest.raises(BodyTimedOut):
        await whole_body([], Caller(messages).receive, limits)


async def test_a_task_that_is_cancelled_while_it_reads_stays_cancelled() -> None:
    reading = asyncio.create_task(whole_body([], Caller([]).receive, LIMITS))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()


async def test_each_piece_of_an_upload_has_its_own_time() -> None:
    pieces = body_pieces(Caller([piece(b"ab"), piece(b"cd")]).receive, timeout_s=0.001)
    assert [await anext(pieces), await anext(pieces)] == [b"ab", b"cd"]
    with pytest.raises(BodyTimedOut):
        await anext(pieces)


async def test_a_call_that_is_cut_off_does_not_run_and_is_not_answered(
    front: Front, engine: ScriptedEngine
) -> None:
    # What came is a whole call by itself: only the end of the connection tells.
    caller = Caller([piece(CHAT), LEFT])
    await caller.call(front, "/v1/chat/completions")
    assert (engine.turns, caller.sent) == ([], [])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/chat/completions", "invalid_request_error"),
        ("/v1/messages", "timeout_error"),
        ("/v1/batches", "invalid_request_error"),
        ("/v1/messages/batches", "timeout_error"),
        ("/v1/files", "invalid_request_error"),
    ],
)
async def test_a_call_that_stalls_is_told_so_and_its_connection_ends(
    front: Front, path: str, kind: str
) -> None:
    caller = Caller([piece(b"--x\r\n")])
    await caller.call(front, path, **{"content-type": "multipart/form-data; boundary=x"})
    status, headers = caller.head
    assert (status, headers[b"connection"]) == (408, b"close")
    assert caller.error["type"] == kind


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/v1/chat/completions", MAX_BODY_BYTES + 1),
        ("/v1/batches", Settings().max_batch_file_bytes + 1),
        ("/v1/messages/batches", Settings().max_message_batch_bytes + 1),
        ("/v1/files", MAX_FILE_BYTES + 10_000_000),
    ],
)
async def test_a_declared_length_over_the_limit_is_refused_at_once(
    front: Front, path: str, length: int
) -> None:
    caller = Caller([])
    await caller.call(front, path, **{"content-length": str(length)})
    assert caller.head[0] == 413


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/files", FORM), ("/v1/batches", b"{"), ("/v1/messages/batches", b"{")]
)
async def test_a_plain_route_that_loses_its_caller_logs_no_error(
    front: Front, path: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caller = Caller([piece(body), LEFT])
    await caller.call(front, path, **{"content-type": "multipart/form-data; boundary=x"})
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "caller left")
    ]


async def test_nothing_is_left_of_an_upload_that_is_cut_off(
    front: Front, settings: Settings
) -> None:
    folder = Path(settings.data_dir, "blobs")
    before = files_below(folder)
    caller = Caller([piece(FORM), LEFT])
    await caller.call(front, "/v1/files", **{"content-type": "multipart/form-data; boundary=x"})
    assert files_below(folder) == before


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
