"""The parameters that only the whole service can honour: those that name what came before."""

from __future__ import annotations

import pytest

from forebay.dialects.turn import Turn
from tests.api.conftest import MODEL, Front
from tests.dialects.apis import APIS
from tests.fakes import ScriptedEngine

CONTINUING = [(api.path, name) for api in APIS for name in sorted(api.elsewhere)]


async def before(front: Front, name: str) -> str:
    """Return the id of an exchange, "one" and "Hello.", as the parameter names it."""
    if name == "previous_response_id":
        return (await front.openai.responses.create(model=MODEL, input="one")).id
    conversation = await front.openai.conversations.create(
        items=[{"role": "user", "content": "one"}, {"role": "assistant", "content": "Hello."}]
    )
    return conversation.id


def asked(engine: ScriptedEngine) -> list[object]:
    """Return the contents of the messages that the engine was asked with, or counted, last."""
    (turn,) = engine.counted or engine.turns[-1:]
    assert isinstance(turn, Turn)
    return [message["content"] for message in turn.messages]


@pytest.mark.parametrize(("path", "name"), CONTINUING)
async def test_what_came_before_stands_before_the_input(
    front: Front, engine: ScriptedEngine, path: str, name: str
) -> None:
    body = {"model": MODEL, "input": "two", name: await before(front, name)}
    assert (await front.http.post(path, json=body)).status_code == 200
    assert asked(engine)[:3] == ["one", "Hello.", "two"]


@pytest.mark.parametrize("path", sorted({path for path, _ in CONTINUING}))
async def test_without_it_the_input_is_the_first(
    front: Front, engine: ScriptedEngine, path: str
) -> None:
    assert (await front.http.post(path, json={"model": MODEL, "input": "two"})).status_code == 200
    assert asked(engine)[0] == "two"
