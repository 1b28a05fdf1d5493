"""What every store must do with offers, deleted tasks of ours, and what turns in a pool are weighed by."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from connector.domain.decision import Assignment, Reason, Receipt, RecordPlan
from connector.domain.model import Activity, Change, CrmSchema, Offer, RecordRef
from connector.domain.storage import UnitOfWork
from tests.contract.store_bench import ANN, BEN, DAY, DEAL, MINUTE, NOW, action, mark, record, store, unit

__all__ = ["store", "unit"]


def offer(ref: RecordRef = ANN, round: int = 1, at: datetime = NOW, **more: object) -> Offer:
    values = {"pool": "inbound", "person": "ben", "owner": "005B", "key": f"ask.{round}", **more}
    return Offer(ref, "ask", "created", round, at=at, until=at + DAY, **values)  # type: ignore[arg-type]


def offered(unit: UnitOfWork, *offers: Offer) -> None:
    unit.commit_plan(RecordPlan(offers[0].ref, offers=offers), "run-1", NOW)


def asked(round: int = 1, occasion: str = "created") -> tuple[RecordPlan, str]:
    write = replace(action(rule="ask", occasion=occasion), kind="offer")
    plan = RecordPlan(ANN, (write,), marks=(mark("ask", occasion),), offers=(offer(round=round, key=write.key),))
    return plan, write.key


# -- offers ------------------------------------------------------------------------------------------------------------


def test_offers_come_back_with_their_record_in_the_order_they_were_made(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    second = offer(round=2, at=NOW + MINUTE)
    offered(unit, second, offer())
    ann, ben = unit.states([ANN, BEN])
    assert ann.offers == (offer(), second)
    assert ben.offers == ()


def test_a_settled_offer_replaces_the_open_one_of_its_round(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    offered(unit, offer())
    accepted = offer(state="accepted", settled=NOW + MINUTE)
    offered(unit, accepted)
    assert unit.states([ANN])[0].offers == (accepted,)


def test_offers_are_told_from_the_instant_they_were_made_or_settled(unit: UnitOfWork) -> None:
    old = offer(BEN, at=NOW - 9 * DAY, state="expired", settled=NOW - 8 * DAY)
    late = offer(DEAL, at=NOW - 9 * DAY, state="accepted", settled=NOW)
    for one in (old, late, offer()):
        offered(unit, one)
    assert unit.offers(NOW - DAY) == [late, offer()]
    assert set(unit.offers()) == {old, late, offer()}


def test_an_offer_that_was_dropped_before_it_was_written_was_never_made(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    plan, key = asked()
    unit.commit_plan(plan, "run-1", NOW)
    unit.save_assignments([Assignment("inbound", "ben", ANN, "ask", NOW, "in turn")])
    unit.settle([Receipt(key, "dropped", message="the owner changed")], NOW)
    unit.remove_marks(ANN, "ask", "created")
    assert unit.states([ANN])[0].offers == ()
    assert unit.assignments() == []


@pytest.mark.parametrize("end", ["failed", "dead"])
def test_an_offer_that_cannot_be_written_has_run_out(unit: UnitOfWork, end: str) -> None:
    unit.save_records([record()], NOW)
    plan, key = asked()
    unit.commit_plan(plan, "run-1", NOW)
    for _ in range(8 if end == "dead" else 1):
        unit.settle([Receipt(key, "retry" if end == "dead" else "failed")], NOW + MINUTE)
    [found] = unit.states([ANN])[0].offers
    assert (found.state, found.settled) == ("expired", NOW + MINUTE)


@pytest.mark.parametrize("end", ["failed", "dead"])
def test_an_offer_behind_a_task_that_cannot_be_closed_was_never_made(unit: UnitOfWork, end: str) -> None:
    unit.save_records([record()], NOW)
    close = replace(action(rule="ask", occasion="created#2"), kind="amend")
    ask = replace(action(rule="ask", occasion="created#2", position=1), kind="offer")
    first, second = offer(state="expired", settled=NOW), offer(round=2, key=ask.key)
    unit.commit_plan(RecordPlan(ANN, (close, ask), offers=(first, second)), "run-1", NOW)
    unit.save_assignments([Assignment("inbound", "ben", ANN, "ask", NOW, "in turn")])
    for _ in range(8 if end == "dead" else 1):
        unit.settle([Receipt(close.key, "retry" if end == "dead" else "failed")], NOW + MINUTE)
    assert unit.states([ANN])[0].offers == (first,)
    assert unit.assignments() == []


def test_a_merge_takes_the_losers_offers_to_the_survivor(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    offered(unit, offer(BEN), offer(BEN, round=2))
    offered(unit, offer(ANN, round=2, person="cleo"))
    unit.move_history(BEN, ANN)
    ann, ben = unit.states([ANN, BEN])
    assert [(one.round, one.person) for one in ann.offers] == [(1, "ben"), (2, "cleo")]
    assert ben.offers == ()


def test_a_merge_keeps_what_a_rule_did_before_what_was_only_there_when_it_was_new(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    unit.commit_plan(RecordPlan(ANN, marks=(mark("in/1", kind="baseline"), mark("b"))), "run-1", NOW)
    begun = (mark("in/1"), mark("in/2", "step@created"), mark("b", kind="baseline"))
    unit.commit_plan(RecordPlan(BEN, marks=begun), "run-1", NOW)
    unit.move_history(BEN, ANN)
    [ann] = unit.states([ANN])
    assert {(one.rule, one.kind) for one in ann.marks} == {("in/1", "fired"), ("in/2", "fired"), ("b", "fired")}


def test_offers_of_long_deleted_records_are_forgotten(unit: UnitOfWork) -> None:
    unit.save_records([replace(record(), deleted=True)], NOW)
    offered(unit, offer())
    unit.prune(NOW, NOW + MINUTE)
    assert unit.offers() == []


# -- tasks of ours that a person deleted ---------------------------------------------------------------------------------


def test_a_deleted_task_of_ours_stays_and_is_marked_deleted(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    ours = Activity("1", "task", (ANN,), NOW, "a", done=False, key="ask.1", subject="Take it?")
    unit.save_activities([ours, Activity("2", "task", (ANN,), NOW, "a", done=False)])
    archived = [Activity(id_, "task", (), NOW + MINUTE, "archived", deleted=True) for id_ in "12"]
    unit.save_activities(archived)
    [kept] = unit.states([ANN])[0].activities
    assert kept == replace(ours, version="archived", deleted=True, ended=NOW + MINUTE)
    unit.save_activities(archived)
    assert unit.states([ANN])[0].activities == (kept,)
    assert unit.activity_refs(["1", "2"]) == {"1": [ANN]}


def test_a_restored_task_of_ours_is_open_again(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    ours = Activity("1", "task", (ANN,), NOW, "a", done=False, key="ask.1")
    unit.save_activities([ours])
    unit.save_activities([replace(ours, version="b", deleted=True)])
    unit.save_activities([replace(ours, version="c")])
    assert unit.states([ANN])[0].activities == (replace(ours, version="c"),)


def test_what_became_of_an_activity_comes_back_as_it_was(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    mail = Activity("1", "email", (ANN,), NOW, "a", opened=NOW + MINUTE, clicked=NOW + 2 * MINUTE)
    task = Activity("2", "task", (ANN,), NOW, "a", done=False, deferred=True, ended=NOW)
    unit.save_activities([mail, task])
    assert unit.states([ANN])[0].activities == (mail, task)


# -- what turns are weighed by -------------------------------------------------------------------------------------------


def test_a_line_of_the_ledger_keeps_the_shares(unit: UnitOfWork) -> None:
    line = Assignment("inbound", "ben", ANN, "ask", NOW, "in turn", {"ben": 0.25, "cleo": 0.75})
    unit.save_assignments([line])
    assert unit.assignments() == [line]


def test_loads_count_what_is_still_open(unit: UnitOfWork) -> None:
    def lead(number: int) -> RecordRef:
        return replace(ANN, id=f"00Q{number}")

    refs = [lead(number) for number in range(9)]
    unit.save_records(
        [
            record(refs[0]),
            record(refs[1], status="Working"),
            record(refs[2], status="closed - not converted"),
            record(refs[3], status="do_not_contact"),
            record(refs[4], closed=True),
            record(refs[5], owner="005B", closed=False),
            record(refs[6], owner=None),
            replace(record(refs[7]), converted=True),
            replace(record(refs[8]), deleted=True),
        ],
        NOW,
    )
    assert unit.loads() == {"005A": 3, "005B": 1}
    unit.save_schema(CrmSchema("salesforce", {}, {"unqualified": "Closed - Not Converted"}))
    assert unit.loads() == {"005A": 2, "005B": 1}


def test_a_company_is_known_by_those_who_own_or_owned_its_records(unit: UnitOfWork) -> None:
    gone = replace(ANN, id="00Q9")
    unit.save_records(
        [
            record(ANN, company="Weber Works"),
            record(BEN, company=" weber works ", owner="005B"),
            record(DEAL, company="WEBER WORKS", owner="005B"),
            replace(record(gone, company="Weber Works", owner="005Z"), deleted=True),
        ],
        NOW,
    )
    unit.save_changes([Change("1", ANN, "owner", "005C", "005A", NOW), Change("2", ANN, "status", "x", "y", NOW)])
    assert unit.company_owners(["Weber Works", "nobody"]) == {"weber works": ("005B", "005A", "005C")}
    assert unit.company_owners([]) == {}


def test_a_reason_keeps_what_was_seen_where_and_when(unit: UnitOfWork) -> None:
    told = Reason("if.status", True, "status is Working", "Working", "the CRM's history of status", NOW)
    plain = Reason("wait", True, "1 hour is over")
    unit.commit_plan(RecordPlan(ANN, (action(),), reasons={action().key: (told, plain)}), "run-1", NOW)
    assert unit.trace(action().key) == (told, plain)
