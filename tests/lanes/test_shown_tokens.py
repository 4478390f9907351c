"""What was shown is in the ledger, whatever became of the request: charged, or as waste."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from forebay.core.engine_errors import EngineFailed, EngineUnavailable
from forebay.core.errors import PromptRejected
from forebay.core.ledger import EntryKind
from forebay.core.requests import RequestStatus
from forebay.dialects.turn import Delta
from tests.fakes import Gate, Step, says, until
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running

TWO: list[Step] = [[Delta(text="One")], [Delta(text=" two")]]
Entries = list[tuple[str, str, int]]


def entries(folder: Path) -> Entries:
    """Return kind, subject and output tokens of every entry in the ledger."""
    with closing(sqlite3.connect(folder / "test.sqlite")) as connection:
        return connection.execute(
            "SELECT kind, subject_id, output_tokens FROM ledger_entry ORDER BY id"
        ).fetchall()


async def broken_off(house: House) -> str:
    """Return a streamed request that waits after an attempt that had shown two tokens."""
    house.engine.queue.append([*TWO, EngineUnavailable("gone")])
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):

        async def waits() -> bool:
            request = await house.kept(request_id)
            return request.status is RequestStatus.QUEUED and request.attempt == 1

        await until(waits)
    return request_id


async def gone_on_with(house: House, request_id: str) -> None:
    """Let the next attempt run to its end."""
    house.clock.move(60)
    async with running(house.worker.run):
        await house.ended(request_id)


async def test_what_is_gone_on_with_is_charged_once(house: House, tmp_path: Path) -> None:
    request_id = await broken_off(house)
    assert entries(tmp_path) == []
    await gone_on_with(house, request_id)
    assert entries(tmp_path) == [(EntryKind.CHARGE, request_id, 4)]


async def test_what_is_cancelled_before_it_is_gone_on_with_is_charged(
    house: House, tmp_path: Path
) -> None:
    request_id = await broken_off(house)
    await house.background.cancel(CALLER, request_id)
    assert entries(tmp_path) == [(EntryKind.CHARGE, request_id, 2)]


async def test_what_expires_before_it_is_gone_on_with_is_waste(
    house: House, tmp_path: Path
) -> None:
    request_id = await broken_off(house)
    house.clock.move(86_400)
    await house.expirer.expire()
    assert entries(tmp_path) == [(EntryKind.WASTE, f"{request_id}/1", 2)]


async def test_what_the_next_attempt_does_not_take_up_is_waste(
    house: House, tmp_path: Path
) -> None:
    request_id = await broken_off(house)
    house.engine.takes_prefill = False
    await gone_on_with(house, request_id)
    assert sorted(entries(tmp_path)) == [
        (EntryKind.CHARGE, request_id, 2),
        (EntryKind.WASTE, f"{request_id}/1", 2),
    ]


async def test_what_is_cancelled_before_anything_was_shown_costs_nothing(
    house: House, tmp_path: Path
) -> None:
    request_id = await house.submit(stream=True)
    await house.background.cancel(CALLER, request_id)
    assert entries(tmp_path) == []


@pytest.mark.parametrize("error", [EngineFailed("broke"), PromptRejected("bad")])
async def test_an_attempt_that_broke_off_without_a_stream_is_waste(
    house: House, tmp_path: Path, error: Exception
) -> None:
    house.engine.queue += [[*TWO, error], says("done")]
    request_id = await house.submit()
    async with running(house.worker.run):

        async def is_noted() -> bool:
            return bool(entries(tmp_path))

        await until(is_noted)
    assert entries(tmp_path) == [(EntryKind.WASTE, f"{request_id}/1", 2)]


async def test_what_a_stopping_worker_gives_back_is_waste(house: House, tmp_path: Path) -> None:
    gate = Gate()
    house.engine.queue.append([*TWO, gate])
    request_id = await house.submit()
    async with running(house.worker.run):
        await gate.reached.wait()
    assert entries(tmp_path) == [(EntryKind.WASTE, f"{request_id}/1", 2)]
