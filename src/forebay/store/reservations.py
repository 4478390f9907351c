"""Reservations: which call has the right to an idempotency key, and what it has made of it.

What is made in one transaction reserves its key in that transaction, so that one is there exactly
if the other is. What takes a while holds its key by a lease: whoever loses the lease makes nothing,
and a key whose work was cut off is free again unless something of it is kept.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from forebay.core.clock import Clock, Instant
from forebay.core.errors import ForebayError, LeaseLost
from forebay.store.database import Database, Operation, Row, Tx, Value


class KeyTaken(ForebayError):
    """Another call has reserved this idempotency key; nothing was changed."""

    code = "idempotency_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """An idempotency key as one call brings it: what it stands for, and what is asked for."""

    project_id: str
    key_id: str
    route: str
    idempotency_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a key stands for that is not free; until it `is_made` somebody is making it."""

    fingerprint: str
    subject_id: str
    is_made: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """How something new comes to be: the id that it gets, and what goes before it.

    `first` runs in the transaction that keeps it, and keeps it from happening by raising.
    """

    id: str
    first: Operation[None] | None = None


class Reservations:
    """The reservations in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, use: KeyUse) -> Reservation | None:
        """Return what the key stands for, or None when it is free."""
        rows = await self._database.read(
            "get_reservation",
            project_id=use.project_id,
            key_id=use.key_id,
            route=use.route,
            idempotency_key=use.idempotency_key,
        )
        return _unless_free(rows[0], self._clock.now()) if rows else None

    def made(self, use: KeyUse, subject_id: str) -> Operation[None]:
        """Return what reserves the key for what its own transaction makes; raises `KeyTaken`."""
        now = self._clock.now()
        return _reserving(use, {"subject_id": subject_id, "now": now, "ended_at": now})

    async def hold(
        self, use: KeyUse, subject_id: str, *, lease_id: str, lease_expires_at: Instant
    ) -> None:
        """Reserve the key for work that takes a while; raises `KeyTaken`."""
        leased: dict[str, Value] = {
            "subject_id": subject_id,
            "now": self._clock.now(),
            "lease_id": lease_id,
            "lease_expires_at": lease_expires_at,
        }
        await self._database.write(_reserving(use, leased))

    def ending(self, lease_id: str) -> Operation[None]:
        """Return what ends the work in the transaction that keeps its result.

        Raises `LeaseLost` when the key belongs to another call by now.
        """

        async def end(tx: Tx) -> None:
            if not await tx.run("end_reservation", lease_id=lease_id, now=self._clock.now()):
                raise LeaseLost("the lease on the idempotency key was lost")

        return end

    async def run(self, ending: Operation[None]) -> None:
        """End, by itself, work of which nothing is kept; raises what `ending` does."""
        await self._database.write(ending)

    async def release(self, lease_id: str) -> None:
        """Free the key of work that has failed; nothing happens to one whose work has ended.

        What goes on in the background under its id has ended here.
        """
        now = self._clock.now()

        async def release(tx: Tx) -> None:
            await tx.run("release_reservation", lease_id=lease_id)
            await tx.run("end_reservation", lease_id=lease_id, now=now)

        await self._database.write(release)

    async def prune(self, *, before: Instant) -> int:
        """Forget some of the keys that were reserved before this instant; returns how many."""

        async def prune(tx: Tx) -> int:
            return len(await tx.run("prune_reservations", created_before=before))

        return await self._database.write(prune)


def _reserving(use: KeyUse, subject: dict[str, Value]) -> Operation[None]:
    not_leased = {"ended_at": None, "lease_id": None, "lease_expires_at": None}
    values: dict[str, Value] = {**asdict(use), **not_leased, **subject}

    async def reserve(tx: Tx) -> None:
        if not await tx.run("reserve", **values):
            raise KeyTaken("the idempotency key is taken")

    return reserve


def _unless_free(row: Row, now: Instant) -> Reservation | None:
    is_made = row["ended_at"] is not None or row["background_count"] != 0
    until = row["lease_expires_at"]
    is_held = isinstance(until, int) and until > now
    if not is_made and not is_held:
        return None
    return Reservation(
        fingerprint=str(row["fingerprint"]), subject_id=str(row["subject_id"]), is_made=is_made
    )
