"""The outlook of a response that has not ended: where it waits, or how far it is, and for how long.

Everything comes from the database, so each process tells the same. What is known of a model is read
again after a moment only, however many ask.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from forebay.core.clock import Clock, Instant, after, seconds_of
from forebay.core.pace import Pace
from forebay.core.requests import RequestStatus
from forebay.dialects.turn import JsonObject
from forebay.store.paces import HEAD, Paces, Place
from forebay.store.request_records import RequestRecord

FRESH_MS = 2000
LATELY = 64  # turns that a pace is made of
MOST_COUNTED = 10_000
MILESTONE_EVERY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is known of a model. The milestones are the places of every so manieth that waits."""

    seen_at: Instant
    pace: Pace
    milestones: list[Place]


class Outlook:
    """Tells the outlook. `progress` returns the output tokens of what runs in this process.

    Those that wait are counted up to `most_counted`; whoever has more before it is told no place.
    """

    def __init__(
        self,
        paces: Paces,
        *,
        clock: Clock,
        progress: Callable[[str], int | None],
        most_counted: int = MOST_COUNTED,
        milestone_every: int = MILESTONE_EVERY,
    ) -> None:
        self._paces = paces
        self._clock = clock
        self._progress = progress
        self._most_counted = most_counted
        self._milestone_every = milestone_every
        self._seen: dict[str, _Seen] = {}
        self._looking = asyncio.Lock()

    async def fields(self, request: RequestRecord) -> JsonObject:
        """Return what goes under `forebay` of a request in this state; nothing when it has ended.

        What cannot be told is left out.
        """
        match request.status:
            case RequestStatus.QUEUED:
                return await self._of_waiting(request)
            case RequestStatus.IN_PROGRESS:
                return await self._of_running(request)
            case _:
                return {}

    async def _of_waiting(self, request: RequestRecord) -> JsonObject:
        seen = await self._look(request.model)
        place: Place = (request.band_rank, request.deadline_at, request.id)
        # Of those up to the last milestone before it the number is known; the rest are counted.
        passed = bisect_left(seen.milestones, place)
        before = passed * self._milestone_every
        count, pauses_until = await self._paces.waiting_between(
            request.model,
            seen.milestones[passed - 1] if passed else HEAD,
            place,
            most=max(0, self._most_counted - before),
        )
        if before + count >= self._most_counted:
            return {}
        now = self._clock.now()
        position = before + count + 1
        # Who pauses is overtaken by all that wait, and stands nowhere.
        fields: JsonObject = {} if pauses_until > now else {"position": position}
        start_s, turn_s = seen.pace.start_s(position), seen.pace.turn_s
        if start_s is not None and turn_s is not None:
            start_at = max(after(now, start_s), pauses_until)
            fields["expected_start_at"] = seconds_of(start_at)
            fields["expected_at"] = seconds_of(after(start_at, turn_s))
        return fields

    async def _of_running(self, request: RequestRecord) -> JsonObject:
        if request.attempt_at is None:
            return {}
        seen = await self._look(request.model)
        told = self._progress(request.id)
        output_tokens = request.output_tokens if told is None else told
        elapsed_s = max(0, self._clock.now() - request.attempt_at) / 1000
        progress: JsonObject = {"output_tokens": output_tokens, "elapsed_s": round(elapsed_s, 1)}
        left_s = seen.pace.left_s(elapsed_s=elapsed_s, output_tokens=output_tokens)
        if left_s is not None:
            progress["eta_s"] = round(left_s, 1)
        return {"progress": progress}

    async def _look(self, model: str) -> _Seen:
        """Return what is known of the model; one reads it, and those that come meanwhile wait."""
        async with self._looking:
            seen = self._seen.get(model)
            now = self._clock.now()
            if seen is not None and 0 <= now - seen.seen_at < FRESH_MS:
                return seen
            seen = self._seen[model] = _Seen(
                seen_at=now,
                pace=Pace(
                    ended=await self._paces.ended_turns(model, limit=LATELY),
                    running_count=await self._paces.running_count(model),
                ),
                milestones=await self._paces.milestones(
                    model, every=self._milestone_every, most=self._most_counted
                ),
            )
            return seen
