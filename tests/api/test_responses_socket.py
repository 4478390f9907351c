"""Responses over a WebSocket: turns one after the other, and what only the connection holds."""

from __future__ import annotations

from forebay.api.responses_socket import MAX_WAITING
from forebay.core.engine_errors import EngineFailed
from tests.api.conftest import MAX_BODY_BYTES, MODEL, Front
from tests.api.response_calls import contents, say
from tests.api.socket import connected, frame, unheard
from tests.fakes import Gate, ScriptedEngine, says


async def test_the_events_of_a_turn_come_as_frames(front: Front) -> None:
    async with connected(front.service.app) as socket:
        assert socket.opening["type"] == "websocket.accept"
        socket.create(model=MODEL, input="hi")
        first = await socket.event()
        assert (first["type"], first["sequence_number"]) == ("response.created", 0)
        last = await socket.answer()
    assert last["response"]["status"] == "completed"
    assert last["response"]["output"][0]["content"][0]["text"] == "Hello."


async def test_a_response_that_is_stored_can_be_looked_up(front: Front) -> None:
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="hi", stream=False)
        made = (await socket.answer())["response"]
    found = await front.http.get(f"/v1/responses/{made['id']}")
    assert found.json() == made


async def test_turns_wait_for_each_other(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.queue.extend([[gate, *says("one")], says("two")])
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="a")
        socket.create(model=MODEL, input="b")
        await gate.reached.wait()
        assert len(engine.turns) == 1
        gate.open()
        texts = [
            (await socket.answer())["response"]["output"][0]["content"][0]["text"] for _ in "ab"
        ]
    assert texts == ["one", "two"]


async def test_the_connection_holds_its_last_response(front: Front, engine: ScriptedEngine) -> None:
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="one", store=False)
        first = (await socket.answer())["response"]["id"]
        socket.create(model=MODEL, input="two", store=False, previous_response_id=first)
        second = (await socket.answer())["response"]["id"]
        assert contents(engine) == ["one", "Hello.", "two"]
        socket.create(model=MODEL, input="again", previous_response_id=first)
        refused = await socket.answer()
        assert refused["error"]["code"] == "previous_response_not_found"
        socket.create(model=MODEL, input="three", store=False, previous_response_id=second)
        assert (await socket.answer())["type"] == "response.completed"
    assert contents(engine) == ["one", "Hello.", "two", "Hello.", "three"]


async def test_no_other_connection_sees_what_one_holds(front: Front) -> None:
    async with connected(front.service.app) as one, connected(front.service.app) as other:
        one.create(model=MODEL, input="one", store=False)
        held = (await one.answer())["response"]["id"]
        other.create(model=MODEL, input="two", previous_response_id=held)
        assert (await other.answer())["status"] == 400


async def test_a_continuation_that_is_refused_lets_go_of_what_it_continued(front: Front) -> None:
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="one", store=False)
        held = (await socket.answer())["response"]["id"]
        socket.create(model=MODEL, input="two", previous_response_id=held, temperature=9)
        assert (await socket.answer())["error"]["param"] == "temperature"
        socket.create(model=MODEL, input="two", previous_response_id=held)
        assert (await socket.answer())["error"]["code"] == "previous_response_not_found"


async def test_a_warm_up_runs_nothing_and_gives_an_id_to_go_on_from(
    front: Front, engine: ScriptedEngine
) -> None:
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="context", generate=False, store=False)
        warm = (await socket.answer())["response"]
        assert (warm["output"], engine.turns) == ([], [])
        socket.create(model=MODEL, input="go", previous_response_id=warm["id"], store=False)
        await socket.answer()
    assert contents(engine) == ["context", "go"]


async def test_a_warm_up_needs_no_input(front: Front, engine: ScriptedEngine) -> None:
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input=[], instructions="Be brief.", generate=False, store=False)
        warm = (await socket.answer())["response"]
        socket.create(model=MODEL, input="go", previous_response_id=warm["id"])
        assert (await socket.answer())["type"] == "response.completed"
    assert contents(engine) == ["go"]


async def test_a_warm_up_that_is_stored_is_looked_up_and_continued_elsewhere(
    front: Front, engine: ScriptedEngine
) -> None:
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="context", generate=False)
        warm = (await socket.answer())["response"]
        socket.create(model=MODEL, input="go", previous_response_id=warm["id"])
        second = (await socket.answer())["response"]["id"]
    found = await front.http.get(f"/v1/responses/{warm['id']}")
    assert found.json() == warm
    await say(front, "more", previous_response_id=second)
    assert contents(engine) == ["context", "go", "Hello.", "more"]


async def test_a_tools_result_for_an_unknown_call_fails_the_turn(front: Front) -> None:
    result = {"type": "function_call_output", "call_id": "call_x", "output": "1"}
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input=[result])
        refused = await socket.answer()
    assert (refused["type"], refused["status"]) == ("error", 400)


async def test_an_engine_that_fails_is_told_in_a_frame(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([EngineFailed("broke")])
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="hi")
        assert (await socket.answer())["status"] == 502
        socket.create(model=MODEL, input="again")
        assert (await socket.answer())["type"] == "response.completed"


async def test_who_leaves_ends_the_engines_turn(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.queue.append([gate])
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="hi")
        await gate.reached.wait()
    await engine.was_cancelled.wait()


async def test_strange_messages_are_refused_and_the_connection_lives(front: Front) -> None:
    async with connected(front.service.app) as socket:
        for strange in ("nonsense", "[]", '{"type": "response.steer"}'):
            socket.send(strange)
            assert (await socket.answer())["status"] == 400
        socket.create(model=MODEL, input="hi", background=True)
        assert (await socket.answer())["error"]["param"] == "background"
        socket.create(model=MODEL, input="hi")
        assert (await socket.answer())["type"] == "response.completed"


async def test_a_wrong_key_is_refused_before_the_connection_is_made(front: Front) -> None:
    async with connected(front.service.app, key="wrong") as socket:
        assert socket.opening["type"] == "websocket.http.response.start"
        assert socket.opening["status"] == 401


async def test_an_idempotency_key_is_refused_before_the_connection_is_made(front: Front) -> None:
    headers = [(b"idempotency-key", b"once")]
    async with connected(front.service.app, headers=headers) as socket:
        assert socket.opening["status"] == 400


async def test_no_other_path_takes_connections(front: Front) -> None:
    async with connected(front.service.app, path="/v1/messages") as socket:
        assert socket.opening["type"] in ("websocket.close", "websocket.http.response.start")


async def test_too_many_messages_at_once_are_refused(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.queue.append([gate])
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="hi")
        await gate.reached.wait()
        for _ in range(MAX_WAITING + 1):
            socket.create(model=MODEL, input="more")
        assert (await socket.answer())["status"] == 429


async def test_too_much_at_once_is_refused_until_some_of_it_is_answered(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("ok")])
    large = "x" * (MAX_BODY_BYTES // 2 + 1)
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, input="hi")
        await gate.reached.wait()
        socket.create(model=MODEL, input=large)
        socket.create(model=MODEL, input=large)
        socket.create(model=MODEL, input="refused")
        assert (await socket.answer())["status"] == 429
        gate.open()
        for _ in range(3):
            assert (await socket.answer())["type"] == "response.completed"
        socket.create(model=MODEL, input="taken")
        assert (await socket.answer())["type"] == "response.completed"
    assert engine.prompts == ["hi", large, large, "taken"]


async def test_a_connection_on_which_no_refusal_can_be_sent_ends(front: Front) -> None:
    await unheard(front.service.app, frame("nonsense"))


async def test_a_turn_whose_events_cannot_be_sent_ends_with_its_connection(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([*says("Hel")[:1], Gate()])
    await unheard(front.service.app, frame({"type": "response.create", "model": MODEL}))
    assert (engine.in_flight, len(engine.cancelled)) == (0, 1)


async def test_a_caller_that_hears_no_refusal_may_still_leave(front: Front) -> None:
    create = frame({"type": "response.create", "model": MODEL})
    leave = {"type": "websocket.disconnect", "code": 1006}
    await unheard(front.service.app, *[create] * (MAX_WAITING + 1), leave)
