"""Conversations and their items, seen by their project alone.

Items are kept in the order in which they were added, and those of one response stay together: they
are added in the transaction that ends it. A deleted conversation keeps its items, takes no more of
them, and is found by nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forebay.core.clock import Clock
from forebay.core.conversations import Conversation
from forebay.core.errors import Conflict
from forebay.core.ids import NewId
from forebay.core.ledger import LedgerEntry
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object, encode
from forebay.store.database import Database, Operation, Row, Tx
from forebay.store.ledger import record_entry
from forebay.store.records import record, with_metadata


@dataclass(frozen=True, slots=True)
class Appended:
    """What a response adds to its conversation: whole items, oldest first, each with an id."""

    conversation_id: str
    items: tuple[JsonObject, ...]


class Conversations:
    """The conversations in a database."""

    def __init__(self, database: Database, *, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def create(
        self,
        project_id: str,
        *,
        metadata: dict[str, str],
        items: Sequence[JsonObject] = (),
        id: str | None = None,
        first: Operation[None] | None = None,
    ) -> Conversation:
        """Keep a new conversation with its first items; raises `Conflict` for an id given twice.

        `first` runs in the same transaction before it, and keeps it from happening by raising.
        """
        conversation = Conversation(
            id=id or self._new_id("conv_"),
            project_id=project_id,
            metadata=metadata,
            created_at=self._clock.now(),
        )

        async def create(tx: Tx) -> None:
            if first is not None:
                await first(tx)
            await tx.run(
                "add_conversation",
                id=conversation.id,
                project_id=project_id,
                metadata=encode(metadata).decode(),
                created_at=conversation.created_at,
            )
            await _add(tx, conversation.id, items)

        await self._database.write(create)
        return conversation

    async def get(self, project_id: str, conversation_id: str) -> Conversation | None:
        """Return the project's conversation of that id."""
        return _first(
            await self._database.read("get_conversation", id=conversation_id, project_id=project_id)
        )

    async def update(
        self, project_id: str, conversation_id: str, *, metadata: dict[str, str]
    ) -> Conversation | None:
        """Put this metadata in the place of the old; returns None if there is no conversation."""

        async def update(tx: Tx) -> list[Row]:
            return await tx.run(
                "update_conversation",
                id=conversation_id,
                project_id=project_id,
                metadata=encode(metadata).decode(),
            )

        return _first(await self._database.write(update))

    async def delete(self, project_id: str, conversation_id: str) -> bool:
        """Mark a conversation as deleted; returns False if there is none."""

        async def delete(tx: Tx) -> bool:
            rows = await tx.run("delete_conversation", id=conversation_id, project_id=project_id)
            return bool(rows)

        return await self._database.write(delete)

    async def add(
        self,
        conversation: Conversation,
        items: Sequence[JsonObject],
        *,
        first: Operation[None] | None = None,
    ) -> bool:
        """Add all the items, or none: returns False if the conversation is gone.

        Raises `Conflict` when one of the ids is there already. `first` runs in the same transaction
        before it, and keeps it from happening by raising.
        """

        async def add(tx: Tx) -> bool:
            is_there = await tx.run(
                "get_conversation", id=conversation.id, project_id=conversation.project_id
            )
            if is_there:
                if first is not None:
                    await first(tx)
                await _add(tx, conversation.id, items)
            return bool(is_there)

        return await self._database.write(add)

    async def append(
        self, appended: Appended, *, charge: LedgerEntry, first: Operation[None] | None = None
    ) -> None:
        """Add what a response that is not kept itself has said, and record its charge."""

        async def append(tx: Tx) -> None:
            if first is not None:
                await first(tx)
            await append_items(tx, appended)
            await record_entry(tx, charge)

        await self._database.write(append)

    async def items(self, project_id: str, conversation_id: str) -> list[JsonObject] | None:
        """Return all the items, oldest first, or None if the project has no such conversation."""
        if await self.get(project_id, conversation_id) is None:
            return None
        rows = await self._database.read(
            "list_all_conversation_items", conversation_id=conversation_id
        )
        return [_item(row) for row in rows]

    async def size_bytes(self, project_id: str, conversation_id: str) -> int:
        """Return how large all the items of the project's conversation are together."""
        rows = await self._database.read(
            "size_conversation", conversation_id=conversation_id, project_id=project_id
        )
        size_bytes = rows[0]["size_bytes"]
        assert isinstance(size_bytes, int)
        return size_bytes

    async def page(
        self,
        conversation: Conversation,
        *,
        after: str | None,
        limit: int,
        is_oldest_first: bool = False,
    ) -> list[JsonObject]:
        """Return the items that come after the item `after` in that order."""
        rows = await self._database.read(
            "list_conversation_items_oldest_first"
            if is_oldest_first
            else "list_conversation_items_newest_first",
            conversation_id=conversation.id,
            after=after,
            limit=limit,
        )
        return [_item(row) for row in rows]

    async def item(self, conversation: Conversation, item_id: str) -> JsonObject | None:
        """Return the item of that id."""
        rows = await self._database.read(
            "get_conversation_item", conversation_id=conversation.id, id=item_id
        )
        return _item(rows[0]) if rows else None

    async def delete_item(self, conversation: Conversation, item_id: str) -> bool:
        """Forget an item; returns False if there is none."""

        async def delete(tx: Tx) -> bool:
            rows = await tx.run(
                "delete_conversation_item",
                conversation_id=conversation.id,
                project_id=conversation.project_id,
                id=item_id,
            )
            return bool(rows)

        return await self._database.write(delete)


async def append_items(tx: Tx, appended: Appended) -> None:
    """Add items inside a larger transaction.

    Ids that are there already are left as they are; a deleted conversation stays as it is.
    """
    for item in appended.items:
        await _append(tx, appended.conversation_id, item)


async def _add(tx: Tx, conversation_id: str, items: Sequence[JsonObject]) -> None:
    for item in items:
        if not await _append(tx, conversation_id, item):
            raise Conflict(f"Item with id '{item['id']}' is in the conversation already.")


async def _append(tx: Tx, conversation_id: str, item: JsonObject) -> bool:
    rows = await tx.run(
        "append_conversation_item",
        id=str(item["id"]),
        conversation_id=conversation_id,
        item=encode(item).decode(),
    )
    return bool(rows)


def _first(rows: list[Row]) -> Conversation | None:
    return record(with_metadata(rows[0]), Conversation) if rows else None


def _item(row: Row) -> JsonObject:
    text = row["item"]
    assert isinstance(text, str)
    return decode_object(text.encode())
