"""The report of a batch as it is shown, and the bodies of verdicts and retries."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.core.batch_report import VerdictCounts
from forebay.core.batches import BatchStatus
from forebay.core.clock import after
from forebay.core.errors import RequestRejected
from forebay.dialects.batch_report import batch_report, parse_retry, parse_verdicts
from tests.core.made_batch import made_batch
from tests.fakes import START


def reported(verdicts: VerdictCounts | None = None, **others: Any) -> dict[str, Any]:
    """Return the report of a batch 100 seconds after it was made."""
    return batch_report(
        made_batch(**others),
        verdicts or VerdictCounts(),
        currency="USD",
        now=after(START, 100),
    )


def test_the_parts_of_the_lines_add_up_to_their_total() -> None:
    lines = reported(
        VerdictCounts(confirmed=1, raised=1, dropped=2, denied=1),
        total_count=30,
        completed_count=20,
        schema_failed_count=4,
        failed_count=6,
        refused_count=1,
        expired_count=2,
        cancelled_count=1,
    )["lines"]
    assert lines == {
        "total": 30,
        "accepted": 15,
        "rejected": 3,
        "schema_failed": 2,
        "invalid": 1,
        "engine_failed": 2,
        "expired": 2,
        "cancelled": 1,
        "unfinished": 4,
    }
    assert sum(lines.values()) == 2 * lines["total"]


def test_what_is_spent_is_the_cost_and_the_waste() -> None:
    report = reported(
        total_count=4, completed_count=4, cost_nanos=1_000, waste_nanos=500, waste_input_tokens=7
    )
    assert report["cost"] == {"amount": "0.000001", "currency": "USD"}
    assert report["waste"]["cost"] == {"amount": "0.0000005", "currency": "USD"}
    assert report["waste"]["input_tokens"] == 7
    assert report["spent"] == {"amount": "0.0000015", "currency": "USD"}
    assert report["cost_per_accepted"] == {"amount": "0.000000375", "currency": "USD"}


def test_verdicts_change_what_an_accepted_record_costs() -> None:
    values = {"total_count": 4, "completed_count": 4, "cost_nanos": 1_000}
    dropped = reported(VerdictCounts(dropped=3), **values)
    assert dropped["cost_per_accepted"]["amount"] == "0.000001"
    assert reported(VerdictCounts(dropped=4), **values)["cost_per_accepted"] is None


def test_a_record_that_costs_less_than_the_smallest_charge_has_a_cost() -> None:
    report = reported(total_count=3, completed_count=3, cost_nanos=1)
    assert report["cost_per_accepted"]["amount"] == "0.000000000333"


def test_a_record_that_costs_nothing_costs_nothing() -> None:
    report = reported(total_count=3, completed_count=3)
    assert report["cost_per_accepted"]["amount"] == "0"


def test_shares_and_speeds_are_told_where_there_is_something_to_divide_by() -> None:
    empty = reported()
    assert empty["prefix_cache_share"] is None
    assert empty["time"] == {
        "wall_s": 100.0,
        "run_s": None,
        "tokens_per_s": None,
        "lines_per_s": None,
    }
    report = reported(
        in_progress_at=after(START, 20),
        total_count=200,
        completed_count=40,
        input_tokens=400,
        cached_tokens=100,
        output_tokens=80,
    )
    assert report["prefix_cache_share"] == 0.25
    assert report["time"] == {
        "wall_s": 100.0,
        "run_s": 80.0,
        "tokens_per_s": 6.0,
        "lines_per_s": 0.5,
    }


def test_the_window_is_told_with_its_margin() -> None:
    done = reported(status=BatchStatus.COMPLETED, completed_at=after(START, 86_410))
    assert done["window"]["is_met"] is False
    assert done["window"]["margin_s"] == -10
    assert (done["is_final"], reported()["is_final"]) == (True, False)


def test_verdicts_are_taken_from_lists_and_from_a_table() -> None:
    body: Any = {
        "accepted": ["a", "a"],
        "rejected": ["b"],
        "verdicts": {"c": True, "d": "rejected", "e": "accepted", "f": False, "b": False},
    }
    assert parse_verdicts(body, most=9) == {
        "a": True,
        "b": False,
        "c": True,
        "d": False,
        "e": True,
        "f": False,
    }


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({}, "accepted", "Missing"),
        ({"accepted": []}, "accepted", "Missing"),
        ({"accepted": ["a"], "rejected": ["a"]}, None, "'a' is both"),
        ({"accepted": ["a"], "verdicts": {"a": "rejected"}}, None, "'a' is both"),
        ({"accepted": ["a", "b", "c"]}, None, "2 verdicts at most: 3"),
        ({"accepted": "a"}, "accepted", "expected"),
        ({"rejected": [1]}, "rejected[0]", "expected"),
        ({"verdicts": {"a": "maybe"}}, "verdicts[...]", "maybe"),
        ({"verdicts": {"a": 1}}, "verdicts[...]", "expected"),
        ({"acepted": ["a"]}, "acepted", "Unknown parameter"),
    ],
)
def test_a_wrong_verdict_is_named(body: Any, param: str | None, message: str) -> None:
    with pytest.raises(RequestRejected, match=message) as refused:
        parse_verdicts(body, most=2)
    assert refused.value.param == param


def test_a_retry_is_as_the_batch_was_but_for_what_it_names() -> None:
    batch = made_batch(metadata='{"a":"b","completion_window":"24h"}')
    assert parse_retry({}, batch) == ("24h", {"a": "b", "completion_window": "24h"})
    assert parse_retry({"completion_window": None, "metadata": None}, batch) == (
        "24h",
        {"a": "b", "completion_window": "24h"},
    )
    assert parse_retry({"completion_window": "standard"}, batch) == (
        "standard",
        {"a": "b", "completion_window": "standard"},
    )
    assert parse_retry({"metadata": {"c": "d"}}, batch) == ("24h", {"c": "d"})
    assert parse_retry({"metadata": {}}, batch) == ("24h", {})


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"review": "required"}}, "metadata.review"),
        ({"metadata": {"completion_window": "1h"}}, "metadata.completion_window"),
        ({"completion_window": 5}, "completion_window"),
        ({"endpoint": "/v1/responses"}, "endpoint"),
    ],
)
def test_what_a_retry_cannot_change_is_named(body: Any, param: str) -> None:
    with pytest.raises(RequestRejected) as refused:
        parse_retry(body, made_batch())
    assert refused.value.param == param
