"""What a pass plans: conflicts, caps, turns in a pool, keys, marks, and what is left for later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from builders import (
    ANA,
    BEN,
    EVA,
    GUS,
    OWNERS,
    PLACE,
    QUEUE,
    REF,
    adopted,
    assigned,
    at,
    call_task,
    change,
    enroll,
    lead,
    moment,
    person,
    rule,
    ruleset,
    schema,
    span,
    state,
    team,
)

from connector.domain.actions import action_key
from connector.domain.model import (
    Assignment,
    FieldInfo,
    Mark,
    Plan,
    PlannedAction,
    Record,
    RecordPlan,
    RecordRef,
    RecordState,
    Value,
)
from rules.actions import OfferAction, ReassignAction, SetAction
from rules.basics import Place
from rules.model import Backfill, Created, FieldChange, Limit, Once, Rule
from rules.rulebook import FileRulebook
from rules.team import Absence, Pool, Team

NOW = "2026-03-04 10:00"  # a Wednesday


def ref(number: int) -> RecordRef:
    return RecordRef("salesforce", "lead", f"00Q{number:012d}AAA")


def leads(count: int, **fields: Value) -> list[Record]:
    """So many leads, each created an hour after the one before."""
    return [lead(f"2026-03-02 {number:02d}:00", ref=ref(number), **fields) for number in range(count)]


def reassign(pool: str | None = "inbound", to: str | None = None, **more: Any) -> ReassignAction:
    values = {"except_previous": False, "if_nobody": "hold", "note": None, **more}
    return ReassignAction(to=to, pool=None if to else pool, place=PLACE, **values)


def setting(**values: Any) -> SetAction:
    return SetAction(values, PLACE)


@dataclass
class World:
    """Rules and a team at an instant, long after the rules were adopted."""

    rules: tuple[Rule, ...]
    team: Team
    now: str

    def plan(self, records: Sequence[Record | RecordState], **more: Any) -> Plan:
        book = FileRulebook(ruleset(*self.rules, of=self.team))
        shown = {**schema().fields["lead"], "value": FieldInfo("value", "Value__c", "number")}
        assert book.bind(schema(fields={"lead": shown}), OWNERS) == ()
        known = [adopted("2020-01-01 00:00", rule=each.id) for each in self.rules]
        when = moment(self.now, *more.pop("adoptions", known), **more)
        states = [state(each) if isinstance(each, Record) else each for each in records]
        return book.plan(book.evaluate(states, when), when)

    def plan_of(self, record: Record | RecordState, **more: Any) -> RecordPlan:
        return self.plan([record], **more).records[0]


def world(*rules: Rule, of: Team | None = None, now: str = NOW) -> World:
    return World(rules, of or team(), now)


def kinds(actions: Sequence[PlannedAction]) -> list[str]:
    return [action.kind for action in actions]


def marks(plan: RecordPlan) -> list[tuple[str, str]]:
    return [(mark.rule, mark.kind) for mark in plan.marks]


def owners_of(plan: Plan) -> list[Value]:
    return [action.fields["owner"] for action in plan.actions if action.kind == "reassign"]


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


# -- two rules -----------------------------------------------------------------------------------------------------


def test_of_two_rules_that_want_the_owner_the_higher_priority_wins_and_the_loser_is_marked() -> None:
    low = rule(id="low", then=(reassign(to="ben"),), place=Place("a.yaml", 1, 1))
    high = rule(id="high", then=(reassign(to="eva"),), place=Place("b.yaml", 1, 1), priority=5)
    plan = world(low, high).plan([lead()])
    assert owners_of(plan) == [EVA.id]
    assert marks(plan.records[0]) == [("low", "lost"), ("high", "fired")]
    assert plan.notices == (f"{REF}: low lost to high over owner",)


def test_with_equal_priority_the_earlier_file_and_line_wins() -> None:
    second = rule(id="second", then=(enroll(),), place=Place("a.yaml", 9, 1))
    first = rule(id="first", then=(enroll(),), place=Place("a.yaml", 2, 1))
    later = rule(id="later", then=(enroll(),), place=Place("b.yaml", 1, 1))
    plan = world(second, first, later).plan_of(lead())
    assert sorted(marks(plan)) == [("first", "fired"), ("later", "lost"), ("second", "lost")]


def test_two_rules_may_set_one_field_to_the_same_value_but_not_to_different_ones() -> None:
    one = rule(id="one", then=(setting(status="interested"),))
    same = rule(id="same", then=(setting(status="Interested"), call_task()))
    other = rule(id="other", then=(setting(status="working"),), place=Place("z.yaml", 1, 1))
    plan = world(one, same, other).plan_of(lead())
    assert dict(marks(plan)) == {"one": "fired", "same": "fired", "other": "lost"}


def test_rules_that_want_different_things_do_not_get_in_each_others_way() -> None:
    plan = world(rule(id="a", then=(reassign(to="ben"),)), rule(id="b", then=(setting(country="DE"),))).plan_of(lead())
    assert sorted(marks(plan)) == [("a", "fired"), ("b", "fired")]


# -- caps ----------------------------------------------------------------------------------------------------------


def test_over_its_limit_a_rule_holds_the_younger_matches_with_their_actions() -> None:
    plan = world(rule(limit=Limit(per_run=2))).plan(leads(5)[::-1])
    assert [action.record for action in plan.actions] == [ref(0), ref(1)]
    held = [record for record in plan.records if record.held]
    assert [record.ref for record in held] == [ref(2), ref(3), ref(4)]
    assert all(marks(record) == [("r", "held")] for record in held)
    assert plan.held == ()
    assert plan.notices == ("r: 3 held, limit of 2 per run of r is reached; `followup release` lets the rest go",)
    assert plan.records[-1].reasons[plan.records[-1].held[0].key][-1].path == "limit"


def test_a_rule_that_stops_plans_nothing_at_all_and_stays_due() -> None:
    stop = Limit(per_run=2, on_exceed="stop")
    plan = world(rule(limit=stop)).plan(leads(3))
    assert plan.actions == ()
    assert [held.record for held in plan.held] == [ref(0), ref(1), ref(2)]
    assert all(record.marks == () and record.held == () for record in plan.records)
    assert {record.next_at for record in plan.records} == {at(NOW)}
    assert len(world(rule(limit=stop)).plan(leads(2)).actions) == 2


def test_a_share_is_of_all_records_of_the_kind_and_at_least_one() -> None:
    share = world(rule(limit=Limit(percent=10)))
    assert len(share.plan(leads(5), population={"lead": 20}).actions) == 2
    assert len(share.plan(leads(5), population={"lead": 3}).actions) == 1
    assert len(share.plan(leads(5)).actions) == 1


def test_what_an_owner_got_today_counts_towards_the_owners_day() -> None:
    limited = world(rule(limit=Limit(per_owner_day=2)))
    records = [*leads(3), lead("2026-03-03 09:00", ref=ref(9), owner=BEN.id)]
    assert [action.record for action in limited.plan(records).actions] == [ref(0), ref(1), ref(9)]
    earlier = {("r", ANA.id): 1, ("r", ""): 1}
    assert [action.record for action in limited.plan(records, fired_today=earlier).actions] == [ref(0), ref(9)]


def test_a_record_of_nobody_counts_for_no_owners_day() -> None:
    limited = world(rule(then=(setting(country="DE"),), limit=Limit(per_owner_day=1)))
    assert len(limited.plan(leads(3, owner=None), fired_today={("r", ""): 9}).actions) == 3


def test_an_owners_day_that_would_be_exceeded_stops_that_owners_records_alone() -> None:
    stop = world(rule(limit=Limit(per_owner_day=1, on_exceed="stop")))
    records = [*leads(2), lead("2026-03-03 09:00", ref=ref(9), owner=BEN.id)]
    plan = stop.plan(records)
    assert [action.record for action in plan.actions] == [ref(9)]
    assert [held.record for held in plan.held] == [ref(0), ref(1)]


def test_a_rule_without_a_limit_for_the_pass_has_the_workspaces() -> None:
    book_limit = Limit(per_run=1)
    book = FileRulebook(ruleset(rule(limit=Limit(per_owner_day=9)), limit=book_limit))
    when = moment(NOW)
    plan = book.plan(book.evaluate([state(each) for each in leads(3)], moment(NOW, owners=OWNERS)), when)
    assert len(plan.waiting) == 3  # nobody is known before the CRM is
    book.bind(schema(), OWNERS)
    plan = book.plan(book.evaluate([state(each) for each in leads(3)], when), when)
    assert [len(plan.actions), sum(len(record.held) for record in plan.records)] == [1, 2]


def test_what_is_held_takes_its_turns_in_the_pool_after_what_goes() -> None:
    held = rule(id="a-held", then=(reassign(),), limit=Limit(per_run=1))
    goes = rule(id="b-goes", when=Created(), then=(reassign(),), kind="lead")
    crew = team(pools={"inbound": Pool("inbound", ("ana", "ben"))})
    first = [lead(f"2026-03-02 {n:02d}:00", ref=ref(n), owner=QUEUE.id) for n in range(4)]
    plan = world(held, of=crew).plan(first)
    assert owners_of(plan) == [ANA.id]
    assert [record.held[0].fields["owner"] for record in plan.records if record.held] == [BEN.id, ANA.id, BEN.id]
    assert [line.person for line in plan.assignments] == ["ana", "ben", "ana", "ben"], "released, they are had"
    assert owners_of(world(goes, of=crew).plan(first)) == [ANA.id, BEN.id, ANA.id, BEN.id]


def test_offers_over_the_limit_are_made_in_a_later_pass_since_they_would_run_out_in_hold() -> None:
    offers = OfferAction("inbound", span(4, "hours"), PLACE)
    plan = world(rule(then=(offers,), limit=Limit(per_run=2))).plan(leads(3, owner=QUEUE.id))
    assert [action.record for action in plan.actions] == [ref(0), ref(1)]
    assert [each.record for each in plan.waiting] == [ref(2)]
    assert plan.waiting[0].why == "limit of 2 per run of r is reached; a later pass goes on"
    (last,) = [record for record in plan.records if record.ref == ref(2)]
    assert (last.held, last.marks, last.offers, last.next_at) == ((), (), (), at(NOW))


def test_a_match_that_waits_for_somebody_uses_up_none_of_the_limit() -> None:
    records = [lead("2026-03-02 01:00", ref=ref(1), owner=QUEUE.id), lead("2026-03-02 02:00", ref=ref(2))]
    plan = world(rule(limit=Limit(per_run=1))).plan(records)
    assert [action.record for action in plan.actions] == [ref(2)]


def valued(*values: Value, field: str = "value") -> list[Record]:
    return [lead(f"2026-03-02 {n:02d}:00", ref=ref(n), **{field: value}) for n, value in enumerate(values)]


@pytest.mark.parametrize("field", ["value", "score"])
def test_who_is_worth_most_is_served_first_where_the_limit_says_so(field: str) -> None:
    first = world(rule(limit=Limit(per_run=3, first=field)))  # type: ignore[arg-type]
    plan = first.plan(valued(10, None, 300, "20.5", 300, field=field))
    assert [action.record for action in plan.actions] == [ref(2), ref(4), ref(3)], "equals in the order of their due"
    assert [record.ref for record in plan.records if record.held] == [ref(0), ref(1)], "nothing known comes last"


def test_who_is_worth_most_has_the_first_turn_in_a_pool() -> None:
    crew = team(pools={"inbound": Pool("inbound", ("ana", "ben"))})
    best = world(rule(then=(reassign(),), limit=Limit(first="value", per_run=9)), of=crew)
    plan = best.plan([replace(each, fields={**each.fields, "owner": QUEUE.id}) for each in valued(1, 9, 5)])
    assert [line.ref for line in plan.assignments] == [ref(1), ref(2), ref(0)]


def test_a_rule_that_serves_the_worthiest_first_leaves_the_order_of_other_rules_alone() -> None:
    first = rule(id="a", limit=Limit(per_run=1, first="value"))
    other = rule(id="b", then=(setting(country="DE"),), limit=Limit(per_run=1))
    plan = world(first, other).plan(valued(1, 9))
    assert {(action.rule, action.record) for action in plan.actions} == {("a", ref(1)), ("b", ref(0))}


# -- what is older than the rule -----------------------------------------------------------------------------------


def test_a_spread_backfill_lets_so_many_go_per_day_and_the_rest_wait_for_midnight_utc() -> None:
    spread = rule(backfill=Backfill("spread", 2))
    new = [adopted(NOW, baselined=False)]
    plan = world(spread).plan(leads(4), adoptions=new)
    assert [action.record for action in plan.actions] == [ref(0), ref(1)]
    assert plan.waiting == (), "what was meant to come later is not held back"
    assert plan.notices == ("r: 2 older matches follow at 2 per day",)
    assert [record.next_at for record in plan.records if not record.actions] == [at("2026-03-05 00:00")] * 2
    plan = world(spread).plan(leads(4), adoptions=new, backfilled={"r": 1})
    assert len(plan.actions) == 1


def test_baseline_marks_of_the_decision_are_in_the_plan() -> None:
    plan = world(rule()).plan_of(lead(), adoptions=[adopted(NOW, baselined=False)])
    assert plan.actions == ()
    assert marks(plan) == [("r", "baseline")]
