"""Results are fetched while a batch runs, where its server gives them, and each byte once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from forebay.cli.batch.calls import Calls, calls_to
from forebay.cli.batch.harvest import LOOKS, Harvest
from forebay.cli.batch.server import Server, base_url
from forebay.cli.batch.shapes import BatchView, Counts
from tests.cli.batch.standard_server import StandardServer


@pytest.fixture
async def calls(server: StandardServer) -> AsyncIterator[Calls]:
    named = Server(url=base_url(server.url), key=None, place=server.url)
    async with calls_to(named) as calls:
        yield calls


@pytest.fixture
def harvest(calls: Calls, tmp_path: Path) -> Harvest:
    return Harvest(calls, tmp_path / "out.jsonl")


def running(done: int, *, output: str | None = "file_1") -> BatchView:
    counts = Counts(total=9, completed=done)
    return BatchView(id="b", status="in_progress", output_file_id=output, request_counts=counts)


async def look(harvest: Harvest, batch: BatchView, *, times: int = LOOKS) -> None:
    for _ in range(times):
        await harvest.look(batch)


async def test_what_a_running_batch_has_more_is_fetched_now_and_then(
    server: StandardServer, harvest: Harvest
) -> None:
    server.files["file_1"] = b"one\n"
    await look(harvest, running(1))
    server.files["file_1"] += b"two\n"
    await look(harvest, running(2), times=LOOKS - 1)
    assert server.ranges == [""]

    await look(harvest, running(2), times=1)
    found = await harvest.end(running(2))

    assert server.ranges == ["", "bytes=4-", "bytes=8-"]
    assert found.output is not None
    assert found.output.read_bytes() == b"one\ntwo\n"
    assert found.errors is None


async def test_nothing_is_asked_for_while_no_more_lines_are_done(
    server: StandardServer, harvest: Harvest
) -> None:
    server.files["file_1"] = b"one\n"

    await look(harvest, running(1), times=3 * LOOKS)

    assert server.ranges == [""]


async def test_a_batch_without_a_file_yet_is_not_asked_for_one(
    server: StandardServer, harvest: Harvest
) -> None:
    await look(harvest, running(1, output=None))

    assert server.ranges == []


async def test_a_server_that_sends_all_again_is_asked_once_more_at_the_end_only(
    server: StandardServer, harvest: Harvest
) -> None:
    server.takes_ranges = False
    server.files["file_1"] = b"one\n"
    await look(harvest, running(1))
    server.files["file_1"] += b"two\n"
    await look(harvest, running(2))
    await look(harvest, running(3))
    assert len(server.ranges) == 2

    found = await harvest.end(running(3))

    assert found.output is not None
    assert found.output.read_bytes() == b"one\ntwo\n"
