"""A record on offer and its tasks, and what a pass plans for it."""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.actions import action_key
from connector.domain.decision import Plan, PlannedAction
from connector.domain.model import Activity, Change, Mark, Offer, OfferState, Owner, Record
from rules.actions import OfferAction
from rules.basics import Duration
from rules.model import Created, Once, Rule
from rules.rulebook import FileRulebook
from rules.team import Pool, Team
from tests.builders import (
    ANA,
    BEN,
    EVA,
    OWNERS,
    PLACE,
    QUEUE,
    REF,
    at,
    lead,
    mark,
    moment,
    rule,
    ruleset,
    schema,
    state,
    task,
    team,
)

FIRST = action_key("r", REF, "created", 0)
MADE = "2026-03-02 09:00"
UNTIL = "2026-03-02 13:00"
LATE = "2026-03-02 14:00"
NAMES = {ANA.id: "ana", BEN.id: "ben", EVA.id: "eva"}


def offer_rule(**more: object) -> Rule:
    """Rule `r`: the record is offered to the pool, four business hours each."""
    action = OfferAction("inbound", Duration(4, "business hours"), PLACE, **more)  # type: ignore[arg-type]
    return rule(Created(), then=(action,), once=Once("lead"), calendar="berlin")


def offer(
    to: Owner = ANA, round: int = 1, when: str = MADE, until: str = UNTIL, state: OfferState = "open", **more: object
) -> Offer:
    key = FIRST if round == 1 else action_key("r", REF, f"created#{round}", 1_001)
    values = {"key": key, "state": state, "settled": None if state == "open" else at(until), **more}
    return Offer(REF, "r", "created", round, "inbound", NAMES[to.id], to.id, at(when), until=at(until), **values)  # type: ignore[arg-type]


def asked(to: Owner = ANA, round: int = 1, **more: object) -> Activity:
    """The task of an offer as it is read."""
    key = offer(to, round).key
    values = {"id": f"t{round}", "key": key, "actor": to.id, "subject": "Take Pat?", **more}
    return task(MADE, UNTIL, **values)  # type: ignore[arg-type]


def crew(*members: str, **more: object) -> Team:
    return team(pools={"inbound": Pool("inbound", members or ("ana", "ben", "eva"))}, **more)


def book(*rules: Rule, of: Team | None = None) -> FileRulebook:
    made = FileRulebook(ruleset(*(rules or (offer_rule(),)), of=of or crew()), engine="plain")
    made.bind(schema(), OWNERS)
    return made


Parts = Record | Activity | Change | Mark | Offer


def planned(now: str, *parts: Parts, rules: Sequence[Rule] = (), of: Team | None = None, **more: object) -> Plan:
    """The plan of a pass over one record on which the rule has fired."""
    rulebook = book(*rules, of=of)
    when = moment(now, **more)
    of_record = state(mark("fired", "created", MADE), *parts)
    decisions = rulebook.evaluate([of_record], when)
    return rulebook.plan(decisions, when)


def kinds(plan: Plan) -> list[str]:
    return [action.kind for action in plan.actions]


def only(plan: Plan, kind: str) -> PlannedAction:
    [found] = [action for action in plan.actions if action.kind == kind]
    return found


def no_owner(**fields: object) -> Record:
    return lead(owner=QUEUE.id, **fields)  # type: ignore[arg-type]
