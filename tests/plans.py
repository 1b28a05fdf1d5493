"""Rules, a team and leads at an instant, and what a pass over them plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from builders import (
    OWNERS,
    PLACE,
    adopted,
    lead,
    moment,
    ruleset,
    schema,
    state,
    team,
)

from connector.domain.decision import Plan, PlannedAction, RecordPlan
from connector.domain.model import FieldInfo, Record, RecordRef, RecordState, Value
from rules.actions import ReassignAction, SetAction
from rules.model import Rule
from rules.rulebook import FileRulebook
from rules.team import Team

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
