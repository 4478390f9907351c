"""Realtime: the caller holds the connection, and the turn runs at once.

A turn is settled before the last byte of its answer goes out: its charge, and its object when the
caller wants that stored, are on disk by then. A caller that leaves ends the turn; what was
delivered until then is charged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from forebay.core.clock import Clock
from forebay.core.errors import ForebayError, Overloaded, TurnTimedOut
from forebay.core.lanes import Lane
from forebay.core.ledger import LedgerEntry
from forebay.core.requests import RequestStatus
from forebay.core.windows import Band
from forebay.dialects.answer import Answer
from forebay.dialects.dialect import DialectName, Outcome
from forebay.dialects.turn import Delta, JsonObject
from forebay.dialects.wire import encode
from forebay.lanes.admission import Accepted
from forebay.lanes.billing import charge, ended, usage_of
from forebay.lanes.submission import appended, new_request
from forebay.lanes.turns import Turns
from forebay.lanes.uninterrupted import uninterrupted
from forebay.store.database import Operation
from forebay.store.request_records import Settlement
from forebay.store.store import Store

log = logging.getLogger(__name__)


class Successor(Protocol):
    """Whoever goes on with what outlasted its caller's connection."""

    async def take_over(self, accepted: Accepted) -> None:
        """Keep the call durably, to be run later under its id."""
        ...


@dataclass(slots=True)
class _Turn:
    """A turn under way. Once `is_settling`, its charge is on its way to the disk.

    `first` runs in the transaction that settles it, and keeps that from happening by raising.
    """

    accepted: Accepted
    first: Operation[None] | None = None
    answer: Answer = field(default_factory=Answer)
    is_settling: bool = False


class Realtime:
    """Runs synchronous calls.

    An interactive one is refused after `reject_after_s` without a slot, and so is one that asked
    for the flex tier; one that named a slower window is held for up to `sync_timeout_s`. What is to
    be stored then goes on with its `successor`.
    """

    def __init__(
        self,
        turns: Turns,
        store: Store,
        successor: Successor,
        *,
        clock: Clock,
        reject_after_s: float,
        sync_timeout_s: float,
    ) -> None:
        self._turns = turns
        self._store = store
        self._successor = successor
        self._clock = clock
        self._reject_after_s = reject_after_s
        self._sync_timeout_s = sync_timeout_s

    async def answer(
        self, accepted: Accepted, *, first: Operation[None] | None = None
    ) -> JsonObject:
        """Run the call and return its final object; it is settled when this returns.

        `first` runs in the transaction that settles it, and keeps that from happening by raising.
        """
        turn = _Turn(accepted, first)
        try:
            async with aclosing(self._deltas(turn)) as running:
                async for _ in running:
                    pass
            outcome, entry = ended(accepted, turn.answer, finished_at=self._clock.now())
            final = accepted.dialect.final(accepted.call, outcome)
            await self._settle(turn, outcome, entry, final)
        except asyncio.CancelledError:
            await uninterrupted(self._charge_the_cut(turn))
            raise
        except Overloaded as error:
            raise await self._outwaited(accepted, error) from None
        return final

    async def stream(
        self, accepted: Accepted, *, first: Operation[None] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Run the call and yield its server-sent events, the last ones after it is settled.

        `first` is as in `answer`.
        Raises what keeps the turn from giving any output; what breaks it later ends the stream
        with the API's error event.
        """
        turn = _Turn(accepted, first)
        writer = accepted.dialect.writer(accepted.call)
        has_opened = False
        try:
            async with aclosing(self._deltas(turn)) as running:
                async for deltas in running:
                    events = writer.write(deltas) if has_opened else writer.open()
                    if not has_opened:
                        has_opened = True
                        events += writer.write(deltas)
                    if events:
                        yield events
            if not has_opened:
                has_opened = True
                yield writer.open()
            outcome, entry = ended(accepted, turn.answer, finished_at=self._clock.now())
            # The object is made only for who keeps it: the caller has the events.
            is_kept = accepted.call.wishes.is_stored or accepted.conversation_id is not None
            final = accepted.dialect.final(accepted.call, outcome) if is_kept else {}
            await self._settle(turn, outcome, entry, final)
        except (asyncio.CancelledError, GeneratorExit):
            await uninterrupted(self._charge_the_cut(turn))
            raise
        except ForebayError as error:
            if not has_opened:
                raise await self._outwaited(accepted, error) from None
            outcome = self._broken(turn, error)
            await self._keep_broken(accepted, outcome)
        yield writer.close(outcome)

    async def prepare(self, accepted: Accepted) -> bytes:
        """Return the events of a response for which nothing is run and nothing charged.

        It is kept when this returns, if it is to be stored: others may continue it.
        """
        now = self._clock.now()
        outcome = Outcome(status=RequestStatus.COMPLETED, finished_at=now)
        if accepted.call.wishes.is_stored:
            final = encode(accepted.dialect.final(accepted.call, outcome))
            settlement = Settlement(status=outcome.status, finished_at=now, answer=final)
            await self._store.requests.store_settled(new_request(accepted), settlement)
        writer = accepted.dialect.writer(accepted.call)
        return writer.open() + writer.close(outcome)

    def refuses_after_s(self, accepted: Accepted) -> float:
        """Return how long the call may wait for a slot before it is told to come back later."""
        return 0.0 if _is_held(accepted) else self._reject_after_s

    def refusal(self, accepted: Accepted, error: ForebayError) -> bytes:
        """Return the events of a stream that ends with this error before it gave any output."""
        return accepted.dialect.writer(accepted.call).refuse(error)

    def _deltas(self, turn: _Turn) -> AsyncGenerator[list[Delta], None]:
        accepted = turn.accepted
        is_held = _is_held(accepted)
        max_wait_s = self._sync_timeout_s if is_held else self._reject_after_s
        return self._turns.stream(accepted, turn.answer, max_wait_s=max_wait_s)

    async def _settle(
        self, turn: _Turn, outcome: Outcome, entry: LedgerEntry, final: JsonObject
    ) -> None:
        turn.is_settling = True
        accepted = turn.accepted
        if not accepted.call.wishes.is_stored:
            added = appended(accepted, final)
            if added is None:
                await self._store.ledger.record(entry, first=turn.first)
            else:
                await self._store.conversations.append(added, charge=entry, first=turn.first)
            return
        settlement = Settlement(
            status=outcome.status,
            finished_at=entry.created_at,
            answer=encode(final),
            charge=entry,
            appended=appended(accepted, final),
        )
        await self._store.requests.store_settled(
            new_request(accepted), settlement, first=turn.first
        )

    async def _keep_broken(self, accepted: Accepted, outcome: Outcome) -> None:
        """Keep a response that failed once its id was given out: its caller may look for it."""
        if not accepted.call.wishes.is_stored or accepted.dialect.name is not DialectName.RESPONSES:
            return
        final = encode(accepted.dialect.final(accepted.call, outcome))
        settlement = Settlement(status=outcome.status, finished_at=self._clock.now(), answer=final)
        try:
            await self._store.requests.store_settled(new_request(accepted), settlement)
        except ForebayError:
            # The caller is told what broke the turn, which may be the store itself.
            log.exception("broken turn not kept", extra={"request_id": accepted.call.id})

    async def _charge_the_cut(self, turn: _Turn) -> None:
        """Charge what a caller that left had been given; one that got nothing pays nothing."""
        if turn.is_settling or not turn.answer.has_output:
            return
        turn.is_settling = True
        usage = usage_of(turn.accepted.turn, turn.answer)
        await self._store.ledger.record(charge(turn.accepted, usage, finished_at=self._clock.now()))

    def _broken(self, turn: _Turn, error: ForebayError) -> Outcome:
        log.warning(
            "turn broke off", extra={"request_id": turn.accepted.call.id, "code": error.code}
        )
        return Outcome(
            status=RequestStatus.FAILED,
            answer=turn.answer,
            finished_at=self._clock.now(),
            error=error,
            extension={"window": turn.accepted.window.name},
        )

    async def _outwaited(self, accepted: Accepted, error: ForebayError) -> ForebayError:
        """Return what the caller is told when the wait for a slot was too long.

        A response that is to be stored goes on in the background, and its caller is told the id.
        The flex tier has OpenAI's words for it.
        """
        if not isinstance(error, Overloaded):
            return error
        if _is_flex(accepted):
            return Overloaded(f"Resource unavailable: {error}", retry_after_s=error.retry_after_s)
        if not _is_held(accepted):
            return error
        told = f"the turn did not start within {self._sync_timeout_s:g} s"
        if _can_go_on(accepted):
            await self._successor.take_over(accepted)
            return TurnTimedOut(f"{told}; it goes on in the background as '{accepted.call.id}'")
        return TurnTimedOut(f"{told}; nothing is billed")


def _can_go_on(accepted: Accepted) -> bool:
    is_response = accepted.dialect.name is DialectName.RESPONSES
    may_wait = Lane.BACKGROUND in accepted.window.lanes
    return is_response and accepted.call.wishes.is_stored and may_wait


def _is_held(accepted: Accepted) -> bool:
    return accepted.window.band is not Band.INTERACTIVE and not _is_flex(accepted)


def _is_flex(accepted: Accepted) -> bool:
    return accepted.call.wishes.service_tier == "flex"
