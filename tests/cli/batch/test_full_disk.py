"""A disk that is full ends a run, and what has come by then is gone on with."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forebay.cli.batch.calls import calls_to
from forebay.cli.batch.download import NotWhole, fetch
from forebay.cli.batch.server import Server, base_url
from tests.cli.batch.commands import Words, answers, batch, left
from tests.cli.batch.standard_server import StandardServer

ROWS = 60
ROOM = 4096


@contextmanager
def room(size_bytes: int) -> Iterator[None]:
    """Let no file become larger: its first bytes are taken, as by a disk that becomes full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The interpreter does not notice that what it keeps of a module is cut off.
    keeps_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = keeps_none


def calls_of(server: StandardServer) -> Server:
    return Server(url=base_url(server.url), key=None, place=server.url)


@pytest.fixture
def words(words: Words, table: Path) -> Words:
    """A run whose results are more than there is room for, and whose rows are not."""
    table.write_text("animal\n" + "otter\n" * ROWS)
    return (*words, "--endpoint", "/v1/embeddings", "--model", "m")


def test_a_full_disk_is_told_and_the_run_goes_on_with_what_there_was_room_for(
    server: StandardServer, table: Path, words: Words
) -> None:
    with room(ROOM * 2):
        stopped = batch(*words)
    kept = left(table.parent)
    done = batch(*words)

    assert stopped.exit_code == 4, stopped.stderr
    assert "the disk is full (file too large); make room" in stopped.stderr
    assert "none failed" not in stopped.stderr
    assert "out.csv.forebay-batch.json" in kept
    assert done.exit_code == 0, done.stderr
    assert answers(table.parent) == ["to a otter"] * ROWS
    assert server.ranges == ["", f"bytes={ROOM * 2}-"]
    assert left(table.parent) == set()


async def test_a_piece_that_is_taken_in_part_is_not_taken_for_whole(
    server: StandardServer, tmp_path: Path
) -> None:
    server.files["file_1"] = b"x" * (ROOM + 1)
    part = tmp_path / "part"

    async with calls_to(calls_of(server)) as calls:
        with room(ROOM), pytest.raises(OSError, match="File too large") as caught:
            await fetch(calls, "file_1", part)
        await fetch(calls, "file_1", part)

    assert caught.value.filename == str(part)
    assert part.read_bytes() == server.files["file_1"]


async def test_a_part_of_another_size_than_was_announced_is_no_result(
    server: StandardServer, tmp_path: Path
) -> None:
    server.files["file_1"] = b"twelve bytes"
    server.announced_too_much = 3
    part = tmp_path / "part"
    part.write_bytes(b"twelve")

    async with calls_to(calls_of(server)) as calls:
        with pytest.raises(NotWhole, match="has 12 bytes, and the server announced 15"):
            await fetch(calls, "file_1", part)
