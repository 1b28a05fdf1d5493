"""What every store says of pauses, of what is held, and of what a rule matched lately."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_bench import ANN, BEN, DAY, DEAL, MINUTE, NOW, action, mark, planned, record, store, unit

from connector.domain.decision import EVERYTHING, Assignment, HeldCount, Pause, RecordPlan
from connector.domain.storage import Store, UnitOfWork
from connector.domain.undone import UNDO

__all__ = ["store", "unit"]

PAUSE = Pause("call", NOW, "wrong pool")


def hold(unit: UnitOfWork, ref: object = ANN, rule: str = "call", steps: int = 1, minutes: int = 0) -> None:
    """A match that a limit or the breaker held back; without steps, one that is drafted once it is released."""
    unit.save_records([record(ref)], NOW)  # type: ignore[arg-type]
    at = NOW + minutes * MINUTE
    held = tuple(action(ref, position, rule) for position in range(steps))  # type: ignore[arg-type]
    unit.commit_plan(RecordPlan(ref, held=held, marks=(replace(mark(rule, kind="held"), at=at),)), "run-1", at)  # type: ignore[arg-type]


def marks_of(unit: UnitOfWork, ref: object = ANN) -> list[tuple[str, str, bool]]:
    return [(each.rule, each.kind, each.released) for each in unit.states([ref])[0].marks]  # type: ignore[list-item]


# -- pauses ----------------------------------------------------------------------------------------------------------


def test_a_pause_is_kept_with_its_instant_and_its_reason_until_it_is_lifted(store: Store) -> None:
    with store.begin() as unit:
        assert unit.pauses() == {}
        assert unit.pause(PAUSE)
    with store.begin() as unit:
        assert unit.pauses() == {"call": PAUSE}
        assert unit.resume("call")
    with store.begin() as unit:
        assert unit.pauses() == {}


def test_pausing_twice_keeps_the_first_and_lifting_nothing_changes_nothing(unit: UnitOfWork) -> None:
    unit.pause(PAUSE)
    changed = unit.setting("pauses_changed")
    assert not unit.pause(Pause("call", NOW + DAY, "again"))
    assert not unit.resume("other")
    assert unit.pauses() == {"call": PAUSE}
    assert unit.setting("pauses_changed") == changed == 1
    unit.resume("call")
    assert unit.setting("pauses_changed") == 2


@pytest.mark.parametrize(
    ("paused", "taken"),
    [
        ("call", {"inbound/1", "inbounder"}),
        ("inbound", {"call", "inbounder"}),
        ("inbound/1", {"call", "inbounder"}),
        (EVERYTHING, set()),
    ],
)
def test_what_is_paused_is_not_claimed(unit: UnitOfWork, paused: str, taken: set[str]) -> None:
    planned(unit, *(action(rule=rule) for rule in ("call", "inbound/1", "inbounder")))
    unit.pause(Pause(paused, NOW))
    claimed = unit.claim("run-2", 10, NOW, NOW + MINUTE)
    assert {entry.action.rule for entry in claimed} == taken
    unit.resume(paused)
    assert len(unit.claim("run-2", 10, NOW, NOW + MINUTE)) == 3 - len(taken)


def test_a_lost_answer_of_a_paused_rule_is_still_looked_up_and_an_undo_still_goes(unit: UnitOfWork) -> None:
    planned(unit, action(), action(BEN, rule=UNDO))
    unit.claim("run-1", 1, NOW, NOW + MINUTE)
    unit.pause(Pause(EVERYTHING, NOW))
    [lost] = unit.claim("run-2", 10, NOW + 2 * MINUTE, NOW + 3 * MINUTE)
    assert (lost.action.rule, lost.state) == ("call", "unknown")
    assert [entry.action.rule for entry in unit.claim("run-2", 10, NOW, NOW + MINUTE, undo=True)] == [UNDO]


# -- what is held ----------------------------------------------------------------------------------------------------


def test_what_is_held_is_counted_by_rule_in_matches_records_and_actions(unit: UnitOfWork) -> None:
    hold(unit, ANN, steps=2)
    hold(unit, BEN)
    hold(unit, BEN, "offer", steps=0)
    assert unit.held() == [HeldCount("call", 2, 2, 3), HeldCount("offer", 1, 1, 1)]
    assert unit.held_records() == {ANN, BEN}


def test_released_matches_count_as_fired_and_as_let_go_by_a_person(unit: UnitOfWork) -> None:
    hold(unit)
    assert unit.release("call", None, NOW + MINUTE) == 1
    assert marks_of(unit) == [("call", "fired", True)]
    assert unit.matched_lately(NOW) == {}
    assert unit.fired_counts(NOW)[("call", "")] == 1


def test_a_match_that_was_held_before_it_was_drafted_is_due_once_it_is_released(unit: UnitOfWork) -> None:
    hold(unit, rule="offer", steps=0)
    assert unit.due(NOW + DAY, 10) == []
    assert unit.release(None, None, NOW) == 1
    assert marks_of(unit) == [("offer", "held", True)]
    assert unit.due(NOW, 10) == [ANN]
    assert (unit.held(), unit.release(None, None, NOW)) == ([], 0)


def test_the_oldest_go_first_whole_matches_at_a_time(unit: UnitOfWork) -> None:
    hold(unit, ANN, steps=2, minutes=2)
    hold(unit, BEN, "offer", steps=0, minutes=1)
    hold(unit, DEAL, steps=3, minutes=0)
    assert unit.release(None, 2, NOW) == 4
    assert [each.rule for each in unit.held()] == ["call"]
    assert {entry.action.record for entry in unit.outbox(["held"])} == {ANN}


def test_a_cadences_id_releases_all_its_steps_and_no_other_rule(unit: UnitOfWork) -> None:
    for rule in ("inbound/1", "inbound/2", "inbounder"):
        hold(unit, rule=rule)
    assert unit.release("inbound", None, NOW) == 2
    assert [each.rule for each in unit.held()] == ["inbounder"]


def test_what_a_paused_rule_holds_is_not_released(unit: UnitOfWork) -> None:
    hold(unit)
    hold(unit, BEN, "other")
    unit.pause(PAUSE)
    assert unit.release(None, 1, NOW) == 1
    assert [each.rule for each in unit.held()] == ["call"]


def test_what_is_discarded_is_dropped_and_the_rule_is_through_with_the_occasion(unit: UnitOfWork) -> None:
    hold(unit, steps=2)
    hold(unit, BEN, "offer", steps=0, minutes=1)
    assert unit.discard(None, None, NOW + MINUTE) == 3
    assert {entry.state for entry in unit.outbox()} == {"dropped"}
    assert {entry.message for entry in unit.outbox()} == {"discarded by a person"}
    assert marks_of(unit) == [("call", "skipped", False)]
    assert marks_of(unit, BEN) == [("offer", "skipped", False)]
    assert (unit.held(), unit.matched_lately(NOW)) == ([], {})


def test_a_turn_in_a_pool_that_was_held_and_discarded_is_given_back(unit: UnitOfWork) -> None:
    turn = replace(action(), kind="reassign")
    unit.save_records([record()], NOW)
    unit.commit_plan(RecordPlan(ANN, held=(turn,), marks=(mark(kind="held"),)), "run-1", NOW)
    line = Assignment("inbound", "ana", ANN, "call", NOW, "her turn", {"ana": 1.0})
    unit.save_assignments([line, replace(line, at=NOW - DAY)])
    unit.discard("call", None, NOW + MINUTE)
    assert [each.at for each in unit.assignments()] == [NOW - DAY]


# -- what matched lately ---------------------------------------------------------------------------------------------


def test_what_fired_or_was_held_lately_is_told_by_rule(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    unit.commit_plan(RecordPlan(ANN, marks=(mark("call"), mark("old", kind="baseline"), mark("off"))), "run-1", NOW)
    unit.commit_plan(RecordPlan(BEN, marks=(replace(mark("call"), at=NOW - DAY),)), "run-1", NOW)
    hold(unit, BEN, "mail")
    assert unit.matched_lately(NOW) == {"call": {ANN}, "off": {ANN}, "mail": {BEN}}
    assert unit.matched_lately(NOW - DAY)["call"] == {ANN, BEN}
