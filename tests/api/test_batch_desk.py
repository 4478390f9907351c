"""Looking at batches, listing and cancelling them, through OpenAI's client."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from forebay.core.clock import after, seconds_of
from forebay.settings import Settings, WindowSettings
from tests.api.conftest import MODEL, Front
from tests.api.test_batches import ended, line, submit
from tests.fakes import START, Gate, ManualClock, ScriptedEngine, says, until


def own(batch: Any) -> dict[str, Any]:
    """Return Forebay's own fields."""
    fields: dict[str, Any] = batch.model_dump()["forebay"]
    return fields


async def held_up(
    front: Front, engine: ScriptedEngine, *done: str, **others: Any
) -> tuple[Any, Gate]:
    """Return a batch whose line "slow" waits, once those before it are recorded, and its gate."""
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("late")]
    batch = await submit(front, *[line(name) for name in done], line("slow", "slow"), **others)

    async def look() -> Any:
        found = await front.openai.batches.retrieve(batch.id)
        counts = found.request_counts
        is_there = found.status == "in_progress" and counts and counts.completed == len(done)
        return found if is_there else None

    return await until(look), gate


@pytest.mark.parametrize("window", ["asap", "soon"])
async def test_an_interactive_window_is_refused_by_name(front: Front, window: str) -> None:
    with pytest.raises(openai.BadRequestError, match=f"'{window}' is not offered") as refused:
        await submit(front, line("a"), completion_window=window)
    assert (refused.value.param, refused.value.code) == ("completion_window", "invalid_value")
    assert "'24h'" in refused.value.message
    assert "'8h'" in refused.value.message


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with two windows more."""
    windows = {
        "soon": WindowSettings(seconds=2, band="interactive"),
        "8h": WindowSettings(seconds=28_800, band="bulk", price_factor=0.4),
    }
    return Settings(
        **{name: getattr(settings, name) for name in settings.__struct_fields__}
        | {"windows": windows}
    )


async def test_any_bulk_or_deadline_window_may_be_named(front: Front) -> None:
    for window in ("8h", "standard"):
        done = await ended(front, await submit(front, line("a"), completion_window=window))
        assert (done.status, done.completion_window) == ("completed", window)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("endpoint", "/v1/moderations", "invalid_value"),
        ("endpoint", 5, "invalid_type"),
        ("completion_window", 24, "invalid_type"),
        ("input_file_id", ["file-1"], "invalid_type"),
        ("metadata", "text", "invalid_type"),
        ("output_expires_after", 3600, "invalid_type"),
    ],
)
async def test_a_wrong_value_is_refused_with_the_vendors_code(
    front: Front, name: str, value: object, code: str
) -> None:
    body = {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    answer = await front.http.post("/v1/batches", json=body | {name: value})
    assert answer.status_code == 400
    said = answer.json()["error"]
    assert (said["type"], said["code"], said["param"]) == ("invalid_request_error", code, name)


@pytest.mark.parametrize("seconds", [3599, 2_592_001])
async def test_results_expire_within_the_vendors_limits(front: Front, seconds: int) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        expiry = {"anchor": "created_at", "seconds": seconds}
        await submit(front, line("a"), output_expires_after=expiry)
    assert refused.value.param == "output_expires_after.seconds"


@pytest.mark.parametrize("name", ["input_file_id", "endpoint", "completion_window"])
async def test_what_is_missing_is_named(front: Front, name: str) -> None:
    body = {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    del body[name]
    answer = await front.http.post("/v1/batches", json=body)
    said = answer.json()["error"]
    assert (said["code"], said["param"]) == ("missing_required_parameter", name)


async def test_a_running_batch_tells_its_progress_and_its_model(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    batch, gate = await held_up(front, engine, "a")
    assert batch.model == MODEL
    clock.move(20)
    found = await front.openai.batches.retrieve(batch.id)
    assert own(found)["progress"] == {
        "done": 1,
        "total": 2,
        "elapsed_s": 20.0,
        "eta_s": pytest.approx(20, rel=0.2),
        "lines_per_s": pytest.approx(0.05, rel=0.2),
    }
    expected_at = own(found)["expected_at"]
    assert expected_at == pytest.approx(seconds_of(after(START, 40)), abs=5)
    (listed,) = (await front.openai.batches.list()).data
    assert own(listed) == own(found)
    gate.open()
    done = await ended(front, batch)
    assert set(own(done)) == {"window", "deadline_at", "cost"}


async def test_a_batch_is_expected_by_its_deadline_until_something_is_known(front: Front) -> None:
    batch = await submit(front, line("a"))
    assert own(batch)["expected_at"] == own(batch)["deadline_at"]
    assert "progress" not in own(batch)


async def test_a_missed_window_is_told(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    batch, gate = await held_up(front, engine, completion_window="standard")
    clock.move(300)
    assert "window_missed" not in own(await front.openai.batches.retrieve(batch.id))
    clock.move(1)
    assert own(await front.openai.batches.retrieve(batch.id))["window_missed"] is True
    gate.open()
    assert own(await ended(front, batch))["window_missed"] is True


async def test_a_cancelled_batch_is_cancelled_again_without_a_change(
    front: Front, engine: ScriptedEngine
) -> None:
    batch, _ = await held_up(front, engine)
    assert (await front.openai.batches.cancel(batch.id)).status == "cancelling"
    done = await ended(front, batch)
    again = await front.openai.batches.cancel(batch.id)
    assert (again.status, again.cancelled_at) == ("cancelled", done.cancelled_at)


async def test_a_batch_that_is_still_validated_can_be_cancelled(front: Front) -> None:
    batch = await submit(front, line("a"))
    assert (await front.openai.batches.cancel(batch.id)).status == "cancelling"
    done = await ended(front, batch)
    assert done.status == "cancelled"
    assert done.in_progress_at is None
    assert done.request_counts is not None
    assert done.request_counts.total == 0


@pytest.mark.parametrize("text", [b"nonsense\n", None])
async def test_a_batch_that_has_ended_is_not_cancelled_and_not_tried_again(
    front: Front, text: bytes | None
) -> None:
    done = await ended(front, await submit(front, text or line("a")))
    answer = await front.http.post(f"/v1/batches/{done.id}/cancel")
    assert answer.status_code == 409
    assert answer.headers["x-should-retry"] == "false"
    assert answer.json()["error"] == {
        "message": f"Cannot cancel a batch with status '{done.status}'.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


async def test_a_page_after_what_is_no_batch_here_is_refused(front: Front) -> None:
    made = await submit(front, line("a"))
    foreign = front.openai_as(await front.key_of_another_project())
    for client, cursor in ((front.openai, "batch_none"), (foreign, made.id)):
        with pytest.raises(openai.BadRequestError, match="No batch with id") as refused:
            await client.batches.list(after=cursor)
        assert refused.value.param == "after"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=failed", "status"),
        ("order=asc", "order"),
    ],
)
async def test_a_query_that_would_be_left_out_of_account_is_refused(
    front: Front, query: str, param: str
) -> None:
    answer = await front.http.get(f"/v1/batches?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
