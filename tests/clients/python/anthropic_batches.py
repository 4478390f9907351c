"""Message Batches through Anthropic's client; both majors run this, each with its API version."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from anthropic import Anthropic, AnthropicError, APIStatusError
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

from tests.clients.python.anthropic_messages import connected
from tests.clients.python.stage import JsonObject, model, perform

POLL_S = 0.1


def ended() -> JsonObject:
    """Run a batch of which one request is refused, read its results, and delete it."""
    client = connected()
    batch = _created(client, _request("good", "hello"), _request("bad", "hello", max_tokens=0))
    before = batch.request_counts.to_dict()
    batch = _ended(client, batch)
    results = _results(client, batch.id)
    assert batch.ended_at is not None
    return {
        "before": before,
        "after": batch.request_counts.to_dict(),
        "lasts_s": (batch.expires_at - batch.created_at).total_seconds(),
        "are_times_in_order": batch.created_at <= batch.ended_at <= batch.expires_at,
        "text": results["good"].message.content[0].text,
        "model": results["good"].message.model,
        "error": results["bad"].error.error.type,
        "deleted": client.messages.batches.delete(batch.id).type,
        "later": _refusal(lambda: client.messages.batches.retrieve(batch.id)),
    }


def canceled() -> JsonObject:
    """Cancel a batch that runs; try before that what can be done with one that has ended only."""
    client = connected()
    batch = _created(client, _request("one", "wait"), _request("two", "wait"))
    deletion = _refusal(lambda: client.messages.batches.delete(batch.id))
    try:
        client.messages.batches.results(batch.id)
    except AnthropicError as error:
        early = str(error).partition(";")[0]
    asked = client.messages.batches.cancel(batch.id)
    assert asked.cancel_initiated_at is not None
    done = _ended(client, batch)
    return {
        "deletion": deletion,
        "early": early,
        "asked": asked.processing_status in ("canceling", "ended"),
        "after": done.request_counts.to_dict(),
        "results": {name: result.type for name, result in _results(client, batch.id).items()},
    }


def listed() -> JsonObject:
    """List batches page by page, from the newest on and from the oldest of these on."""
    client = connected()
    first, second, third = (_created(client, _request("row", "hello")).id for _ in range(3))
    down = [batch.id for batch in client.messages.batches.list(limit=2)]
    up = [batch.id for batch in client.messages.batches.list(before_id=first, limit=1)]
    after = client.messages.batches.list(after_id=third, limit=2)
    return {
        "down": down[:3] == [third, second, first],
        "is_none_twice": len(down) == len(set(down)),
        "up": up == [second, third],
        "after": [batch.id for batch in after.data] == [second, first],
    }


def expired() -> JsonObject:
    """Let a batch run out of its time, with one request done."""
    client = connected()
    batch = _created(client, _request("done", "hello"), _request("held", "wait"))
    batch = _ended(client, batch)
    return {
        "after": batch.request_counts.to_dict(),
        "results": {name: result.type for name, result in _results(client, batch.id).items()},
    }


def sampled() -> JsonObject:
    """Ask for a temperature, which only the older version of the API has."""
    client = connected()
    batch = _ended(client, _created(client, _request("row", "hello", temperature=0.5)))
    return {"result": _results(client, batch.id)["row"].type}


def _request(custom_id: str, prompt: str, **fields: object) -> Any:
    messages = [{"role": "user", "content": prompt}]
    params = {"model": model(), "max_tokens": 99, "messages": messages, **fields}
    return {"custom_id": custom_id, "params": params}


def _created(client: Anthropic, *requests: Any) -> MessageBatch:
    batch = client.messages.batches.create(requests=requests)
    assert batch.processing_status == "in_progress" and batch.results_url is None, batch
    return batch


def _ended(client: Anthropic, batch: MessageBatch) -> MessageBatch:
    while batch.processing_status != "ended":
        time.sleep(POLL_S)
        batch = client.messages.batches.retrieve(batch.id)
    return batch


def _results(client: Anthropic, batch_id: str) -> dict[str, Any]:
    # What is streamed is not validated by the client, however strict it is.
    lines = [
        MessageBatchIndividualResponse.model_validate(line.to_dict(mode="json"))
        for line in client.messages.batches.results(batch_id)
    ]
    return {line.custom_id: line.result for line in lines}


def _refusal(call: Callable[[], object]) -> list[object]:
    try:
        call()
    except APIStatusError as error:
        return [type(error).__name__, bool(error.request_id)]
    raise AssertionError("it was not refused")


if __name__ == "__main__":
    perform(ended, canceled, listed, expired, sampled)
