"""What callers do with the chat completions that they had stored: list, look, label, delete."""

from __future__ import annotations

from collections.abc import Mapping

from forebay.core.errors import NotFound
from forebay.dialects.dialect import DialectName
from forebay.dialects.lists import list_object
from forebay.dialects.metadata import new_metadata
from forebay.dialects.stored_chats import asked_messages, stored_chat
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.store.request_records import RequestRecord
from forebay.store.stored_requests import StoredRequests


class StoredChats:
    """The use cases of stored chat completions; stored responses are not among them."""

    def __init__(self, stored: StoredRequests) -> None:
        self._stored = stored

    async def page(
        self,
        caller: Caller,
        *,
        model: str | None,
        metadata: Mapping[str, str],
        after: str | None,
        limit: int,
        is_oldest_first: bool,
    ) -> JsonObject:
        """Return a page of those that have all these pairs of metadata, and that model."""
        found = await self._stored.page(
            caller.project_id,
            DialectName.CHAT.value,
            model=model,
            metadata=metadata,
            after=after,
            limit=limit + 1,
            is_oldest_first=is_oldest_first,
        )
        shown = [stored_chat(chat.answer, chat.metadata) for chat in found[:limit]]
        return list_object(shown, has_more=len(found) > limit)

    async def get(self, caller: Caller, chat_id: str) -> JsonObject:
        """Return the completion."""
        chat = await self._find(caller, chat_id)
        assert chat.answer is not None
        return stored_chat(chat.answer, chat.metadata)

    async def messages(self, caller: Caller, chat_id: str) -> list[JsonObject]:
        """Return the messages that were sent for it, oldest first."""
        chat = await self._find(caller, chat_id)
        return asked_messages(chat.id, chat.body)

    async def update(self, caller: Caller, chat_id: str, body: JsonObject) -> JsonObject:
        """Put new metadata in the place of the old; nothing else of it changes."""
        chat = await self._stored.update(
            caller.project_id, chat_id, DialectName.CHAT.value, metadata=new_metadata(body)
        )
        if chat is None:
            raise _not_found(chat_id)
        return stored_chat(chat.answer, chat.metadata)

    async def delete(self, caller: Caller, chat_id: str) -> JsonObject:
        """Forget it; its charge stays."""
        chat = await self._find(caller, chat_id)
        if not await self._stored.delete(caller.project_id, chat.id):
            raise _not_found(chat_id)
        return {"id": chat_id, "object": "chat.completion.deleted", "deleted": True}

    async def _find(self, caller: Caller, chat_id: str) -> RequestRecord:
        chat = await self._stored.get(caller.project_id, chat_id)
        if chat is None or chat.dialect != DialectName.CHAT:
            raise _not_found(chat_id)
        return chat


def _not_found(chat_id: str) -> NotFound:
    return NotFound(f"Chat completion with id '{chat_id}' not found.")
