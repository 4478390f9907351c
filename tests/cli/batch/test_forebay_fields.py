"""What a Forebay server says beyond the standard is used where it is there."""

from __future__ import annotations

import json

import msgspec

from forebay.cli.batch.pace import Outlook, Pace
from forebay.cli.batch.report import BatchReport
from forebay.cli.batch.shapes import BatchView
from forebay.cli.batch.summary import batch_pairs, report_pairs, summary_lines
from forebay.cli.batch.writing import Written

STANDARD = {
    "id": "batch_1",
    "object": "batch",
    "status": "in_progress",
    "created_at": 1_000,
    "request_counts": {"total": 100, "completed": 40, "failed": 10},
    "usage": {"input_tokens": 3000, "output_tokens": 200},
}
COST = {"amount": "0.80", "currency": "EUR"}


def batch(**more: object) -> BatchView:
    return msgspec.json.decode(json.dumps({**STANDARD, **more}), type=BatchView)


def outlook(found: BatchView) -> Outlook:
    return Pace().seen(found, now_s=0, unix_s=1_100)


def test_the_servers_own_rate_and_forecast_are_believed() -> None:
    progress = {"eta_s": 12.5, "lines_per_s": 4.0}

    assert outlook(batch(forebay={"progress": progress})) == Outlook(lines_per_s=4.0, left_s=12.5)


def test_the_time_it_expects_is_what_is_left_where_there_is_no_rate() -> None:
    told = {"expected_at": 1_160, "deadline_at": 9_000}

    assert outlook(batch(forebay=told)) == Outlook(left_s=60.0)


def test_a_deadline_alone_is_no_forecast() -> None:
    assert outlook(batch(forebay={"expected_at": 9_000, "deadline_at": 9_000})) == Outlook()
    assert outlook(batch()) == Outlook()


def test_the_summary_has_the_cost_and_that_of_a_record() -> None:
    ended = batch(status="completed", forebay={"cost": COST})

    assert summary_lines(ended, Written(), wall_s=10, report=None) == [
        *("100 lines, none failed", "3,000 tokens in, 200 out"),
        *("0.80 EUR, 0.02 a record", "10 s, 5.0 lines/s"),
    ]


def test_the_cost_of_a_record_is_the_reports_where_there_is_one() -> None:
    ended = batch(status="completed", forebay={"cost": COST})
    each = {"amount": "0.04", "currency": "EUR"}
    told = {"batch_id": "batch_1", "status": "completed", "cost_per_accepted": each}
    report = msgspec.json.decode(json.dumps(told), type=BatchReport)

    assert "0.80 EUR, 0.04 a record" in summary_lines(ended, Written(), wall_s=1, report=report)


def test_a_standard_server_is_told_of_without_costs() -> None:
    assert summary_lines(batch(status="completed"), Written(), wall_s=0, report=None) == [
        *("100 lines, none failed", "3,000 tokens in, 200 out", "0.0 s, 0.0 lines/s")
    ]
    assert dict(batch_pairs(batch())) == {
        "batch": "batch_1",
        "status": "in_progress",
        "lines total": "100",
        "lines completed": "40",
        "lines failed": "10",
        "tokens": "3,000 in, 200 out",
    }


def test_a_report_tells_all_that_it_has() -> None:
    told = {
        "batch_id": "batch_1",
        "status": "completed",
        "lines": {"total": 100, "accepted": 90, "failed": 10, "off_schema": 0},
        "retries": 3,
        "usage": {"input_tokens": 3000, "output_tokens": 200},
        "prefix_cache_share": 0.25,
        "waste": {"input_tokens": 10, "output_tokens": 2, "cost": COST},
        "cost": COST,
        "time": {"wall_s": 75, "run_s": 60, "tokens_per_s": 53.3, "lines_per_s": 1.6},
        "window": {"name": "24h", "is_met": True},
    }

    assert report_pairs(msgspec.json.decode(json.dumps(told), type=BatchReport)) == [
        *(("batch", "batch_1"), ("status", "completed"), ("lines total", "100")),
        *(("lines accepted", "90"), ("lines failed", "10"), ("retries", "3")),
        *(("tokens", "3,000 in, 200 out"), ("prefix cache", "25.0% of the tokens in")),
        *(("wasted", "12 tokens, 0.80 EUR"), ("cost", "0.80 EUR"), ("cost per accepted", "none")),
        *(("time", "75 s"), ("time running", "60 s"), ("tokens/s", "53.3"), ("lines/s", "1.6")),
        ("window", "24h, met"),
    ]
