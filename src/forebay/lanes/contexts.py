"""What a response continues, fetched: an earlier response, a conversation, items referred to.

Earlier responses are kept as they were asked and answered, each with its own input only; what led
to one is the chain of those before it. Instructions are not carried over.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from forebay.core.errors import (
    ContextTooLong,
    InvalidParameter,
    NotFound,
    PreviousResponseNotFound,
)
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import DialectName
from forebay.dialects.responses_history import (
    input_items,
    output_of,
    references,
    refuse_repeated,
    resolved,
    response_of,
)
from forebay.dialects.responses_object import conversation_id
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_kept
from forebay.lanes.admission import Caller, Context
from forebay.store.conversations import Conversations
from forebay.store.request_records import RequestRecord
from forebay.store.stored_requests import StoredRequests

CONTINUABLE = (RequestStatus.COMPLETED, RequestStatus.INCOMPLETE)

MAX_HISTORY_BYTES = 64 * 1024 * 1024
"""It is read into memory, and as items, while the event loop stands still."""

Held = Mapping[str, list[JsonObject]]
"""Responses that only a connection keeps: by their ids, all the items that lead to and make up."""


class Contexts:
    """Finds what responses continue. Nothing of one project is seen by another."""

    def __init__(
        self,
        stored: StoredRequests,
        conversations: Conversations,
        *,
        max_history_bytes: int = MAX_HISTORY_BYTES,
    ) -> None:
        self._stored = stored
        self._conversations = conversations
        self._max_history_bytes = max_history_bytes

    async def of(
        self, caller: Caller, body: JsonObject, *, held: Held | None = None
    ) -> Context | None:
        """Return what the body continues, or None when it begins anew.

        Raises `PreviousResponseNotFound`, `NotFound`, or `InvalidParameter` for a response that
        has not ended well, or an item that is there twice.
        """
        previous_id = body.get("previous_response_id")
        named = conversation_id(body)
        wanted = references(body)
        before: list[JsonObject] = []
        if isinstance(previous_id, str):
            items = None if held is None else held.get(previous_id)
            before = await self.of_response(caller, previous_id) if items is None else items
        elif named is not None:
            before = await self._of_conversation(caller, named)
        elif not wanted:
            refuse_repeated(body, before)
            return None
        if wanted:
            body = resolved(body, await self._referred(caller, wanted, before))
        refuse_repeated(body, before)
        return Context(
            own=body,
            before=before,
            previous_id=previous_id if isinstance(previous_id, str) else None,
            conversation_id=named,
        )

    async def of_accepted(self, request: RequestRecord) -> Context | None:
        """Return what an accepted request continues, though that may be deleted since.

        Raises what `of` does.
        """
        caller = Caller(project_id=request.project_id, key_id=request.key_id)
        body = decode_kept(request.body)
        if request.previous_id is None:
            return await self.of(caller, body)
        *before, own = await self._chain(request.project_id, request.id)
        _check_whole(before or [own])
        return Context(
            own=body,
            before=await self._told_by(caller, before),
            previous_id=request.previous_id,
        )

    async def of_response(self, caller: Caller, response_id: str) -> list[JsonObject]:
        """Return all the items that led to a response, and its own."""
        chain = await self._chain(caller.project_id, response_id)
        if not chain or any(link.dialect != DialectName.RESPONSES for link in chain):
            raise PreviousResponseNotFound(response_id)
        _check_whole(chain)
        last = chain[-1]
        if last.status not in CONTINUABLE:
            raise InvalidParameter(
                f"The response '{response_id}' is {last.status.value}: it cannot be continued.",
                param="previous_response_id",
            )
        return await self._told_by(caller, chain)

    async def _told_by(self, caller: Caller, chain: list[RequestRecord]) -> list[JsonObject]:
        """Return all the items of a whole chain of responses, and of what it began with."""
        items: list[JsonObject] = []
        items.extend(await self._of_conversation_before(caller, chain[0]))
        for link in chain:
            items.extend(await self._said(caller, link))
        return items

    async def asked_by(self, caller: Caller, request: RequestRecord) -> list[JsonObject]:
        """Return the input of a response: what it continued, and its own, oldest first."""
        chain = await self._chain(caller.project_id, request.id)
        items: list[JsonObject] = []
        with suppress(NotFound):  # of a deleted conversation nothing is shown
            items.extend(await self._of_conversation_before(caller, chain[0]))
        for link in chain[:-1]:
            items.extend(await self._said(caller, link))
        items.extend(await self._asked(caller, request))
        return items

    async def _chain(self, project_id: str, response_id: str) -> list[RequestRecord]:
        if not await self._stored.is_chain_within(project_id, response_id, self._max_history_bytes):
            raise _too_large(f"response '{response_id}'", self._max_history_bytes)
        return await self._stored.chain(project_id, response_id)

    async def _items(self, caller: Caller, conversation_id: str) -> list[JsonObject] | None:
        size_bytes = await self._conversations.size_bytes(caller.project_id, conversation_id)
        if size_bytes > self._max_history_bytes:
            raise _too_large(f"conversation '{conversation_id}'", self._max_history_bytes)
        return await self._conversations.items(caller.project_id, conversation_id)

    async def _of_conversation(self, caller: Caller, named: str) -> list[JsonObject]:
        items = await self._items(caller, named)
        if items is None:
            raise NotFound(f"Conversation with id '{named}' not found.")
        return items

    async def _of_conversation_before(
        self, caller: Caller, request: RequestRecord
    ) -> list[JsonObject]:
        """Return the items of its conversation that were there before this response, if any.

        Raises `NotFound` for a deleted conversation.
        """
        if request.conversation_id is None:
            return []
        items = await self._of_conversation(caller, request.conversation_id)
        if request.finished_at is None:
            return items
        own = {item["id"] for item in await self._said(caller, request)}
        places = [place for place, item in enumerate(items) if item["id"] in own]
        # Without any of its own left, what came later cannot be told from what came before.
        return items[: places[0]] if places else []

    async def _referred(
        self, caller: Caller, wanted: list[str], before: list[JsonObject]
    ) -> dict[str, JsonObject]:
        found = {str(item.get("id")): item for item in before}
        left_bytes = self._max_history_bytes
        for item_id in wanted:
            if item_id not in found:
                request = await self._near(caller, item_id)
                if request is not None:
                    left_bytes -= len(request.body) + len(request.answer or b"")
                    if left_bytes < 0:
                        raise _too_large(f"item '{item_id}'", self._max_history_bytes)
                    found |= _items_of(request)
            if item_id not in found:
                raise InvalidParameter(f"Item with id '{item_id}' not found.", param="input")
        return found

    async def _near(self, caller: Caller, item_id: str) -> RequestRecord | None:
        """Return the response that the id tells."""
        response_id = response_of(item_id)
        return (
            None if response_id is None else await self._stored.get(caller.project_id, response_id)
        )

    async def _said(self, caller: Caller, request: RequestRecord) -> list[JsonObject]:
        """Return the items of one ended response: its own input, and its output."""
        return [*await self._asked(caller, request), *_answered(request)]

    async def _asked(self, caller: Caller, request: RequestRecord) -> list[JsonObject]:
        """Return the own input of a response, with what it referred to as far as that is left."""
        body = decode_kept(request.body)
        found: dict[str, JsonObject] = {}
        for item_id in references(body):
            near = None if item_id in found else await self._near(caller, item_id)
            found |= {} if near is None else _items_of(near)
        return input_items(request.id, resolved(body, found))


def _too_large(what: str, max_bytes: int) -> ContextTooLong:
    return ContextTooLong(
        f"The history of {what} is larger than {max_bytes} bytes: compact it, or begin anew."
    )


def _check_whole(chain: list[RequestRecord]) -> None:
    """Raise `PreviousResponseNotFound` for a chain whose beginning is gone."""
    if chain[0].previous_id is not None:
        raise PreviousResponseNotFound(chain[0].previous_id)


def _answered(request: RequestRecord) -> list[JsonObject]:
    return [] if request.answer is None else output_of(decode_kept(request.answer))


def _items_of(request: RequestRecord) -> dict[str, JsonObject]:
    """Return the items of a response by their ids."""
    items = [*input_items(request.id, decode_kept(request.body)), *_answered(request)]
    return {str(item.get("id")): item for item in items}
