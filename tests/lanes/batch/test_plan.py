"""Planning: every line checked, and the good ones written as segments of one model each."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from forebay.core.errors import EngineUnavailable
from forebay.core.windows import DEFAULT_WINDOWS
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.lines import decode_lines
from forebay.lanes.batch.plan import SEGMENT_LINES, Plan, Planner
from forebay.store.blobs import LocalBlobs
from forebay.store.database import StoreFailed
from tests.lanes.house import House
from tests.store.makers import batch_of, new_batch


def line(custom_id: str, model: str = "tiny") -> bytes:
    values: JsonObject = {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": model, "messages": []},
    }
    return json.dumps(values).encode() + b"\n"


async def plan(house: House, *lines: bytes, window: str = "24h", most: int = 1000) -> Plan:
    """Return the plan of a file of these lines; the planner stops at three errors."""

    async def pieces() -> AsyncIterator[bytes]:
        for text in lines:
            yield text

    return await plan_of(house, pieces(), window=window, most=most)


async def plan_of(
    house: House, pieces: AsyncIterator[bytes], *, window: str = "24h", most: int = 1000
) -> Plan:
    """Return the plan of what is read."""
    await house.store.batches.create(new_batch(completion_window=window))
    planner = Planner(house.catalogue, house.store.blobs, max_requests=most, max_errors=3)
    return await planner.plan(await batch_of(house.store), pieces)


def blobs_in(folder: Path) -> list[str]:
    """Return the names of all blobs below this folder."""
    return [path.name for path in folder.rglob("blob_*")]


async def test_lines_are_grouped_into_segments_by_model(house: House) -> None:
    house.serve("large")
    made = await plan(house, line("a"), line("b", "large"), line("c", "tiny-alias"))
    assert made.errors == []
    found = [(segment.ordinal, segment.model, segment.line_count) for segment in made.segments]
    assert found == [(0, "tiny", 2), (1, "large", 1)]
    lines = decode_lines(await house.store.blobs.get(made.segments[0].extent))
    assert [each.custom_id for each in lines] == ["a", "c"]


async def test_a_full_segment_is_followed_by_another(house: House) -> None:
    lines = [line(f"row-{number}") for number in range(SEGMENT_LINES + 1)]
    made = await plan(house, *lines)
    assert [segment.line_count for segment in made.segments] == [SEGMENT_LINES, 1]


async def test_empty_lines_count_for_numbers_only(house: House) -> None:
    made = await plan(house, b"\n", line("a"), b"  \n", b"nonsense\n")
    assert [(error.code, error.line) for error in made.errors] == [("invalid_json_line", 4)]


async def test_with_any_error_no_segment_is_left_over(house: House) -> None:
    made = await plan(house, line("a"), b"nonsense\n")
    assert made.segments == []


async def test_a_plan_whose_input_cannot_be_read_to_its_end_leaves_no_blob(
    house: House, tmp_path: Path
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(SEGMENT_LINES + 1):
            yield line(f"row-{number}")
        assert blobs_in(tmp_path)
        raise StoreFailed("the disk broke")

    with pytest.raises(StoreFailed):
        await plan_of(house, pieces())
    assert blobs_in(tmp_path) == []


async def test_a_plan_that_waits_for_an_engine_to_tell_its_models_leaves_no_blob(
    house: House, tmp_path: Path
) -> None:
    house.catalogue.untold.add("slow to start")
    lines = [line(f"row-{number}") for number in range(SEGMENT_LINES)]
    with pytest.raises(EngineUnavailable):
        await plan(house, *lines, line("later", "unheard-of"))
    assert blobs_in(tmp_path) == []


async def test_a_plan_with_known_models_waits_for_no_engine(house: House) -> None:
    house.catalogue.untold.add("slow to start")
    assert (await plan(house, line("a"))).errors == []


async def test_an_empty_file_has_no_requests(house: House) -> None:
    assert [error.code for error in (await plan(house, b"\n\n")).errors] == ["empty_file"]


async def test_a_model_that_is_not_served_is_named(house: House) -> None:
    (error,) = (await plan(house, line("a", "huge"))).errors
    assert (error.code, error.param, error.line) == ("model_not_found", "body.model", 1)
    assert "'huge'" in error.message


async def test_a_model_that_does_not_offer_the_window_is_named(house: House) -> None:
    house.serve("quick", windows=DEFAULT_WINDOWS[:1])
    (error,) = (await plan(house, line("a", "quick"))).errors
    assert (error.code, error.line) == ("invalid_request", 1)


async def test_too_many_requests_are_one_error(house: House) -> None:
    made = await plan(house, *[line(str(number)) for number in range(3)], most=2)
    assert [error.code for error in made.errors] == ["too_many_requests"]


async def test_reading_stops_at_the_most_errors(house: House) -> None:
    made = await plan(house, *[b"nonsense\n"] * 9)
    assert [error.line for error in made.errors] == [1, 2, 3]


@pytest.mark.parametrize("window", ["24h", "standard", "1h"])
async def test_every_window_for_batches_is_planned(house: House, window: str) -> None:
    assert (await plan(house, line("a"), window=window)).errors == []


async def test_a_blob_of_a_segment_is_on_disk(house: House, blobs: LocalBlobs) -> None:
    (segment,) = (await plan(house, line("a"))).segments
    assert await blobs.get(segment.extent)
