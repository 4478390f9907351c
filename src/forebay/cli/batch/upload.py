"""The input's way to the server: one form, or an upload in parts where it is too large for one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec

from forebay.cli.batch.calls import CALL_S, Calls
from forebay.cli.batch.endings import ServerAnswered, ServerGone
from forebay.cli.batch.shapes import FileView, PartView, UploadView

FILES = "/files"
UPLOADS = "/uploads"
PURPOSE = "batch"
MIME_TYPE = "application/jsonl"

MAX_FORM_BYTES = 512_000_000  # what OpenAI's servers take; a server may take less, and says so
PART_BYTES = 16 * 1024 * 1024
SLOWEST_BYTES_PER_S = 50_000

OnSent = Callable[[int], None]


class _Read(io.BufferedReader):
    """A file that tells how far it was read."""

    def __init__(self, path: Path, on_sent: OnSent) -> None:
        super().__init__(path.open("rb", buffering=0))
        self._on_sent = on_sent

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self._on_sent(self.tell())
        return piece


async def upload(calls: Calls, path: Path, *, name: str, key: str, on_sent: OnSent) -> str:
    """Send a file and return its id there; `key` makes a repetition find the same file.

    Raises `ServerAnswered` or `ServerGone`.
    """
    size = _size(path)
    if size <= MAX_FORM_BYTES:
        try:
            return await _as_form(calls, path, name=name, key=key, on_sent=on_sent)
        except ServerAnswered as error:
            if error.status != 413:
                raise
        except ServerGone:
            # A server that refuses what it has not read closes its end, and the answer may be lost.
            if not calls.has_answered or size <= PART_BYTES:
                raise
    return await _in_parts(calls, path, name=name, key=key, on_sent=on_sent)


async def _as_form(calls: Calls, path: Path, *, name: str, key: str, on_sent: OnSent) -> str:
    def form() -> aiohttp.FormData:
        fields = aiohttp.FormData()
        fields.add_field("purpose", PURPOSE)
        fields.add_field("file", _Read(path, on_sent), filename=name, content_type=MIME_TYPE)
        return fields

    within_s = _allowed_s(_size(path))
    return (await calls.post(FILES, FileView, payload=form, key=key, within_s=within_s)).id


async def _in_parts(calls: Calls, path: Path, *, name: str, key: str, on_sent: OnSent) -> str:
    size = _size(path)
    asked = {"filename": name, "purpose": PURPOSE, "bytes": size, "mime_type": MIME_TYPE}
    begun = await calls.post(UPLOADS, UploadView, payload=_json(asked), key=f"{key}-upload")
    at = f"{UPLOADS}/{begun.id}"
    part_ids: list[str] = []
    with path.open("rb") as file:
        while piece := file.read(PART_BYTES):
            part = await calls.post(
                f"{at}/parts",
                PartView,
                payload=_part(piece),
                key=f"{key}-part-{len(part_ids)}",
                within_s=_allowed_s(len(piece)),
            )
            part_ids.append(part.id)
            on_sent(file.tell())
    done = await calls.post(
        f"{at}/complete",
        UploadView,
        payload=_json({"part_ids": part_ids}),
        key=f"{key}-complete",
        within_s=_allowed_s(size),
    )
    if done.file is None:
        raise ServerAnswered(200, "the upload became no file", what=at)
    return done.file.id


def _part(piece: bytes) -> Callable[[], aiohttp.FormData]:
    def form() -> aiohttp.FormData:
        fields = aiohttp.FormData()
        fields.add_field("data", io.BytesIO(piece), filename="part", content_type=MIME_TYPE)
        return fields

    return form


def _json(body: object) -> Callable[[], bytes]:
    return lambda: msgspec.json.encode(body)


def _size(path: Path) -> int:
    return path.stat().st_size


def _allowed_s(size_bytes: int) -> float:
    return CALL_S + size_bytes / SLOWEST_BYTES_PER_S
