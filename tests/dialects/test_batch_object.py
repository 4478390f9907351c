"""The batch object: OpenAI's fields, and Forebay's own where they say something."""

from __future__ import annotations

from typing import Any

import openai.types
import pytest

from forebay.core.batches import BatchStatus
from forebay.core.clock import after, seconds_of
from forebay.core.forecast import Forecast
from forebay.dialects.batches import batch_object
from tests.core.made_batch import made_batch
from tests.fakes import START

DAY_S = 86_400


def shown(*, now_s: float = 0, forecast: Forecast | None = None, **others: Any) -> dict[str, Any]:
    """Return the object of a batch so many seconds after it was made."""
    return batch_object(
        made_batch(**others),
        currency="USD",
        now=after(START, now_s),
        forecast=forecast or Forecast(),
    )


def own(**others: Any) -> dict[str, Any]:
    """Return Forebay's own fields."""
    fields: dict[str, Any] = shown(**others)["forebay"]
    return fields


def test_the_fields_are_those_of_the_vendors_type_and_one_more() -> None:
    assert set(shown()) == {*openai.types.Batch.model_fields, "forebay"}
    openai.types.Batch.model_validate(shown(), strict=True)


def test_a_new_batch_has_its_window_its_deadline_and_no_cost_yet() -> None:
    assert own(status=BatchStatus.VALIDATING) == {
        "window": "24h",
        "deadline_at": seconds_of(after(START, DAY_S)),
        "expected_at": seconds_of(after(START, DAY_S)),
        "cost": {"amount": "0", "currency": "USD"},
    }


def test_a_forecast_says_when_the_end_is_expected() -> None:
    fields = own(forecast=Forecast(left_s=60), status=BatchStatus.VALIDATING, now_s=5)
    assert fields["expected_at"] == seconds_of(after(START, 65))
    assert "progress" not in fields


def test_nothing_is_expected_after_the_expiry() -> None:
    fields = own(forecast=Forecast(left_s=9 * DAY_S), in_progress_at=START)
    assert fields["expected_at"] == seconds_of(after(START, 2 * DAY_S))
    assert fields["progress"]["eta_s"] == 2 * DAY_S


def test_a_deadline_that_has_passed_is_expected_by_nobody() -> None:
    assert "expected_at" not in own(now_s=DAY_S + 1)


def test_a_running_batch_tells_its_progress() -> None:
    fields = own(
        forecast=Forecast(left_s=12.345, lines_per_s=0.00123456),
        now_s=30,
        in_progress_at=after(START, 10),
        total_count=50,
        completed_count=7,
        failed_count=3,
    )
    assert fields["progress"] == {
        "done": 10,
        "total": 50,
        "elapsed_s": 20.0,
        "eta_s": 12.3,
        "lines_per_s": 0.00123,
    }


def test_where_nothing_is_known_no_estimate_is_told() -> None:
    progress = own(in_progress_at=START)["progress"]
    assert set(progress) == {"done", "total", "elapsed_s"}


@pytest.mark.parametrize(
    "status",
    [BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED],
)
def test_a_batch_that_has_ended_expects_nothing(status: BatchStatus) -> None:
    ended = {f"{status.value}_at": after(START, 9)}
    fields = own(status=status, in_progress_at=START, forecast=Forecast(left_s=1), **ended)
    assert "progress" not in fields
    assert "expected_at" not in fields


def test_a_missed_window_is_told_while_it_runs_and_after() -> None:
    assert own(now_s=DAY_S + 1)["window_missed"] is True
    late = {"status": BatchStatus.COMPLETED, "completed_at": after(START, DAY_S + 1)}
    assert own(**late)["window_missed"] is True
    assert "window_missed" not in own(now_s=DAY_S)


def test_a_retry_names_the_batch_that_it_runs_again() -> None:
    assert own(retry_of="batch_0")["retry_of"] == "batch_0"
    assert "retry_of" not in own()
