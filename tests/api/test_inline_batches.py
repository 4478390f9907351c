"""Batches whose requests are in the body that makes them, through OpenAI's API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from forebay.dialects.turn import JsonObject
from forebay.settings import Settings
from tests.api.conftest import MODEL, Front
from tests.fakes import ScriptedEngine, says, until

CHAT = "/v1/chat/completions"
WANTED: JsonObject = {"endpoint": CHAT, "completion_window": "24h"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The usual settings, with small limits."""
    return msgspec.structs.replace(settings, max_batch_requests=4, max_batch_file_bytes=150_000)


def request(custom_id: str, prompt: str = "hi") -> JsonObject:
    """Return one request."""
    params = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    return {"custom_id": custom_id, "params": params}


async def post(front: Front, body: Any, **options: Any) -> httpx2.Response:
    """Ask for a batch."""
    return await front.http.post("/v1/batches", json=body, **options)


async def ended(front: Front, batch_id: str) -> Any:
    """Return the batch once it has ended."""

    async def look() -> Any:
        found = (await front.http.get(f"/v1/batches/{batch_id}")).json()
        return found if found["status"] in ("completed", "failed") else None

    return await until(look)


@pytest.mark.parametrize("is_endpoint_last", [False, True])
async def test_requests_in_the_body_become_an_input_file(
    front: Front, engine: ScriptedEngine, is_endpoint_last: bool
) -> None:
    engine.by_prompt = {"one": says("first"), "two": says("second")}
    requests: dict[str, Any] = {"requests": [request("a", "one"), request("b", "two")]}
    body = requests | WANTED if is_endpoint_last else WANTED | requests
    batch = (await post(front, body)).json()
    assert batch["status"] == "validating"
    file = await front.openai.files.retrieve(batch["input_file_id"])
    assert (file.purpose, file.filename) == ("batch", f"{batch['id']}_input.jsonl")
    lines = (await front.openai.files.content(file.id)).text.splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "custom_id": it["custom_id"],
            "method": "POST",
            "url": CHAT,
            "body": it["params"],
        }
        for it in requests["requests"]
    ]
    done = await ended(front, batch["id"])
    assert (done["status"], done["request_counts"]["completed"]) == ("completed", 2)
    again = await post(front, WANTED | {"input_file_id": file.id})
    assert (await ended(front, again.json()["id"]))["request_counts"]["completed"] == 2


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (WANTED, "input_file_id"),
        (WANTED | {"requests": None}, "input_file_id"),
        (WANTED | {"requests": [request("a")], "input_file_id": "file-1"}, "requests"),
        (WANTED | {"requests": []}, "requests"),
        (WANTED | {"requests": {}}, "requests"),
        (WANTED | {"requests": [{"custom_id": "a"}]}, "requests[0].params"),
        (WANTED | {"requests": [request("a"), request("\0")]}, "requests[1].custom_id"),
        (WANTED | {"requests": [request(str(number)) for number in range(5)]}, "requests"),
        (WANTED | {"requests": [request("a")], "priority": 1}, "priority"),
        (WANTED | {"requests": [request("a")], "output_expires": {}}, "output_expires"),
        (WANTED | {"requests": [request("a")], "endpoint": "/v1/nothing"}, "endpoint"),
        ({"requests": [request("a")], "endpoint": CHAT}, "completion_window"),
        (
            {"requests": [request("a")], "completion_window": "1h", "endpoint": CHAT},
            "completion_window",
        ),
    ],
)
async def test_a_wrong_body_is_refused_by_name_and_leaves_nothing(
    front: Front, tmp_path: Path, body: JsonObject, param: str
) -> None:
    answer = await post(front, body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert (await front.http.get("/v1/files")).json()["data"] == []
    assert (await front.http.get("/v1/batches")).json()["data"] == []
    assert not [path for path in (tmp_path / "data" / "blobs").rglob("blob_*") if path.is_file()]


async def test_no_requests_may_be_named_beside_a_file(front: Front) -> None:
    file = await front.openai.files.create(file=("in.jsonl", b"{}\n"), purpose="batch")
    answer = await post(front, WANTED | {"input_file_id": file.id, "requests": None})
    assert (answer.status_code, answer.json()["input_file_id"]) == (200, file.id)


async def test_a_body_past_the_limit_of_a_batchs_input_is_refused(front: Front) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"requests": ['
        while True:
            yield json.dumps(request("a", "x" * 50_000)).encode()
            yield b","

    declared = json.dumps(WANTED | {"requests": [request("a", "x" * 150_000)]}).encode()
    for content in (declared, pieces()):
        answer = await front.http.post("/v1/batches", content=content)
        assert answer.status_code == 413


async def test_a_body_without_requests_is_held_to_the_limit_of_every_body(front: Front) -> None:
    answer = await post(front, WANTED | {"input_file_id": "x" * 110_000})
    assert answer.status_code == 413


async def test_requests_that_are_sent_again_with_their_key_make_one_file(front: Front) -> None:
    body = WANTED | {"requests": [request("a")]}
    headers = {"idempotency-key": "once"}
    first = await post(front, body, headers=headers)
    again = await post(front, body, headers=headers)
    assert again.json()["id"] == first.json()["id"]
    assert len((await front.http.get("/v1/files?purpose=batch")).json()["data"]) == 1
    other = await post(front, WANTED | {"requests": [request("b")]}, headers=headers)
    assert other.json()["error"]["code"] == "idempotency_error"
