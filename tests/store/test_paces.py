"""What is known of a model's queue and of its ended turns, in whichever process it is asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from forebay.core.clock import Instant, after
from forebay.core.money import Usage
from forebay.core.pace import EndedTurn
from forebay.core.requests import RequestStatus
from forebay.store.paces import HEAD, Place
from forebay.store.store import Store
from tests.fakes import START, ManualClock
from tests.store.makers import claimed, completed, enqueue, entry

LAST: Place = (9, Instant(0), "")


def place(id: str, *, band_rank: int = 1, seconds: float = 300) -> Place:
    return band_rank, after(START, seconds), id


async def between(store: Store, low: Place, high: Place, *, most: int = 99) -> int:
    """Return how many of the tiny model's requests wait between two places."""
    count, _ = await store.paces.waiting_between("tiny", low, high, most=most)
    return count


async def ended(store: Store, id: str, *, took_s: float, clock: ManualClock, **others: Any) -> None:
    """Run a request; it ends so much later, and the clock moves on."""
    await enqueue(store, id, **others)
    request = await claimed(store, others.get("model", "tiny"))
    clock.move(took_s)
    usage = Usage(input_tokens=1, output_tokens=round(took_s * 10))
    settlement = completed(charge=entry(id, usage=usage))
    await store.requests.settle(request, dataclasses.replace(settlement, finished_at=clock.now()))


async def test_those_that_wait_before_a_place_are_counted(store: Store) -> None:
    await enqueue(store, "resp_late", deadline_at=after(START, 400))
    await enqueue(store, "resp_1")
    await enqueue(store, "resp_2")
    await enqueue(store, "resp_urgent", band_rank=0)
    assert await between(store, HEAD, place("resp_1")) == 1
    assert await between(store, HEAD, place("resp_2")) == 2
    assert await between(store, HEAD, LAST) == 4
    assert await between(store, place("resp_1"), LAST) == 2


async def test_they_are_counted_no_further_than_is_asked(store: Store) -> None:
    for number in range(3):
        await enqueue(store, f"resp_{number}")
    assert await between(store, HEAD, LAST, most=2) == 2


async def test_neither_another_models_nor_running_nor_pausing_ones_wait(store: Store) -> None:
    for number in range(3):
        await enqueue(store, f"resp_{number}")
    await enqueue(store, "resp_other", model="large")
    await claimed(store)
    pausing = await claimed(store)
    pauses_until = after(START, 50)
    await store.requests.requeue(pausing, not_before_at=pauses_until, is_counted=True)
    assert await between(store, HEAD, LAST) == 1
    at = place(pausing.id)
    assert await store.paces.waiting_between("tiny", HEAD, at, most=9) == (0, pauses_until)


async def test_milestones_are_the_places_of_every_so_manieth(store: Store) -> None:
    for number in range(7):
        await enqueue(store, f"resp_{number}")
    await enqueue(store, "resp_other", model="large")
    found = await store.paces.milestones("tiny", every=3, most=99)
    assert found == [place("resp_2"), place("resp_5")]
    assert await store.paces.milestones("tiny", every=3, most=5) == [place("resp_2")]
    assert await store.paces.milestones("none", every=1, most=5) == []


async def test_the_running_ones_of_a_model_are_counted(store: Store) -> None:
    for id, model in (("resp_1", "tiny"), ("resp_2", "tiny"), ("resp_3", "large")):
        await enqueue(store, id, model=model)
    for model in ("tiny", "large"):
        await claimed(store, model)
    assert await store.paces.running_count("tiny") == 1
    assert await store.paces.running_count("none") == 0


async def test_ended_turns_are_told_with_their_output_the_last_one_first(
    store: Store, clock: ManualClock
) -> None:
    await ended(store, "resp_1", took_s=3, clock=clock)
    await ended(store, "resp_2", took_s=5, clock=clock)
    await ended(store, "resp_3", took_s=1, clock=clock, model="large")
    first = EndedTurn(began_at=START, ended_at=after(START, 3), output_tokens=30)
    second = EndedTurn(began_at=after(START, 3), ended_at=after(START, 8), output_tokens=50)
    assert await store.paces.ended_turns("tiny", limit=9) == (second, first)
    assert await store.paces.ended_turns("tiny", limit=1) == (second,)


@pytest.mark.parametrize("status", [RequestStatus.FAILED, RequestStatus.CANCELLED])
async def test_a_turn_that_did_not_end_well_tells_nothing(
    store: Store, status: RequestStatus
) -> None:
    await enqueue(store)
    settlement = dataclasses.replace(completed(), status=status)
    await store.requests.settle(await claimed(store), settlement)
    assert await store.paces.ended_turns("tiny", limit=9) == ()


async def test_a_turn_without_a_charge_has_no_known_output(store: Store) -> None:
    await enqueue(store)
    await store.requests.settle(await claimed(store), completed())
    (turn,) = await store.paces.ended_turns("tiny", limit=9)
    assert turn.output_tokens is None
