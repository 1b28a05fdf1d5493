"""Offers and open tasks where something else happens to the record as well: queues, edited rules, refusals, absences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from connector.domain.actions import action_key
from connector.domain.decision import PlannedAction
from connector.domain.model import Activity, RecordRef, RecordState
from rules.model import Created
from rules.rulebook import FileRulebook
from rules.team import Absence, Team
from tests.builders import (
    ANA,
    BEN,
    EVA,
    OWNERS,
    QUEUE,
    REF,
    adopted,
    at,
    lead,
    mark,
    moment,
    person,
    rule,
    ruleset,
    schema,
    state,
    task,
    team,
)
from tests.offered import (
    LATE,
    MADE,
    UNTIL,
    Parts,
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
from tests.plans import reassign, setting


def ours(due: str, **more: object) -> Activity:
    values = {"id": "t1", "key": action_key("r", REF, "created", 0), "task_type": "call", "subject": "Call", **more}
    return task(MADE, due, **values)  # type: ignore[arg-type]


def moves(now: str, *parts: Parts, of: Team) -> list[PlannedAction]:
    return [each for each in planned(now, *parts, rules=[rule(Created())], of=of).actions if each.kind == "amend"]


# -- the queue for leftovers -------------------------------------------------------------------------------------------

TO_QUEUE = [offer_rule(if_nobody=QUEUE.name)]


def test_a_record_that_was_in_the_queue_for_leftovers_all_along_stays_on_offer() -> None:
    plan = planned("2026-03-02 10:00", no_owner(), offer(), asked(), rules=TO_QUEUE)
    assert (plan.actions, plan.records[0].offers) == ((), ())
    taken = planned("2026-03-02 10:00", no_owner(), offer(), asked(done=True), rules=TO_QUEUE)
    assert only(taken, "reassign").fields["owner"] == ANA.id


def test_a_record_that_is_in_the_queue_for_leftovers_is_left_there_and_the_task_closed() -> None:
    plan = planned(LATE, no_owner(), offer(), asked(), rules=TO_QUEUE, of=crew("ana"))
    assert kinds(plan) == ["amend"]


# -- rules that came and went ------------------------------------------------------------------------------------------


def test_an_offer_of_a_rule_that_is_gone_keeps_others_waiting_until_its_hour_only() -> None:
    rulebook = book(replace(offer_rule(), id="other"))
    known = adopted("2020-01-01 00:00", rule="other")
    before = rulebook.evaluate([state(no_owner(), offer())], moment("2026-03-02 10:00", known))[0]
    assert (before.matches, before.next_at) == ((), at(UNTIL))
    after = rulebook.evaluate([state(no_owner(), offer())], moment(LATE, known))[0]
    assert [match.rule for match in after.matches] == ["other"]


def test_an_earlier_round_that_a_merge_left_open_bars_nobody() -> None:
    rulebook = book(replace(offer_rule(), id="other"), offer_rule())
    rounds = (offer(), offer(BEN, 2, state="expired"))
    known = [adopted("2020-01-01 00:00", rule=name) for name in ("other", "r")]
    found = rulebook.evaluate([state(no_owner(), *rounds, mark("fired", "created", MADE))], moment(LATE, *known))[0]
    assert [match.rule for match in found.matches] == ["other"]


def test_what_nobody_took_the_last_time_is_over_once_it_is_offered_anew() -> None:
    old = replace(offer(state="expired"), occasion="status#1", key="r.1")
    new = replace(offer(BEN, state="accepted", when="2026-03-05 09:00", until="2026-03-05 13:00"), key="r.2")
    plan = planned("2026-03-06 09:00", lead(owner=BEN.id), old, new)
    assert (plan.actions, plan.waiting) == ((), ())


# -- refusals ----------------------------------------------------------------------------------------------------------

AWAY = team(person("ana", away=(Absence(date(2026, 3, 3), date(2026, 3, 6)),), manager="eva"))


def test_a_call_that_the_prospect_refuses_by_now_is_given_to_nobody_else() -> None:
    assert moves("2026-03-03 09:00", lead(do_not_call=True), ours("2026-03-05 10:00"), of=AWAY) == []
    other = ours("2026-03-05 10:00", task_type="email")
    assert [each.fields["owner"] for each in moves("2026-03-03 09:00", lead(do_not_call=True), other, of=AWAY)] == [
        EVA.id
    ]


def test_a_call_refused_since_the_decision_stays_where_it_is() -> None:
    parts = (ours("2026-03-05 10:00"), mark("fired", "created", MADE))
    [moved] = moves("2026-03-03 09:00", lead(), *parts, of=AWAY)
    rulebook = book(rule(Created()), of=AWAY)
    when = moment("2026-03-03 09:00")
    assert rulebook.recheck(moved, state(lead(), *parts), when) is None
    refused = rulebook.recheck(moved, state(lead(do_not_call=True), *parts), when)
    assert refused is not None
    assert refused.path == "guard.do_not_call"


# -- absences ----------------------------------------------------------------------------------------------------------


def test_a_task_nobody_can_take_is_looked_at_again_when_its_cover_is_back() -> None:
    both = team(
        person("ana", away=(Absence(date(2026, 3, 3), date(2026, 3, 20)),), manager="eva"),
        person("eva", away=(Absence(date(2026, 3, 3), date(2026, 3, 4)),)),
    )
    parts = (lead(), ours("2026-03-10 10:00"))
    assert moves("2026-03-03 09:00", *parts, of=both) == []
    rulebook = book(rule(Created()), of=both)
    [decision] = rulebook.evaluate([state(mark("fired", "created", MADE), *parts)], moment("2026-03-03 09:00"))
    assert decision.next_at == at("2026-03-05 00:00")
    assert [each.fields["owner"] for each in moves("2026-03-05 00:00", *parts, of=both)] == [EVA.id]


def test_a_deal_that_is_closed_by_now_is_offered_to_nobody_else() -> None:
    ref = RecordRef("salesforce", "deal", "006000000000001AAA")
    of_deals = replace(offer_rule(), kind="deal")
    asked_for = replace(offer(state="expired"), ref=ref)
    for closed, count in ((False, 1), (True, 0)):
        deal = replace(no_owner(closed=closed), ref=ref)
        of_record = RecordState(deal, at(MADE), marks=(mark("fired", "created", MADE),), offers=(asked_for,))
        rulebook = FileRulebook(ruleset(of_deals, of=crew()), engine="plain")
        assert rulebook.bind(schema(fields={"deal": schema().fields["lead"]}), OWNERS) == ()
        plan = rulebook.plan(rulebook.evaluate([of_record], moment(LATE)), moment(LATE))
        assert len(plan.records) == 1
        assert len(kinds(plan)) == count


def test_a_rule_that_wants_the_owner_waits_while_the_one_who_took_the_record_gets_it() -> None:
    recycle = rule(Created(), id="recycle", then=(reassign(), setting(status="Recycled")))
    rulebook = book(offer_rule(), recycle)
    known = [adopted("2020-01-01 00:00", rule=name) for name in ("r", "recycle")]
    when = moment(LATE, *known)
    of_record = state(no_owner(), mark("fired", "created", MADE), offer(), asked(done=True))
    plan = rulebook.plan(rulebook.evaluate([of_record], when), when)
    assert [(each.rule, each.fields.get("owner")) for each in plan.actions] == [("r", ANA.id)]
    assert (plan.assignments, plan.records[0].marks, plan.records[0].next_at) == ((), (), at(LATE))
