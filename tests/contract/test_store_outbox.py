"""What every store must do with what was decided and is on its way, whatever database is under it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.decision import Adoption, Assignment, Reason, Receipt, RecordPlan
from connector.domain.model import Activity, Enrollment
from connector.domain.storage import UnitOfWork
from tests.contract.store_bench import ANN, BEN, DEAL, MINUTE, NOW, action, mark, planned, record, states, store, unit

__all__ = ["store", "unit"]


# -- what was decided ------------------------------------------------------------------------------------------------


def test_a_planned_action_comes_back_as_it_was_with_its_trace(unit: UnitOfWork) -> None:
    reasons = (Reason("when.created", True, "created"), Reason("unless.phone", None, "phone is hidden"))
    plan = RecordPlan(ANN, (action(),), (action(position=1),), reasons={"call": reasons})
    unit.commit_plan(plan, "run-1", NOW)
    entries = unit.entries([action().key, action(position=1).key, "none"])
    assert [entry.action for entry in entries.values()] == [action(), action(position=1)]
    first = entries[action().key]
    assert (first.state, first.run, first.attempts, first.updated) == ("pending", "run-1", 0, NOW)
    assert unit.trace(action().key) == reasons
    assert unit.trace("none") == ()
    assert unit.outbox_counts() == {"pending": 1, "held": 1}


def test_a_plan_committed_twice_changes_nothing(unit: UnitOfWork) -> None:
    planned(unit, action())
    unit.settle([Receipt(action().key, "confirmed", "00T1")], NOW)
    planned(unit, action())
    assert unit.entries([action().key])[action().key].state == "confirmed"


def test_a_dropped_action_may_be_planned_again_and_starts_afresh(unit: UnitOfWork) -> None:
    planned(unit, action())
    unit.settle([Receipt(action().key, "retry", message="busy"), Receipt(action().key, "dropped")], NOW)
    unit.settle([Receipt(action().key, "dropped", message="the owner changed")], NOW)
    assert unit.claim("run-2", 10, NOW, NOW + MINUTE) == []
    unit.commit_plan(RecordPlan(ANN, (replace(action(), why="now"),)), "run-2", NOW + MINUTE)
    entry = unit.entries([action().key])[action().key]
    assert (entry.state, entry.attempts, entry.message, entry.run) == ("pending", 0, "", "run-2")
    assert entry.action.why == "now"


def test_marks_are_kept_per_occasion_and_can_be_taken_back(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    marks = (mark(), mark(occasion="later", at=NOW + MINUTE, kind="held"))
    unit.commit_plan(RecordPlan(ANN, marks=marks), "run-1", NOW)
    unit.commit_plan(RecordPlan(ANN, marks=marks), "run-1", NOW)
    assert unit.states([ANN])[0].marks == marks
    unit.remove_marks(ANN, "call", "created")
    assert unit.states([ANN])[0].marks == marks[1:]


def test_fired_matches_are_counted_per_rule_and_per_owner_at_that_time(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN, owner="005B"), record(DEAL, owner=None)], NOW)
    for ref in (ANN, BEN, DEAL):
        unit.commit_plan(RecordPlan(ref, marks=(mark(),)), "run-1", NOW)
    unit.commit_plan(RecordPlan(ANN, marks=(mark(occasion="b", kind="baseline"),)), "run-1", NOW)
    unit.commit_plan(RecordPlan(ANN, marks=(mark("mail", at=NOW - MINUTE),)), "run-1", NOW)
    unit.save_records([record(owner="005B")], NOW)
    assert unit.fired_counts(NOW) == {("call", ""): 3, ("call", "005A"): 1, ("call", "005B"): 1}
    assert unit.fired_counts(NOW - MINUTE)[("mail", "005A")] == 1


def test_adoptions_and_the_ledger_come_back_in_order(unit: UnitOfWork) -> None:
    unit.adopt([Adoption("call", NOW, False), Adoption("mail", NOW, True)])
    unit.adopt([Adoption("call", NOW, True)])
    assert unit.adoptions() == {"call": Adoption("call", NOW, True), "mail": Adoption("mail", NOW, True)}
    ledger = [Assignment("inbound", person, ANN, "call", NOW + i * MINUTE, "in turn") for i, person in enumerate("ba")]
    unit.save_assignments(ledger[:1])
    unit.save_assignments(ledger[1:])
    assert unit.assignments() == ledger
    assert unit.assignments(NOW + MINUTE) == ledger[1:]


# -- what is on its way ----------------------------------------------------------------------------------------------


def test_claims_come_by_position_and_key_and_no_more_than_asked_for(unit: UnitOfWork) -> None:
    planned(unit, action(rule="b"), action(rule="a"))
    planned(unit, action(BEN, position=1, rule="a"))
    claimed = unit.claim("run-2", 2, NOW, NOW + MINUTE)
    assert [entry.action.rule for entry in claimed] == ["a", "b"]
    assert {entry.state for entry in claimed} == {"claimed"}
    assert [entry.action.record for entry in unit.claim("run-2", 2, NOW, NOW + MINUTE)] == [BEN]
    assert unit.claim("run-2", 2, NOW, NOW + MINUTE) == []
    assert len(unit.outbox(["claimed"], run="run-2")) == 3


def test_a_lease_that_ran_out_is_claimed_again_as_unknown(unit: UnitOfWork) -> None:
    planned(unit, action())
    unit.claim("run-2", 10, NOW, NOW + MINUTE)
    assert unit.claim("run-3", 10, NOW + MINUTE / 2, NOW + 2 * MINUTE) == []
    (again,) = unit.claim("run-3", 10, NOW + MINUTE, NOW + 2 * MINUTE)
    assert (again.state, again.run) == ("unknown", "run-3")
    assert unit.claim("run-3", 10, NOW + MINUTE, NOW + 2 * MINUTE) == []


@pytest.mark.parametrize("state", ["pending", "claimed", "unknown", "held"])
def test_a_later_step_waits_for_the_earlier_one_of_its_match(unit: UnitOfWork, state: str) -> None:
    first, second = action(position=0), action(position=1)
    unit.commit_plan(
        RecordPlan(ANN, () if state == "held" else (first,), (first,) if state == "held" else ()), "r", NOW
    )
    planned(unit, second, action(position=1, rule="other"))
    if state in ("claimed", "unknown"):
        unit.claim("run-2", 1, NOW, NOW + MINUTE)
    if state == "unknown":
        unit.settle([Receipt(first.key, "unknown")], NOW)
    keys = [entry.action.key for entry in unit.claim("run-2", 10, NOW, NOW + MINUTE)]
    assert second.key not in keys
    assert action(position=1, rule="other").key in keys
    unit.settle([Receipt(first.key, "confirmed", "00T1")], NOW)
    assert [entry.action.key for entry in unit.claim("run-2", 10, NOW, NOW + MINUTE)] == [second.key]


@pytest.mark.parametrize("end", ["failed", "dropped"])
def test_when_a_step_ends_badly_its_later_steps_are_dropped(unit: UnitOfWork, end: str) -> None:
    first, second, held, other = (action(position=i) for i in range(4))
    other = action(position=1, occasion="another")
    planned(unit, first, second, other, held=(held,))
    unit.settle([Receipt(first.key, end, message="refused")], NOW)  # type: ignore[arg-type]
    entries = unit.entries([first.key, second.key, held.key, other.key])
    assert [entry.state for entry in entries.values()] == [end, "dropped", "dropped", "pending"]
    assert entries[second.key].message == "an earlier step of this rule did not go through"


def test_a_retried_action_is_dead_after_eight_attempts(unit: UnitOfWork) -> None:
    planned(unit, action(), action(position=1))
    for attempt in range(1, 8):
        unit.settle([Receipt(action().key, "retry", message="try later")], NOW)
        entry = unit.entries([action().key])[action().key]
        assert (entry.state, entry.attempts, entry.message) == ("pending", attempt, "try later")
    unit.settle([Receipt(action().key, "retry", code="BUSY")], NOW)
    assert states(unit) == {action().key: "dead", action(position=1).key: "dropped"}
    assert unit.entries([action().key])[action().key].message == "BUSY"


def test_what_is_confirmed_keeps_its_crm_id_and_stays_confirmed(unit: UnitOfWork) -> None:
    planned(unit, action())
    unit.settle([Receipt(action().key, "confirmed", "00T1"), Receipt("nobody's", "failed")], NOW)
    unit.settle([Receipt(action().key, "retry")], NOW + MINUTE)
    entry = unit.entries([action().key])[action().key]
    assert (entry.state, entry.crm_id, entry.updated) == ("confirmed", "00T1", NOW)


def test_our_writes_are_all_that_was_planned_on_a_record_whatever_came_of_it(unit: UnitOfWork) -> None:
    rules = ["confirmed", "unknown", "claimed", "pending", "failed"]
    planned(unit, *(action(rule=rule) for rule in rules))
    unit.claim("run-2", 1, NOW, NOW + MINUTE)
    planned(unit, action(BEN))
    for rule in ("confirmed", "unknown", "failed"):
        unit.settle([Receipt(action(rule=rule).key, rule)], NOW)  # type: ignore[arg-type]
    states = {entry.action.rule: entry.state for entry in unit.our_writes(ANN)}
    assert states == {rule: rule for rule in rules}
    assert unit.our_writes(DEAL) == []


def test_held_actions_are_released_oldest_first_and_match_by_match(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    for minutes, ref in ((1, ANN), (0, BEN)):
        held = (action(ref), action(ref, 1))
        plan = RecordPlan(ref, held=held, marks=(mark(kind="held"),))
        unit.commit_plan(plan, "run-1", NOW + minutes * MINUTE)
    planned(unit, action(rule="other"))
    assert unit.release("other", None, NOW) == 0
    assert unit.release(None, 1, NOW) == 2
    assert [entry.action.record for entry in unit.outbox(["held"])] == [ANN, ANN]
    assert unit.states([BEN])[0].marks[0].kind == "fired"
    assert unit.states([ANN])[0].marks[0].kind == "held"
    assert unit.release("call", None, NOW) == 2
    assert unit.outbox_counts() == {"pending": 5}


def test_no_more_held_actions_are_released_than_asked_for(unit: UnitOfWork) -> None:
    for ref in (ANN, BEN, DEAL):
        planned(unit, held=(action(ref),))
    assert unit.release(None, 1, NOW) == 1
    assert unit.release(None, 0, NOW) == 0
    assert unit.outbox_counts() == {"pending": 1, "held": 2}


# -- merges ----------------------------------------------------------------------------------------------------------


def test_after_a_merge_the_survivor_has_the_losers_history_and_open_actions(unit: UnitOfWork) -> None:
    unit.save_records([record(), replace(record(BEN), merged_into=ANN)], NOW)
    unit.save_activities([Activity("1", "call", (BEN, ANN), NOW, "a"), Activity("2", "call", (BEN, DEAL), NOW, "a")])
    unit.save_enrollments(
        [Enrollment(BEN, "welcome", NOW), Enrollment(BEN, "news", NOW), Enrollment(ANN, "news", None)]
    )
    unit.commit_plan(RecordPlan(BEN, (action(BEN),), marks=(mark(), mark("mail"), mark("held"))), "run-1", NOW)
    unit.commit_plan(RecordPlan(ANN, marks=(mark(kind="baseline"), mark("held", kind="held"))), "run-1", NOW)
    planned(unit, action(BEN, rule="done"))
    unit.settle([Receipt(action(BEN, rule="done").key, "confirmed")], NOW)
    unit.mark_due([BEN], NOW)
    unit.move_history(BEN, ANN)
    ann, ben = unit.states([ANN, BEN])
    assert (ben.activities, ben.enrollments, ben.marks) == ((), (), ())
    assert [activity.refs for activity in ann.activities] == [(ANN,), (ANN, DEAL)]
    assert ann.enrollments == (Enrollment(ANN, "news", None), Enrollment(ANN, "welcome", NOW))
    assert ann.marks == (mark(), mark("held", kind="held"), mark("mail")), (
        "what was done outdoes a baseline, and only that"
    )
    moved = unit.entries([action(BEN).key])[action(BEN).key]
    assert (moved.action.record, moved.state) == (ANN, "pending")
    assert unit.entries([action(BEN, rule="done").key])[action(BEN, rule="done").key].action.record == BEN
    assert unit.due(NOW, 10) == []


def test_an_open_action_is_dropped_by_a_second_merge_or_when_the_survivor_has_it(unit: UnitOfWork) -> None:
    planned(unit, action(BEN), action(BEN, rule="own"))
    planned(unit, action(ANN, rule="own"))
    unit.move_history(BEN, ANN)
    assert unit.entries([action(BEN, rule="own").key])[action(BEN, rule="own").key].state == "dropped"
    unit.move_history(ANN, DEAL)
    entries = unit.entries([action(BEN).key, action(ANN, rule="own").key])
    assert [(entry.action.record, entry.state) for entry in entries.values()] == [(ANN, "dropped"), (DEAL, "pending")]
