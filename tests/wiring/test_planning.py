"""Planning in a child process: it reads and writes the same blobs as its parent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.core.ids import RandomIds
from forebay.lanes.batch.plan_job import SourceExtent
from forebay.settings import Settings
from forebay.store.blobs import OwnedBlobs
from forebay.wiring.blobs import open_blobs
from forebay.wiring.data_directory import SPILL_FOLDER
from forebay.wiring.planning import PlanningProcess
from tests.lanes.batch.planned import found, ids_of, job, line

# Everything else asks the planner in its own process.
pytestmark = pytest.mark.parametrize("blobs_kind", ["local", "s3"])


@pytest.fixture
def settings(tmp_path: Path, blobs_url: str | None) -> Settings:
    """What the parent is set to; the child is told of it."""
    folder = tmp_path / "data"
    folder.mkdir()
    return Settings(data_dir=str(folder), blobs_url=blobs_url)


@pytest.fixture
def place(settings: Settings) -> Iterator[OwnedBlobs]:
    """The parent's blobs."""
    blobs = open_blobs(settings, RandomIds(), is_shared=True)
    yield blobs
    blobs.close()


async def test_a_child_plans_and_leaves_nothing_else(settings: Settings, place: OwnedBlobs) -> None:
    blob = await place.put(line("a") + line("b", "large") + line("c"))
    made = await PlanningProcess(settings).plan(job(SourceExtent(blob_id=blob.id)))
    assert await ids_of(place, made) == [["a", "c"], ["b"]]
    there = {blob_id async for blob_id, _ in place.listed()}
    assert there == made.blob_ids | {blob.id}
    assert list((settings.folder / SPILL_FOLDER).iterdir()) == []


async def test_a_child_tells_what_is_wrong_with_the_input(
    settings: Settings, place: OwnedBlobs
) -> None:
    blob = await place.put(line("a") + line("a"))
    made = await PlanningProcess(settings).plan(job(SourceExtent(blob_id=blob.id)))
    assert found(made) == [("duplicate_custom_id", "custom_id", 2)]


async def test_two_children_plan_side_by_side(settings: Settings, place: OwnedBlobs) -> None:
    planning = PlanningProcess(settings)
    jobs = [job(SourceExtent(blob_id=(await place.put(line(it))).id)) for it in "ab"]
    first, second = await asyncio.gather(*map(planning.plan, jobs))
    assert await ids_of(place, first) == [["a"]]
    assert await ids_of(place, second) == [["b"]]
