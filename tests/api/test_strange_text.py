"""Text with the character U+0000, which PostgreSQL does not take: refused, never a failure."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import MODEL, Front
from tests.api.test_batches import ended, line, results, submit
from tests.api.test_files import field, form


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


async def test_a_batchs_input_is_not_named_by_it(front: Front) -> None:
    body = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    answer = await front.http.post("/v1/batches", json=body | {"input_file_id": "file-\0"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input_file_id")


async def test_a_custom_id_does_not_take_it(front: Front) -> None:
    done = await ended(front, await submit(front, line("a"), line("b\0")))
    assert done.status == "failed"
    assert done.errors is not None and done.errors.data is not None
    [error] = done.errors.data
    assert (error.code, error.param, error.line) == ("invalid_value", "custom_id", 2)


async def test_a_model_of_a_line_may_be_named_by_it_in_vain(front: Front) -> None:
    done = await ended(front, await submit(front, line("a", body={"model": "\0", "messages": []})))
    assert done.errors is not None and done.errors.data is not None
    assert [error.code for error in done.errors.data] == ["model_not_found"]


async def test_an_answer_to_it_is_a_result(front: Front) -> None:
    done = await ended(front, await submit(front, line("a", "x\0y")))
    assert list(await results(front, done.output_file_id)) == ["a"]


@pytest.mark.parametrize("others", [[], [f"id-{number}" for number in range(40)]])
async def test_a_verdict_is_of_no_result_by_it(front: Front, others: list[str]) -> None:
    done = await ended(front, await submit(front, line("a"), *[line(id) for id in others]))
    for accepted in (["a\0"], ["a", *others, "a\0"]):
        answer = await front.http.post(f"/v1/batches/{done.id}/accept", json={"accepted": accepted})
        assert answer.status_code == 400
        assert "not in batch" in answer.json()["error"]["message"]
    assert (await front.http.get(f"/v1/batches/{done.id}/results/a%00")).status_code == 404
    report = (await front.http.get(f"/v1/batches/{done.id}/report")).json()
    assert report["verdicts"] == {"accepted": 0, "rejected": 0}


@pytest.mark.parametrize("name", ["filename", "mime_type", "purpose"])
async def test_an_upload_does_not_take_it(front: Front, name: str) -> None:
    body = {"filename": "a", "mime_type": "text/plain", "purpose": "batch", "bytes": 3}
    strange = {"filename": "a\0", "mime_type": "text/plain; \0", "purpose": "batch\0"}
    answer = await front.http.post("/v1/uploads", json=body | {name: strange[name]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)


async def test_a_files_name_does_not_take_it(front: Front) -> None:
    part = b'Content-Disposition: form-data; name="file"; filename="a\0b"\r\n\r\nx'
    body, headers = form(part, field("purpose", "batch"))
    answer = await front.http.post("/v1/files", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")
    assert (await front.http.get("/v1/files")).json()["data"] == []


async def test_a_form_is_for_no_purpose_by_it(front: Front) -> None:
    part = b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\nx'
    body, headers = form(part, field("purpose", "batch\0"))
    answer = await front.http.post("/v1/files", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "purpose")


async def test_a_message_batch_does_not_take_it(front: Front) -> None:
    params = {"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    body = {"requests": [{"custom_id": "a\0", "params": params}]}
    answer = await front.http.post("/v1/messages/batches", json=body)
    assert answer.status_code == 400
