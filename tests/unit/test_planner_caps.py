"""What a pass plans for many: conflicts, caps, turns, and what is left for later."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import (
    ANA,
    BEN,
    EVA,
    OWNERS,
    PLACE,
    QUEUE,
    REF,
    adopted,
    at,
    call_task,
    enroll,
    lead,
    moment,
    rule,
    ruleset,
    schema,
    span,
    state,
    team,
)

from connector.domain.model import Record, Value
from rules.actions import OfferAction
from rules.basics import Place
from rules.model import Backfill, Created, Limit
from rules.rulebook import FileRulebook
from rules.team import Pool
from tests.plans import NOW, leads, marks, owners_of, reassign, ref, setting, world

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
