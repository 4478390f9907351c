"""The likeliest tokens beside each logprob: as many as were wanted, whatever engines tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.dialects.chat import ChatDialect
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import Delta, JsonObject, Turn
from forebay.dialects.upstream import encode_turn
from tests.dialects import responses_calls
from tests.dialects.calls import call_of, events, finish, outcome_of, streamed

CHAT = ChatDialect()
RESPONSES = ResponsesDialect()
LIKELIEST: list[JsonObject] = [
    {"token": token, "logprob": logprob, "bytes": list(token.encode())}
    for token, logprob in (("a", -0.5), ("b", -1.5), ("c", -2.5))
]
TOKEN: JsonObject = {**LIKELIEST[0], "top_logprobs": LIKELIEST}
DELTAS = [Delta(text="a", logprobs=(TOKEN,)), *finish()]
WANTED = pytest.mark.parametrize("wanted", [None, 0, 2])


def chat_body(wanted: int | None) -> JsonObject:
    messages = [{"role": "user", "content": "hi"}]
    return {"model": "m", "messages": messages, "logprobs": True, "top_logprobs": wanted}


def responses_body(wanted: int | None) -> JsonObject:
    include = ["message.output_text.logprobs"]
    return responses_calls.body(include=include, top_logprobs=wanted)


def shown(wanted: int | None) -> list[JsonObject]:
    """Return the one token's logprobs as both APIs show them."""
    return [{**TOKEN, "top_logprobs": LIKELIEST[: wanted or 0]}]


@pytest.mark.parametrize(
    ("wanted", "asked"), [({}, 1), ({"top_logprobs": 0}, 1), ({"top_logprobs": 3}, 3)]
)
def test_engines_are_asked_for_one_of_the_likeliest_at_least(
    wanted: JsonObject, asked: int
) -> None:
    turn = Turn(model="m", messages=[], sampling={"logprobs": True, **wanted})
    body = json.loads(encode_turn(turn, model="m", extra={}))
    assert (body["logprobs"], body["top_logprobs"]) == (True, asked)


def test_engines_are_not_asked_for_likeliest_tokens_without_logprobs() -> None:
    turn = Turn(model="m", messages=[], sampling={"logprobs": False})
    assert "top_logprobs" not in json.loads(encode_turn(turn, model="m", extra={}))


@WANTED
def test_a_completion_shows_the_likeliest_that_were_wanted(wanted: int | None) -> None:
    final: Any = CHAT.final(call_of(CHAT, chat_body(wanted)), outcome_of(DELTAS))
    (choice,) = final["choices"]
    assert choice["logprobs"] == {"content": shown(wanted), "refusal": None}


@WANTED
def test_a_chunk_shows_the_likeliest_that_were_wanted(wanted: int | None) -> None:
    call = call_of(CHAT, {**chat_body(wanted), "stream": True})
    told = [chunk["choices"][0]["logprobs"] for chunk in events(streamed(CHAT, call, DELTAS))]
    assert [one["content"] for one in told if one is not None] == [shown(wanted)]


@WANTED
def test_a_response_shows_the_likeliest_that_were_wanted(wanted: int | None) -> None:
    (item,) = responses_calls.final(outcome_of(DELTAS), responses_body(wanted))["output"]
    assert item["content"][0]["logprobs"] == shown(wanted)


@WANTED
def test_an_event_shows_the_likeliest_that_were_wanted(wanted: int | None) -> None:
    call = call_of(RESPONSES, responses_body(wanted))
    told = events(streamed(RESPONSES, call, DELTAS))
    texts = [event for event in told if event["type"].startswith("response.output_text")]
    assert [event["logprobs"] for event in texts] == [shown(wanted)] * 2
