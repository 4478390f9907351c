"""How a planner's process ends: by its answer, by a fault, or with whoever asked it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import msgspec
import pytest

from forebay.core.ids import RandomIds
from forebay.lanes.batch.plan_job import Plan, PlanJob, PlannerDied, SourceForm
from forebay.settings import Settings
from forebay.store.database import StoreFailed
from forebay.store.local_blobs import LocalBlobs
from forebay.wiring.data_directory import BLOBS_FOLDER, SPILL_FOLDER
from forebay.wiring.planning import PlanningProcess
from tests.fakes import until
from tests.lanes.batch.planned import job, whole

PARENT = """
import asyncio, logging, sys, msgspec
from forebay.lanes.batch.plan_job import PlanJob
from forebay.settings import Settings
from forebay.wiring.planning import PlanningProcess

class Tell(logging.Handler):
    def emit(self, record):
        print(record.pid, flush=True)

logging.basicConfig(level=logging.INFO, handlers=[Tell()])
job = msgspec.json.decode(sys.argv[2], type=PlanJob)
asyncio.run(PlanningProcess(Settings(data_dir=sys.argv[1])).plan(job))
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What the parent is set to."""
    return Settings(data_dir=str(tmp_path))


@pytest.fixture
def endless(tmp_path: Path) -> PlanJob:
    """A job over an input that keeps a planner busy for many minutes: a file that is one hole."""
    path = tmp_path / BLOBS_FOLDER / "01" / "blob_01"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    return job(whole(path.name))


def pid_in(caplog: pytest.LogCaptureFixture) -> int | None:
    """Return the process id of the planner, if one was started."""
    for record in caplog.records:
        if record.getMessage() == "planner started":
            pid = record.__dict__["pid"]
            assert isinstance(pid, int)
            return pid
    return None


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process that is not only waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def failing(settings: Settings, **others: Any) -> None:
    """Plan requests of which one has no name, which the door never lets through."""
    blobs = LocalBlobs(settings.folder / BLOBS_FOLDER, new_id=RandomIds())
    blob = await blobs.put(b'{"custom_id":"a","params":{}}\n{"params":"a secret"}\n')
    blobs.close()
    await PlanningProcess(settings).plan(job(whole(blob.id), form=SourceForm.REQUESTS, **others))


async def started(planning: asyncio.Task[Plan], caplog: pytest.LogCaptureFixture) -> int:
    """Return the process id of the planner once it was started."""

    async def look() -> int | None:
        await asyncio.sleep(0)
        assert not planning.done()
        return pid_in(caplog)

    return await until(look)


async def test_a_planner_that_is_killed_is_told_of(
    settings: Settings, endless: PlanJob, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    planning = asyncio.create_task(PlanningProcess(settings).plan(endless))
    os.kill(await started(planning, caplog), signal.SIGKILL)
    with pytest.raises(PlannerDied, match="-9"):
        await planning


async def test_a_planner_ends_with_the_task_that_waits_for_it(
    settings: Settings, endless: PlanJob, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    planning = asyncio.create_task(PlanningProcess(settings).plan(endless))
    pid = await started(planning, caplog)
    planning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await planning
    assert not is_alive(pid)


async def test_a_planner_that_does_not_listen_is_killed(
    settings: Settings, endless: PlanJob, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    planning = asyncio.create_task(PlanningProcess(settings, tidying_s=0.01).plan(endless))
    pid = await started(planning, caplog)
    os.kill(pid, signal.SIGSTOP)
    planning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await planning
    assert not is_alive(pid)


async def test_a_planner_does_not_outlive_its_parent(settings: Settings, endless: PlanJob) -> None:
    arguments = [settings.data_dir, msgspec.json.encode(endless).decode()]
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, *arguments, stdout=PIPE
    )
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    await parent.wait()

    async def is_gone() -> bool:
        await asyncio.sleep(0)
        return not is_alive(pid)

    await until(is_gone)


async def test_what_a_planner_died_of_is_logged_without_a_word_of_its_input(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(PlannerDied):
        await failing(settings)
    (record,) = [it for it in caplog.records if it.getMessage() == "planner died"]
    assert record.__dict__["error"] == "msgspec.ValidationError"
    assert "checked_before.py" in record.__dict__["places"][-1]
    assert "secret" not in str(record.__dict__)


async def test_a_disk_that_cannot_be_written_to_is_no_fault_of_the_batch(
    settings: Settings,
) -> None:
    (settings.folder / SPILL_FOLDER).write_text("in the way")
    with pytest.raises(StoreFailed, match="planning did not get through"):
        await failing(settings)


async def test_a_planner_starts_without_servers_and_clients() -> None:
    names = {"aiohttp", "asyncpg", "obstore", "starlette", "sqlite3", "uvicorn"}
    code = f"import sys, forebay.wiring.planning_child; print({names} & sys.modules.keys())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE)
    told, _ = await process.communicate()
    assert told == b"set()\n"
