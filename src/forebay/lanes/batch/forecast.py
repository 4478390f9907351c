"""Forecasts: how long batches may still take, from the moment they are accepted.

Everything comes from the database, so each process tells the same. What is known of all batches is
read at once, and again after a moment only, however many are asked for.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import Clock, Instant, after
from forebay.core.forecast import (
    BatchPlace,
    Forecast,
    Queue,
    Speeds,
    Stretch,
    Work,
    estimated_lines,
    lines_per_s,
    running_left_s,
    waiting_left_s,
)
from forebay.core.pace import Pace
from forebay.lanes.outlook import FRESH_MS, LATELY
from forebay.store.store import Store

LATELY_S = 300.0  # what was recorded before that says nothing any more
STRETCH_MS = 10_000

NOTHING = Forecast()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is known of all batches. `backgrounds` is filled as models are asked for."""

    seen_at: Instant
    works: dict[str, list[Work]]
    inputs: dict[str, tuple[int, int | None]]
    queues: dict[str, Queue]
    own: dict[tuple[str, str], list[Stretch]]
    models: dict[str, float | None]
    backgrounds: dict[str, float | None] = field(default_factory=dict)

    def knows(self, batch: Batch) -> bool:
        """Tell whether the batch was there in this status."""
        if batch.status is BatchStatus.VALIDATING:
            return batch.id in self.inputs
        return batch.id in self.works


class Forecasts:
    """Tells forecasts. `models` returns the names of the models that batches may name."""

    def __init__(self, store: Store, *, clock: Clock, models: Callable[[], Iterable[str]]) -> None:
        self._store = store
        self._clock = clock
        self._models = models
        self._seen: _Seen | None = None
        self._looking = asyncio.Lock()

    async def of(self, batch: Batch) -> Forecast:
        """Return what may be expected of the batch, with None for what cannot be told."""
        match batch.status:
            case BatchStatus.VALIDATING:
                return await self._of_waiting(batch)
            case BatchStatus.IN_PROGRESS:
                return await self._of_running(batch)
            case BatchStatus.FINALIZING:
                return Forecast(left_s=0.0)
            case _:
                return NOTHING

    async def _of_waiting(self, batch: Batch) -> Forecast:
        seen = await self._look(batch)
        line_count, size_bytes = seen.inputs.get(batch.id, (0, None))
        if not line_count:
            if size_bytes is None:
                return NOTHING
            line_count = estimated_lines(size_bytes)
        names = list(self._models())
        speeds = {name: await self._speeds(seen, name) for name in names}
        return Forecast(left_s=waiting_left_s(line_count, speeds, _ahead(seen, batch, names)))

    async def _of_running(self, batch: Batch) -> Forecast:
        seen = await self._look(batch)
        works = seen.works.get(batch.id)
        if works is None or batch.in_progress_at is None:
            return NOTHING
        since = max(batch.in_progress_at, after(seen.seen_at, -LATELY_S))
        stretches = [seen.own.get((batch.id, work.model), []) for work in works]
        own = [lines_per_s(found, since=since, until=seen.seen_at) for found in stretches]
        speeds = {
            work.model: await self._speeds(seen, work.model, own=speed)
            for work, speed in zip(works, own, strict=True)
        }
        elapsed_s = (seen.seen_at - batch.in_progress_at) / 1000
        usual_per_s = batch.ended_count / elapsed_s if elapsed_s > 0 else None
        return Forecast(
            left_s=running_left_s(
                works,
                speeds,
                _ahead(seen, batch, list(speeds)),
                usual_per_s=usual_per_s,
            ),
            lines_per_s=sum(speed or 0.0 for speed in own) or usual_per_s or None,
        )

    async def _speeds(self, seen: _Seen, model: str, *, own: float | None = None) -> Speeds:
        known = seen.models.get(model)
        if own or known:
            return Speeds(own=own, model=known)
        if model not in seen.backgrounds:
            seen.backgrounds[model] = await self._turns_per_s(model)
        return Speeds(background=seen.backgrounds[model])

    async def _turns_per_s(self, model: str) -> float | None:
        """Return how many of the model's background turns begin in a second."""
        paces = self._store.paces
        pace = Pace(
            ended=await paces.ended_turns(model, limit=LATELY),
            running_count=await paces.running_count(model),
        )
        between_s = pace.start_s(1)
        return 1 / between_s if between_s else None

    async def _look(self, batch: Batch) -> _Seen:
        """Return what is known, of this batch, too; one reads it, and the others wait."""
        async with self._looking:
            seen, now = self._seen, self._clock.now()
            is_fresh = seen is not None and 0 <= now - seen.seen_at < FRESH_MS
            if seen is None or not is_fresh or not seen.knows(batch):
                seen = self._seen = await self._read(now)
            return seen

    async def _read(self, now: Instant) -> _Seen:
        work = self._store.batch_work
        stretches = await work.stretches(since=after(now, -LATELY_S), stretch_ms=STRETCH_MS)
        left = await work.left()
        works: defaultdict[str, list[Work]] = defaultdict(list)
        by_model: defaultdict[str, list[Work]] = defaultdict(list)
        for each in left:
            works[each.batch_id].append(each)
            by_model[each.model].append(each)
        own: defaultdict[tuple[str, str], list[Stretch]] = defaultdict(list)
        models: defaultdict[str, list[Stretch]] = defaultdict(list)
        for stretch in stretches:
            own[stretch.batch_id, stretch.model].append(stretch)
            models[stretch.model].append(stretch)
        return _Seen(
            seen_at=now,
            works=dict(works),
            inputs=await work.inputs(),
            queues={model: Queue(of_model) for model, of_model in by_model.items()},
            own=dict(own),
            models={model: _usual_per_s(found) for model, found in models.items()},
        )


def _ahead(seen: _Seen, batch: Batch, models: Iterable[str]) -> dict[str, int]:
    place: BatchPlace = (batch.band_rank, batch.deadline_at, batch.id)
    queues = seen.queues
    return {model: queues[model].before(place) if model in queues else 0 for model in models}


def _usual_per_s(stretches: Sequence[Stretch]) -> float | None:
    """Return a model's speed while it ran: that nobody needed it since then does not slow it."""
    until = max(stretch.last_at for stretch in stretches)
    # What was recorded first did not come of nothing in no time.
    since = min(Instant(until - STRETCH_MS), *(stretch.began_at for stretch in stretches))
    return lines_per_s(stretches, since=since, until=until)
