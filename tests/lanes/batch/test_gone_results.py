"""What is said of single results, and of verdicts on them, once the remains of a batch are gone."""

from __future__ import annotations

import pytest

from forebay.core.batches import Batch
from forebay.core.errors import NotFound, RequestRejected
from forebay.lanes.batch.one_result import SingleResults
from forebay.lanes.batch.remains import BatchRemains
from forebay.lanes.batch.report import Reports
from forebay.lanes.batch.verdicts import VerdictDesk
from tests.lanes.batch.submitted import ended, line, loops, submit
from tests.lanes.house import CALLER, House
from tests.store.makers import batch_of


async def done(house: House) -> Batch:
    """Return a batch of one line that has ended."""
    async with loops(house):
        return await ended(house, await submit(house, line("a")))


async def read(house: House, batch: Batch) -> bytes:
    """Return the one result."""
    results = SingleResults(house.store, house.forecasts, clock=house.clock)
    return await results.get(CALLER, batch.id, "a")


async def judge(house: House, batch: Batch) -> object:
    """Accept the one result."""
    reports = Reports(house.store, clock=house.clock, currency="USD")
    return await VerdictDesk(house.store, reports).accept(CALLER, batch.id, {"accepted": ["a"]})


async def test_without_its_index_nothing_of_a_batch_is_found(house: House) -> None:
    batch = await done(house)
    assert (await read(house, batch)).startswith(b'{"id"')
    await house.store.blobs.delete(str(batch.index_blob_id))
    with pytest.raises(NotFound, match="kept no longer"):
        await read(house, batch)
    with pytest.raises(RequestRejected, match="kept no longer"):
        await judge(house, batch)


async def test_a_swept_batch_keeps_its_report_alone(house: House) -> None:
    batch = await done(house)
    await judge(house, batch)
    await house.files.delete(CALLER, str(batch.output_file_id))
    remains = BatchRemains(house.store, clock=house.clock)
    while await remains.step():
        pass
    assert (await batch_of(house.store, batch.id)).index_blob_id is None
    with pytest.raises(NotFound, match="kept no longer"):
        await read(house, batch)
    with pytest.raises(RequestRejected, match="kept no longer"):
        await judge(house, batch)
    report = await Reports(house.store, clock=house.clock, currency="USD").get(CALLER, batch.id)
    assert report["verdicts"] == {"accepted": 1, "rejected": 0}
