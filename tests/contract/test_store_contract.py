"""What every store must do with what was read and with what is due, whatever database is under it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from connector.domain.decision import Reason, Receipt, RecordPlan, RunSummary
from connector.domain.errors import BusyError
from connector.domain.model import Activity, Change, CrmSchema, Enrollment, FieldInfo, Owner, Record, RecordRef
from connector.domain.storage import Store, UnitOfWork
from tests.contract.store_bench import (
    ANN,
    BEN,
    DAY,
    DEAL,
    MINUTE,
    NOW,
    _save_then_fail,
    action,
    planned,
    record,
    store,
    unit,
)

__all__ = ["store", "unit"]


# -- what was read ---------------------------------------------------------------------------------------------------


def test_every_kind_of_value_comes_back_as_it_was(unit: UnitOfWork) -> None:
    values = {
        "text": 'Zoë "quoted" \x00 \ud800 \U0001f600',
        "empty": "",
        "whole": 1,
        "big": 2**60,
        "half": 1.0,
        "tiny": 5e-324,
        "yes": True,
        "no": False,
        "nothing": None,
        "day": date(2026, 3, 2),
        "instant": datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    }
    before = Record(ANN, values, NOW, NOW + MINUTE, "7", frozenset({"phone"}), True, True, BEN)
    unit.save_records([before], NOW)
    after = unit.records([ANN, BEN])[ANN]
    assert after == before
    assert {name: type(value) for name, value in after.fields.items()} == {n: type(v) for n, v in values.items()}
    assert after.fields["instant"].tzinfo is UTC  # type: ignore[union-attr]


def test_a_naive_instant_is_refused(unit: UnitOfWork) -> None:
    with pytest.raises(TypeError):
        unit.save_records([record(called=datetime(2026, 3, 2))], NOW)  # noqa: DTZ001


def test_an_activity_comes_back_as_it_was(unit: UnitOfWork) -> None:
    plain = Activity("1", "note", (ANN,), NOW, "a")
    task = Activity(
        "2", "task", (ANN, BEN), NOW + MINUTE, "b", "outbound", "005A", "no answer", "Call", False,
        date(2026, 3, 4), NOW, "call", True, "call.12",
    )  # fmt: skip
    timed = Activity("3", "meeting", (ANN,), NOW + 2 * MINUTE, "c", due=NOW, subject="")
    unit.save_records([record(), record(BEN)], NOW)
    unit.save_activities([task, timed, plain])
    ann, ben = unit.states([ANN, BEN])
    assert ann.activities == (plain, task, timed)
    assert ben.activities == (task,)
    assert unit.activity_versions(["1", "2", "9"]) == {"1": "a", "2": "b"}


def test_first_seen_is_kept_when_a_record_is_read_again(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    unit.save_records([record(status="Working")], NOW + MINUTE)
    (state,) = unit.states([ANN])
    assert (state.first_seen, state.record.status) == (NOW, "Working")


def test_a_record_is_found_by_its_id_alone_and_with_its_kind(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(DEAL), record(RecordRef("salesforce", "contact", ANN.id))], NOW)
    assert unit.find(f"lead:{ANN.id}") == [ANN]
    assert unit.find(ANN.id) == [RecordRef("salesforce", "contact", ANN.id), ANN]
    assert unit.find(f"deal:{ANN.id}") == []
    assert unit.find("00Q") == []


def test_population_counts_neither_deleted_nor_merged_records_but_they_stay_stored(unit: UnitOfWork) -> None:
    gone = replace(record(BEN), deleted=True)
    merged = replace(record(RecordRef("salesforce", "lead", "3")), merged_into=ANN)
    unit.save_records([record(), record(DEAL), gone, merged], NOW)
    assert unit.population() == {"lead": 1, "deal": 1}
    assert unit.records([BEN])[BEN].deleted
    assert unit.mark_all_due("lead", NOW) == 1


def test_states_come_in_the_order_asked_for_beyond_one_statement(unit: UnitOfWork) -> None:
    refs = [RecordRef("salesforce", "lead", f"{i:04d}") for i in range(1000)]
    unit.save_records([record(ref) for ref in refs], NOW)
    unit.save_activities([Activity(f"a{ref.id}", "call", (ref,), NOW, "1") for ref in refs])
    wanted = refs[::-1]
    found = unit.states([*wanted, BEN])
    assert [state.record.ref for state in found] == wanted
    assert all(state.activities[0].id == f"a{state.record.ref.id}" for state in found)


def test_an_activity_read_again_replaces_its_earlier_reading_and_a_deleted_one_goes(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    first = Activity("1", "call", (ANN, BEN), NOW, "a")
    unit.save_activities([first, Activity("2", "call", (ANN,), NOW, "a")])
    unit.save_activities([replace(first, refs=(BEN,), version="b")])
    unit.save_activities([Activity("2", "call", (ANN,), NOW, "b", deleted=True)])
    ann, ben = unit.states([ANN, BEN])
    assert ann.activities == ()
    assert [activity.version for activity in ben.activities] == ["b"]
    assert unit.activity_versions(["2"]) == {}


def test_only_new_changes_are_news(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    one = Change("h1", ANN, "status", "New", "Open", NOW, actor="005A")
    two = Change("h2", ANN, "score", 1, None, NOW - MINUTE, origin="us", exact=False)
    assert unit.save_changes([one]) == (one,)
    assert unit.save_changes([one, replace(one, new="Lost")]) == ()
    assert set(unit.save_changes([one, two, replace(one, ref=BEN)])) == {two, replace(one, ref=BEN)}
    assert unit.states([ANN])[0].changes == (two, one)


def test_an_exact_change_refines_the_nearest_inexact_one_of_the_same_value(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    guess = Change("g1", ANN, "status", "New", "Open", NOW + MINUTE, origin="us", exact=False)
    later = replace(guess, id="g2", at=NOW + 60 * MINUTE)
    exact = Change("h1", ANN, "status", "New", "Open", NOW)
    unit.save_changes([guess, later, replace(guess, id="g3", new="Lost")])
    assert unit.save_changes([exact]) == (), "more precise is not news"
    stored = {change.id: change for change in unit.states([ANN])[0].changes}
    assert stored["g1"] == replace(guess, at=NOW, exact=True), "the id rules fired on, and whose write it was, stay"
    assert stored.keys() == {"g1", "g2", "g3"}
    assert unit.save_changes([exact]) == (), "the same history line must not eat a later guess"
    assert not unit.states([ANN])[0].changes[-1].exact
    assert [one.ref for one in unit.save_changes([replace(exact, id="h2", new="Working")])] == [ANN]


def test_a_claim_is_put_back_without_counting_as_an_attempt(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    planned(unit, action())
    for _ in range(20):
        [entry] = unit.claim("r1", 10, NOW, NOW + MINUTE)
        unit.put_back([entry.action.key], "the CRM was down", NOW)
    [entry] = unit.outbox(("pending",))
    assert (entry.attempts, entry.message) == (0, "the CRM was down")


def test_old_traces_and_long_deleted_records_are_forgotten(unit: UnitOfWork) -> None:
    gone = replace(record(ref=BEN), deleted=True, modified=NOW - 500 * DAY)
    unit.save_records([record(), gone], NOW)
    why = (Reason("if.status", True, "status is Open"),)
    unit.commit_plan(RecordPlan(ANN, (action(),), reasons={action().key: why}), "r1", NOW - 100 * DAY)
    assert unit.trace(action().key) == why
    [entry] = unit.claim("r1", 10, NOW, NOW + MINUTE)
    unit.settle([Receipt(entry.action.key, "confirmed", "00T1")], NOW - 95 * DAY)
    assert unit.prune(NOW - 90 * DAY, NOW - 400 * DAY) == 2
    assert unit.trace(entry.action.key) == ()
    assert set(unit.records([ANN, BEN])) == {ANN}


def test_enrolments_are_news_only_when_something_changed(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    joined = Enrollment(ANN, "welcome", NOW)
    assert unit.save_enrollments([joined]) == {ANN}
    assert unit.save_enrollments([joined, Enrollment(ANN, "welcome", None)]) == frozenset()
    assert unit.states([ANN])[0].enrollments == (joined,)
    assert unit.save_enrollments([Enrollment(ANN, "welcome", None, active=False)]) == {ANN}
    assert unit.states([ANN])[0].enrollments == (Enrollment(ANN, "welcome", NOW, active=False),)


def test_cursors_owners_schema_settings_and_runs_come_back_as_they_were(unit: UnitOfWork) -> None:
    assert (unit.cursor("leads"), unit.schema(), unit.setting("x")) == (None, None, None)
    unit.save_cursor("leads", "1")
    unit.save_cursor("leads", "2")
    ann = Owner("005A", "Ann", "ann@example.com", True, False, "005B", "77")
    assert unit.save_owners([ann])
    assert not unit.save_owners([ann])
    assert unit.save_owners([replace(ann, active=False)])
    schema = CrmSchema(
        "salesforce",
        {"lead": {"status": FieldInfo("status", "Status", "picklist", True, ("Open", "Lost"))}},
        {"new": "Open"},
        ("welcome",),
        {"lead": ("phone",)},
    )
    unit.save_schema(replace(schema, crm="hubspot"))
    unit.save_schema(schema)
    unit.save_setting("day", date(2026, 3, 2))
    started = RunSummary("r1", "salesforce", NOW, "run", None, None)
    ended = replace(started, finished=NOW + MINUTE, exit_code=3, counts={"read": {"calls": 2}}, message="held")
    unit.start_run(started)
    unit.start_run(replace(started, id="r2", now=NOW + MINUTE))
    unit.finish_run(ended)
    assert unit.cursor("leads") == "2"
    assert unit.owners() == [replace(ann, active=False)]
    assert unit.schema() == schema
    assert unit.setting("day") == date(2026, 3, 2)
    assert unit.runs(9) == [replace(started, id="r2", now=NOW + MINUTE), ended]
    assert [run.id for run in unit.runs(1)] == ["r2"]


# -- what is due -----------------------------------------------------------------------------------------------------


def test_a_deadline_is_only_ever_lowered_by_news(unit: UnitOfWork) -> None:
    unit.mark_due([ANN], NOW)
    unit.mark_due([ANN], NOW + MINUTE)
    assert unit.due(NOW, 10) == [ANN]
    unit.mark_due([ANN], NOW - MINUTE)
    assert unit.due(NOW - MINUTE, 10) == [ANN]
    assert unit.due(NOW - 2 * MINUTE, 10) == []


@pytest.mark.parametrize("count", [7, 100])
def test_due_records_come_page_by_page_in_the_order_of_their_refs(unit: UnitOfWork, count: int) -> None:
    refs = [RecordRef("hubspot", kind, f"{i:03d}") for kind in ("contact", "deal", "lead") for i in range(count)]
    unit.mark_due(refs[::-1], NOW)
    unit.mark_due([RecordRef("hubspot", "lead", "later")], NOW + MINUTE)
    seen: list[RecordRef] = []
    while page := unit.due(NOW, 3, seen[-1] if seen else None):
        assert len(page) <= 3
        seen += page
    assert seen == sorted(refs)


def test_all_records_of_a_kind_become_due_together(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN), record(DEAL)], NOW)
    unit.mark_due([BEN], NOW - MINUTE)
    assert unit.mark_all_due("lead", NOW) == 2
    assert unit.due(NOW, 10) == [ANN, BEN]
    assert unit.due(NOW - MINUTE, 10) == [BEN]


def test_a_committed_plan_sets_or_clears_the_deadline(unit: UnitOfWork) -> None:
    unit.mark_due([ANN, BEN], NOW)
    unit.commit_plan(RecordPlan(ANN, next_at=NOW + MINUTE), "run-1", NOW)
    unit.commit_plan(RecordPlan(BEN), "run-1", NOW)
    assert unit.due(NOW, 10) == []
    assert unit.due(NOW + MINUTE, 10) == [ANN]


# -- transactions and the lock ---------------------------------------------------------------------------------------


def test_an_exception_rolls_everything_back(store: Store) -> None:
    with pytest.raises(TypeError), store.begin() as unit:
        _save_then_fail(unit)
    with store.begin() as unit:
        assert unit.cursor("leads") is None
        unit.save_cursor("leads", "2")
    with store.begin() as unit:
        assert unit.cursor("leads") == "2"


def test_a_second_holder_of_the_lock_is_told_at_once(store: Store) -> None:
    with store.lock():
        with pytest.raises(BusyError, match=r"another run .*wait for it to end"), store.lock():
            raise AssertionError("two holders")
        with store.begin() as unit:
            unit.save_cursor("leads", "1")
    with store.lock():
        pass
