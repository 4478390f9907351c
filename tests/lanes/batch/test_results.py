"""Results that gather: counted, cut into chunks, charged, and recorded once."""

from __future__ import annotations

import pytest

from forebay.core.batches import LineOutcome
from forebay.core.money import Usage
from forebay.lanes.batch.results import FULL_BYTES, FULL_LINES, LineResult
from tests.lanes.batch.gathering import Gathering
from tests.lanes.batch.ledgers import Ledgers
from tests.store.makers import batch_of

ERRORS = (
    LineOutcome.REFUSED,
    LineOutcome.ENGINE_FAILED,
    LineOutcome.EXPIRED,
    LineOutcome.CANCELLED,
)


async def test_a_flush_records_what_gathered(gathering: Gathering) -> None:
    gathering.add(0, 2)
    await gathering.buffer.flush()
    assert await gathering.recorded() == {0, 2}
    assert gathering.buffer.is_empty
    assert (await batch_of(gathering.store)).cost_nanos == 1400


async def test_a_flush_of_nothing_writes_nothing(gathering: Gathering) -> None:
    assert not await gathering.buffer.flush()
    assert await gathering.chunks() == []


@pytest.mark.parametrize("outcome", LineOutcome)
async def test_each_outcome_is_counted_and_goes_to_its_file(
    gathering: Gathering, outcome: LineOutcome
) -> None:
    gathering.fail(3, outcome)
    await gathering.buffer.flush()
    batch = await batch_of(gathering.store)
    counts = {
        LineOutcome.COMPLETED: batch.completed_count,
        LineOutcome.SCHEMA_FAILED: batch.schema_failed_count,
        LineOutcome.REFUSED: batch.refused_count,
        LineOutcome.ENGINE_FAILED: batch.engine_failed_count,
        LineOutcome.EXPIRED: batch.expired_count,
        LineOutcome.CANCELLED: batch.cancelled_count,
    }
    assert counts[outcome] == 1
    (kept,) = await gathering.chunks()
    assert kept.kind == ("error" if outcome in ERRORS else "output")
    assert kept.failed_numbers == ([3] if outcome is LineOutcome.SCHEMA_FAILED else [])


async def test_retries_and_waste_are_counted_and_the_waste_is_in_the_ledger(
    gathering: Gathering, ledgers: Ledgers
) -> None:
    waste = Usage(input_tokens=5, output_tokens=1)
    outcome = LineOutcome.ENGINE_FAILED
    gathering.add(0)
    for number in (1, 2):
        gathering.buffer.add(
            LineResult(
                number=number,
                line=b"{}\n",
                outcome=outcome,
                retries=2,
                waste=waste,
                waste_nanos=300,
            )
        )
    await gathering.buffer.flush()
    batch = await batch_of(gathering.store)
    assert (batch.retry_count, batch.waste_nanos) == (4, 600)
    assert (batch.waste_input_tokens, batch.waste_output_tokens) == (10, 2)
    output = next(chunk for chunk in await gathering.chunks() if chunk.kind == "output")
    assert await ledgers.entries() == [
        ("charge", output.blob_id, 10, 2, 700),
        ("waste", f"{output.blob_id}/waste", 10, 2, 600),
    ]


async def test_what_was_not_wasted_makes_no_entry(gathering: Gathering, ledgers: Ledgers) -> None:
    gathering.add(0)
    gathering.fail(1, LineOutcome.REFUSED)
    await gathering.buffer.flush()
    assert [kind for kind, *_ in await ledgers.entries()] == ["charge"]


async def test_a_buffer_is_full_by_its_lines_until_they_are_flushed(gathering: Gathering) -> None:
    gathering.add(*range(FULL_LINES - 1))
    assert not gathering.buffer.is_full
    gathering.add(FULL_LINES - 1)
    assert gathering.buffer.is_full
    await gathering.buffer.flush()
    assert not gathering.buffer.is_full


async def test_what_gathered_while_nothing_was_flushed_makes_chunks_of_the_usual_size(
    gathering: Gathering,
) -> None:
    gathering.add(*range(2 * FULL_LINES + 1))
    await gathering.buffer.flush()
    sizes = [chunk.line_count for chunk in await gathering.chunks()]
    assert sizes == [FULL_LINES, FULL_LINES, 1]


async def test_a_chunk_is_full_by_its_bytes_and_holds_a_larger_line_alone(
    gathering: Gathering,
) -> None:
    half, large = b"x" * (FULL_BYTES // 2), b"x" * (FULL_BYTES + 1)
    gathering.add(0, 1, 2, line=half)
    assert gathering.buffer.is_full
    gathering.add(3, line=large)
    gathering.add(4, line=half)
    await gathering.buffer.flush()
    numbers = [chunk.numbers for chunk in await gathering.chunks()]
    assert numbers == [[0, 1], [2], [3], [4]]


async def test_a_flush_tells_when_the_batch_has_all_its_results(gathering: Gathering) -> None:
    gathering.add(*range(999))
    assert not await gathering.buffer.flush()
    gathering.add(999)
    assert await gathering.buffer.flush()
