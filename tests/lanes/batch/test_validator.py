"""Validation: a batch begins when its input is good and its models are known, else it fails."""

from __future__ import annotations

import json
from functools import partial

from forebay.core.batches import BatchStatus
from forebay.dialects.turn import JsonObject
from tests.fakes import until
from tests.lanes.batch.submitted import ended, has_begun, line, loops, submit
from tests.lanes.house import CALLER, House, running
from tests.store.makers import batch_of


def codes(errors: str | None) -> list[str]:
    """Return the codes of a failed batch's errors."""
    assert errors is not None
    return [error["code"] for error in json.loads(errors)["data"]]


async def test_a_missing_input_file_fails_the_batch(house: House) -> None:
    body: JsonObject = {
        "input_file_id": "file-unknown",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    batch_id = str((await house.batches.create(CALLER, body))["id"])
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.FAILED
    assert batch.errors is not None and "file-unknown" in batch.errors


async def test_a_batch_waits_for_engines_that_have_yet_to_tell_their_models(house: House) -> None:
    house.catalogue.untold.add("slow to start")
    waiting = await submit(house, line("a", model="unheard-of"))
    behind = await submit(house, line("b"))
    async with running(house.validator.run):
        await until(partial(has_begun, house, behind))
    assert (await batch_of(house.store, waiting)).status is BatchStatus.VALIDATING


async def test_a_batch_begins_once_its_model_is_told(house: House) -> None:
    house.catalogue.untold.add("slow to start")
    waiting = await submit(house, line("a", model="unheard-of"))
    behind = await submit(house, line("b"))
    async with running(house.validator.run):
        await until(partial(has_begun, house, behind))
        house.serve("unheard-of")
        house.validator.wake()
        await until(partial(has_begun, house, waiting))


async def test_a_batch_fails_once_no_engine_can_tell_its_model_any_more(house: House) -> None:
    house.catalogue.untold.add("slow to start")
    waiting = await submit(house, line("a", model="unheard-of"))
    behind = await submit(house, line("b"))
    async with running(house.validator.run):
        await until(partial(has_begun, house, behind))
        house.catalogue.untold.clear()
        house.validator.wake()
        batch = await ended(house, waiting)
    assert batch.status is BatchStatus.FAILED
    assert codes(batch.errors) == ["model_not_found"]


async def test_a_batch_that_expires_before_it_is_validated_fails(house: House) -> None:
    batch_id = await submit(house, line("a"))
    house.clock.move(86_400)
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.FAILED
    assert codes(batch.errors) == ["batch_expired"]
    assert house.engine.turns == []
