"""Responses that are kept, through OpenAI's client: looked up, in the background, conversations."""

from __future__ import annotations

import time

from openai import NotFoundError
from openai.types.responses import Response

from tests.clients.python.openai_client import connected
from tests.clients.python.stage import JsonObject, model, perform

POLL_S = 0.05


def looked_up() -> JsonObject:
    """Look a response up again."""
    client = connected()
    made = client.responses.create(model=model(), input="hello", metadata={"a": "1"})
    return {"is_same": client.responses.retrieve(made.id) == made}


def background() -> JsonObject:
    """Leave a response to the background and poll until it has ended."""
    client = connected()
    response = client.responses.create(model=model(), input="hello", background=True)
    first = response.status
    while response.status in ("queued", "in_progress"):
        time.sleep(POLL_S)
        response = client.responses.retrieve(response.id)
    return {"is_waiting": first == "queued", "status": response.status, "text": _text(response)}


def cancelled() -> JsonObject:
    """Cancel a response that is being made."""
    client = connected()
    response = client.responses.create(model=model(), input="wait", background=True)
    while response.status != "in_progress":
        time.sleep(POLL_S)
        response = client.responses.retrieve(response.id)
    cancelled = client.responses.cancel(response.id)
    return {"status": cancelled.status, "output": list(cancelled.output)}


def deleted() -> JsonObject:
    """Delete a response."""
    client = connected()
    made = client.responses.create(model=model(), input="hello")
    client.responses.delete(made.id)
    try:
        client.responses.retrieve(made.id)
    except NotFoundError:
        return {"is_gone": True}
    return {"is_gone": False}


def input_items() -> JsonObject:
    """List what a response was asked, page by page, oldest first."""
    client = connected()
    made = client.responses.create(
        model=model(),
        input=[
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
        ],
    )
    items = client.responses.input_items.list(made.id, order="asc", limit=2)
    listed = [item.to_dict(mode="json") for item in items]
    return {
        "kinds": [item["type"] for item in listed],
        "roles": [item["role"] for item in listed],
        "have_ids": all(item["id"] for item in listed),
    }


def continued() -> JsonObject:
    """Go on from an earlier response, with the result of a tool."""
    client = connected()
    first = client.responses.create(model=model(), input="My name is Ada.")
    second = client.responses.create(
        model=model(), input="Who am I?", previous_response_id=first.id
    )
    return {"previous": second.previous_response_id == first.id, "text": _text(second)}


def conversation() -> JsonObject:
    """Hold a conversation, look at its items, and delete it."""
    client = connected()
    held = client.conversations.create(
        items=[{"type": "message", "role": "user", "content": "My name is Ada."}],
        metadata={"topic": "names"},
    )
    response = client.responses.create(model=model(), input="Who am I?", conversation=held.id)
    items = [item.type for item in client.conversations.items.list(held.id, order="asc")]
    changed = client.conversations.update(held.id, metadata={"topic": "people"})
    found = client.conversations.retrieve(held.id)
    deleted = client.conversations.delete(held.id)
    return {
        "is_named": response.conversation is not None and response.conversation.id == held.id,
        "items": items,
        "is_changed": found.metadata == changed.metadata == {"topic": "people"},
        "is_deleted": deleted.deleted,
    }


def conversation_items() -> JsonObject:
    """Add items to a conversation, look one up, and take it out."""
    client = connected()
    held = client.conversations.create()
    added = client.conversations.items.create(
        held.id,
        items=[
            {"type": "message", "role": "user", "content": "one"},
            {"type": "message", "role": "user", "content": "two"},
        ],
    )
    ids = [str(item.id) for item in added.data]
    found = client.conversations.items.retrieve(ids[0], conversation_id=held.id)
    client.conversations.items.delete(ids[0], conversation_id=held.id)
    left = [item.id for item in client.conversations.items.list(held.id)]
    return {"is_found": found.id == ids[0], "is_rest_left": left == ids[1:]}


def _text(response: Response) -> str:
    return response.output_text


if __name__ == "__main__":
    perform(
        looked_up,
        background,
        cancelled,
        deleted,
        input_items,
        continued,
        conversation,
        conversation_items,
    )
