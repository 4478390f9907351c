"""Duties: work that one process does for all that share the database, by a lease on its name."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Clock, Instant
from forebay.store.database import Database, Tx


@dataclass(frozen=True, slots=True)
class Taken:
    """The duties that are `held` now; `orphaned` are those whose last owner died with them."""

    held: set[str]
    orphaned: set[str]


class Duties:
    """The duties in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(self, names: list[str], owner: str, *, until: Instant) -> Taken:
        """Take or keep these duties, where nobody else has them."""
        now = self._clock.now()

        async def take(tx: Tx) -> Taken:
            held: set[str] = set()
            orphaned: set[str] = set()
            for name in names:
                was_orphaned = await tx.run("is_duty_orphaned", name=name, owner=owner, now=now)
                if await tx.run("take_duty", name=name, owner=owner, until=until, now=now):
                    held.add(name)
                    if was_orphaned:
                        orphaned.add(name)
            return Taken(held, orphaned)

        return await self._database.write(take)

    async def let_go(self, owner: str) -> None:
        """Give back every duty of this owner."""

        async def let_go(tx: Tx) -> None:
            await tx.run("let_go_duties", owner=owner)

        await self._database.write(let_go)
