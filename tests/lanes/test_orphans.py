"""Orphans: blobs that nothing names go a day later, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.clock import SystemClock
from forebay.lanes.orphans import AGE_S, EVERY_S, STEP, Orphans
from forebay.store.blobs import Blobs
from forebay.store.database import StoreFailed
from forebay.store.object_blobs import ObjectBlobs
from forebay.store.store import Store
from tests.fakes import CountingIds, ManualClock
from tests.lanes.stuck_blobs import StuckBlobs
from tests.s3_server import S3Server
from tests.store.makers import new_file

AN_HOUR_S = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    """A clock that begins at the time by which blobs are written."""
    return ManualClock(SystemClock().now())


async def kept(blobs: Blobs) -> set[str]:
    """Return the ids of all blobs."""
    return {blob_id async for blob_id, _ in blobs.listed()}


async def look(orphans: Orphans) -> None:
    """Go through all blobs."""
    while await orphans.step():
        pass


async def test_a_day_later_only_what_is_named_is_left(store: Store, clock: ManualClock) -> None:
    named, orphan = [(await store.blobs.put(b"x")).id for _ in range(2)]
    await store.files.add(new_file(blob_id=named))
    clock.move(AGE_S + AN_HOUR_S)
    await look(Orphans(store, clock=clock))
    assert await kept(store.blobs) == {named}
    assert orphan != named


async def test_what_is_not_a_day_old_may_still_be_named(store: Store, clock: ManualClock) -> None:
    fresh = await store.blobs.put(b"x")
    clock.move(AGE_S - AN_HOUR_S)
    await look(Orphans(store, clock=clock))
    assert await kept(store.blobs) == {fresh.id}


async def test_what_is_being_written_can_still_be_committed(
    store: Store, clock: ManualClock
) -> None:
    writer = await store.blobs.create()
    await writer.write(b"half")
    clock.move(AGE_S - AN_HOUR_S)
    await look(Orphans(store, clock=clock))
    blob = await writer.commit()
    assert await kept(store.blobs) == {blob.id}


@pytest.mark.parametrize("blobs_kind", ["local"])
async def test_many_are_looked_at_some_at_a_time(store: Store, clock: ManualClock) -> None:
    for _ in range(STEP + 1):
        await store.blobs.put(b"x")
    clock.move(AGE_S + AN_HOUR_S)
    orphans = Orphans(store, clock=clock)
    assert await orphans.step()
    assert len(await kept(store.blobs)) == 1
    assert not await orphans.step()
    assert await kept(store.blobs) == set()


async def test_blobs_are_looked_through_once_an_hour(store: Store, clock: ManualClock) -> None:
    orphans = Orphans(store, clock=clock)
    clock.move(AGE_S + AN_HOUR_S)
    await look(orphans)
    late = await store.blobs.put(b"x")
    clock.move(EVERY_S - 1)
    await look(orphans)
    assert await kept(store.blobs) == {late.id}
    clock.move(1)
    await look(orphans)
    assert await kept(store.blobs) == set()


@pytest.mark.parametrize("blobs_kind", ["s3"])
async def test_a_store_that_was_gone_is_looked_through_when_it_is_back(
    store: Store, clock: ManualClock, s3_server: S3Server
) -> None:
    await store.blobs.put(b"x")
    clock.move(AGE_S + AN_HOUR_S)
    orphans = Orphans(store, clock=clock)
    s3_server.stop()
    try:
        with pytest.raises(StoreFailed):
            await orphans.step()
    finally:
        s3_server.start()
    await look(orphans)
    assert await kept(store.blobs) == set()


@pytest.mark.parametrize("blobs_kind", ["s3"])
async def test_what_others_keep_below_the_same_place_stays(
    store: Store, clock: ManualClock, blobs_url: str
) -> None:
    others = ObjectBlobs(f"{blobs_url}/other", new_id=CountingIds(), is_http_allowed=True)
    theirs = await others.put(b"x")
    clock.move(AGE_S + AN_HOUR_S)
    await look(Orphans(store, clock=clock))
    assert await kept(others) == {theirs.id}


async def test_one_that_cannot_be_deleted_holds_up_no_other(
    store: Store, clock: ManualClock
) -> None:
    stuck = StuckBlobs(store.blobs)
    stuck.stuck = {(await store.blobs.put(b"x")).id}
    for _ in range(20):
        await store.blobs.put(b"x")
    clock.move(AGE_S + AN_HOUR_S)
    orphans = Orphans(replace(store, blobs=stuck), clock=clock)
    await look(orphans)
    assert await kept(store.blobs) == stuck.stuck
    stuck.stuck = set()
    clock.move(EVERY_S)
    await look(orphans)
    assert await kept(store.blobs) == set()


async def test_in_a_place_that_has_another_databases_mark_nothing_is_an_orphan(
    store: Store, clock: ManualClock
) -> None:
    await store.house_marks.keep("blobs", "ours")
    await store.blobs.keep_mark("theirs")
    blob = await store.blobs.put(b"x")
    clock.move(AGE_S + AN_HOUR_S)
    await look(Orphans(store, clock=clock))
    assert await kept(store.blobs) == {blob.id}
