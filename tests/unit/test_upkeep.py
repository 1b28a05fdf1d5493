"""Offers, one record at a time: how they stand, what is done about them, and when that is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connector.domain.actions import action_key
from connector.domain.model import RecordState
from rules.model import DuringTest
from tests.builders import (
    ANA,
    BEN,
    EVA,
    GUS,
    PLACE,
    QUEUE,
    REF,
    adopted,
    assigned,
    at,
    change,
    field_is,
    lead,
    mark,
    moment,
    state,
    text,
)
from tests.offered import (
    FIRST,
    LATE,
    MADE,
    UNTIL,
    asked,
    book,
    crew,
    kinds,
    no_owner,
    offer,
    offer_rule,
    only,
    planned,
)

# -- the first offer ---------------------------------------------------------------------------------------------------


def test_an_offer_is_a_task_a_row_and_a_line_of_the_ledger() -> None:
    rulebook = book(of=crew("ben"))
    when = moment(MADE)
    plan = rulebook.plan(rulebook.evaluate([state(no_owner())], when), when)
    action, [record] = only(plan, "offer"), plan.records
    assert action.key == FIRST
    assert action.fields["owner"] == BEN.id
    assert (action.fields["pool"], action.fields["person"], action.fields["type"]) == ("inbound", "ben", "todo")
    assert action.fields["until"] == action.fields["due"] == at(UNTIL)
    assert record.offers == (offer(BEN),)
    assert record.next_at == at(UNTIL)
    [line] = plan.assignments
    assert (line.person, line.shares) == ("ben", {"ben": 1.0})
    body = str(action.fields["body"])
    assert "Complete this task to take Pat Prospect." in body
    assert "Deferred or delete" in body
    assert "2026-03-02 14:00 (Europe/Berlin)" in body


def test_whoever_owns_the_record_is_not_asked_for_it() -> None:
    rulebook = book(of=crew("ana", "ben"))
    when = moment(MADE)
    plan = rulebook.plan(rulebook.evaluate([state(lead(owner=ANA.id))], when), when)
    assert only(plan, "offer").fields["owner"] == BEN.id


@pytest.mark.parametrize(("if_nobody", "kind"), [("hold", None), (QUEUE.name, "reassign")])
def test_when_nobody_can_be_asked_the_record_waits_or_goes_to_a_queue(if_nobody: str, kind: str | None) -> None:
    rulebook = book(offer_rule(if_nobody=if_nobody), of=crew("gus"))
    when = moment(MADE)
    plan = rulebook.plan(rulebook.evaluate([state(lead())], when), when)
    assert kinds(plan) == ([kind] if kind else [])
    assert [each.why for each in plan.waiting] == ([] if kind else ["nobody in pool inbound can be asked today"])


def test_a_record_that_is_on_offer_is_not_offered_by_another_rule() -> None:
    other = replace(offer_rule(), id="s")
    rulebook = book(other, offer_rule())
    when = moment(LATE, adopted("2020-01-01 00:00", rule="s"))
    verdict = rulebook.evaluate([state(no_owner(), offer())], when)[0].verdicts[0]
    assert (verdict.outcome, verdict.reasons[-1].text) == ("blocked", "it is on offer to ana already")


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_an_open_offer_is_left_in_peace_until_its_hour() -> None:
    rulebook = book()
    of_record = state(no_owner(), mark("fired", "created", MADE), offer(), asked())
    [decision] = rulebook.evaluate([of_record], moment("2026-03-02 12:59"))
    assert not decision.upkeep
    assert decision.next_at == at(UNTIL)
    assert rulebook.plan([decision], moment("2026-03-02 12:59")).actions == ()


# -- the answer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("now", ["2026-03-02 11:00", LATE])
def test_a_completed_task_makes_the_rep_the_owner_even_late(now: str) -> None:
    done = asked(done=True, ended=at("2026-03-02 10:30"))
    plan = planned(now, no_owner(), offer(), done, rules=[offer_rule(note=text("Yours"))])
    action, [record] = only(plan, "reassign"), plan.records
    assert (action.fields["owner"], action.fields["note"]) == (ANA.id, "Yours")
    assert action.old == {"owner": QUEUE.id, "owner_name": QUEUE.name}
    assert action.occasion == f"accept@{FIRST}"
    assert record.offers == (offer(state="accepted", settled=at("2026-03-02 10:30")),)
    assert record.next_at == at(now), "what waits for the acceptance is looked at at once"


def test_who_did_the_task_gets_the_record_and_not_who_was_asked() -> None:
    plan = planned(LATE, no_owner(), offer(), asked(done=True, actor=EVA.id))
    assert only(plan, "reassign").fields["owner"] == EVA.id


def test_an_acceptance_whose_hand_over_was_dropped_is_carried_out_later() -> None:
    plan = planned(LATE, no_owner(), offer(state="accepted"), asked(done=True))
    assert kinds(plan) == ["reassign"]
    assert plan.records[0].offers == ()


def test_a_record_that_is_the_reps_already_needs_no_hand_over() -> None:
    plan = planned(LATE, lead(owner=ANA.id), offer(), asked(done=True))
    assert kinds(plan) == []
    assert [each.state for each in plan.records[0].offers] == ["accepted"]


def test_who_accepted_and_left_the_company_is_told_to_a_person() -> None:
    gone = replace(offer(), owner=GUS.id)
    plan = planned(LATE, no_owner(), gone, asked(done=True, actor=GUS.id))
    assert kinds(plan) == []
    assert "not active" in plan.waiting[0].why


@pytest.mark.parametrize("how", [{"deferred": True}, {"deleted": True, "ended": at("2026-03-02 10:00")}])
def test_a_task_put_aside_or_deleted_is_a_no_and_the_next_one_is_asked(how: dict[str, object]) -> None:
    plan = planned("2026-03-02 11:00", no_owner(), offer(), asked(**how))
    settled, fresh = plan.records[0].offers
    assert settled.state == "rejected"
    assert settled.settled == (at("2026-03-02 11:00") if "deferred" in how else at("2026-03-02 10:00"))
    assert (fresh.round, fresh.owner != ANA.id) == (2, True)
    assert kinds(plan) == (["amend", "offer"] if "deferred" in how else ["offer"])
    if "deferred" in how:
        assert str(only(plan, "amend").fields["subject"]).startswith("Declined: ")


def test_silence_until_the_hour_closes_the_task_and_asks_the_next_one() -> None:
    plan = planned(UNTIL, no_owner(), offer(), asked())
    settled, fresh = plan.records[0].offers
    assert (settled.state, settled.settled) == ("expired", at(UNTIL))
    close, ask = plan.actions
    assert (close.kind, close.fields) == (
        "amend",
        {"task": "t1", "subject": "Not taken in time: Take Pat?", "done": True},
    )
    assert (ask.kind, ask.key) == ("offer", fresh.key)
    assert close.occasion == ask.occasion == "created#2"
    assert close.position < ask.position, "a task that cannot be closed any more keeps the next one from being asked"
    assert fresh.until == at("2026-03-02 17:00")
    assert [line.person for line in plan.assignments] == [fresh.person]


def test_a_task_that_never_reached_the_crm_is_not_closed() -> None:
    assert kinds(planned(LATE, no_owner(), offer())) == ["offer"]


def test_nobody_is_asked_twice_in_one_occasion() -> None:
    rounds = (offer(ANA, 1, state="rejected"), offer(BEN, 2, state="expired"))
    plan = planned("2026-03-02 15:00", no_owner(), *rounds, asked(BEN, 2))
    assert plan.records[0].offers[0].owner == EVA.id
    after = planned(
        "2026-03-03 15:00", no_owner(), *rounds, offer(EVA, 3, state="expired"), asked(EVA, 3), of=crew("ana", "ben")
    )
    assert kinds(after) == []


def test_our_own_closing_of_a_task_is_nobodys_acceptance() -> None:
    closed = asked(done=True, subject="Not taken in time: Take Pat?")
    plan = planned(LATE, no_owner(), offer(state="expired"), closed)
    assert kinds(plan) == ["offer"]


def test_an_answer_that_was_taken_back_before_the_next_one_was_asked_counts() -> None:
    plan = planned(LATE, no_owner(), offer(state="rejected"), asked(done=True), of=crew("ana"))
    assert only(plan, "reassign").fields["owner"] == ANA.id


# -- nobody left -------------------------------------------------------------------------------------------------------


def test_with_nobody_left_the_record_waits_stays_due_and_keeps_its_task() -> None:
    plan = planned(LATE, no_owner(), offer(state="expired"), asked(), of=crew("ana"))
    assert plan.actions == ()
    assert plan.waiting[0].why == "nobody of pool inbound is left to ask; the last task can still be taken"
    assert plan.records[0].next_at == at(LATE)


def test_with_nobody_left_a_queue_gets_it_once_and_the_task_is_closed() -> None:
    rules = [offer_rule(if_nobody=QUEUE.name)]
    plan = planned(LATE, lead(owner=EVA.id), offer(state="expired"), asked(), rules=rules, of=crew("ana"))
    assert (only(plan, "reassign").fields["owner"], only(plan, "amend").fields["done"]) == (QUEUE.id, True)
    closed = asked(done=True, subject="Not taken in time: Take Pat?")
    again = planned(LATE, no_owner(), offer(state="expired"), closed, rules=rules, of=crew("ana"))
    assert (again.actions, again.waiting) == ((), ())


def test_a_rule_that_names_a_queue_the_crm_does_not_have_does_not_run() -> None:
    rulebook = book(offer_rule(if_nobody="Nowhere"), of=crew("ana"))
    assert not rulebook.rules
    assert "Nowhere" in str(rulebook.problems[0])


def test_a_rule_whose_conditions_no_longer_hold_asks_nobody_else() -> None:
    barred = replace(offer_rule(), unless=field_is("country", "FR", path="unless.country"))
    plan = planned(LATE, no_owner(country="FR"), offer(), asked(), rules=[barred])
    assert kinds(plan) == []
    assert [each.state for each in plan.records[0].offers] == ["expired"]


def test_an_offer_that_waits_for_a_condition_is_looked_at_when_time_may_change_it() -> None:
    office_hours = replace(offer_rule(), if_=DuringTest("berlin", "if.during", PLACE))
    of_record = state(no_owner(), mark("fired", "created", MADE), offer(state="expired"), asked())
    [decision] = book(office_hours).evaluate([of_record], moment("2026-03-02 20:00"))
    assert decision.upkeep
    assert decision.next_at == at("2026-03-03 08:00")
    assert kinds(planned("2026-03-03 08:00", no_owner(), offer(state="expired"), asked(), rules=[office_hours])) == [
        "amend",
        "offer",
    ]


# -- withdrawn ---------------------------------------------------------------------------------------------------------


def test_a_record_somebody_gave_away_by_hand_is_withdrawn() -> None:
    moved = change("owner", QUEUE.id, EVA.id, "2026-03-02 10:00")
    plan = planned("2026-03-02 10:30", lead(owner=EVA.id), moved, offer(), asked())
    assert only(plan, "amend").fields["subject"] == "Withdrawn: Take Pat?"
    assert plan.records[0].offers == (offer(state="expired", settled=at("2026-03-02 10:30")),)
    closed = asked(done=True, subject="Withdrawn: Take Pat?")
    after = planned(LATE, lead(owner=EVA.id), moved, offer(state="expired"), closed)
    assert (after.actions, after.waiting) == ((), ())


def test_another_rules_hand_over_withdraws_it_and_our_own_does_not() -> None:
    ours = replace(
        change("owner", ANA.id, QUEUE.id, "2026-03-02 09:00:05", origin="us"),
        id=f"{action_key('r', REF, 'o', 0)}#owner",
    )
    theirs = replace(ours, id=f"{action_key('other', REF, 'o', 0)}#owner")
    assert kinds(planned("2026-03-02 10:00", no_owner(), ours, offer(), asked())) == []
    assert kinds(planned("2026-03-02 10:00", no_owner(), theirs, offer(), asked())) == ["amend"]


@pytest.mark.parametrize(("fate", "expected"), [("converted", ["amend"]), ("deleted", [])])
def test_a_record_that_is_gone_is_not_on_offer_any_more(fate: str, expected: list[str]) -> None:
    gone = replace(no_owner(), **{fate: True})
    plan = planned("2026-03-02 10:00", gone, offer(), asked())
    assert kinds(plan) == expected
    assert [each.state for each in plan.records[0].offers] == ["expired"]


def test_offers_of_a_rule_that_does_not_run_any_more_are_left_alone() -> None:
    rulebook = book(replace(offer_rule(), id="other"))
    [decision] = rulebook.evaluate([state(no_owner(), offer(), asked(done=True))], moment(LATE))
    assert not decision.upkeep


# -- fairness ----------------------------------------------------------------------------------------------------------


def test_who_was_asked_in_this_pass_is_not_asked_for_everything() -> None:
    """Ten records whose offers ran out at once are spread over the two who are left, by the ledger."""
    rulebook = book()
    states = []
    for number in range(10):
        ref = replace(REF, id=f"00Q{number:015}")
        own = replace(offer(), ref=ref, key=action_key("r", ref, "created", 0))
        states.append(
            RecordState(replace(no_owner(), ref=ref), at(MADE), marks=(mark("fired", "created", MADE),), offers=(own,))
        )
    plan = rulebook.plan(rulebook.evaluate(states, moment(LATE)), moment(LATE))
    taken = [line.person for line in plan.assignments]
    assert sorted(taken) == ["ben"] * 5 + ["eva"] * 5
    assert all(each.until - each.at >= timedelta(hours=3) for record in plan.records for each in record.offers[1:])


def test_a_record_is_looked_at_again_when_an_offer_made_later_runs_out() -> None:
    settled = offer(state="expired", settled=at(UNTIL))
    plan = planned("2026-03-02 15:00", no_owner(), settled, asked())
    assert kinds(plan) == ["amend", "offer"]
    [asked_next] = plan.records[0].offers
    assert plan.records[0].next_at == asked_next.until == at("2026-03-03 10:00")


def test_whoever_had_the_record_before_is_not_asked_where_the_rule_says_so() -> None:
    had = (assigned(ANA, "2026-03-02 09:30"), change("owner", ANA.id, QUEUE.id, "2026-03-02 10:00"))
    fresh = book(offer_rule(except_previous=True))
    of, when = state(no_owner(), *had), moment("2026-03-02 11:00")
    plan = fresh.plan(fresh.evaluate([of], when), when)
    assert only(plan, "offer").fields["owner"] == BEN.id
    whoever = book(offer_rule(except_previous=False))
    assert only(whoever.plan(whoever.evaluate([of], when), when), "offer").fields["owner"] == ANA.id


def test_an_owner_given_before_the_last_round_was_asked_is_another_owner_all_the_same() -> None:
    taken = change("owner", QUEUE.id, EVA.id, "2026-03-02 12:00")
    first = offer(state="expired", settled=at(UNTIL))
    second = offer(BEN, 2, UNTIL, "2026-03-03 09:00")
    plan = planned("2026-03-02 14:00", lead(owner=EVA.id), taken, first, second, asked(BEN, 2))
    assert kinds(plan) == ["amend"]
    assert str(only(plan, "amend").fields["subject"]).startswith("Withdrawn: ")
