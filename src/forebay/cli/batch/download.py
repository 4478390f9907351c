"""A file's way back from the server, from where the last attempt stopped.

The part file holds the first bytes of the server's file and nothing else, so its size says where to
go on, whatever ended the attempt before; its name holds the file's id.
"""

from __future__ import annotations

import re
from glob import escape
from io import FileIO
from pathlib import Path
from urllib.parse import quote

import aiohttp

from forebay.cli.batch.calls import FAILURES, Calls
from forebay.cli.batch.endings import ServerTrouble
from forebay.cli.batch.retrying import pause_after, pause_after_answer
from forebay.core.clock import SystemClock

PIECE_BYTES = 256 * 1024
MAX_REFUSAL_BYTES = 64 * 1024

PREFIX = ".forebay-batch."
SUFFIX = ".part"

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class NotTheSameFile(ServerTrouble):
    """What was fetched before is no part of what the server has now."""

    code = "not_the_same_file"


class NotWhole(ServerTrouble):
    """What was fetched has another size than the one that was announced for it."""

    code = "not_whole"


def part_of(output: Path, file_id: str) -> Path:
    """Return where what is fetched of a file is kept until all of it is there."""
    return output.with_name(f"{output.name}{PREFIX}{quote(file_id, safe='')}{SUFFIX}")


def forget_parts(output: Path) -> None:
    """Delete what was fetched for an output and is in no place yet."""
    for part in output.parent.glob(f"{escape(output.name)}{PREFIX}*{SUFFIX}"):
        part.unlink(missing_ok=True)


async def fetch(calls: Calls, file_id: str, part: Path) -> bool:
    """Append what the file has beyond the part; returns False if all of it was sent for that.

    Raises `ServerAnswered`, `ServerGone`, `NotTheSameFile`, `NotWhole`, or `OSError` for the disk;
    what has come by then is kept.
    """
    tries = 0
    path = f"/files/{quote(file_id, safe='')}/content"
    while True:
        start = _size(part)
        tries += 1
        try:
            async with calls.opened(path, start=start) as response:
                if response.status in (200, 206, 416):
                    return await _append(response, part, start=start)
                body = await response.content.read(MAX_REFUSAL_BYTES)
            pause_s = pause_after_answer(
                tries, response.status, response.headers, now=SystemClock().now(), is_safe=True
            )
            if pause_s is None:
                raise calls.refusal(response.status, body, path)
        except FAILURES as error:
            if _size(part) > start:
                tries = 1  # it does answer
            if not calls.may_pass(error, tries):
                raise calls.gone(error) from None
            pause_s = pause_after(tries)
        await calls.pause(pause_s)


async def _append(response: aiohttp.ClientResponse, part: Path, *, start: int) -> bool:
    """Append an answer's bytes; without ranges, all were sent and the first are passed over."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status == 416:
        if found is not None and found[3] not in ("*", str(start)):
            raise _not_the_same(part)
        return True
    skipped = start if response.status == 200 else 0
    if response.status == 206 and (found is None or found[1] != str(start)):
        raise _not_the_same(part)
    # Unbuffered: what has come is kept whatever ends the command.
    with part.open("ab", buffering=0) as file:
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            _keep(file, piece[skipped:], part)
            skipped = max(0, skipped - len(piece))
    if skipped:
        raise _not_the_same(part)
    announced, size = _announced(response, found), _size(part)
    if announced not in (None, size):
        raise NotWhole(
            f"{part} has {size} bytes, and the server announced {announced}; run the same "
            "command again"
        )
    return response.status == 206 or start == 0


def _keep(file: FileIO, piece: bytes, part: Path) -> None:
    rest = memoryview(piece)
    try:
        while rest:
            # A disk that becomes full takes the first bytes, and tells of it at the next ones.
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(part)) from None


def _announced(response: aiohttp.ClientResponse, found: re.Match[str] | None) -> int | None:
    """Return how large the part is to be after this answer, where its head tells."""
    if response.status == 206:
        return None if found is None else int(found[2]) + 1
    # The length of an encoded body is not that of the file.
    return None if "Content-Encoding" in response.headers else response.content_length


def _not_the_same(part: Path) -> NotTheSameFile:
    return NotTheSameFile(f"{part} is no part of the server's file; delete it and run again")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
