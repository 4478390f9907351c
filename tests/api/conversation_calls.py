"""Calls that the tests of conversations share."""

from __future__ import annotations

from typing import Any

from forebay.dialects.turn import JsonObject
from tests.api.conftest import Front

CONVERSATIONS = "/v1/conversations"


def message(text: str, **others: object) -> Any:
    """Return the shortest form of a message."""
    return {"role": "user", "content": text} | others


def numbered(count: int) -> list[Any]:
    """Return messages that are told apart by their ids."""
    return [message("hi", id=f"msg_{number}") for number in range(count)]


async def begun(front: Front, *items: Any) -> str:
    """Return the id of a conversation with these items."""
    return (await front.openai.conversations.create(items=items)).id


async def ids(front: Front, conversation_id: str) -> list[str | None]:
    """Return the ids of all the items, oldest first."""
    pages = front.openai.conversations.items.list(conversation_id, order="asc")
    return [item.id async for item in pages]


async def refused(front: Front, path: str, body: JsonObject) -> tuple[int, JsonObject]:
    """Return the status and the error with which a body is refused."""
    answer = await front.http.post(path, json=body)
    return answer.status_code, answer.json()["error"]
