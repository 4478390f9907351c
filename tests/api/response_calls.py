"""Calls that the tests of responses with a history share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from openai.types.responses import Response

from forebay.dialects.turn import Turn
from tests.api.conftest import MODEL, Front
from tests.fakes import Gate, ScriptedEngine, says

SLOTS = 2


async def say(front: Front, input: Any, **others: Any) -> str:
    """Return the id of a response to `input`."""
    response: Response = await front.openai.responses.create(model=MODEL, input=input, **others)
    return response.id


def contents(engine: ScriptedEngine) -> list[Any]:
    """Return the contents of the last turn's messages."""
    turn = engine.turns[-1]
    assert isinstance(turn, Turn)
    return [message["content"] for message in turn.messages]


def reference(item_id: str) -> Any:
    """Return what stands for an item that is kept already."""
    return {"type": "item_reference", "id": item_id}


async def output_id(front: Front, response_id: str) -> str:
    """Return the id of the response's first item of output."""
    item = (await front.openai.responses.retrieve(response_id)).output[0]
    assert item.id is not None
    return item.id


async def asked_with(front: Front, response_id: str) -> list[str]:
    """Return the texts of all that the response was asked with, oldest first."""
    items = front.openai.responses.input_items.list(response_id, order="asc", limit=1)
    return [item.model_dump()["content"][0]["text"] async for item in items]


@asynccontextmanager
async def busy(front: Front, engine: ScriptedEngine) -> AsyncIterator[None]:
    """Keep every slot busy: what is submitted meanwhile runs when the block is left."""
    gates = {f"busy {number}": Gate() for number in range(SLOTS)}
    for prompt, gate in gates.items():
        engine.by_prompt[prompt] = [gate, *says("done")]
        await say(front, prompt, background=True)
    for gate in gates.values():
        await gate.reached.wait()
    yield
    for gate in gates.values():
        gate.open()
