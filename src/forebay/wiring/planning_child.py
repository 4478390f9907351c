"""The child process that plans one batch: so much work would hold up everybody in the server.

Speaks to its parent in two messages: the task as a line of JSON on stdin, then the answer on
stdout, after a line with its length. It ends when stdin does, so it never outlives its parent,
however that dies. It imports no server and no client: it is started for every batch.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

import msgspec

from forebay.core.errors import ForebayError
from forebay.core.ids import RandomIds
from forebay.lanes.batch.plan import plan
from forebay.lanes.batch.plan_job import Plan, PlanJob
from forebay.settings import Settings
from forebay.wiring.blobs import open_blobs
from forebay.wiring.data_directory import SPILL_FOLDER, keep_private

NICENESS = 19  # it gets what the server leaves: calls that somebody waits for go first
TIDYING_S = 2.0
"""How long a child that is not wanted any more has to leave nothing behind."""


class PlanningTask(msgspec.Struct, frozen=True, kw_only=True):
    """A batch to plan, and where the blobs are; secrets come by the environment."""

    data_dir: str
    blobs_url: str | None
    job: PlanJob


class PlanningAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, or why the store gave none, which is no fault of the batch."""

    plan: Plan | None = None
    failure: str | None = None


def main() -> NoReturn:
    """Plan what stdin asks for and tell stdout; end by an uncaught exception when that fails."""
    _close_strange_files()
    keep_private()
    os.nice(NICENESS)
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=PlanningTask)
    gc.disable()  # what is made of a line is never part of a cycle
    answer = msgspec.json.encode(asyncio.run(_answer(task)))
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(b"%d\n" % len(answer))
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
    # The thread that watches stdin would hold up an orderly end.
    os._exit(0)


async def _answer(task: PlanningTask) -> PlanningAnswer:
    current = asyncio.current_task()
    assert current is not None
    arguments = (asyncio.get_running_loop(), current)
    threading.Thread(target=_end_with_parent, args=arguments, daemon=True).start()
    settings = Settings(data_dir=task.data_dir, blobs_url=task.blobs_url)
    spill = settings.folder / SPILL_FOLDER
    try:
        spill.mkdir(exist_ok=True)
        # Shared with the parent, whose half-written blobs are not to be swept.
        blobs = open_blobs(settings, RandomIds(), is_shared=True)
        try:
            return PlanningAnswer(plan=await plan(task.job, blobs, folder=spill))
        finally:
            blobs.close()
    except (ForebayError, OSError) as error:
        return PlanningAnswer(failure=str(error))


def _end_with_parent(loop: asyncio.AbstractEventLoop, task: asyncio.Task[object]) -> None:
    while os.read(0, 4096):
        pass
    with suppress(RuntimeError):  # it has ended by itself
        loop.call_soon_threadsafe(task.cancel)
    time.sleep(TIDYING_S)
    os._exit(1)


def _close_strange_files() -> None:
    """Close what the parent let slip: uvloop passes on copies of pipes, also of other children.

    Such a copy would keep a stdin open that the parent closes.
    """
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            with suppress(OSError):  # the listing's own, closed by now
                os.close(int(name))


if __name__ == "__main__":
    main()
