"""Billing: what a turn cost, and what stands in for a count that never came."""

from __future__ import annotations

from forebay.core.clock import after
from forebay.core.ledger import EntryKind
from forebay.core.money import Usage
from forebay.dialects.answer import Answer
from forebay.dialects.turn import Delta
from forebay.lanes.billing import charge, ended, usage_of
from tests.fakes import START, USAGE
from tests.lanes.house import House


def answer(*deltas: Delta) -> Answer:
    found = Answer()
    for delta in deltas:
        found.add(delta)
    return found


def test_the_engines_own_count_is_taken(house: House) -> None:
    counted = answer(Delta(text="a"), Delta(usage=USAGE))
    assert usage_of(house.admit().turn, counted) == USAGE


def test_a_turn_that_was_cut_off_is_estimated_by_its_deltas(house: House) -> None:
    cut = answer(Delta(text="a"), Delta(reasoning="b"), Delta(finish_reason="stop"))
    usage = usage_of(house.admit("x" * 400).turn, cut)
    assert usage.output_tokens == 2
    assert 100 <= usage.input_tokens <= 120


def test_a_charge_names_who_what_and_how_much(house: House) -> None:
    accepted = house.admit()
    entry = charge(accepted, USAGE, finished_at=START)
    assert (entry.kind, entry.subject_id) == (EntryKind.CHARGE, accepted.call.id)
    assert (entry.project_id, entry.key_id) == ("proj_default", "key_1")
    assert (entry.window, entry.model, entry.cost_nanos) == ("asap", "tiny", 12_000)


def test_a_window_is_met_to_its_last_millisecond(house: House) -> None:
    accepted = house.admit()
    assert charge(accepted, USAGE, finished_at=accepted.deadline_at).is_window_met
    late = after(accepted.deadline_at, 0.001)
    assert not charge(accepted, USAGE, finished_at=late).is_window_met


def test_an_answer_shows_its_cost_as_a_decimal(house: House) -> None:
    outcome, _ = ended(house.admit(), answer(Delta(usage=USAGE)), finished_at=START)
    assert outcome.extension == {
        "window": "asap",
        "cost": {"amount": "0.000012", "currency": "USD"},
    }


def test_a_model_without_a_price_costs_nothing(house: House) -> None:
    assert charge(house.admit(), Usage(), finished_at=START).cost_nanos == 0
