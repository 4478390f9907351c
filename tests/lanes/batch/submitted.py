"""Batches as their callers see them: submitted, run, and read from their files."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from forebay.core.batches import Batch, BatchStatus, is_final
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.contents import Contents
from tests.fakes import until
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.store.makers import batch_of, new_file

DAY_NANOS = 3_600  # a line's 6 fresh, 4 cached and 2 output tokens at three tenths


def line(custom_id: str, **others: object) -> JsonObject:
    """Return a line whose prompt is its custom id."""
    body: JsonObject = {
        "model": "tiny",
        "messages": [{"role": "user", "content": custom_id}],
    }
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body | others,
    }


async def submit(house: House, *lines: JsonObject, window: str = "24h") -> str:
    """Make a batch of these lines and return its id."""
    blob = await house.store.blobs.put(b"".join([json.dumps(x).encode() + b"\n" for x in lines]))
    file = new_file(house.new_id("file-"), blob_id=blob.id, size_bytes=blob.size_bytes)
    await house.store.files.add(file)
    body: JsonObject = {
        "input_file_id": file.id,
        "endpoint": "/v1/chat/completions",
        "completion_window": window,
    }
    return str((await house.batches.create(CALLER, body))["id"])


def loops(house: House) -> Any:
    """Run everything that batches need."""
    return running(house.validator.run, house.batch_worker.run, house.closer.run)


async def ended(house: House, batch_id: str) -> Batch:
    """Return the batch once it has ended."""

    async def look() -> Batch | None:
        batch = await batch_of(house.store, batch_id)
        return batch if is_final(batch.status) else None

    return await until(look)


async def recorded(house: House, batch_id: str, count: int) -> Batch:
    """Return the batch once so many results are recorded."""

    async def look() -> Batch | None:
        batch = await batch_of(house.store, batch_id)
        return batch if batch.completed_count + batch.failed_count >= count else None

    return await until(look)


async def results(house: House, file_id: str | None) -> dict[str, dict[str, Any]]:
    """Return the lines of an output or error file by their custom ids."""
    assert file_id is not None
    file = await house.store.files.get(CALLER.project_id, file_id)
    assert file is not None
    contents = Contents(house.store)
    pieces = [piece async for piece in contents.pieces(await contents.extents(file))]
    lines = [json.loads(text) for text in b"".join(pieces).splitlines()]
    found = {each["custom_id"]: each for each in lines}
    assert len(found) == len(lines), "a line has one result"
    return found


async def has_begun(house: House, batch_id: str) -> bool:
    """Tell whether the batch has been validated and runs."""
    return (await batch_of(house.store, batch_id)).status is BatchStatus.IN_PROGRESS


async def waits(house: House, count: int) -> bool:
    """Tell whether so many turns wait for a slot."""
    await asyncio.sleep(0)
    return house.dispatcher.waiting[house.served.pool] >= count
