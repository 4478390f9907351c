"""How the tokens of a prompt are counted with engines that offer different ways, or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from forebay.core.engine_errors import EngineUnreachable
from forebay.dialects.turn import JsonObject, Turn
from forebay.engines.counting import shortest
from forebay.engines.http import HttpEngine
from tests.engines.http_clients import client, engine_at
from tests.engines.scripted_server import Script, ScriptedServer, Visit, sized

TURN = Turn(model="m", messages=[{"role": "user", "content": "Hi"}])
TOOL: JsonObject = {"type": "function", "function": {"name": "f", "parameters": {}}}
IMAGE: JsonObject = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

Answers = dict[str, bytes | Callable[[JsonObject], bytes]]


def answer(payload: object) -> bytes:
    return sized(json.dumps(payload).encode())


def refusal(status: int) -> bytes:
    return sized(b'{"error":{"message":"no"}}', status=b"%d No" % status)


def tokenized_by_llama_cpp(body: JsonObject) -> bytes:
    """Tokenize a text; a chat, as vLLM would be sent one, has no `content` and so no tokens."""
    return answer({"tokens": list(range(20)) if body.get("content") == "<Hi>" else []})


VLLM: Answers = {"/tokenize": answer({"count": 10, "max_model_len": 99, "tokens": [1] * 10})}
LLAMA_CPP: Answers = {
    "/tokenize": tokenized_by_llama_cpp,
    "/apply-template": answer({"prompt": "<Hi>"}),
}


def answering(answers: Answers) -> Script:
    """Answer each path as told, and every other with 404; what is told may change meanwhile."""

    async def script(visit: Visit) -> None:
        while request := await visit.request():
            head, body = request.split(b"\r\n\r\n", 1)
            told = answers.get(head.split(b" ")[1].decode(), refusal(404))
            visit.say(told if isinstance(told, bytes) else told(msgspec.json.decode(body)))

    return script


def asked(server: ScriptedServer) -> list[str]:
    return [request.split(b" ")[1].decode() for request in server.requests]


def body_of(server: ScriptedServer, index: int = -1) -> JsonObject:
    body: JsonObject = msgspec.json.decode(server.requests[index].split(b"\r\n\r\n", 1)[1])
    return body


async def count(engine: HttpEngine, **others: Any) -> int | None:
    return await engine.count(msgspec.structs.replace(TURN, **others), model="its-name")


async def test_an_engine_that_tokenizes_chats_is_asked_once() -> None:
    async with engine_at(answering(VLLM)) as (engine, server):
        assert [await count(engine), await count(engine)] == [10, 10]

    assert asked(server) == ["/tokenize", "/tokenize"]
    assert body_of(server) == {
        "model": "its-name",
        "messages": TURN.messages,
        "add_generation_prompt": True,
    }


async def test_tools_and_what_shapes_the_template_are_counted_too() -> None:
    async with engine_at(answering(VLLM)) as (engine, server):
        await count(
            engine,
            tools=[TOOL],
            sampling={"reasoning_effort": "low", "temperature": 0},
            extra={
                "chat_template_kwargs": {"enable_thinking": False},
                "add_generation_prompt": False,
            },
        )
        await count(engine, tools=[TOOL], tool_choice="none")

    assert body_of(server, 0) == {
        "model": "its-name",
        "messages": TURN.messages,
        "tools": [TOOL],
        "chat_template_kwargs": {"enable_thinking": False, "reasoning_effort": "low"},
        "add_generation_prompt": False,
    }
    assert "tools" not in body_of(server, 1)


async def test_an_engine_that_renders_chats_tokenizes_what_it_rendered() -> None:
    async with engine_at(answering(LLAMA_CPP)) as (engine, server):
        assert [await count(engine, tools=[TOOL]), await count(engine)] == [20, 20]

    rendering = ["/apply-template", "/tokenize"]
    assert asked(server) == ["/tokenize", *rendering, *rendering]
    assert body_of(server, 1)["tools"] == [TOOL]
    assert body_of(server) == {"content": "<Hi>", "add_special": True, "parse_special": True}


async def test_any_other_engine_cannot_count_and_is_asked_once() -> None:
    async with engine_at(answering({})) as (engine, server):
        assert [await count(engine), await count(engine)] == [None, None]

    assert asked(server) == ["/tokenize", "/apply-template"]


async def test_images_are_not_counted_for_a_template_does_not_know_their_tokens() -> None:
    async with engine_at(answering(VLLM)) as (engine, server):
        with_image: list[JsonObject] = [{"role": "user", "content": [IMAGE]}]
        assert [await count(engine, messages=with_image), await count(engine)] == [None, 10]

    assert asked(server) == ["/tokenize"]


async def test_a_way_that_fails_is_forgotten() -> None:
    answers = dict(VLLM)
    async with engine_at(answering(answers)) as (engine, server):
        assert await count(engine) == 10
        answers.clear()
        answers.update(LLAMA_CPP)
        assert [await count(engine), await count(engine)] == [None, 20]

    assert asked(server)[1:] == ["/tokenize", *("/tokenize", "/apply-template", "/tokenize")]


@pytest.mark.parametrize("status", [400, 408, 422, 429, 500, 503])
async def test_an_engine_that_does_not_answer_this_time_is_asked_again(status: int) -> None:
    answers: Answers = {"/tokenize": refusal(status)}
    async with engine_at(answering(answers)) as (engine, _):
        assert await count(engine) is None
        answers.update(VLLM)
        assert await count(engine) == 10


@pytest.mark.parametrize("payload", [{"tokens": 3}, {"count": "many"}, [], "ten"])
async def test_an_answer_of_another_shape_is_no_count(payload: object) -> None:
    async with engine_at(answering({"/tokenize": answer(payload)})) as (engine, _):
        assert await count(engine) is None


async def test_an_engine_that_cannot_be_reached_says_so() -> None:
    async with client("http://127.0.0.1:9/v1") as engine:
        with pytest.raises(EngineUnreachable):
            await count(engine)


def test_the_shortest_turn_has_the_same_prompt() -> None:
    turn = msgspec.structs.replace(
        TURN,
        tools=[TOOL],
        sampling={"stop": ["x"], "logprobs": True, "top_logprobs": 2, "reasoning_effort": "low"},
        response_format={"type": "json_object"},
        max_output_tokens=500,
        choices=3,
    )
    assert shortest(turn) == msgspec.structs.replace(
        TURN, tools=[TOOL], sampling={"reasoning_effort": "low"}, max_output_tokens=1
    )
