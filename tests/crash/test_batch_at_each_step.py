"""A server killed with batches at every step: each ends once, and is charged for what it has.

Another process goes on: the next on the same data directory, or one that shares the database and
the object store.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.batch_checks import (
    check_answers,
    check_bill,
    check_counts,
    check_each_line_has_one_result,
    check_is_settled,
    check_waste,
)
from tests.crash.batch_sites import KINDS, batches_on_postgres, batches_on_sqlite
from tests.crash.batch_steps import COUNT, EARLY, REFUSED, Step
from tests.crash.batch_story import Aftermath, Story, times_failed
from tests.crash.rote_engine import rote_engine
from tests.lanes.receivers import receiving
from tests.postgres_server import PostgresServer
from tests.s3_server import S3Server

SLOTS = COUNT * len(Step)  # every line may be at the engine
TAKEOVER_S = 25.0  # twice what it takes; less than a lease that nobody would take back
MODELS = [model for step in Step for model in step.models]

Told = dict[str, Aftermath | BaseException]


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    s3_server: S3Server,
) -> Told:
    """The stories of both kinds of sites. They are told at once, for much of each is waiting."""
    folder = tmp_path_factory.mktemp("steps")
    for kind in KINDS:
        (folder / kind).mkdir()

    async def tell() -> Told:
        ends = await asyncio.gather(
            _on_sqlite(folder / "sqlite"),
            _on_postgres(folder / "postgres", (postgres_server, s3_server)),
            return_exceptions=True,
        )
        return dict(zip(KINDS, ends, strict=True))

    return asyncio.run(tell())


async def _on_sqlite(folder: Path) -> Aftermath:
    async with (
        rote_engine() as engine,
        receiving() as receiver,
        batches_on_sqlite(folder, engine, MODELS, slots=SLOTS) as (site, vault),
    ):
        return await Story(site, engine, receiver, vault).told()


async def _on_postgres(folder: Path, servers: tuple[PostgresServer, S3Server]) -> Aftermath:
    async with (
        rote_engine() as engine,
        receiving() as receiver,
        batches_on_postgres(folder, engine, MODELS, servers, slots=SLOTS) as (site, vault),
    ):
        return await Story(site, engine, receiver, vault).told()


@pytest.fixture(params=KINDS)
def after(told: Told, request: pytest.FixtureRequest) -> Aftermath:
    """The aftermath of a crash."""
    end = told[request.param]
    if isinstance(end, BaseException):
        # Raised for each test anew, it would itself grow each time.
        raise AssertionError(f"the story broke off: {end!r}") from end
    return end


at_each_step = pytest.mark.parametrize("step", Step)


@at_each_step
def test_the_crash_hits_its_step(after: Aftermath, step: Step) -> None:
    row, segments = after.crash.rows[step], after.crash.segments[step]
    status = {
        Step.CREATED: "validating",
        Step.READING: "validating",
        Step.ORPHANED: "validating",
        Step.PLANNED: "validating",
        Step.FINALIZING: "finalizing",
        Step.COMPLETED: "completed",
        Step.CANCELLING: "cancelling",
        Step.CANCELLED: "cancelling",
    }.get(step, "in_progress")
    recorded = sum(custom_id in after.crash.recorded for custom_id in step.lines)
    early = len(EARLY) + 1
    expected = {
        Step.HELD: {0, 1},  # the refused one needs no engine
        Step.RECORDED: {early},
        Step.LAST: {3, 7},
        Step.FINALIZING: {COUNT},
        Step.COMPLETED: {COUNT},
        Step.CANCELLING: {early},
        Step.CANCELLED: {COUNT},
        Step.EXPIRING: {early},
    }.get(step, {0})
    assert (row["status"], recorded in expected) == (status, True)
    assert len(segments) == (0 if status == "validating" else 2)
    running = {segment["status"] for segment in segments if segment["status"] != "done"}
    if step in (Step.HELD, Step.ANSWERED, Step.WRITTEN, Step.RECORDED, Step.LAST):
        assert running == {"running"}
    elif step is Step.BEGUN:
        assert running == {"waiting"}


@at_each_step
def test_it_ends_as_it_would_have(after: Aftermath, step: Step) -> None:
    assert after.books[step].batch["status"] == step.final
    assert after.books[step].batch["errors"] is None


@at_each_step
def test_every_custom_id_is_once_in_its_files(after: Aftermath, step: Step) -> None:
    check_each_line_has_one_result(after.books[step])


@at_each_step
def test_each_answer_is_that_of_its_prompt(after: Aftermath, step: Step) -> None:
    check_answers(after.books[step])
    expected = (
        [f"{step.value}-{number}" for number in EARLY]
        if step.is_cut
        else [custom_id for custom_id, line in step.lines.items() if not line.is_refused]
    )
    assert sorted(after.books[step].answered) == sorted(expected)


@at_each_step
def test_what_was_not_answered_says_why(after: Aftermath, step: Step) -> None:
    refused = f"{step.value}-{REFUSED}"
    said = {str(line["custom_id"]): line for line in after.books[step].errors}
    assert said[refused]["response"]["status_code"] == 400  # type: ignore[index]
    reasons = {line["error"]["code"] for line in said.values() if line["error"]}  # type: ignore[index]
    assert reasons == ({f"batch_{step.final}"} if step.is_cut else set())


@at_each_step
def test_the_counts_are_those_of_the_files(after: Aftermath, step: Step) -> None:
    check_counts(after.books[step])


@at_each_step
def test_the_charges_are_those_of_the_output(after: Aftermath, step: Step) -> None:
    check_bill(after.books[step])
    check_waste(after.books[step])


@at_each_step
def test_no_segment_is_held(after: Aftermath, step: Step) -> None:
    check_is_settled(after.books[step])


@at_each_step
def test_only_what_was_not_recorded_runs_again(after: Aftermath, step: Step) -> None:
    again = Counter(asked.prompt for asked in after.asked_after if asked.prompt in step.prompts)
    left = {
        line.prompt
        for custom_id, line in step.lines.items()
        if custom_id not in after.crash.recorded and not line.is_refused
    }
    assert again == (Counter() if step.is_cut else Counter(left))
    assert step.times(after.asked_before) <= len(step.prompts)


@at_each_step
def test_a_call_that_is_repeated_makes_no_second_batch(after: Aftermath, step: Step) -> None:
    assert after.ids_again[step] == after.ids[step]


@at_each_step
def test_its_end_is_told_once(after: Aftermath, step: Step) -> None:
    own = [row for row in after.deliveries if row["subject_id"] == after.ids[step]]
    assert [row["delivered_at"] is not None for row in own] == [True]
    told = [call for call in after.calls if call.headers["webhook-id"] == own[0]["event_id"]]
    # The call that was under way at the crash comes again.
    assert len(told) == (2 if step is Step.COMPLETED else 1)
    assert len({call.body for call in told}) == 1


def test_another_takes_over_within_seconds(after: Aftermath) -> None:
    assert after.took_s < TAKEOVER_S


def test_nothing_else_is_in_the_ledger(after: Aftermath) -> None:
    known = [row["id"] for books in after.books.values() for row in books.charges + books.waste]
    assert sorted(known, key=str) == sorted((row["id"] for row in after.ledger), key=str)
    # What a dead server's lines had cost is known to nobody; the others' waste is that of lines
    # that were cut off because their batch was to end.
    assert {row["kind"] for row in after.ledger} == {"charge", "waste"}


def test_no_batch_hangs_and_no_lease_is_left(after: Aftermath) -> None:
    assert (after.unsettled, after.leased) == ([], [])


def test_no_blob_is_missing(after: Aftermath) -> None:
    assert after.crash.remains.missing == set()
    assert after.before_sweep.missing == set()
    assert after.after_sweep.missing == set()


def test_only_what_was_being_written_has_no_name_after_the_crash(after: Aftermath) -> None:
    log, unnamed = after.crash.log, after.crash.remains.unnamed
    plans = 2 * times_failed(log, "validation", after.ids[Step.PLANNED])  # each has an index
    ends = sum(
        times_failed(log, "closing", after.ids[step]) for step in (Step.CANCELLING, Step.EXPIRING)
    )
    least = 2 * 1 + 1  # of two segments, and of the last one
    most = 2 * (2 * 2 + 2)  # of both batches that are written, and of the last one, of both kinds
    assert plans + ends + least <= len(unnamed) <= plans + ends + most
    # An orphaned planner may write its plan, because nobody deletes what it tells nobody.
    assert len(after.before_sweep.unnamed - unnamed) <= 2


def test_a_sweep_leaves_nothing_without_a_name(after: Aftermath) -> None:
    assert after.after_sweep.unnamed == set()
    assert after.after_sweep.there == after.before_sweep.named


def test_no_temporary_file_is_left(after: Aftermath) -> None:
    assert after.unfinished == []


def test_a_planner_without_its_server_ends(after: Aftermath) -> None:
    assert after.has_orphan_ended
