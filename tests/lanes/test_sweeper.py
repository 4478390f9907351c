"""The sweeper: what was not to be kept is forgotten, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.clock import SystemClock, after
from forebay.core.lanes import Lane
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import JsonObject
from forebay.lanes.control import Control, LeasedControl
from forebay.lanes.orphans import AGE_S
from forebay.lanes.sweeper import HIDDEN_KEEP_S, Keep, Sweeper
from forebay.store.blobs import Extent
from forebay.store.database import Database, StoreFailed
from forebay.store.uploads import Uploads
from tests.fakes import START
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.lanes.stuck_blobs import StuckBlobs
from tests.store.makers import completed, new_file, new_request, new_upload, new_upload_part

KEEP_S = 600.0
EVENTS_S = 7_200.0
STORED_S = 86_400.0


def sweeper(house: House, control: Control | None = None) -> Sweeper:
    """Return a sweeper that nobody runs."""
    keep = Keep(unstored_s=KEEP_S, stored_s=STORED_S, events_s=EVENTS_S, reservations_s=EVENTS_S)
    return Sweeper(house.store, control or house.control, keep, clock=house.clock)


async def ended(house: House, *, is_stored: bool) -> str:
    """Return the id of a background response that has ended."""
    request_id = await house.submit(store=is_stored)
    async with running(house.worker.run):
        await house.ended(request_id)
    return request_id


async def test_an_unstored_response_can_be_had_for_a_while_and_is_then_deleted(
    house: House,
) -> None:
    request_id = await ended(house, is_stored=False)
    house.clock.move(KEEP_S - 1)
    await sweeper(house).sweep()
    assert await house.store.requests.get(DEFAULT_PROJECT, request_id) is not None
    house.clock.move(1)
    await sweeper(house).sweep()
    assert await house.store.requests.get(DEFAULT_PROJECT, request_id) is None
    assert (await house.charges())[0] == 1


async def test_a_stored_response_stays(house: House) -> None:
    request_id = await ended(house, is_stored=True)
    house.clock.move(10 * KEEP_S)
    await sweeper(house).sweep()
    assert await house.store.requests.get(DEFAULT_PROJECT, request_id) is not None


async def test_an_unstored_response_that_still_waits_stays(house: House) -> None:
    request_id = await house.submit(store=False)
    house.clock.move(10 * KEEP_S)
    await sweeper(house).sweep()
    assert await house.store.requests.get(DEFAULT_PROJECT, request_id) is not None


async def test_an_unstored_response_stays_for_what_waits_to_continue_it(house: House) -> None:
    first = await ended(house, is_stored=False)
    body: JsonObject = {"model": "tiny", "input": "and?", "background": True}
    body["previous_response_id"] = first
    context = await house.contexts.of(CALLER, body)
    accepted = house.admission.admit(DialectName.RESPONSES, body, CALLER, context=context)
    waiting = str((await house.background.submit(accepted))["id"])
    house.clock.move(KEEP_S)
    await sweeper(house).sweep()
    async with running(house.worker.run):
        assert (await house.ended(waiting)).status is RequestStatus.COMPLETED
    await sweeper(house).sweep()
    assert await house.store.requests.get(DEFAULT_PROJECT, first) is None


async def test_what_its_caller_deleted_stays_until_nothing_continues_it(house: House) -> None:
    stored = house.store.stored_requests
    for id, previous_id in (("resp_1", None), ("resp_2", "resp_1")):
        request = new_request(id, lane=Lane.REALTIME, previous_id=previous_id)
        await house.store.requests.store_settled(request, completed())
    await stored.delete(DEFAULT_PROJECT, "resp_1")
    house.clock.move(HIDDEN_KEEP_S)
    await sweeper(house).sweep()
    assert len(await stored.chain(DEFAULT_PROJECT, "resp_2")) == 2
    await stored.delete(DEFAULT_PROJECT, "resp_2")
    house.clock.move(HIDDEN_KEEP_S)
    await sweeper(house).sweep()
    await sweeper(house).sweep()
    # Nothing is left that could be swept.
    assert await stored.delete_hidden(hidden_before=house.clock.now()) == 0


async def test_what_its_caller_deleted_stays_for_a_turn_that_may_be_continuing_it(
    house: House,
) -> None:
    stored = house.store.stored_requests
    first = new_request("resp_1", lane=Lane.REALTIME)
    await house.store.requests.store_settled(first, completed())
    await stored.delete(DEFAULT_PROJECT, "resp_1")
    house.clock.move(HIDDEN_KEEP_S - 1)
    await sweeper(house).sweep()
    second = new_request("resp_2", lane=Lane.REALTIME, previous_id="resp_1")
    await house.store.requests.store_settled(second, completed())
    assert len(await stored.chain(DEFAULT_PROJECT, "resp_2")) == 2


async def test_what_its_caller_deleted_goes_an_hour_later(house: House) -> None:
    stored = house.store.stored_requests
    request = new_request("resp_1", lane=Lane.REALTIME)
    await house.store.requests.store_settled(request, completed())
    await stored.delete(DEFAULT_PROJECT, "resp_1")
    house.clock.move(HIDDEN_KEEP_S)
    await sweeper(house).sweep()
    # Nothing is left that could be swept.
    assert await stored.delete_hidden(hidden_before=house.clock.now()) == 0


async def test_an_expired_file_goes_with_its_blob(house: House) -> None:
    blob = await house.store.blobs.put(b"bytes")
    file = new_file("file-1", blob_id=blob.id, expires_at=after(START, 60))
    await house.store.files.add(file)
    house.clock.move(60)
    await sweeper(house).sweep()
    assert await house.store.files.get(DEFAULT_PROJECT, "file-1") is None
    with pytest.raises(StoreFailed):
        await house.store.blobs.get(Extent(blob.id))


async def test_an_expired_upload_goes_with_the_blobs_of_its_parts(house: House) -> None:
    blob = await house.store.blobs.put(b"part")
    await house.store.uploads.add(new_upload())
    part = new_upload_part(1, blob_id=blob.id)
    await house.store.uploads.add_part(part, max_bytes=99)
    house.clock.move(3599)
    await sweeper(house).sweep()
    assert await house.store.blobs.get(Extent(blob.id)) == b"part"
    house.clock.move(1)
    await sweeper(house).sweep()
    assert await house.store.uploads.parts("upload_1") == []
    with pytest.raises(StoreFailed):
        await house.store.blobs.get(Extent(blob.id))


async def test_orphans_and_remains_are_swept_by_who_keeps_the_house(house: House) -> None:
    orphan = await house.store.blobs.put(b"orphan")
    house.clock.move((SystemClock().now() - START) / 1000 + 2 * AGE_S)
    await sweeper(house).sweep()
    with pytest.raises(StoreFailed):
        await house.store.blobs.get(Extent(orphan.id))


class LostUploads(Uploads):
    """Uploads that nobody can ask for."""

    async def expire(self) -> list[str]:
        raise StoreFailed("the table is locked")


async def test_what_fails_to_be_swept_holds_up_nothing_else(
    house: House, database: Database
) -> None:
    orphan = await house.store.blobs.put(b"orphan")
    house.store = replace(house.store, uploads=LostUploads(database, clock=house.clock))
    house.clock.move((SystemClock().now() - START) / 1000 + 2 * AGE_S)
    await sweeper(house).sweep()
    with pytest.raises(StoreFailed):
        await house.store.blobs.get(Extent(orphan.id))


async def test_a_file_goes_although_its_blob_cannot_be_deleted(house: House) -> None:
    stuck = StuckBlobs(house.store.blobs)
    stuck.is_all_stuck = True
    house.store = replace(house.store, blobs=stuck)
    for id in ("file-1", "file-2"):
        blob = await stuck.put(b"bytes")
        await house.store.files.add(new_file(id, blob_id=blob.id, expires_at=after(START, 60)))
    house.clock.move(60)
    await sweeper(house).sweep()
    assert await house.store.files.expired() == []


async def test_another_process_sweeps_nothing(house: House) -> None:
    orphan = await house.store.blobs.put(b"orphan")
    house.clock.move((SystemClock().now() - START) / 1000 + 2 * AGE_S)
    duties, leases = house.store.duties, house.store.leases
    another = LeasedControl(duties, leases, clock=house.clock, owner="another")
    await sweeper(house, another).sweep()
    assert await house.store.blobs.get(Extent(orphan.id)) == b"orphan"


async def test_a_stored_response_is_pruned_when_its_time_is_over(house: House) -> None:
    request_id = await ended(house, is_stored=True)
    house.clock.move(STORED_S)
    await sweeper(house).sweep()
    assert await house.store.requests.get(DEFAULT_PROJECT, request_id) is None
    assert (await house.charges())[0] == 1


async def test_what_is_pruned_stays_for_what_continues_it(house: House) -> None:
    stored = house.store.stored_requests
    await house.store.requests.store_settled(new_request("resp_1", lane=Lane.REALTIME), completed())
    house.clock.move(STORED_S / 2)
    later = new_request("resp_2", lane=Lane.REALTIME, previous_id="resp_1")
    late_end = replace(completed(), finished_at=house.clock.now())
    await house.store.requests.store_settled(later, late_end)
    house.clock.move(STORED_S / 2 + HIDDEN_KEEP_S)
    await sweeper(house).sweep()
    house.clock.move(HIDDEN_KEEP_S)
    await sweeper(house).sweep()
    assert await house.store.requests.get(DEFAULT_PROJECT, "resp_1") is None
    assert len(await stored.chain(DEFAULT_PROJECT, "resp_2")) == 2


async def test_the_events_of_a_stream_go_before_its_object(house: House) -> None:
    request_id = await house.submit(store=True, stream=True)
    async with running(house.worker.run):
        await house.ended(request_id)
    house.clock.move(EVENTS_S)
    await sweeper(house).sweep()
    assert await house.store.events.following(request_id, number=-1, limit=9) == []
    assert (await house.kept(request_id)).answer is not None


async def test_what_a_webhook_is_owed_of_stays_until_that_was_called(house: House) -> None:
    hook = {"completion_webhook": "http://127.0.0.1:9/x"}
    request_id = await house.submit(metadata=hook)
    async with running(house.worker.run):
        await house.ended(request_id)
    house.clock.move(KEEP_S)
    await sweeper(house).sweep()
    assert await house.store.deliveries.first_at() is not None
    assert await house.store.requests.get(DEFAULT_PROJECT, request_id) is not None
