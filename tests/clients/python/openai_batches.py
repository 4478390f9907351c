"""Batches through OpenAI's client; both majors run this."""

from __future__ import annotations

import json
import time
from typing import Any, Literal

from openai import ConflictError, OpenAI
from openai.types import Batch, Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from tests.clients.python.openai_client import connected
from tests.clients.python.stage import JsonObject, model, perform
from tests.end_to_end.hooks import Hook, taking_hooks

POLL_S = 0.1
CHAT: Literal["/v1/chat/completions"] = "/v1/chat/completions"
LIVE = ("validating", "in_progress", "finalizing", "cancelling")
ASKED: dict[str, JsonObject] = {
    CHAT: {"messages": [{"role": "user", "content": "hello"}]},
    "/v1/responses": {"input": "hello"},
    "/v1/messages": {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 99},
    "/v1/completions": {"prompt": "Once upon"},
    "/v1/embeddings": {"input": ["ab", "abc"]},
}


def completed() -> JsonObject:
    """Run a file of which one request is refused when its turn comes, and that one again."""
    client = connected()
    rows = _row("good", "hello") + _row("bad", "hello", temperature="hot")
    batch = _ended(client, _submitted(client, rows, metadata={"a": "1"}))
    good, bad = _results(client, batch.output_file_id), _results(client, batch.error_file_id)
    again = _ended(client, client.post(f"/batches/{batch.id}/retry", cast_to=Batch, body={}))
    assert batch.request_counts is not None and batch.usage is not None
    assert batch.in_progress_at and batch.finalizing_at and batch.completed_at
    return {
        "status": batch.status,
        "counts": batch.request_counts.to_dict(),
        "output_tokens": batch.usage.output_tokens,
        "metadata": batch.metadata,
        "model": batch.model,
        "are_times_in_order": batch.created_at
        <= batch.in_progress_at
        <= batch.finalizing_at
        <= batch.completed_at,
        "texts": {name: _text(CHAT, row) for name, row in good.items()},
        "refused": {name: _refusal(row) for name, row in bad.items()},
        "cancelling": _conflict(client, batch),
        "again": list(_results(client, again.error_file_id)),
    }


def endpoints() -> JsonObject:
    """Run a batch of each endpoint."""
    client = connected()
    batches = {}
    for endpoint, body in ASKED.items():
        line = {"custom_id": "row", "method": "POST", "url": endpoint}
        rows = json.dumps(line | {"body": {"model": model()} | body})
        batches[endpoint] = _submitted(client, rows.encode(), endpoint)
    rows_of = {
        endpoint: _results(client, _ended(client, batch).output_file_id)
        for endpoint, batch in batches.items()
    }
    return {endpoint: _text(endpoint, rows["row"]) for endpoint, rows in rows_of.items()}


def failed() -> JsonObject:
    """Submit a file with mistakes, and one that is not there."""
    client = connected()
    rows = (
        _row("one", "hello"),
        b"no JSON\n",
        _row("three", "hello", stream=True),
        _row("four", "hello").replace(b"/v1/chat/completions", b"/v1/embeddings"),
        _row("five", "hello", model="no-such-model"),
        _row("one", "hello"),
    )
    batch = _ended(client, _submitted(client, b"".join(rows)))
    missing = client.batches.create(
        input_file_id="file-none", endpoint=CHAT, completion_window="24h"
    )
    return {
        "status": batch.status,
        "has_time": batch.failed_at is not None,
        "errors": _errors(batch),
        "missing": _errors(_ended(client, missing)),
    }


def cancelled() -> JsonObject:
    """Read what is done of a batch that runs, and cancel it."""
    client = connected()
    batch = _submitted(client, _row("done", "hello") + _row("held", "wait"))
    while batch.output_file_id is None:
        assert batch.status in LIVE, batch
        time.sleep(POLL_S)
        batch = client.batches.retrieve(batch.id)
    output = batch.output_file_id
    first, rest = _partial(client, output, 0), _partial(client, output, 1)
    one = client.get(f"/batches/{batch.id}/results/done", cast_to=object)
    asked = client.batches.cancel(batch.id)
    batch = _ended(client, batch)
    assert batch.cancelling_at and batch.cancelled_at
    return {
        "while_it_runs": first,
        "after_that": rest,
        "one": _text(CHAT, one),
        "asked": asked.status in ("cancelling", "cancelled"),
        "status": batch.status,
        "at_the_end": _partial(client, output, 0),
        "errors": {
            name: row["error"]["code"]
            for name, row in _results(client, batch.error_file_id).items()
        },
        "again": client.batches.cancel(batch.id).status,
    }


def listed() -> JsonObject:
    """List batches page by page."""
    client = connected()
    made = [_submitted(client, _row("row", "hello")).id for _ in range(3)]
    ids = [batch.id for batch in client.batches.list(limit=2)]
    return {
        "are_in_order": [each for each in ids if each in made] == made[::-1],
        "is_none_twice": len(ids) == len(set(ids)),
    }


def uploaded() -> JsonObject:
    """Run a file that came in parts which are cut in the middle of rows."""
    client = connected()
    rows = b"".join(_row(f"row-{number}", f"number {number}") for number in range(20))
    upload = client.uploads.upload_file_chunked(
        file=rows,
        filename="rows.jsonl",
        bytes=len(rows),
        mime_type="application/jsonl",
        purpose="batch",
        part_size=500,
    )
    assert upload.file is not None
    batch = client.batches.create(
        input_file_id=upload.file.id, endpoint=CHAT, completion_window="24h"
    )
    results = _results(client, _ended(client, batch).output_file_id)
    texts = {_text(CHAT, results[f"row-{number}"]) for number in range(20)}
    return {"are_all_there": texts == {f"You said: number {number}" for number in range(20)}}


def expired() -> JsonObject:
    """Let a batch run out of its time, with one request done."""
    client = connected()
    batch = _submitted(client, _row("done", "hello") + _row("held", "wait"))
    batch = _ended(client, batch)
    assert batch.request_counts is not None and batch.expires_at and batch.expired_at
    return {
        "status": batch.status,
        "counts": batch.request_counts.to_dict(),
        "is_late": batch.expired_at >= batch.expires_at,
        "done": list(_results(client, batch.output_file_id)),
        "errors": {
            name: row["error"]["code"]
            for name, row in _results(client, batch.error_file_id).items()
        },
    }


def told() -> JsonObject:
    """Be told by webhooks that batches have ended, and let the client verify what comes."""
    client = connected()
    with taking_hooks() as hooks:
        body = {
            "name": "batches",
            "url": hooks.at("/batches"),
            "event_types": ["batch.completed", "batch.failed"],
        }
        endpoint: Any = client.post("/webhook_endpoints", cast_to=object, body=body)
        secret = endpoint["signing_secret"]
        good = _submitted(client, _row("row", "hello"))
        completion = _event(client, hooks.next("/batches"), secret)
        bad = _submitted(client, b"no JSON")
        failure = _event(client, hooks.next("/batches"), secret)
        client.delete(f"/webhook_endpoints/{endpoint['id']}", cast_to=object)
    return {
        "types": [completion.type, failure.type],
        "are_theirs": [completion.data.id, failure.data.id] == [good.id, bad.id],
    }


def _row(custom_id: str, prompt: str, **fields: object) -> bytes:
    messages = [{"role": "user", "content": prompt}]
    body = {"model": model(), "messages": messages, **fields}
    line = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}
    return json.dumps(line).encode() + b"\n"


def _submitted(
    client: OpenAI, rows: bytes, endpoint: str = CHAT, metadata: dict[str, str] | None = None
) -> Batch:
    file = client.files.create(file=("rows.jsonl", rows), purpose="batch")
    return client.batches.create(
        input_file_id=file.id,
        endpoint=endpoint,  # type: ignore[arg-type]  # the client does not know of messages
        completion_window="24h",
        metadata=metadata,
    )


def _ended(client: OpenAI, batch: Batch) -> Batch:
    while batch.status in LIVE:
        time.sleep(POLL_S)
        batch = client.batches.retrieve(batch.id)
    return batch


def _results(client: OpenAI, file_id: str | None) -> dict[str, Any]:
    assert file_id is not None
    rows = [json.loads(line) for line in client.files.content(file_id).text.splitlines()]
    by_name = {row["custom_id"]: row for row in rows}
    assert len(by_name) == len(rows), rows
    return by_name


def _partial(client: OpenAI, file_id: str, skipped: int) -> list[object]:
    """Return the rows after those skipped, whether more may come, and the number of the last."""
    read = client.files.with_raw_response.content(file_id, extra_query={"offset": skipped})
    names = [json.loads(line)["custom_id"] for line in read.text.splitlines()]
    return [names, read.headers["x-incomplete"], read.headers["x-last-line"]]


def _text(endpoint: str, row: Any) -> object:
    """Return what an endpoint answered, read by the client's class for it."""
    assert row["response"]["status_code"] == 200 and row["error"] is None, row
    body = row["response"]["body"]
    match endpoint:
        case "/v1/chat/completions":
            return ChatCompletion.model_validate(body).choices[0].message.content
        case "/v1/responses":
            return Response.model_validate(body).output_text
        case "/v1/completions":
            return Completion.model_validate(body).choices[0].text
        case "/v1/embeddings":
            return [one.embedding for one in CreateEmbeddingResponse.model_validate(body).data]
        case _:
            return body["content"][0]["text"]


def _refusal(row: Any) -> list[object]:
    response = row["response"]
    return [response["status_code"], response["body"]["error"]["param"], row["error"]]


def _errors(batch: Batch) -> list[list[object]]:
    assert batch.errors is not None and batch.errors.data is not None, batch
    return [[error.line, error.code, error.param] for error in batch.errors.data]


def _conflict(client: OpenAI, batch: Batch) -> str:
    try:
        client.batches.cancel(batch.id)
    except ConflictError as error:
        return error.message
    raise AssertionError("it was not refused")


def _event(client: OpenAI, hook: Hook, secret: str) -> Any:
    return client.webhooks.unwrap(hook.body, hook.headers, secret=secret)


if __name__ == "__main__":
    perform(completed, endpoints, failed, cancelled, listed, uploaded, expired, told)
