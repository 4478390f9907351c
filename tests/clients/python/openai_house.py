"""Models, files, batches and errors through OpenAI's client; both majors run this."""

from __future__ import annotations

import json
import time

from openai import APIStatusError, OpenAI

from tests.clients.python.openai_client import connected
from tests.clients.python.stage import JsonObject, model, perform

POLL_S = 0.1


def models() -> JsonObject:
    """List the models, and look one up whose name has a slash."""
    client = connected()
    return {
        "listed": [listed.id for listed in client.models.list()],
        "found": client.models.retrieve(model()).id,
    }


def batch() -> JsonObject:
    """Send a file of requests and fetch the file of results."""
    client = connected()
    messages = [{"role": "user", "content": "hello"}]
    line = {
        "custom_id": "row-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": model(), "messages": messages},
    }
    file = client.files.create(file=("rows.jsonl", json.dumps(line).encode()), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while batch.status in ("validating", "in_progress", "finalizing"):
        time.sleep(POLL_S)
        batch = client.batches.retrieve(batch.id)
    assert batch.output_file_id is not None, batch
    row = json.loads(client.files.content(batch.output_file_id).text)
    return {
        "status": batch.status,
        "custom_id": row["custom_id"],
        "text": row["response"]["body"]["choices"][0]["message"]["content"],
        "is_listed": batch.id in [listed.id for listed in client.batches.list()],
    }


def files() -> JsonObject:
    """Keep a file, list, read and delete it."""
    client = connected()
    made = client.files.create(file=("notes.txt", b"some notes"), purpose="user_data")
    return {
        "bytes": made.bytes,
        "is_found": client.files.retrieve(made.id) == made,
        "is_listed": made.id in [file.id for file in client.files.list()],
        "text": client.files.content(made.id).text,
        "is_deleted": client.files.delete(made.id).deleted,
    }


def unknown_model() -> JsonObject:
    """Ask a model that is not here."""
    return _refused(connected(), model="no-such-model", content="hello")


def wrong_key() -> JsonObject:
    """Come with a wrong key."""
    return _refused(connected().with_options(api_key="wrong"), model=model(), content="hello")


def wrong_type() -> JsonObject:
    """Send a number where text belongs."""
    return _refused(connected(), model=model(), content=7)


def _refused(client: OpenAI, *, model: str, content: object) -> JsonObject:
    message = {"role": "user", "content": content}
    try:
        client.chat.completions.create(model=model, messages=[message])  # type: ignore[list-item]
    except APIStatusError as error:
        return {
            "class": type(error).__name__,
            "code": error.code,
            "param": error.param,
            "has_request_id": bool(error.request_id),
        }
    raise AssertionError("it was not refused")


if __name__ == "__main__":
    perform(models, batch, files, unknown_model, wrong_key, wrong_type)
