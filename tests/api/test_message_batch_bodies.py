"""The bodies that make Message Batches: what is refused, and what is made once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import anthropic
import msgspec
import pytest

from forebay.dialects.turn import JsonObject
from forebay.settings import Settings
from tests.api.conftest import Front
from tests.api.test_message_batches import PATH, request, submit


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """The usual settings, with what a test says of them."""
    return msgspec.structs.replace(settings, **getattr(request, "param", {}))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"requests": [{"custom_id": "a"}]}', "requests.0.params: Field required"),
        (b'{"requests": [{"custom_id": "a b", "params": {}}]}', "requests.0.custom_id: String"),
        (b'{"requests": []}', "requests: List should have at least 1 item"),
        (b"{}", "requests: Field required"),
        (b'{"requests": [', "The body is not valid JSON"),
        (b"[]", "The body must be a JSON object"),
    ],
)
async def test_a_wrong_body_is_refused_in_anthropics_words(
    front: Front, body: bytes, message: str
) -> None:
    answer = await front.http.post(PATH, content=body)
    assert answer.status_code == 400
    said = answer.json()
    assert (said["type"], said["error"]["type"]) == ("error", "invalid_request_error")
    assert said["error"]["message"].startswith(message)
    assert said["request_id"] == answer.headers["request-id"]


SMALL: JsonObject = {"max_message_batch_bytes": 5_000, "max_message_batch_requests": 3}


@pytest.mark.parametrize("settings", [SMALL], indirect=True)
async def test_a_batch_has_its_limits(front: Front) -> None:
    with pytest.raises(anthropic.BadRequestError, match="at most 3 items"):
        await submit(front, *[request(str(number)) for number in range(4)])

    async def pieces() -> AsyncIterator[bytes]:
        yield json.dumps({"requests": [request("a", "x" * 2_000)]}).encode()[:-2]
        for number in range(3):
            yield b"," + json.dumps(request(str(number), "x" * 2_000)).encode()

    declared = json.dumps({"requests": [request("a", "x" * 6_000)]}).encode()
    for content in (declared, pieces()):
        answer = await front.http.post(PATH, content=content)
        assert (answer.status_code, answer.json()["error"]["type"]) == (413, "request_too_large")


async def test_a_batch_that_is_sent_again_with_its_key_is_made_once(front: Front) -> None:
    body = {"requests": [request("a")]}
    headers = {"anthropic-idempotency-key": "once"}
    first = await front.http.post(PATH, json=body, headers=headers)
    again = await front.http.post(PATH, json=body, headers=headers)
    assert again.json()["id"] == first.json()["id"]
    assert len((await front.http.get(PATH)).json()["data"]) == 1
    for others in ({"requests": [request("b")]}, {**body, "metadata": None}):
        refused = await front.http.post(PATH, json=others, headers=headers)
        assert refused.status_code == 400
        assert refused.json()["error"]["details"] == {"error_code": "idempotency_error"}
    window = {**headers, "x-completion-window": "standard"}
    assert (await front.http.post(PATH, json=body, headers=window)).status_code == 400


async def test_a_header_names_the_window(front: Front) -> None:
    batch = await submit(front, extra_headers={"X-Completion-Window": "standard"})
    assert batch.model_dump()["forebay"]["window"] == "standard"
    with pytest.raises(anthropic.BadRequestError, match="not offered"):
        await submit(front, extra_headers={"X-Completion-Window": "asap"})


async def test_a_list_with_an_unknown_filter_is_refused(front: Front) -> None:
    for query in ("processing_status=ended", "limit=0", "limit=1001", "after_id=batch_1"):
        assert (await front.http.get(f"{PATH}?{query}")).status_code == 400, query
