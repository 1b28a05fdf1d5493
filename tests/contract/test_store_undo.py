"""What a store has to do for an undo, on every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.decision import Assignment, PlannedAction, Receipt, RecordPlan
from connector.domain.model import Offer
from connector.domain.storage import UnitOfWork
from connector.domain.undone import UNDO, undo_key
from tests.contract.store_bench import ANN, DAY, MINUTE, NOW, action, record, store, unit

__all__ = ["store", "unit"]


def _plan(unit: UnitOfWork, *actions: PlannedAction, at: int = 0) -> None:
    unit.save_records([record()], NOW)
    unit.commit_plan(RecordPlan(ANN, actions=actions, next_at=NOW), "run-1", NOW + at * MINUTE)


def _back(one: PlannedAction) -> PlannedAction:
    return replace(one, key=undo_key(one), rule=UNDO, occasion=one.key, position=0)


def test_what_takes_writes_back_is_claimed_by_an_undo_and_by_nothing_else(unit: UnitOfWork) -> None:
    made = action()
    _plan(unit, made, _back(made))
    lease = NOW + MINUTE
    assert [entry.action.key for entry in unit.claim("run-2", 10, NOW, lease)] == [made.key]
    assert [entry.action.key for entry in unit.claim("undo-1", 10, NOW, lease, undo=True)] == [undo_key(made)]
    lost = NOW + DAY
    assert [entry.action.key for entry in unit.claim("run-3", 10, lost, lost + MINUTE)] == [made.key]
    assert [entry.action.key for entry in unit.claim("undo-2", 10, lost, lost + MINUTE, undo=True)] == [undo_key(made)]


@pytest.mark.parametrize("already", [True, False])
def test_a_receipt_that_says_it_was_there_already_is_remembered(unit: UnitOfWork, already: bool) -> None:
    made = action()
    _plan(unit, made)
    assert unit.entries([made.key])[made.key].already is None
    unit.settle([Receipt(made.key, "confirmed", "00T1", already=already)], NOW)
    assert unit.entries([made.key])[made.key].already is already


def test_a_write_that_did_not_land_says_nothing_of_what_was_there(unit: UnitOfWork) -> None:
    made = action()
    _plan(unit, made)
    unit.settle([Receipt(made.key, "retry", already=False)], NOW)
    assert unit.entries([made.key])[made.key].already is None


def test_the_turn_of_what_is_taken_back_is_given_back_and_no_other(unit: UnitOfWork) -> None:
    first = replace(action(rule="hand-out"), kind="reassign")
    _plan(unit, first)
    unit.save_assignments([Assignment("inbound", "ana", ANN, "hand-out", NOW, "turn", {"ana": 1.0})])
    later = replace(action(rule="hand-out", occasion="later"), kind="reassign")
    _plan(unit, later, at=1)
    unit.save_assignments([Assignment("inbound", "ben", ANN, "hand-out", NOW + MINUTE, "turn", {"ben": 1.0})])
    unit.take_back(first.key, NOW + DAY)
    assert [line.person for line in unit.assignments()] == ["ben"]
    unit.take_back("nobody.wrote", NOW + DAY)
    assert [line.person for line in unit.assignments()] == ["ben"]


def _offered(unit: UnitOfWork, state: str) -> PlannedAction:
    asked = replace(action(rule="offer"), kind="offer")
    until = NOW + DAY
    offer = Offer(ANN, "offer", "created", 1, "inbound", "ana", "005A", NOW, until, asked.key)
    unit.save_records([record()], NOW)
    unit.commit_plan(RecordPlan(ANN, (asked,), offers=(replace(offer, state=state),)), "run-1", NOW)  # type: ignore[arg-type]
    unit.save_assignments([Assignment("inbound", "ana", ANN, "offer", NOW, "turn", {"ana": 1.0})])
    return asked


def test_an_open_offer_that_is_taken_back_has_run_out_at_once(unit: UnitOfWork) -> None:
    asked = _offered(unit, "open")
    unit.take_back(asked.key, NOW + MINUTE)
    [offer] = unit.offers()
    assert (offer.state, offer.settled, offer.withdrawn) == ("expired", NOW + MINUTE, True)
    assert unit.assignments() == []


def test_the_turn_of_a_hand_over_is_that_of_its_offer_and_an_answer_stays_given(unit: UnitOfWork) -> None:
    asked = _offered(unit, "accepted")
    handed = replace(action(rule="offer", occasion=f"accept@{asked.key}"), kind="reassign")
    _plan(unit, handed, at=1)
    unit.take_back(handed.key, NOW + DAY)
    assert unit.assignments() == []
    assert [offer.state for offer in unit.offers()] == ["accepted"]
