"""What calls every operation of the service, and holds each answer against its description."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from forebay.core.errors import PromptRejected
from forebay.dialects.turn import Delta, ToolCallPiece
from tests.api.conftest import MODEL
from tests.api.described import Description
from tests.api.test_embeddings import embeds
from tests.fakes import USAGE, ScriptedEngine, Step, until
from tests.lanes.receivers import receiving

LOGPROB = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
TOOL: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def everything() -> list[Step]:
    """Return the script of an answer that thinks, speaks and calls a tool."""
    call = ToolCallPiece(index=0, id="call_1", name="look", arguments='{"at": 1}')
    return [
        [Delta(reasoning="Hm.")],
        [Delta(text="Hi", logprobs=(LOGPROB,))],
        [Delta(tool_calls=(call,))],
        [Delta(finish_reason="tool_calls"), Delta(usage=USAGE)],
    ]


class Caller:
    """Calls the service, and holds every answer against the description."""

    def __init__(self, http: httpx2.AsyncClient, description: Description) -> None:
        self.description = description
        self._http = http

    async def __call__(self, method: str, path: str, **options: Any) -> Any:
        """Return the JSON of a described answer, or None where it is none."""
        answer = await self._http.request(method, path, **options)
        return self.description.check(answer)

    async def get(self, path: str, **options: Any) -> Any:
        return await self("GET", path, **options)

    async def post(self, path: str, body: object = None) -> Any:
        return await self("POST", path, **({} if body is None else {"json": body}))

    async def delete(self, path: str) -> Any:
        return await self("DELETE", path)


async def chats(call: Caller, engine: ScriptedEngine) -> None:
    engine.queue.append(everything())
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [TOOL],
        "logprobs": True,
        "store": True,
        "metadata": {"a": "b"},
    }
    made = await call.post("/v1/chat/completions", body)
    one = f"/v1/chat/completions/{made['id']}"
    assert (await call.get("/v1/chat/completions?metadata[a]=b"))["data"]
    await call.get(one)
    await call.post(one, {"metadata": {"a": "c"}})
    assert (await call.get(f"{one}/messages"))["data"]
    await call.delete(one)


async def responses(call: Caller, engine: ScriptedEngine) -> None:
    engine.queue.append(everything())
    tool = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    made = await call.post(
        "/v1/responses",
        {
            "model": MODEL,
            "input": "hi",
            "tools": [tool, {"type": "custom", "name": "sing"}],
            "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
            "text": {"format": {"type": "text"}, "verbosity": "low"},
        },
    )
    one = f"/v1/responses/{made['id']}"
    await call.get(one)
    assert (await call.get(f"{one}/input_items"))["data"]
    await call.post("/v1/responses/compact", {"model": MODEL, "previous_response_id": made["id"]})
    await call.post("/v1/responses/input_tokens", {"model": MODEL, "input": "hi"})
    await call.delete(one)
    queued = await call.post("/v1/responses", {"model": MODEL, "input": "x", "background": True})
    waiting = f"/v1/responses/{queued['id']}"
    assert (await call.get("/v1/responses?background=true"))["data"]
    await call.post(f"{waiting}/cancel")
    again = await call.post(f"{waiting}/retry")
    assert (await call.get(f"/v1/responses/{again['id']}?wait=600"))["status"] == "completed"


async def conversations(call: Caller, _: ScriptedEngine) -> None:
    items = [{"type": "message", "role": "user", "content": "hi"}]
    made = await call.post("/v1/conversations", {"items": items, "metadata": {"a": "b"}})
    one = f"/v1/conversations/{made['id']}"
    await call.get(one)
    await call.post(one, {"metadata": {}})
    (added,) = (await call.post(f"{one}/items", {"items": items}))["data"]
    assert len((await call.get(f"{one}/items"))["data"]) == 2
    await call.get(f"{one}/items/{added['id']}")
    await call.delete(f"{one}/items/{added['id']}")
    await call.post("/v1/responses", {"model": MODEL, "input": "hi", "conversation": made["id"]})
    await call.delete(one)


async def batches(call: Caller, _: ScriptedEngine) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    wanted = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    files = []
    for content in (json.dumps(line), "nonsense"):
        form = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", content.encode())}}
        files.append(await call("POST", "/v1/files", **form))
    for file in files:
        made = await call.post("/v1/batches", {**wanted, "input_file_id": file["id"]})

        async def ended(batch_id: str = made["id"]) -> Any:
            found = await call.get(f"/v1/batches/{batch_id}")
            return found if found["status"] in ("completed", "failed") else None

        await until(ended)
    await call.get("/v1/batches?limit=1")
    cancelled = await call.post("/v1/batches", {**wanted, "input_file_id": files[0]["id"]})
    await call.post(f"/v1/batches/{cancelled['id']}/cancel")
    one = f"/v1/files/{files[0]['id']}"
    await call.get("/v1/files?purpose=batch&order=asc")
    await call.get(one)
    await call.get(f"{one}/content")
    await call.get(f"{one}/content", headers={"range": "bytes=0-9"})
    await call.get(f"{one}/content", headers={"range": "bytes=999999-"})
    await call.delete(one)


async def batch_outcomes(call: Caller, engine: ScriptedEngine) -> None:
    engine.by_prompt["bad"] = [PromptRejected("not this one")]
    requests = [
        {
            "custom_id": text,
            "params": {"model": MODEL, "messages": [{"role": "user", "content": text}]},
        }
        for text in ("good", "bad")
    ]
    wanted = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    made = await call.post("/v1/batches", {**wanted, "requests": requests})
    one = f"/v1/batches/{made['id']}"

    async def has_ended() -> bool:
        return bool((await call.get(one))["status"] == "completed")

    await until(has_ended)
    for custom_id in ("good", "bad"):
        assert (await call.get(f"{one}/results/{custom_id}"))["custom_id"] == custom_id
    await call.get(f"{one}/report")
    assert (await call.post(f"{one}/accept", {"accepted": ["good"]}))["cost_per_accepted"]
    again = await call.post(f"{one}/retry")
    await call.get(f"/v1/batches/{again['id']}/results/bad")


async def message_batches(call: Caller, _: ScriptedEngine) -> None:
    params = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    body = {"requests": [{"custom_id": "a", "params": params}]}
    one = f"/v1/messages/batches/{(await call.post('/v1/messages/batches', body))['id']}"

    async def ended() -> Any:
        found = await call.get(one)
        return found if found["processing_status"] == "ended" else None

    assert (await until(ended))["results_url"]
    await call.get(f"{one}/results")
    await call.get("/v1/messages/batches?limit=1")
    other = (await call.post("/v1/messages/batches", body))["id"]
    await call.post(f"/v1/messages/batches/{other}/cancel")
    await call.delete(one)


async def uploads(call: Caller, _: ScriptedEngine) -> None:
    wanted = {"filename": "a.txt", "purpose": "user_data", "bytes": 3, "mime_type": "text/plain"}
    begun = await call.post("/v1/uploads", wanted)
    one = f"/v1/uploads/{begun['id']}"
    part = await call("POST", f"{one}/parts", files={"data": b"abc"})
    await call.post(f"{one}/complete", {"part_ids": [part["id"]]})
    await call.get(one)
    await call.post(f"{one}/cancel")
    begun = await call.post("/v1/uploads", wanted)
    await call.post(f"/v1/uploads/{begun['id']}/cancel")


async def webhooks(call: Caller, _: ScriptedEngine) -> None:
    async with receiving() as receiver:
        receiver.statuses = [410]
        wanted = {"name": "n", "url": receiver.url, "event_types": ["response.cancelled"]}
        made = await call.post("/v1/webhook_endpoints", wanted)
        one = f"/v1/webhook_endpoints/{made['id']}"
        queued = await call.post(
            "/v1/responses", {"model": MODEL, "input": "x", "background": True}
        )
        await call.post(f"/v1/responses/{queued['id']}/cancel")

        async def is_disabled() -> Any:
            return (await call.get(one)).get("forebay")

        await until(is_disabled)
        await call.get("/v1/webhook_endpoints?limit=1")
        await call.get("/v1/webhook_event_types")
        await call.post(one, {"name": "m"})
        await call.post(f"{one}/rotate_secret", {"keep_old_secret_active_for_24_hours": True})
        await call.post(f"{one}/test", {"event_type": "batch.failed"})
        (_, failed) = (await call.get(f"{one}/deliveries"))["data"]
        await call.post(f"{one}/deliveries/{failed['id']}/redeliver")
        await receiver.came(3)
        await call.delete(one)


async def others(call: Caller, engine: ScriptedEngine) -> None:
    engine.queue += [everything(), embeds([0.5, 0.5]), embeds([0.5, 0.5])]
    messages: Any = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    thinking = {"thinking": {"type": "adaptive"}, "max_tokens": 9}
    await call.post("/v1/messages", messages | thinking)
    await call.post("/v1/messages/count_tokens", messages)
    for encoding in ("float", "base64"):
        wanted = {"model": MODEL, "input": "hi", "encoding_format": encoding}
        await call.post("/v1/embeddings", wanted)
    await call.post("/v1/completions", {"model": MODEL, "prompt": "hi"})
    for headers in ({}, {"anthropic-version": "2023-06-01"}):
        await call.get("/v1/models", headers=headers)
        await call.get(f"/v1/models/{MODEL}", headers=headers)
    keys = "/v1/organization/projects/proj_default/api_keys"
    made = await call.post(keys, {"name": "alice"})
    await call.delete(f"{keys}/{made['id']}")
    await call.get(keys)
    for path in ("/", "/health", "/ready", "/docs", "/openapi.json"):
        await call.get(path)
