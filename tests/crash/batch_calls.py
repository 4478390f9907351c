"""What is called to make batches of servers that die now and then, and to see how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from tests.crash.batch_lines import CHATS, MESSAGES, Lines, input_file
from tests.crash.callers import POLL_S, Callers, Json

FINAL = ("completed", "failed", "expired", "cancelled")


async def uploaded(callers: Callers, content: bytes) -> str:
    """Upload the input of a batch and return the file's id."""
    form = aiohttp.FormData()
    form.add_field("purpose", "batch")
    form.add_field("file", content, filename="requests.jsonl")
    url = callers.server.address + "/v1/files"
    async with callers.http.post(url, data=form, headers=callers.server.headers) as response:
        file: Json = await response.json()
        assert response.status == 200, file
    return str(file["id"])


async def keyed(callers: Callers, path: str, body: Json, *, key: str) -> Json:
    """Create something under an idempotency key."""
    url, headers = callers.server.address + path, {"Idempotency-Key": key}
    async with callers.http.post(url, json=body, headers=callers.server.headers | headers) as made:
        answer: Json = await made.json()
        assert made.status == 200, answer
    return answer


async def begun(
    callers: Callers, file_id: str, *, name: str, endpoint: str = CHATS
) -> tuple[str, Json]:
    """Create the batch of that name, once however often it is called; also return the call."""
    body: Json = {
        "input_file_id": file_id,
        "endpoint": endpoint,
        "completion_window": "24h",
        "metadata": {"name": name},
    }
    return str((await keyed(callers, "/v1/batches", body, key=name))["id"]), body


async def begun_batch(callers: Callers, lines: Lines, *, name: str, endpoint: str) -> str:
    """Upload lines and create a batch of them; returns its id."""
    file_id = await uploaded(callers, input_file(lines, endpoint))
    return (await begun(callers, file_id, name=name, endpoint=endpoint))[0]


async def begun_message_batch(callers: Callers, lines: Lines, *, name: str) -> str:
    """Create a Message Batch and return its id."""
    requests = [
        {"custom_id": line.custom_id, "params": line.body(MESSAGES)} for line in lines.values()
    ]
    made = await keyed(callers, "/v1/messages/batches", {"requests": requests}, key=name)
    return str(made["id"])


async def until_final(callers: Callers, batch_id: str) -> Json:
    """Return a batch of either kind once it has ended."""
    is_message_batch = batch_id.startswith("msgbatch_")
    path = "/v1/messages/batches/" if is_message_batch else "/v1/batches/"
    while True:
        batch = await callers.get(path + batch_id)
        if _has_ended(batch):
            return batch
        await asyncio.sleep(POLL_S)


def _has_ended(batch: Mapping[str, object]) -> bool:
    return batch.get("processing_status") == "ended" or batch.get("status") in FINAL
