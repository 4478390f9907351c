"""How long batches may still take, as it is told from what is kept."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.core.batches import Batch
from forebay.core.forecast import LINE_BYTES, Forecast
from forebay.lanes.batch.forecast import Forecasts
from forebay.store.database import Database, Operation, Row, T, Value
from forebay.store.store import Store, build_store
from tests.fakes import CountingIds, ManualClock
from tests.store.makers import (
    LEASED_UNTIL,
    batch_of,
    begun,
    chunk,
    claimed,
    completed,
    enqueue,
    new_batch,
    new_file,
    results,
    segment,
)

UNKNOWN = Forecast()


@pytest.fixture
def forecasts(store: Store, clock: ManualClock) -> Forecasts:
    """What tells forecasts, with one model served."""
    return Forecasts(store, clock=clock, models=lambda: ["tiny"])


async def record(store: Store, count: int, *, blob_id: str, model: str = "tiny") -> None:
    """Claim the model's next segment and record so many results of it."""
    found = await store.segments.claim(model, lease_expires_at=LEASED_UNTIL)
    assert found is not None
    await store.segments.record(*found, results(chunk(*range(count), blob_id=blob_id)))


async def ran(
    store: Store, clock: ManualClock, *, seconds: int, lines: int = 20, **others: Any
) -> Batch:
    """Return a batch that has run so long, with so many lines recorded every second."""
    batch = await begun(
        store, *[segment(ordinal, lines=lines) for ordinal in range(seconds + 10)], **others
    )
    for second in range(seconds):
        clock.move(1)
        await record(store, lines, blob_id=f"{batch.id}_{second}")
    return await batch_of(store, batch.id)


async def test_a_new_house_promises_nothing(store: Store, forecasts: Forecasts) -> None:
    await store.files.add(new_file())
    await store.batches.create(new_batch())
    assert await forecasts.of(await batch_of(store)) == UNKNOWN
    begun_batch = await begun(store, id="batch_2")
    assert await forecasts.of(begun_batch) == UNKNOWN


async def test_a_running_batch_goes_by_its_own_speed(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    forecast = await forecasts.of(await ran(store, clock, seconds=30))
    assert forecast.lines_per_s == pytest.approx(20, rel=0.1)
    assert forecast.left_s == pytest.approx(10, rel=0.1)


async def test_the_last_minutes_count_more_than_those_before(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    batch = await ran(store, clock, seconds=20)
    clock.move(240)
    await record(store, 20, blob_id="blob_late")
    forecast = await forecasts.of(await batch_of(store, batch.id))
    assert forecast.lines_per_s is not None
    assert forecast.lines_per_s < 20 * 21 / 260


async def test_one_that_recorded_nothing_for_minutes_goes_by_all_its_time(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    batch = await ran(store, clock, seconds=20)
    clock.move(980)
    forecast = await forecasts.of(batch)
    assert forecast.lines_per_s == pytest.approx(0.4)
    assert forecast.left_s == pytest.approx(200 / 0.4)


async def test_a_batch_behind_another_waits_for_that_ones_lines(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    await ran(store, clock, seconds=30)
    behind = await begun(store, segment(lines=100), id="batch_2")
    forecast = await forecasts.of(behind)
    # 200 lines are left before its own, at some 20 a second.
    assert forecast.left_s == pytest.approx(15, rel=0.1)
    assert forecast.lines_per_s is None


async def test_a_more_urgent_batch_does_not_wait_for_it(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    await ran(store, clock, seconds=30)
    before = await begun(store, segment(lines=100), id="batch_2", band_rank=1)
    assert (await forecasts.of(before)).left_s == pytest.approx(5, rel=0.1)


async def test_a_batch_that_is_validated_is_as_long_as_its_input_lets_expect(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    await ran(store, clock, seconds=30)
    await store.files.add(new_file(size_bytes=400 * LINE_BYTES))
    await store.batches.create(new_batch("batch_2"))
    forecast = await forecasts.of(await batch_of(store, "batch_2"))
    assert forecast.left_s == pytest.approx((200 + 400) / 20, rel=0.1)


async def test_a_retry_that_is_validated_is_as_long_as_what_failed(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    await ran(store, clock, seconds=30)
    await store.batches.create(new_batch("batch_2", retry_of="batch_0", total_count=40))
    forecast = await forecasts.of(await batch_of(store, "batch_2"))
    assert forecast.left_s == pytest.approx(240 / 20, rel=0.1)


async def test_a_batch_without_its_input_file_promises_nothing(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    await ran(store, clock, seconds=30)
    await store.batches.create(new_batch("batch_2", input_file_id="file-none"))
    assert await forecasts.of(await batch_of(store, "batch_2")) == UNKNOWN


async def test_before_any_batch_has_run_the_turns_in_the_background_tell(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    await enqueue(store)
    request = await claimed(store)
    clock.move(9)
    await store.requests.settle(request, completed())
    batch = await begun(store, segment(lines=10))
    assert (await forecasts.of(batch)).left_s == pytest.approx(90)


async def test_a_pause_between_batches_does_not_slow_the_next(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    first = await ran(store, clock, seconds=30)
    assert await store.batches.cancel(first)
    clock.move(240)
    second = await begun(store, segment(lines=100), id="batch_2")
    assert (await forecasts.of(second)).left_s == pytest.approx(5, rel=0.1)


async def test_a_batch_of_two_models_waits_for_the_slower(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    segments = [segment(0, lines=20), segment(1, lines=20, model="large")]
    batch = await begun(store, *segments)
    clock.move(10)
    await record(store, 16, blob_id="blob_tiny")
    await record(store, 4, blob_id="blob_large", model="large")
    forecast = await forecasts.of(await batch_of(store, batch.id))
    # Four fifths of one and a fifth of the other in ten seconds.
    assert forecast.left_s == pytest.approx(40, rel=0.1)
    assert forecast.lines_per_s == pytest.approx(2, rel=0.1)


async def test_what_is_finalized_or_over_has_nothing_left(
    store: Store, forecasts: Forecasts
) -> None:
    batch = await begun(store)
    await record(store, 3, blob_id="blob_1")
    assert await forecasts.of(await batch_of(store)) == Forecast(left_s=0.0)
    assert await store.batches.complete(batch.id)
    assert await forecasts.of(await batch_of(store)) == UNKNOWN


class Counted:
    """A database that counts its readings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.readings = 0

    async def write(self, operation: Operation[T]) -> T:
        return await self._database.write(operation)

    async def append(self, query: str, row: tuple[Value, ...]) -> None:
        await self._database.append(query, row)

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        self.readings += 1
        return await self._database.read(query, **values)

    async def close(self) -> None:
        await self._database.close()


async def test_a_hundred_batches_cost_no_more_readings_than_one(
    store: Store, database: Database, clock: ManualClock, new_id: CountingIds
) -> None:
    await store.files.add(new_file())
    batches = [await begun(store, id=f"batch_r{number}") for number in range(50)]
    for number in range(50):
        await store.batches.create(new_batch(f"batch_v{number}"))
        batches.append(await batch_of(store, f"batch_v{number}"))
    counted = Counted(database)
    watched = build_store(counted, store.blobs, clock=clock, new_id=new_id)
    forecasts = Forecasts(watched, clock=clock, models=lambda: ["tiny"])
    for _ in range(2):
        for batch in batches:
            await forecasts.of(batch)
    assert counted.readings == 5
    clock.move(2)
    await forecasts.of(batches[0])
    assert counted.readings == 10


async def test_a_batch_that_has_just_come_is_looked_for_at_once(
    store: Store, forecasts: Forecasts, clock: ManualClock
) -> None:
    running = await ran(store, clock, seconds=30)
    await forecasts.of(running)
    fresh = await begun(store, segment(lines=100), id="batch_2")
    assert (await forecasts.of(fresh)).left_s is not None
