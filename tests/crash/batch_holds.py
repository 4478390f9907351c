"""Holds in a live database: while one is there, whatever it is about cannot be written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.crash.sites import PostgresSite, Site

REFUSE = (
    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'held'; END $$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """No row of the table becomes one of which the condition, an expression of SQL, is true."""

    name: str
    table: str
    condition: str

    async def put(self, site: Site) -> None:
        """Hold from now on."""
        if isinstance(site, PostgresSite):
            await site.change(
                REFUSE,
                f"CREATE TRIGGER {self.name} BEFORE UPDATE ON {self.table} "
                f"FOR EACH ROW WHEN ({self.condition}) EXECUTE FUNCTION refuse()",
            )
        else:
            await site.change(
                f"CREATE TRIGGER {self.name} BEFORE UPDATE ON {self.table} "
                f"WHEN {self.condition} BEGIN SELECT RAISE(ABORT, 'held'); END"
            )

    async def lift(self, site: Site) -> None:
        """Hold no longer."""
        place = f" ON {self.table}" if isinstance(site, PostgresSite) else ""
        await site.change(f"DROP TRIGGER {self.name}{place}")


def moving(batch: str, status: str) -> Hold:
    """Return what keeps the batch of that name from that status."""
    return Hold(
        name=f"hold_{batch}_{status}",
        table="batch",
        condition=f"""NEW.status = '{status}' AND NEW.metadata LIKE '%"{batch}"%'""",
    )


def claiming(models: str) -> Hold:
    """Return what keeps segments of models with that beginning from being claimed."""
    return Hold(
        name="hold_claims",
        table="segment",
        condition=f"NEW.status = 'running' AND NEW.model LIKE '{models}%'",
    )


def recording(models: str, *, name: str) -> Hold:
    """Return what keeps results of models with that beginning from being recorded."""
    return Hold(
        name=f"hold_{name}_results",
        table="segment",
        condition=f"NEW.ended_count > OLD.ended_count AND NEW.model LIKE '{models}%'",
    )


class Holds:
    """The holds on one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._there: list[Hold] = []

    async def put(self, hold: Hold) -> None:
        """Hold from now on."""
        await hold.put(self._site)
        self._there.append(hold)

    async def lift_all(self) -> None:
        """Hold nothing any longer."""
        while self._there:
            await self._there.pop().lift(self._site)


@asynccontextmanager
async def holds_on(site: Site) -> AsyncIterator[Holds]:
    """Lend holds that are gone when the block is left."""
    holds = Holds(site)
    try:
        yield holds
    finally:
        await holds.lift_all()
