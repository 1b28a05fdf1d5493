"""What every store must do, whatever database is under it. FOLLOWUP_TEST_POSTGRES names a PostgreSQL to run it on too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from connector.domain.actions import action_key
from connector.domain.errors import BusyError
from connector.domain.model import (
    Activity,
    Adoption,
    Assignment,
    Change,
    CrmSchema,
    Enrollment,
    FieldInfo,
    Mark,
    Owner,
    PlannedAction,
    Reason,
    Receipt,
    Record,
    RecordPlan,
    RecordRef,
    RunSummary,
)
from connector.domain.ports import Store, UnitOfWork
from connector.store import open_store

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ANN = RecordRef("salesforce", "lead", "00Q000000000001AAA")
BEN = RecordRef("salesforce", "lead", "00Q000000000002AAA")
DEAL = RecordRef("salesforce", "deal", "006000000000001AAA")
POSTGRES = os.environ.get("FOLLOWUP_TEST_POSTGRES")


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a store does not wait")


@pytest.fixture(params=["file", "memory", *(["postgres"] if POSTGRES else [])])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgres":
        assert POSTGRES is not None
        schema = f"followup_test_{uuid4().hex[:12]}"
        admin = create_engine(POSTGRES)
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
        opened = open_store(url.render_as_string(hide_password=False), clock=FixedClock())
        yield opened
        opened.close()
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        admin.dispose()
        return
    opened = open_store(
        "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/state.db", clock=FixedClock()
    )
    yield opened
    opened.close()


@pytest.fixture
def unit(store: Store) -> Iterator[UnitOfWork]:
    with store.begin() as opened:
        yield opened


def record(ref: RecordRef = ANN, **fields: object) -> Record:
    return Record(ref, {"owner": "005A", "status": "Open", **fields}, NOW, NOW, "v1")  # type: ignore[dict-item]


def action(ref: RecordRef = ANN, position: int = 0, rule: str = "call", occasion: str = "created") -> PlannedAction:
    return PlannedAction(
        key=action_key(rule, ref, occasion, position),
        rule=rule,
        record=ref,
        kind="task",
        fields={"subject": "Call", "due": NOW, "day": date(2026, 3, 3)},
        old={"status": None},
        why="Somebody should call",
        occasion=occasion,
        position=position,
        saw={"owner": "005A", "opted_out": False},
    )


def mark(rule: str = "call", occasion: str = "created", kind: str = "fired", at: datetime = NOW) -> Mark:
    return Mark(rule, occasion, "", at, kind)  # type: ignore[arg-type]


def planned(unit: UnitOfWork, *actions: PlannedAction, held: tuple[PlannedAction, ...] = ()) -> None:
    ref = (*actions, *held)[0].record
    unit.commit_plan(RecordPlan(ref, actions, held), "run-1", NOW)


def _save_then_fail(unit: UnitOfWork) -> None:
    unit.save_cursor("leads", "1")
    unit.save_records([record(called=NOW.replace(tzinfo=None))], NOW)


def states(unit: UnitOfWork) -> dict[str, str]:
    return {entry.action.key: entry.state for entry in unit.outbox()}


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
    assert unit.save_changes([one]) == {ANN}
    assert unit.save_changes([one, replace(one, new="Lost")]) == frozenset()
    assert unit.save_changes([one, two, replace(one, ref=BEN)]) == {ANN, BEN}
    assert unit.states([ANN])[0].changes == (two, one)


def test_an_exact_change_refines_the_nearest_inexact_one_of_the_same_value(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    guess = Change("g1", ANN, "status", "New", "Open", NOW + MINUTE, origin="us", exact=False)
    later = replace(guess, id="g2", at=NOW + 60 * MINUTE)
    exact = Change("h1", ANN, "status", "New", "Open", NOW)
    unit.save_changes([guess, later, replace(guess, id="g3", new="Lost")])
    assert unit.save_changes([exact]) == frozenset(), "more precise is not news"
    stored = {change.id: change for change in unit.states([ANN])[0].changes}
    assert stored["g1"] == replace(guess, at=NOW, exact=True), "the id rules fired on, and whose write it was, stay"
    assert stored.keys() == {"g1", "g2", "g3"}
    assert unit.save_changes([exact]) == frozenset(), "the same history line must not eat a later guess"
    assert not unit.states([ANN])[0].changes[-1].exact
    assert unit.save_changes([replace(exact, id="h2", new="Working")]) == {ANN}


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
    unit.commit_plan(RecordPlan(BEN, (action(BEN),), marks=(mark(), mark("mail"))), "run-1", NOW)
    unit.commit_plan(RecordPlan(ANN, marks=(mark(kind="baseline"),)), "run-1", NOW)
    planned(unit, action(BEN, rule="done"))
    unit.settle([Receipt(action(BEN, rule="done").key, "confirmed")], NOW)
    unit.mark_due([BEN], NOW)
    unit.move_history(BEN, ANN)
    ann, ben = unit.states([ANN, BEN])
    assert (ben.activities, ben.enrollments, ben.marks) == ((), (), ())
    assert [activity.refs for activity in ann.activities] == [(ANN,), (ANN, DEAL)]
    assert ann.enrollments == (Enrollment(ANN, "news", None), Enrollment(ANN, "welcome", NOW))
    assert ann.marks == (mark(kind="baseline"), mark("mail"))
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
