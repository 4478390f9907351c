"""A client of Forebay's files and batches, as far as the benchmark uses them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from bench.gateway import Gateway
from bench.process import CommandFailed

_CALL_S = 30.0
_POLL_S = 0.05
_FILE_MIN_BYTES_PER_S = 2_000_000
_ENDED = ("completed", "failed", "expired", "cancelled")


class Counts(msgspec.Struct):
    """How many of the lines have ended."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class BatchUsage(msgspec.Struct):
    """The tokens of all lines that were answered."""

    input_tokens: int = 0
    output_tokens: int = 0


class Batch(msgspec.Struct):
    """A batch as the service tells it."""

    id: str
    status: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: Counts = msgspec.field(default_factory=Counts)
    usage: BatchUsage = msgspec.field(default_factory=BatchUsage)
    errors: dict[str, object] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in _ENDED


class _File(msgspec.Struct):
    id: str


class BatchClient:
    """Calls with one key; whatever is not answered as it should be is a `CommandFailed`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def upload(self, file: Path) -> str:
        """Send the file in one form, read as it goes; gives its id."""
        with file.open("rb") as content:
            seconds = _CALL_S + os.fstat(content.fileno()).st_size / _FILE_MIN_BYTES_PER_S
            form = aiohttp.FormData({"purpose": "batch"})
            form.add_field("file", content, filename=file.name)
            answer = await self._call("POST", "/v1/files", form, seconds=seconds)
        return msgspec.json.decode(answer, type=_File).id

    async def create(self, file_id: str) -> Batch:
        """Make a batch of chat completions."""
        body = {
            "input_file_id": file_id,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }
        return _batch(await self._call("POST", "/v1/batches", msgspec.json.encode(body)))

    async def has_begun(self, batch: Batch, *, seconds: float) -> Batch:
        """Wait until it is validated; one that does not validate is a `CommandFailed`."""
        return await self._followed(batch, ("validating",), seconds=seconds)

    async def has_completed(self, batch: Batch, *, seconds: float) -> Batch:
        """Wait until it is completed, and nothing else."""
        running = ("validating", "in_progress", "finalizing")
        return await self._followed(batch, running, seconds=seconds)

    async def content(self, file_id: str) -> AsyncIterator[bytes]:
        """Give the bytes of a file as they come."""
        # A large file takes its time; only the pauses in it are limited.
        timeout = aiohttp.ClientTimeout(total=None, sock_read=_CALL_S)
        path = f"/v1/files/{file_id}/content"
        async with self._session.get(path, timeout=timeout) as answer:
            if answer.status != 200:
                raise await _failed("GET", path, answer)
            async for piece in answer.content.iter_any():
                yield piece

    async def _followed(self, batch: Batch, until: tuple[str, ...], *, seconds: float) -> Batch:
        try:
            async with asyncio.timeout(seconds):
                while batch.status in until:
                    await asyncio.sleep(_POLL_S)
                    batch = _batch(await self._call("GET", f"/v1/batches/{batch.id}"))
        except TimeoutError:
            raise CommandFailed(f"a batch was still {batch.status} after {seconds:.0f} s") from None
        if batch.has_ended and batch.status != "completed":
            raise CommandFailed(f"a batch is {batch.status}: {batch.errors}")
        return batch

    async def _call(
        self,
        method: str,
        path: str,
        body: bytes | aiohttp.FormData | None = None,
        *,
        seconds: float = _CALL_S,
    ) -> bytes:
        timeout = aiohttp.ClientTimeout(total=seconds)
        headers = {"content-type": "application/json"} if isinstance(body, bytes) else {}
        try:
            async with self._session.request(
                method, path, data=body, headers=headers, timeout=timeout
            ) as answer:
                if answer.status != 200:
                    raise await _failed(method, path, answer)
                return await answer.read()
        except TimeoutError:
            raise CommandFailed(f"{method} {path} took longer than {seconds:.0f} s") from None


@asynccontextmanager
async def batch_client(gateway: Gateway) -> AsyncIterator[BatchClient]:
    """Open a client with the server's first key while the block runs."""
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    async with aiohttp.ClientSession(gateway.url, headers=headers) as session:
        yield BatchClient(session)


def _batch(answer: bytes) -> Batch:
    return msgspec.json.decode(answer, type=Batch)


async def _failed(method: str, path: str, answer: aiohttp.ClientResponse) -> CommandFailed:
    return CommandFailed(f"{method} {path} was answered {answer.status}: {await answer.text()}")
