"""The states of a request and the moves between them."""

from __future__ import annotations

import pytest

from forebay.core.requests import LEGAL_MOVES, RequestStatus, is_final

FINAL = {
    RequestStatus.COMPLETED,
    RequestStatus.INCOMPLETE,
    RequestStatus.FAILED,
    RequestStatus.CANCELLED,
}


def test_the_table_has_every_status() -> None:
    assert set(LEGAL_MOVES) == set(RequestStatus)


@pytest.mark.parametrize("status", list(RequestStatus))
def test_only_ended_requests_are_final(status: RequestStatus) -> None:
    assert is_final(status) == (status in FINAL)


@pytest.mark.parametrize("status", [RequestStatus.QUEUED, RequestStatus.IN_PROGRESS])
def test_whatever_is_open_can_be_cancelled_and_can_fail(status: RequestStatus) -> None:
    assert {RequestStatus.CANCELLED, RequestStatus.FAILED} <= LEGAL_MOVES[status]


def test_a_request_runs_before_it_is_answered() -> None:
    assert RequestStatus.COMPLETED not in LEGAL_MOVES[RequestStatus.QUEUED]
    assert RequestStatus.INCOMPLETE not in LEGAL_MOVES[RequestStatus.QUEUED]


def test_unfinished_work_goes_back_to_the_queue() -> None:
    assert RequestStatus.QUEUED in LEGAL_MOVES[RequestStatus.IN_PROGRESS]
