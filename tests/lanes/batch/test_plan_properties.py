"""What holds for the plan of any input, in memory or spilled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.lanes.batch.line_index import find
from forebay.lanes.batch.lines import SegmentLine
from forebay.lanes.batch.plan import plan
from forebay.lanes.batch.plan_job import Plan
from forebay.lanes.batch.prefix import chain_of, prompt_of
from forebay.store.local_blobs import LocalBlobs
from tests.fakes import CountingIds
from tests.lanes.batch.planned import index_of, job, line, segments_of, whole

FIRST, SECOND = "be kind " * 50, "be brief " * 50

INPUTS = st.lists(
    st.tuples(
        st.sampled_from(["tiny", "large", "tiny-alias"]),
        st.sampled_from(["", FIRST, SECOND, FIRST + FIRST, FIRST + SECOND]),
    ),
    min_size=1,
    max_size=40,
)
RUN_BYTES = st.sampled_from([500, 5000, 10**7])


@dataclass(frozen=True)
class Planned:
    """A plan, what its segments hold, and where its index says that the lines are."""

    plan: Plan
    segments: list[list[SegmentLine]]
    places: list[tuple[int, int] | None]
    strange_place: tuple[int, int] | None


def planned(inputs: list[tuple[str, str]], run_bytes: int) -> Planned:
    """Plan lines that are named by their numbers."""
    lines = [line(str(n), model, prompt=text) for n, (model, text) in enumerate(inputs)]

    async def run(folder: Path) -> Planned:
        blobs = LocalBlobs(folder / "blobs", new_id=CountingIds(), sync=lambda _: None)
        blob = await blobs.put(b"".join(lines))
        made = await plan(job(whole(blob.id)), blobs, folder=folder, run_bytes=run_bytes)
        assert made.errors == []
        index = index_of(made)
        result = Planned(
            made,
            await segments_of(blobs, made),
            [await find(blobs, index, str(number)) for number in range(len(inputs))],
            await find(blobs, index, "strange"),
        )
        blobs.close()
        return result

    with TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


@settings(max_examples=20)  # each is a plan in a folder of its own
@given(inputs=INPUTS, run_bytes=RUN_BYTES)
def test_every_line_is_in_one_segment_which_the_index_tells(
    inputs: list[tuple[str, str]], run_bytes: int
) -> None:
    made = planned(inputs, run_bytes)
    there = {
        each.custom_id: (ordinal, number)
        for ordinal, lines in enumerate(made.segments)
        for number, each in enumerate(lines)
    }
    assert sum(map(len, made.segments)) == made.plan.total_count == len(inputs)
    assert [there[str(number)] for number in range(len(inputs))] == made.places
    assert made.strange_place is None


@settings(max_examples=20)  # each is a plan in a folder of its own
@given(inputs=INPUTS, run_bytes=RUN_BYTES)
def test_a_segment_holds_lines_of_one_model(inputs: list[tuple[str, str]], run_bytes: int) -> None:
    made = planned(inputs, run_bytes)
    for segment, lines in zip(made.plan.segments, made.segments, strict=True):
        assert segment.line_count == len(lines)
        assert {inputs[int(each.custom_id)][0][:4] for each in lines} == {segment.model[:4]}


@settings(max_examples=20)  # each is a plan in a folder of its own
@given(inputs=INPUTS, run_bytes=RUN_BYTES)
def test_lines_that_begin_alike_are_neighbours_in_the_order_of_the_input(
    inputs: list[tuple[str, str]], run_bytes: int
) -> None:
    made = planned(inputs, run_bytes)
    in_order = [
        (segment.model, chain_of(prompt_of(each.body)), int(each.custom_id))
        for segment, lines in zip(made.plan.segments, made.segments, strict=True)
        for each in lines
    ]
    seen: set[tuple[str, bytes]] = set()
    for before, after in pairwise(in_order):
        if before[:2] == after[:2]:
            assert before[2] < after[2]
        else:
            seen.add(before[:2])
            assert after[:2] not in seen
    for length in range(8, 50, 8):
        heads = [(model, chain[:length]) for model, chain, _ in in_order if len(chain) >= length]
        groups = [head for at, head in enumerate(heads) if at == 0 or heads[at - 1] != head]
        assert len(groups) == len(set(groups))


@settings(max_examples=20)  # each is a plan in a folder of its own
@given(inputs=INPUTS, run_bytes=RUN_BYTES)
def test_a_segments_prefix_is_what_all_its_lines_share(
    inputs: list[tuple[str, str]], run_bytes: int
) -> None:
    made = planned(inputs, run_bytes)
    for segment, lines in zip(made.plan.segments, made.segments, strict=True):
        chains = [chain_of(prompt_of(each.body)) for each in lines]
        prefix = bytes.fromhex(segment.prefix)
        assert all(chain.startswith(prefix) for chain in chains)
        longer = {chain[: len(prefix) + 8] for chain in chains}
        assert len(longer) > 1 or longer == {prefix}
