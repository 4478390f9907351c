"""A Message Batch that is cancelled at once, while its requests are being planned."""

from __future__ import annotations

from typing import Any

from anthropic.types.messages import MessageBatch

from tests.api.conftest import MODEL, Front
from tests.fakes import ScriptedEngine, until


def requests(*names: str) -> Any:
    """Return requests of these custom ids."""
    params = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    return [{"custom_id": name, "params": params} for name in names]


async def ended(front: Front, batch_id: str) -> MessageBatch:
    """Return the batch once it has ended."""

    async def look() -> MessageBatch | None:
        found = await front.anthropic.messages.batches.retrieve(batch_id)
        return found if found.processing_status == "ended" else None

    return await until(look)


async def test_every_request_of_a_batch_that_is_cancelled_at_once_is_canceled(
    front: Front, engine: ScriptedEngine
) -> None:
    names = [f"row-{number}" for number in range(300)]
    batches = front.anthropic.messages.batches
    made = await batches.create(requests=requests(*names))
    await batches.cancel(made.id)
    done = await ended(front, made.id)
    assert done.request_counts.model_dump() == {
        "processing": 0, "succeeded": 0, "errored": 0, "canceled": len(names), "expired": 0
    }  # fmt: skip
    lines = [line async for line in await batches.results(made.id)]
    assert [(line.custom_id, line.result.type) for line in lines] == [
        (name, "canceled") for name in names
    ]
    assert engine.turns == []
    # The planning that was cut short holds back none of the next.
    after = await ended(front, (await batches.create(requests=requests("a"))).id)
    assert after.request_counts.succeeded == 1
