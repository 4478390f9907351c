"""Text with the character U+0000, which PostgreSQL does not take: refused, never a failure."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import MODEL, Front


@pytest.mark.parametrize(
    "path", ["/v1/responses/%00", "/v1/batches/batch_%00/cancel", "/v1/webhook_endpoints/%00"]
)
async def test_nothing_is_found_by_it(front: Front, path: str) -> None:
    for method in ("GET", "POST"):
        answer = await front.http.request(method, path)
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_no_page_follows_it(front: Front) -> None:
    assert (await front.http.get("/v1/files?after=%00")).status_code in (200, 400)


async def test_an_endpoints_name_does_not_take_it(front: Front) -> None:
    body = {"name": "a\0b", "url": "https://example.com/", "event_types": ["batch.failed"]}
    answer = await front.http.post("/v1/webhook_endpoints", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "name")


@pytest.mark.parametrize(
    "fields",
    [{"previous_response_id": "resp_\0"}, {"conversation": "conv_\0"}, {"model": "tiny\0"}],
)
async def test_nothing_is_named_by_it(front: Front, fields: dict[str, Any]) -> None:
    answer = await front.http.post("/v1/responses", json={"model": MODEL, "input": "hi"} | fields)
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize("metadata", [{"a\0": "b"}, {"a": "b\0"}])
async def test_metadata_does_not_take_it(front: Front, metadata: dict[str, str]) -> None:
    body = {"model": MODEL, "input": "hi", "metadata": metadata}
    answer = await front.http.post("/v1/responses", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "metadata"


async def test_an_input_may_hold_it(front: Front) -> None:
    answer = await front.http.post("/v1/responses", json={"model": MODEL, "input": "a\0b"})
    assert answer.status_code == 200
    items = await front.http.get(f"/v1/responses/{answer.json()['id']}/input_items")
    assert items.json()["data"][0]["content"][0]["text"] == "a\0b"
