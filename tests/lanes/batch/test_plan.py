"""Planning: every line checked, the good ones sorted into segments of one model each."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.lanes.batch.line_index import find
from forebay.lanes.batch.lines import MAX_LINE_BYTES
from forebay.lanes.batch.plan import plan
from forebay.lanes.batch.plan_job import SourceExtent
from forebay.lanes.batch.segment_writer import SEGMENT_BYTES, SEGMENT_LINES
from forebay.store.blobs import Blobs
from forebay.store.database import StoreFailed
from forebay.store.local_blobs import LocalBlobs
from tests.fakes import CountingIds
from tests.lanes.batch.planned import found, ids_of, index_of, job, line, planned, whole

LONG = "Follow these rules with care. " * 40


async def test_lines_are_grouped_into_segments_by_model(blobs: Blobs, tmp_path: Path) -> None:
    lines = line("a"), line("b", "large"), line("c", "tiny-alias")
    made = await planned(blobs, tmp_path, *lines)
    assert made.errors == []
    summary = [(segment.ordinal, segment.model, segment.line_count) for segment in made.segments]
    assert summary == [(0, "tiny", 2), (1, "large", 1)]
    assert await ids_of(blobs, made) == [["a", "c"], ["b"]]
    assert made.total_count == 3


async def test_all_segments_are_stretches_of_one_blob(blobs: Blobs, tmp_path: Path) -> None:
    made = await planned(blobs, tmp_path, line("a"), line("b", "large"))
    first, second = made.segments
    assert first.blob_id == second.blob_id
    assert (first.offset_bytes, second.offset_bytes) == (0, first.size_bytes)


async def test_a_full_segment_is_followed_by_another(blobs: Blobs, tmp_path: Path) -> None:
    lines = [line(f"row-{number}") for number in range(SEGMENT_LINES + 1)]
    made = await planned(blobs, tmp_path, *lines)
    assert [segment.line_count for segment in made.segments] == [SEGMENT_LINES, 1]


async def test_a_segment_of_long_lines_is_full_sooner(blobs: Blobs, tmp_path: Path) -> None:
    prompt = "x" * (SEGMENT_BYTES // 2)
    made = await planned(blobs, tmp_path, *[line(it, prompt=prompt) for it in "abc"])
    assert [segment.line_count for segment in made.segments] == [2, 1]


async def test_prompts_that_begin_alike_lie_side_by_side(blobs: Blobs, tmp_path: Path) -> None:
    prompts = [f"{name}: {LONG} {number}" for number in range(3) for name in "abc"]
    lines = [line(prompt[0] + prompt[-1], prompt=prompt) for prompt in prompts]
    (ids,) = await ids_of(blobs, await planned(blobs, tmp_path, *lines))
    groups = [ids[:3], ids[3:6], ids[6:]]
    assert sorted(groups) == [[f"{name}{n}" for n in range(3)] for name in "abc"]


async def test_a_segment_tells_what_all_its_prompts_begin_with(
    blobs: Blobs, tmp_path: Path
) -> None:
    same = [line(f"a{number}", prompt=f"{LONG} {number}") for number in range(2)]
    other = line("b", prompt=f"other {LONG}")
    (alone,) = (await planned(blobs, tmp_path, *same)).segments
    (mixed,) = (await planned(blobs, tmp_path, *same, other)).segments
    assert alone.prefix
    assert mixed.prefix == ""
    assert alone.input_tokens == pytest.approx(2 * len(LONG) / 4, rel=0.1)


async def test_equal_beginnings_are_known_from_batch_to_batch(blobs: Blobs, tmp_path: Path) -> None:
    (first,) = (await planned(blobs, tmp_path, line("a", prompt=LONG))).segments
    (second,) = (await planned(blobs, tmp_path, line("b", prompt=LONG))).segments
    assert first.prefix == second.prefix != ""


async def test_the_index_tells_where_each_line_is(blobs: Blobs, tmp_path: Path) -> None:
    made = await planned(blobs, tmp_path, line("a"), line("b", "large"), line("c"))
    index = index_of(made)
    places = [await find(blobs, index, custom_id) for custom_id in "abcd"]
    assert places == [(0, 0), (1, 0), (0, 1), None]


async def test_blank_lines_count_for_numbers_only(blobs: Blobs, tmp_path: Path) -> None:
    made = await planned(blobs, tmp_path, b"\n", line("a"), b"  \r\n", b"nonsense\n")
    assert found(made) == [("invalid_json_line", None, 4)]


async def test_a_byte_order_mark_and_carriage_returns_are_no_errors(
    blobs: Blobs, tmp_path: Path
) -> None:
    lines = [b"\xef\xbb\xbf", line("a").replace(b"\n", b"\r\n"), b"\r\n", line("b").rstrip()]
    made = await planned(blobs, tmp_path, *lines)
    assert await ids_of(blobs, made) == [["a", "b"]]


async def test_a_byte_order_mark_is_one_at_the_beginning_only(blobs: Blobs, tmp_path: Path) -> None:
    made = await planned(blobs, tmp_path, line("a"), b"\xef\xbb\xbf" + line("b"))
    assert found(made) == [("invalid_json_line", None, 2)]


async def test_a_custom_id_may_appear_once_in_a_file(blobs: Blobs, tmp_path: Path) -> None:
    made = await planned(blobs, tmp_path, line("a"), line("b"), line("a"), line("b"))
    assert found(made) == [
        ("duplicate_custom_id", "custom_id", 3),
        ("duplicate_custom_id", "custom_id", 4),
    ]
    assert "line 1" in made.errors[0].message


async def test_errors_come_by_line_whatever_they_are(blobs: Blobs, tmp_path: Path) -> None:
    lines = [line("a"), b"nonsense\n", line("a"), line("b", "huge")]
    made = await planned(blobs, tmp_path, *lines)
    assert found(made) == [
        ("invalid_json_line", None, 2),
        ("duplicate_custom_id", "custom_id", 3),
        ("model_not_found", "body.model", 4),
    ]


async def test_of_many_errors_the_first_are_told(blobs: Blobs, tmp_path: Path) -> None:
    made = await planned(blobs, tmp_path, *[b"nonsense\n"] * 9)
    assert [error.line for error in made.errors] == [1, 2, 3]
    made = await planned(blobs, tmp_path, *[line("a")] * 9)
    assert [error.line for error in made.errors] == [2, 3, 4]


async def test_with_any_error_nothing_is_written(tmp_path: Path, new_id: CountingIds) -> None:
    blobs = LocalBlobs(tmp_path / "blobs", new_id=new_id, sync=lambda _: None)
    made = await planned(blobs, tmp_path, line("a"), b"nonsense\n")
    assert made.blob_ids == set()
    assert len(blobs_in(tmp_path)) == 1  # the input
    blobs.close()


async def test_a_file_without_requests_is_empty(blobs: Blobs, tmp_path: Path) -> None:
    assert found(await planned(blobs, tmp_path, b"\n\n")) == [("empty_file", None, None)]
    assert found(await planned(blobs, tmp_path)) == [("empty_file", None, None)]


async def test_too_many_requests_are_one_error(blobs: Blobs, tmp_path: Path) -> None:
    lines = [line(str(number)) for number in range(5)]
    assert found(await planned(blobs, tmp_path, *lines, max_requests=3)) == [
        ("too_many_requests", None, None)
    ]
    assert (await planned(blobs, tmp_path, *lines, max_requests=5)).errors == []


async def test_a_line_that_is_too_long_is_named_and_the_next_is_read(
    blobs: Blobs, tmp_path: Path
) -> None:
    lines = b'"' + b"x" * MAX_LINE_BYTES + b'"\n', b"nonsense\n"
    made = await planned(blobs, tmp_path, *lines)
    assert found(made) == [("line_too_long", None, 1), ("invalid_json_line", None, 2)]


async def test_a_plan_waits_for_an_engine_that_may_tell_of_its_model(
    blobs: Blobs, tmp_path: Path
) -> None:
    made = await planned(blobs, tmp_path, line("a"), line("later", "unheard-of"), is_untold=True)
    assert (made.is_untold, made.errors, made.blob_ids) == (True, [], set())


async def test_a_plan_that_can_only_fail_waits_for_nothing(blobs: Blobs, tmp_path: Path) -> None:
    lines = [b"nonsense\n", line("later", "unheard-of"), line("a"), line("a")]
    made = await planned(blobs, tmp_path, *lines, is_untold=True)
    assert [error.line for error in made.errors] == [1, 4]


async def test_a_file_in_parts_is_one_file(blobs: Blobs, tmp_path: Path) -> None:
    content = line("a") + line("b")
    parts = [content[:50], content[50:60], content[60:]]
    source = [whole((await blobs.put(part)).id) for part in parts]
    assert await ids_of(blobs, await plan(job(*source), blobs, folder=tmp_path)) == [["a", "b"]]


async def test_an_input_that_is_lost_fails_the_batch(blobs: Blobs, tmp_path: Path) -> None:
    made = await plan(job(whole("blob_gone")), blobs, folder=tmp_path)
    assert found(made) == [("invalid_request", "file_id", None)]


async def test_a_plan_that_needs_more_than_memory_is_the_same(blobs: Blobs, tmp_path: Path) -> None:
    lines = [line(f"row-{number}", prompt=f"{number % 7} {LONG}") for number in range(600)]
    in_memory = await planned(blobs, tmp_path, *lines)
    blob = await blobs.put(b"".join(lines))
    spilled = await plan(job(whole(blob.id)), blobs, folder=tmp_path, run_bytes=10_000)
    assert await ids_of(blobs, spilled) == await ids_of(blobs, in_memory)
    assert [it.prefix for it in spilled.segments] == [it.prefix for it in in_memory.segments]


async def test_a_plan_that_cannot_be_written_leaves_no_blob(
    tmp_path: Path, new_id: CountingIds
) -> None:
    is_full = False

    def sync(_: int) -> None:
        if is_full:
            raise OSError("the disk is full")

    blobs = LocalBlobs(tmp_path / "blobs", new_id=new_id, sync=sync)
    source = SourceExtent(blob_id=(await blobs.put(line("a"))).id)
    is_full = True
    with pytest.raises(StoreFailed):
        await plan(job(source), blobs, folder=tmp_path)
    assert blobs_in(tmp_path) == [source.blob_id]
    blobs.close()


def blobs_in(folder: Path) -> list[str]:
    """Return the names of all blobs below this folder."""
    return [path.name for path in folder.rglob("blob_*")]
