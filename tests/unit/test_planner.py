"""What a pass plans for one match: keys, marks, and who gets it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from builders import (
    ANA,
    BEN,
    EVA,
    GUS,
    QUEUE,
    REF,
    assigned,
    at,
    call_task,
    change,
    lead,
    person,
    rule,
    span,
    state,
    team,
)

from connector.domain.actions import action_key
from connector.domain.decision import Assignment
from connector.domain.model import Mark
from rules.model import FieldChange, Once
from rules.team import Absence, Pool
from tests.plans import NOW, kinds, leads, marks, owners_of, reassign, ref, setting, world

# -- one match -----------------------------------------------------------------------------------------------------


def test_a_match_becomes_its_actions_in_order_with_keys_of_their_positions_and_a_fired_mark() -> None:
    plan = world(rule(then=(setting(status="Interested"), call_task()))).plan_of(lead())
    assert kinds(plan.actions) == ["set", "task"]
    assert [action.key for action in plan.actions] == [action_key("r", REF, "created", n) for n in (0, 1)]
    assert marks(plan) == [("r", "fired")]
    assert plan.marks[0] == Mark("r", "created", "", at(NOW), "fired")


def test_the_verdicts_reasons_stand_under_each_actions_key() -> None:
    plan = world(rule()).plan_of(lead())
    (action,) = plan.actions
    assert [reason.path for reason in plan.reasons[action.key]] == ["when.created"]


def test_a_record_without_matches_still_gets_its_plan_with_its_deadline() -> None:
    plan = world(rule(wait=span(5, "days"))).plan_of(lead())
    assert plan.actions == ()
    assert plan.next_at == at("2026-03-07 09:00")


def test_an_occasion_still_to_come_is_the_deadline_of_a_record_whose_rule_fires_now() -> None:
    becomes = FieldChange("becomes", "status", ("Interested",))
    twice = state(
        lead(status="Interested"),
        change("status", "New", "Interested", "2026-03-02 10:00"),
        change("status", "Interested", "New", "2026-03-03 12:00"),
        change("status", "New", "Interested", "2026-03-04 09:00"),
    )
    plan = world(rule(becomes, wait=span(1, "days"), once=Once("occasion"))).plan_of(twice)
    assert marks(plan) == [("r", "fired")]
    assert plan.next_at == at("2026-03-05 09:00")


def test_a_later_action_sees_what_the_ones_before_it_will_have_written() -> None:
    then = (setting(status="Interested"), reassign(to="ben"), call_task())
    first, second, third = world(rule(then=then)).plan_of(lead()).actions
    assert first.old == {"status": "Open - Not Contacted"}
    assert first.saw["status"] == "Open - Not Contacted"
    assert second.saw["status"] == "Interested"
    assert second.saw["before.status"] == "Open - Not Contacted"
    assert second.old == {"owner": ANA.id, "owner_name": ANA.name}
    assert third.fields["owner"] == BEN.id
    assert third.saw["owner"] == BEN.id


def test_what_stands_there_already_is_left_out_and_the_positions_of_the_others_stay() -> None:
    then = (setting(status="Open - Not Contacted", country="DE"), reassign(to="ana"), call_task())
    plan = world(rule(then=then)).plan_of(lead(country="FR"))
    assert [(action.kind, action.position) for action in plan.actions] == [("set", 0), ("task", 2)]
    assert plan.actions[0].fields == {"country": "DE"}


def test_a_match_that_would_change_nothing_counts_as_done() -> None:
    plan = world(rule(then=(reassign(to="ana"),))).plan_of(lead())
    assert plan.actions == ()
    assert marks(plan) == [("r", "fired")]


def test_a_hidden_opt_out_is_not_among_what_the_rule_saw() -> None:
    (action,) = world(rule()).plan_of(lead(hidden=["opted_out"])).actions
    assert set(action.saw) == {"owner", "status"}


# -- who -----------------------------------------------------------------------------------------------------------


def test_a_task_goes_to_the_owner_the_manager_the_source_rep_or_a_named_person() -> None:
    crew = team(person("ana", manager="eva"))
    of_ben = state(lead(), assigned(ANA, "2026-03-03 10:00", old=BEN))
    takers = {}
    for to in ("owner", "manager", "source_rep", "eva"):
        (action,) = world(rule(then=(call_task(to),)), of=crew).plan_of(of_ben).actions
        takers[to] = action.fields["owner"]
    assert takers == {"owner": ANA.id, "manager": EVA.id, "source_rep": BEN.id, "eva": EVA.id}


def test_a_task_for_an_owner_who_cannot_act_waits_and_the_record_stays_due() -> None:
    for owner, fault in ((GUS.id, "is inactive"), (QUEUE.id, "is a queue"), (None, "is nobody the CRM knows")):
        plan = world(rule()).plan([lead(owner=owner)])
        assert plan.actions == ()
        assert plan.records[0].marks == ()
        assert plan.records[0].next_at == at(NOW)
        (waiting,) = plan.waiting
        assert waiting.why == f"the owner {fault}; name a person in `to`"


def test_an_action_that_finds_nobody_takes_the_whole_match_with_it() -> None:
    plan = world(rule(then=(setting(status="Interested"), call_task()))).plan([lead(owner=QUEUE.id)])
    assert plan.actions == ()


def test_a_pool_hands_out_in_turn_oldest_match_first_and_writes_the_ledger() -> None:
    crew = team(pools={"inbound": Pool("inbound", ("ana", "ben", "eva"))})
    plan = world(rule(then=(reassign(),)), of=crew).plan(leads(4, owner=QUEUE.id)[::-1])
    first, second, third, again = owners_of(plan)
    assert {first, second, third} == {ANA.id, BEN.id, EVA.id}
    assert again == first
    crm_id = {"ana": ANA.id, "ben": BEN.id, "eva": EVA.id}
    assert [crm_id[line.person] for line in plan.assignments] == owners_of(plan)
    assert [line.ref for line in plan.assignments] == [ref(number) for number in range(4)]


def test_a_pool_goes_on_where_the_ledger_ends() -> None:
    ledger = (Assignment("inbound", "ana", REF, "r", at("2026-03-01 10:00"), "a turn"),)
    plan = world(rule(then=(reassign(),))).plan(leads(1, owner=QUEUE.id), assignments=ledger)
    assert owners_of(plan) == [BEN.id]


def test_previous_owners_are_passed_over_when_the_rule_says_so() -> None:
    crew = team(pools={"inbound": Pool("inbound", ("ben", "eva"))})
    had_ben = state(lead(), assigned(ANA, "2026-03-03 10:00", old=BEN, origin="us"))
    for except_previous, takers in ((False, {BEN.id, EVA.id}), (True, {EVA.id})):
        moves = world(rule(then=(reassign(except_previous=except_previous),)), of=crew)
        of_everybody = [replace(had_ben, record=lead(ref=ref(number))) for number in range(12)]
        assert set(owners_of(moves.plan(of_everybody))) == takers


def test_with_nobody_left_the_match_waits_or_goes_to_the_queue() -> None:
    crew = team(pools={"inbound": Pool("inbound", ("ana", "gus"))})
    plan = world(rule(then=(reassign(),)), of=crew).plan([lead()])
    assert plan.actions == ()
    assert plan.assignments == ()
    assert plan.records[0].next_at == at(NOW)
    assert plan.waiting[0].why == "nobody in pool inbound can take it today"
    queued = world(rule(then=(reassign(if_nobody="inbound queue"),)), of=crew).plan([lead()])
    assert owners_of(queued) == [QUEUE.id]


def test_nothing_is_reassigned_to_an_absent_person() -> None:
    away = person("ben", away=(Absence(date(2026, 3, 4), date(2026, 3, 4)),))
    plan = world(rule(then=(reassign(to="ben"),)), of=team(away)).plan([lead()])
    assert plan.actions == ()
    assert plan.waiting[0].why == "ben is away today"


def test_a_task_for_somebody_away_goes_to_their_cover_else_to_their_manager_and_says_for_whom() -> None:
    away = (Absence(date(2026, 3, 3), date(2026, 3, 5)),)
    ana = person("ana", away=away, cover="ben", manager="eva")
    ben_away = person("ben", away=away)
    for people, taker in (((ana,), BEN), ((ana, ben_away), EVA), ((replace(ana, cover=None),), EVA)):
        (action,) = world(rule(), of=team(*people)).plan_of(lead()).actions
        assert action.fields["owner"] == taker.id
        assert "For Ana Alvarez, who is away until 2026-03-05." in str(action.fields["body"]).splitlines()
        assert action.saw["owner"] == ANA.id, "the record stays with its owner"
    nobody = team(replace(ana, manager=None), ben_away)
    assert world(rule(), of=nobody).plan_of(lead()).actions[0].fields["owner"] == ANA.id
    later = replace(call_task(), due=span(2, "business days"))
    (stays,) = world(rule(then=(later,)), of=team(ana)).plan_of(lead()).actions
    assert stays.fields["owner"] == ANA.id, "due when Ana is back"
    assert "away" not in str(stays.fields["body"])


def test_the_trace_of_a_reassignment_says_why_this_person() -> None:
    plan = world(rule(then=(setting(country="DE"), reassign()))).plan([lead(owner=QUEUE.id)])
    first, second = plan.actions
    line = plan.assignments[0]
    assert line.why == "whose turn it is: none so far, share 50 %"
    assert line.shares == {"ana": 0.5, "ben": 0.5}
    reasons = plan.records[0].reasons
    assert (reasons[second.key][-1].path, reasons[second.key][-1].text) == ("then.1", f"{line.person}, {line.why}")
    assert [reason.path for reason in reasons[first.key]] == ["when.created"]


def test_an_action_may_hand_out_otherwise_than_its_pool_does() -> None:
    skilled = team(person("ana", skills=("DE",)), pools={"inbound": Pool("inbound", ("ana", "ben", "eva"))})
    action = reassign(how="match", match=("skill",))
    plan = world(rule(then=(action,)), of=skilled).plan(leads(3, owner=QUEUE.id, country="DE"))
    assert owners_of(plan) == [ANA.id] * 3
    busy = world(rule(then=(reassign(how="least_loaded"),)), of=skilled)
    plan = busy.plan(leads(4, owner=QUEUE.id), loads={ANA.id: 5, BEN.id: 3, EVA.id: 4})
    assert owners_of(plan) == [BEN.id, *owners_of(plan)[1:]]
    assert sorted(map(str, owners_of(plan)[1:3])) == sorted([BEN.id, EVA.id])
