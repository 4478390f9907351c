"""What a database belongs with: marks of it, each kept once and never changed."""

from __future__ import annotations

from forebay.store.database import Database, Tx


class HouseMarks:
    """The marks in a database, by their names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> str | None:
        """Return the mark of that name."""
        rows = await self._database.read("get_house_mark", name=name)
        return str(rows[0]["mark"]) if rows else None

    async def keep(self, name: str, mark: str) -> str:
        """Keep the mark, unless there is one of that name; returns the one that is kept."""

        async def keep(tx: Tx) -> str:
            await tx.run("keep_house_mark", name=name, mark=mark)
            (row,) = await tx.run("get_house_mark", name=name)
            return str(row["mark"])

        return await self._database.write(keep)
