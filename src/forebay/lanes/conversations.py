"""What callers do with conversations: create, look, change, delete, and the same with their items.

Responses that name a conversation read its items and add to them; that is `contexts` and the lanes.
"""

from __future__ import annotations

from forebay.core.conversations import Conversation
from forebay.core.errors import InvalidParameter, NotFound
from forebay.core.ids import DerivedIds, NewId
from forebay.dialects.conversations import (
    conversation_object,
    parse_conversation,
    parse_items,
)
from forebay.dialects.lists import list_object
from forebay.dialects.metadata import new_metadata
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.store.conversations import Conversations
from forebay.store.reservations import Birth

CONVERSATION = "conv_"
ADDITION = "added_"  # of items to a conversation: nothing is kept under this id


class ConversationDesk:
    """The use cases of conversations."""

    def __init__(self, conversations: Conversations, *, new_id: NewId) -> None:
        self._conversations = conversations
        self._new_id = new_id

    async def create(
        self, caller: Caller, body: JsonObject, *, birth: Birth | None = None
    ) -> JsonObject:
        """Keep a conversation with its first items: durable when this returns."""
        birth = birth or Birth(id=self._new_id(CONVERSATION))
        metadata, items = parse_conversation(body, new_id=self._new_id)
        return conversation_object(
            await self._conversations.create(
                caller.project_id, metadata=metadata, items=items, id=birth.id, first=birth.first
            )
        )

    async def get(self, caller: Caller, conversation_id: str) -> JsonObject:
        """Return the conversation's object."""
        return conversation_object(await self._find(caller, conversation_id))

    async def update(self, caller: Caller, conversation_id: str, body: JsonObject) -> JsonObject:
        """Put new metadata in the place of the old."""
        updated = await self._conversations.update(
            caller.project_id, conversation_id, metadata=new_metadata(body)
        )
        if updated is None:
            raise _not_found(conversation_id)
        return conversation_object(updated)

    async def delete(self, caller: Caller, conversation_id: str) -> JsonObject:
        """Delete the conversation; nobody reaches its items any more."""
        if not await self._conversations.delete(caller.project_id, conversation_id):
            raise _not_found(conversation_id)
        return {"id": conversation_id, "object": "conversation.deleted", "deleted": True}

    async def add(
        self,
        caller: Caller,
        conversation_id: str,
        body: JsonObject,
        *,
        birth: Birth | None = None,
    ) -> JsonObject:
        """Add items and return them as they are kept; all of them are added, or none.

        Those without an id get one that is made from the id of the `birth`.
        """
        birth = birth or Birth(id=self._new_id(ADDITION))
        conversation = await self._find(caller, conversation_id)
        items = parse_items(body, new_id=DerivedIds(birth.id))
        if not await self._conversations.add(conversation, items, first=birth.first):
            raise _not_found(conversation_id)
        return list_object(items, has_more=False)

    async def added(
        self, caller: Caller, conversation_id: str, body: JsonObject, addition_id: str
    ) -> JsonObject:
        """Return what is left of the items that this body added under this id."""
        conversation = await self._find(caller, conversation_id)
        items = parse_items(body, new_id=DerivedIds(addition_id))
        kept = [await self._conversations.item(conversation, str(item["id"])) for item in items]
        return list_object([item for item in kept if item is not None], has_more=False)

    async def page(
        self,
        caller: Caller,
        conversation_id: str,
        *,
        after: str | None,
        limit: int,
        is_oldest_first: bool,
    ) -> JsonObject:
        """Return a page of the conversation's items.

        Raises `InvalidParameter` when there is no item `after`, rather than end the list there.
        """
        conversation = await self._find(caller, conversation_id)
        if after is not None and await self._conversations.item(conversation, after) is None:
            raise InvalidParameter(f"No item with id '{after}' is in this list.", param="after")
        found = await self._conversations.page(
            conversation, after=after, limit=limit + 1, is_oldest_first=is_oldest_first
        )
        return list_object(found[:limit], has_more=len(found) > limit)

    async def item(self, caller: Caller, conversation_id: str, item_id: str) -> JsonObject:
        """Return one item."""
        conversation = await self._find(caller, conversation_id)
        item = await self._conversations.item(conversation, item_id)
        if item is None:
            raise NotFound(f"Item with id '{item_id}' not found.")
        return item

    async def delete_item(self, caller: Caller, conversation_id: str, item_id: str) -> JsonObject:
        """Forget one item and return the conversation, as OpenAI does."""
        conversation = await self._find(caller, conversation_id)
        if not await self._conversations.delete_item(conversation, item_id):
            raise NotFound(f"Item with id '{item_id}' not found.")
        return conversation_object(conversation)

    async def _find(self, caller: Caller, conversation_id: str) -> Conversation:
        conversation = await self._conversations.get(caller.project_id, conversation_id)
        if conversation is None:
            raise _not_found(conversation_id)
        return conversation


def _not_found(conversation_id: str) -> NotFound:
    return NotFound(f"Conversation with id '{conversation_id}' not found.")
