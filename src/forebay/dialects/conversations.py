"""The wire shapes of conversations, as OpenAI's Conversations API has them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from forebay.core.clock import seconds_of
from forebay.core.conversations import Conversation
from forebay.core.errors import InvalidParameter, MissingParameter
from forebay.core.ids import NewId
from forebay.dialects.items import normalised, own_id, prefix_of
from forebay.dialects.metadata import new_metadata
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

MAX_ITEMS = 20  # in one call


class _Body(msgspec.Struct):
    items: list[JsonObject] | None = None


class _Details(msgspec.Struct):
    """What an item may have beside its content; the id will stand in an address."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    phase: Literal["commentary", "final_answer"] | None = None


def parse_conversation(
    body: JsonObject, *, new_id: NewId
) -> tuple[dict[str, str], list[JsonObject]]:
    """Return the metadata and the first items of a new conversation; raises `RequestRejected`."""
    metadata = new_metadata({"metadata": None} | body)
    return metadata, _items(read(body, _Body).items or [], new_id)


def parse_items(body: JsonObject, *, new_id: NewId) -> list[JsonObject]:
    """Return the items to add, in full and each with an id; raises `RequestRejected`."""
    items = read(body, _Body).items
    if not items:
        raise MissingParameter("items")
    return _items(items, new_id)


def conversation_object(conversation: Conversation) -> JsonObject:
    """Return the `conversation` object."""
    return {
        "id": conversation.id,
        "object": "conversation",
        "created_at": seconds_of(conversation.created_at),
        "metadata": conversation.metadata,
    }


def _items(items: list[JsonObject], new_id: NewId) -> list[JsonObject]:
    if len(items) > MAX_ITEMS:
        raise InvalidParameter(
            f"Invalid 'items': too many. Expected at most {MAX_ITEMS}, got {len(items)}.",
            param="items",
        )
    return [_item(item, f"items[{index}]", new_id) for index, item in enumerate(items)]


def _item(item: JsonObject, at: str, new_id: NewId) -> JsonObject:
    prefix = prefix_of(item, at=at)
    read(item, _Details, at=at)
    return normalised(item, id=own_id(item) or new_id(prefix), at=at)
