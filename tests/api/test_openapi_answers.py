"""What the service says of its answers is what it answers, to the last field."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from forebay.api.openapi.operation import MODEL as PLACE_OF_MODEL
from forebay.core.engine_errors import EngineFailed
from forebay.settings import Settings
from tests.api.conftest import BASE_URL, MODEL, Front
from tests.api.described import bearer, description_of
from tests.api.described_calls import (
    TOOL,
    Caller,
    batch_outcomes,
    batches,
    chats,
    conversations,
    everything,
    message_batches,
    others,
    responses,
    uploads,
    webhooks,
)
from tests.api.test_embeddings import embeds
from tests.api.transport import AppTransport
from tests.fakes import ScriptedEngine, Step


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let webhooks go to loopback."""
    return msgspec.structs.replace(settings, webhook_networks=["127.0.0.0/8"])


@pytest.fixture
async def call(front: Front) -> AsyncIterator[Caller]:
    """A caller of the service."""
    async with httpx2.AsyncClient(
        transport=AppTransport(front.service.app), base_url=BASE_URL, headers=bearer()
    ) as http:
        yield Caller(http, await description_of(front))


async def test_every_operation_answers_as_it_says(call: Caller, engine: ScriptedEngine) -> None:
    for story in (
        chats,
        responses,
        conversations,
        batches,
        batch_outcomes,
        message_batches,
        uploads,
        webhooks,
        others,
    ):
        await story(call, engine)
    wanted = {
        (method, path, 200)
        for method, path, operation in call.description.operations()
        if "x-forebay-websocket" not in operation
    }
    assert wanted - call.description.seen == set()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v1/chat/completions",
            {
                "messages": [{"role": "user", "content": "hi"}],
                "tools": [TOOL],
                "logprobs": True,
                "n": 2,
                "stream_options": {"include_usage": True},
            },
        ),
        (
            "/v1/responses",
            {
                "input": "hi",
                "tools": [{"type": "function", "name": "look"}],
                "include": ["message.output_text.logprobs"],
            },
        ),
        (
            "/v1/messages",
            {
                "messages": [{"role": "user", "content": "hi"}],
                "max_tokens": 9,
                "thinking": {"type": "adaptive"},
            },
        ),
        ("/v1/completions", {"prompt": "hi", "stream_options": {"include_usage": True}}),
    ],
)
@pytest.mark.parametrize("ending", ["well", "badly"])
async def test_every_event_of_a_stream_is_described(
    call: Caller, engine: ScriptedEngine, path: str, body: dict[str, Any], ending: str
) -> None:
    script: list[Step] = everything()
    if ending == "badly":
        script = [script[1], EngineFailed("the engine broke")]
    engine.queue += [script, script]
    await call.post(path, {"model": MODEL, "stream": True, **body})
    assert ("POST", path, 200) in call.description.seen


async def test_every_example_is_taken_as_it_stands(call: Caller, engine: ScriptedEngine) -> None:
    engine.by_prompt["Hello! Good evening!"] = embeds([1.0], [1.0])
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "store": True}
    ids = {
        "/v1/chat/completions/{id}": (await call.post("/v1/chat/completions", chat))["id"],
        "/v1/conversations/{id}": (await call.post("/v1/conversations", {}))["id"],
    }
    for method, path, operation in call.description.operations():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" not in content:
            continue
        body = json.loads(json.dumps(content["example"]).replace(PLACE_OF_MODEL, MODEL))
        place = ids.get(path.removesuffix("/items"), "")
        await call(method, path.format(id=place, project_id="proj_default"), json=body)
        assert (method, path, 200) in call.description.seen, path
