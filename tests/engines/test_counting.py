"""How the tokens of a prompt are counted with engines that offer different ways, or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from forebay.core.errors import EngineBusy, EngineError, PromptRejected
from forebay.dialects.turn import JsonObject, Turn
from forebay.engines.http import HttpEngine
from tests.engines.http_clients import engine_at
from tests.engines.scripted_server import Script, ScriptedServer, Visit, chunked, sized

TURN = Turn(model="m", messages=[{"role": "user", "content": "Hi"}])
TOOL: JsonObject = {"type": "function", "function": {"name": "f", "parameters": {}}}
IMAGE: JsonObject = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

RUN = chunked(
    [
        b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"length"}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":1}}\n\n',
        b"data: [DONE]\n\n",
    ]
)

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
    "/v1/chat/completions": RUN,
}
OTHER: Answers = {"/v1/chat/completions": RUN}


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


async def count(engine: HttpEngine, **others: Any) -> int:
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


async def test_any_other_engine_runs_the_turn_for_one_token() -> None:
    async with engine_at(answering(OTHER)) as (engine, server):
        first = await count(
            engine,
            sampling={"stop": ["x"], "logprobs": True, "top_logprobs": 2, "temperature": 0},
            response_format={"type": "json_object"},
            max_output_tokens=500,
            choices=3,
        )
        assert [first, await count(engine)] == [30, 30]

    chat = "/v1/chat/completions"
    assert asked(server) == ["/tokenize", "/apply-template", chat, chat]
    told = body_of(server, 2)
    assert (told["max_tokens"], told["temperature"]) == (1, 0)
    assert not told.keys() & {"stop", "logprobs", "top_logprobs", "response_format", "n"}


async def test_images_are_measured_for_a_template_does_not_know_their_tokens() -> None:
    async with engine_at(answering(VLLM | OTHER)) as (engine, server):
        with_image: list[JsonObject] = [{"role": "user", "content": [IMAGE]}]
        assert [await count(engine, messages=with_image), await count(engine)] == [30, 10]

    assert asked(server) == ["/v1/chat/completions", "/tokenize"]


async def test_a_way_that_fails_is_forgotten() -> None:
    answers = dict(VLLM)
    async with engine_at(answering(answers)) as (engine, server):
        assert await count(engine) == 10
        answers.clear()
        answers.update(LLAMA_CPP)
        assert [await count(engine), await count(engine)] == [30, 20]

    assert asked(server)[1:] == [
        *("/tokenize", "/v1/chat/completions"),
        *("/tokenize", "/apply-template", "/tokenize"),
    ]


async def test_measuring_that_fails_is_forgotten_as_well() -> None:
    answers = dict(OTHER)
    async with engine_at(answering(answers)) as (engine, _):
        assert await count(engine) == 30
        answers.clear()
        with pytest.raises(EngineError):
            await count(engine)
        answers.update(VLLM)
        assert await count(engine) == 10


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_an_engine_that_is_unwell_for_a_moment_is_asked_again(status: int) -> None:
    answers: Answers = {"/tokenize": refusal(status), **OTHER}
    async with engine_at(answering(answers)) as (engine, _):
        assert await count(engine) == 30
        answers.update(VLLM)
        assert await count(engine) == 10


@pytest.mark.parametrize("payload", [{"tokens": 3}, {"count": "many"}, [], "ten"])
async def test_an_answer_of_another_shape_is_no_count(payload: object) -> None:
    async with engine_at(answering({"/tokenize": answer(payload), **OTHER})) as (engine, _):
        assert await count(engine) == 30


async def test_what_the_engine_minds_in_the_prompt_is_told() -> None:
    answers: Answers = dict.fromkeys(
        ("/tokenize", "/apply-template", "/v1/chat/completions"), refusal(400)
    )
    async with engine_at(answering(answers)) as (engine, _):
        with pytest.raises(PromptRejected):
            await count(engine)


async def test_an_engine_that_is_busy_says_so() -> None:
    async with engine_at(answering({"/v1/chat/completions": refusal(429)})) as (engine, _):
        with pytest.raises(EngineBusy):
            await count(engine)
