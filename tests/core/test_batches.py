"""The states of a batch and the moves between them."""

from __future__ import annotations

import pytest

from forebay.core.batches import LEGAL_MOVES, BatchStatus, is_final

FINAL = {
    BatchStatus.COMPLETED,
    BatchStatus.FAILED,
    BatchStatus.EXPIRED,
    BatchStatus.CANCELLED,
}


def reachable(start: BatchStatus) -> set[BatchStatus]:
    found = {start}
    while more := {move for status in found for move in LEGAL_MOVES[status]} - found:
        found |= more
    return found


def test_the_table_has_every_status() -> None:
    assert set(LEGAL_MOVES) == set(BatchStatus)


@pytest.mark.parametrize("status", list(BatchStatus))
def test_only_ended_batches_are_final(status: BatchStatus) -> None:
    assert is_final(status) == (status in FINAL)


def test_every_status_is_reached_from_the_first() -> None:
    assert reachable(BatchStatus.VALIDATING) == set(BatchStatus)


@pytest.mark.parametrize("status", list(BatchStatus))
def test_every_batch_can_end(status: BatchStatus) -> None:
    assert reachable(status) & FINAL


def test_a_batch_that_is_being_cancelled_can_only_be_cancelled() -> None:
    assert LEGAL_MOVES[BatchStatus.CANCELLING] == {BatchStatus.CANCELLED}


def test_only_a_batch_that_is_being_validated_can_fail() -> None:
    failing = {status for status, moves in LEGAL_MOVES.items() if BatchStatus.FAILED in moves}
    assert failing == {BatchStatus.VALIDATING}
