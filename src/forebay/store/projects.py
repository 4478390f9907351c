"""Projects and their keys."""

from __future__ import annotations

from forebay.core.clock import Clock
from forebay.core.ids import NewId
from forebay.core.projects import ApiKey, hash_secret, hint_of
from forebay.store.database import Database, Tx
from forebay.store.records import record
from forebay.store.signals import Signals, Topic


class Projects:
    """The projects and keys in a database."""

    def __init__(
        self, database: Database, *, clock: Clock, new_id: NewId, signals: Signals
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._signals = signals

    async def add_project(self, project_id: str, *, name: str) -> None:
        """Create the project, unless it exists."""
        now = self._clock.now()

        async def add(tx: Tx) -> None:
            await tx.run("add_project", id=project_id, name=name, now=now)

        await self._database.write(add)

    async def has_project(self, project_id: str) -> bool:
        """Tell whether there is a project of that id."""
        return bool(await self._database.read("has_project", id=project_id))

    async def add_key(
        self, project_id: str, *, secret: str, name: str, is_admin: bool = False
    ) -> ApiKey | None:
        """Keep a key by its hash; returns None when the same secret is kept already."""
        key = ApiKey(
            id=self._new_id("key_"),
            project_id=project_id,
            name=name,
            hash=hash_secret(secret),
            hint=hint_of(secret),
            is_admin=is_admin,
            created_at=self._clock.now(),
        )

        async def add(tx: Tx) -> bool:
            rows = await tx.run(
                "add_api_key",
                id=key.id,
                project_id=key.project_id,
                name=key.name,
                hash=key.hash,
                hint=key.hint,
                is_admin=int(key.is_admin),
                created_at=key.created_at,
            )
            return bool(rows)

        if not await self._database.write(add):
            return None
        self._signals.send(Topic.KEYS)
        return key

    async def keys(self) -> list[ApiKey]:
        """Return every key, revoked ones too, oldest first."""
        return [record(row, ApiKey) for row in await self._database.read("list_api_keys")]

    async def revoke_key(self, project_id: str, key_id: str) -> bool:
        """End a key for good; returns False when there is no live key of that id."""
        now = self._clock.now()

        async def revoke(tx: Tx) -> bool:
            rows = await tx.run("revoke_api_key", id=key_id, project_id=project_id, now=now)
            return bool(rows)

        was_live = await self._database.write(revoke)
        if was_live:
            self._signals.send(Topic.KEYS)
        return was_live
