"""The parent's side of planning: one child process for each batch, which dies with its task."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import msgspec

from forebay.lanes.batch.plan_job import Plan, PlanJob, PlannerDied
from forebay.settings import Settings
from forebay.store.database import StoreFailed
from forebay.wiring.planning_child import TIDYING_S, PlanningAnswer, PlanningTask

log = logging.getLogger(__name__)

CHILD = "forebay.wiring.planning_child"

_PLACE = re.compile(rb'^  File "([^"\n]+)", line (\d+), in (\S+)', re.MULTILINE)
_ERROR = re.compile(rb"^(\w[\w.]*(?:Error|Exception|Interrupt))\b", re.MULTILINE)


class PlanningProcess:
    """Plans batches in processes of their own."""

    def __init__(self, settings: Settings, *, tidying_s: float = TIDYING_S) -> None:
        self._settings = settings
        self._tidying_s = tidying_s

    async def plan(self, job: PlanJob) -> Plan:
        """Return the plan; a child that is not waited for any more tidies up and ends.

        Raises `PlannerDied` for a child that died or answered nonsense, and `StoreFailed` for one
        that could not be started, or not read or keep what it had to.
        """
        task = PlanningTask(
            data_dir=str(self._settings.folder.absolute()),
            blobs_url=self._settings.blobs_url,
            job=job,
        )
        process = await _start()
        log.info("planner started", extra={"batch_id": job.batch_id, "pid": process.pid})
        try:
            told, complaint = await _talk(process, msgspec.json.encode(task) + b"\n")
            status = await process.wait()
        finally:
            await _end(process, within_s=self._tidying_s)
        try:
            answer = _read(told)
        except ValueError as error:
            _report(job, status, complaint)
            raise PlannerDied(f"the planner ended with status {status}: {error}") from None
        if answer.plan is None:
            raise StoreFailed(f"planning did not get through: {answer.failure}")
        return answer.plan


async def _start() -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module of the working directory is to be found first
            "-m",
            CHILD,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            # Ctrl-C reaches a whole group; this process decides when its children end.
            start_new_session=True,
        )
    except OSError as error:
        raise StoreFailed(f"the planner's process did not start: {error}") from error


async def _talk(process: Process, task: bytes) -> tuple[bytes, bytes]:
    """Give the task; return all that came of it on stdout and stderr."""
    assert process.stdin and process.stdout and process.stderr
    async with asyncio.TaskGroup() as tasks:
        told = tasks.create_task(process.stdout.read())
        complaint = tasks.create_task(process.stderr.read())
        with suppress(ConnectionError):  # it died already
            process.stdin.write(task)
            await process.stdin.drain()
    return told.result(), complaint.result()


async def _end(process: Process, *, within_s: float) -> None:
    """Return when the child is gone; it is asked first, by the end of its stdin."""
    assert process.stdin
    process.stdin.close()
    ending = asyncio.create_task(process.wait())
    try:
        # No `asyncio.timeout`: in a task that is being cancelled, Python 3.11.2 raises that
        # cancellation again where the time is over, and nobody would wait for the child.
        await asyncio.wait({ending}, timeout=within_s)
    finally:
        if not ending.done():
            with suppress(ProcessLookupError):
                process.kill()
    await ending


def _read(told: bytes) -> PlanningAnswer:
    """Return the answer; raises `ValueError` unless it is all there."""
    length, _, answer = told.partition(b"\n")
    if not length.isdigit() or int(length) != len(answer):
        raise ValueError("its answer is not whole")
    return msgspec.json.decode(answer, type=PlanningAnswer)


def _report(job: PlanJob, status: int, complaint: bytes) -> None:
    """Log where the child died: never what it says of it, which could quote a line."""
    places = [
        f"{path.decode(errors='replace')}:{line.decode()} {name.decode(errors='replace')}"
        for path, line, name in _PLACE.findall(complaint)
    ]
    errors = _ERROR.findall(complaint)
    log.error(
        "planner died",
        extra={
            "batch_id": job.batch_id,
            "status": status,
            "error": errors[-1].decode() if errors else None,
            "places": places[-5:],
        },
    )
