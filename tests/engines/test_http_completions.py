"""How a plain completion is asked for over HTTP, and how its answer is read."""

from __future__ import annotations

import json
from contextlib import aclosing

import msgspec
import pytest

from forebay.core.errors import UnsupportedParameter
from forebay.core.money import Usage
from forebay.dialects.turn import Delta, TextTurn
from forebay.engines.http import HttpEngine
from tests.engines.http_clients import answering, closing_after, engine_at
from tests.engines.scripted_server import chunked

TURN = TextTurn(model="m", prompts=["Once"], max_output_tokens=2)


def frame(text: str, **others: object) -> bytes:
    choice = {"index": 0, "text": text, **others}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


FRAMES = [
    frame(" upon"),
    frame(" a", finish_reason="length"),
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n',
    b"data: [DONE]\n\n",
]


async def deltas_of(engine: HttpEngine, turn: TextTurn) -> list[Delta]:
    async with aclosing(engine.stream(turn, model="its-name")) as stream:
        return [delta async for deltas in stream for delta in deltas]


async def test_an_engine_that_does_not_echo_is_left_at_once() -> None:
    wants_echo = TextTurn(model="m", prompts=["Once"], sampling={"echo": True, "logprobs": 0})
    async with engine_at(closing_after(chunked(FRAMES))) as (engine, _):
        with pytest.raises(UnsupportedParameter) as caught:
            await deltas_of(engine, wants_echo)
    assert caught.value.param == "echo"


async def test_a_text_is_streamed_from_the_engines_completions() -> None:
    async with engine_at(answering(chunked(FRAMES))) as (engine, server):
        assert await deltas_of(engine, TURN) == [
            Delta(text=" upon"),
            Delta(text=" a", finish_reason="length"),
            Delta(usage=Usage(input_tokens=1, output_tokens=2)),
        ]

    head, body = server.requests[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/completions HTTP/1.1\r\n")
    told = msgspec.json.decode(body)
    assert (told["model"], told["prompt"], told["max_tokens"]) == ("its-name", "Once", 2)
