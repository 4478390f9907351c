"""Verdicts: the last one of each result stands, and they are counted by what they change."""

from __future__ import annotations

import dataclasses

from forebay.core.batch_report import VerdictCounts
from forebay.store.store import Store
from forebay.store.verdicts import Answered, Verdict
from tests.store.makers import LEASED_UNTIL, begun, chunk, results, segment


def verdict(custom_id: str, is_accepted: bool, was_accepted: bool = True) -> Verdict:
    return Verdict(custom_id=custom_id, is_accepted=is_accepted, was_accepted=was_accepted)


async def test_verdicts_are_counted_by_what_they_change(store: Store) -> None:
    await begun(store)
    assert await store.verdicts.counts("batch_1") == VerdictCounts()
    said = [
        verdict("a", True),
        verdict("b", True),
        verdict("c", True, was_accepted=False),
        verdict("d", False),
        verdict("e", False, was_accepted=False),
    ]
    await store.verdicts.keep("batch_1", said)
    expected = VerdictCounts(confirmed=2, raised=1, dropped=1, denied=1)
    assert await store.verdicts.counts("batch_1") == expected
    assert (expected.accepted, expected.rejected) == (3, 2)


async def test_a_later_verdict_takes_the_place_of_an_earlier_one(store: Store) -> None:
    await begun(store)
    for _ in range(2):
        await store.verdicts.keep("batch_1", [verdict("a", True), verdict("b", True)])
    await store.verdicts.keep("batch_1", [verdict("a", False)])
    assert await store.verdicts.counts("batch_1") == VerdictCounts(confirmed=1, dropped=1)


async def test_batches_have_verdicts_of_their_own(store: Store) -> None:
    await begun(store)
    await begun(store, id="batch_2")
    await store.verdicts.keep("batch_1", [verdict("a", True)])
    await store.verdicts.keep("batch_2", [verdict("a", False)])
    assert await store.verdicts.counts("batch_1") == VerdictCounts(confirmed=1)


async def test_a_custom_id_is_kept_whatever_characters_it_has(store: Store) -> None:
    await begun(store)
    await store.verdicts.keep("batch_1", [verdict("a/ü \"'%\\ 😀", True), verdict("", True)])
    assert await store.verdicts.counts("batch_1") == VerdictCounts(confirmed=2)


async def test_the_answered_lines_of_segments_are_told_without_their_answers(store: Store) -> None:
    await begun(store, segment(0), segment(1), segment(2))
    for ordinal in range(3):
        found = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
        assert found is not None
        held, batch = found
        odd = dataclasses.replace(chunk(0, 2, blob_id=f"blob_o{ordinal}"), schema_failed=[2])
        errors = chunk(1, kind="error", blob_id=f"blob_e{ordinal}")
        await store.segments.record(held, batch, results(odd, errors))
    answered = Answered(frozenset({0, 2}), frozenset({2}))
    assert await store.verdicts.answered("batch_1", [0, 2]) == {0: answered, 2: answered}
    assert await store.verdicts.answered("batch_1", [7]) == {}
    assert await store.verdicts.answered("batch_2", [0]) == {}


async def test_the_chunks_of_a_segment_are_told_together(store: Store) -> None:
    await begun(store)
    found = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert found is not None
    for number in range(2):
        one = chunk(number, blob_id=f"blob_{number}")
        await store.segments.record(*found, results(one))
    answered = await store.verdicts.answered("batch_1", [0])
    assert answered == {0: Answered(frozenset({0, 1}), frozenset())}
