"""Repeated calls whose stream is not there any more, or not there yet."""

from __future__ import annotations

import pytest

from forebay.api.repeats import Repeats
from forebay.core.clock import after
from forebay.core.errors import StillRunning
from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object, payloads
from forebay.lanes.stored_chats import StoredChats
from forebay.store.store import Store
from tests.api.test_connection import Wire
from tests.fakes import CountingIds, ManualClock, ScriptedEngine
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running


def repeats(house: House) -> Repeats:
    """Return what answers repeated calls of Responses."""
    chats = StoredChats(house.store.stored_requests)
    return Repeats(DialectName.RESPONSES, house.background, house.responses, chats)


async def sent(wire: Wire) -> list[JsonObject]:
    """Return the events that were sent, once their stream has ended."""
    content = b""
    assert (await wire.sent.get())["type"] == "http.response.start"
    while (message := await wire.sent.get()).get("more_body"):
        content += message["body"]
    return [decode_object(payload) for payload in payloads(content)]


@pytest.fixture
def house(store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine) -> House:
    return House(store, clock, new_id, engine)


async def test_a_background_stream_whose_events_are_forgotten_is_made_of_its_object(
    house: House,
) -> None:
    async with running(house.worker.run):
        made_id = await house.submit(stream=True)
        await house.ended(made_id)
    assert await house.store.events.forget(finished_before=after(house.clock.now(), 1))
    wire = Wire()
    body: JsonObject = {"background": True, "stream": True}
    await repeats(house).answer(wire.connect(), CALLER, body, made_id)
    kinds = [event["type"] for event in await sent(wire)]
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    assert kinds[-1] == "response.completed"


async def test_a_stream_that_went_on_in_the_background_is_waited_for(house: House) -> None:
    accepted = house.admit(stream=True, store=True)
    await house.background.take_over(accepted)
    with pytest.raises(StillRunning, match=accepted.call.id):
        await repeats(house).answer(Wire().connect(), CALLER, {"stream": True}, accepted.call.id)
