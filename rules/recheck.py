"""The last look before a write: does what the rule saw still hold on the record as it is read this moment?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from connector.domain.actions import action_key
from connector.domain.decision import PlannedAction, Reason
from connector.domain.model import Record, RecordState, Value
from rules import guards, upkeep
from rules.calendar import Clocks, WorkCalendar
from rules.condition import evaluate
from rules.contact import is_touch, refuses_calls
from rules.drafts import BEFORE
from rules.facts import Facts
from rules.model import Rule, barring_of, wanted_of
from rules.staff import Staff


def recheck(action: PlannedAction, rule: Rule | None, facts: Facts, clocks: Clocks) -> Reason | None:
    """None when the action still holds on the freshly read record, else the first reason to drop it."""
    if upkeep.stands_alone(action):
        return upkeep.recheck(action, facts)
    record = facts.record
    if rule is None:
        return Reason("rule", None, f"rule {action.rule} does not run any more")
    seen = guards.gone(record) or _differs(action, record) or _refused(action, facts)
    if seen is not None:
        return seen
    before = facts.on(_before(action, rule, facts.state))
    calendars = clocks.local(facts.zone)
    calendar = calendars[rule.calendar]
    return _barred(rule, before, calendars) or _too_soon(action, rule, before, calendar) or _no_taker(action, facts)


def _differs(action: PlannedAction, record: Record) -> Reason | None:
    """The owner or the status is neither what the rule saw nor what the match's own earlier action made of it."""
    for name in ("owner", "status"):
        if name not in action.saw:
            continue
        if name not in record.fields:
            return Reason(f"saw.{name}", None, f"the CRM no longer shows {name}")
        expected = (action.saw[name], action.saw.get(BEFORE + name, action.saw[name]))
        if record.fields[name] not in expected:
            return Reason(f"saw.{name}", False, f"{name} changed since the decision")
    return None


def _refused(action: PlannedAction, facts: Facts) -> Reason | None:
    """An enrolment needs a plain no to opt-out, a call no refusal; anything else is dropped when opt-out has changed."""
    if action.kind == "task" and action.fields.get("type") == "call" and refuses_calls(facts.record):
        return Reason("guard.do_not_call", True, "has refused calls")
    stopped = guards.opt_out(facts)
    if stopped is None or action.kind == "enroll":
        return stopped
    known, value = facts.field("opted_out")
    if known and value is True and action.saw.get("opted_out") is not True:
        return Reason("saw.opted_out", False, "has opted out since the decision")
    if facts.hidden("opted_out") and "opted_out" in action.saw:
        return Reason("saw.opted_out", None, "opt-out can no longer be seen")
    return None


def _before(action: PlannedAction, rule: Rule, state: RecordState) -> RecordState:
    """The state without what the same match did to it so far, its mark included: conditions are about that."""
    marks = tuple(mark for mark in state.marks if (mark.rule, mark.occasion) != (action.rule, action.occasion))
    keys = {action_key(action.rule, action.record, action.occasion, at) for at in range(len(rule.then))}
    state = replace(state, marks=marks, activities=tuple(each for each in state.activities if each.key not in keys))
    undone: dict[str, Value] = {
        name.removeprefix(BEFORE): value for name, value in action.saw.items() if name.startswith(BEFORE)
    }
    if not undone:
        return state
    ours = _own_changes(action, state, undone)
    changes = tuple(change for change in state.changes if change.id not in ours)
    return replace(state, record=replace(state.record, fields={**state.record.fields, **undone}), changes=changes)


def _own_changes(action: PlannedAction, state: RecordState, undone: Mapping[str, Value]) -> frozenset[str]:
    """The ids of the changes that earlier actions of the match made: ours, the latest of their field, old to new."""
    latest = {change.field: change for change in state.changes}
    return frozenset(
        change.id
        for name, change in latest.items()
        if name in undone and change.origin == "us" and (change.old, change.new) == (undone[name], action.saw.get(name))
    )


def _barred(rule: Rule, facts: Facts, calendars: Mapping[str, WorkCalendar]) -> Reason | None:
    """The first reason for which the rule's conditions no longer let it act."""
    calendar = calendars[rule.calendar]
    for condition in wanted_of(rule):
        wanted = evaluate(condition, facts, calendar, calendars)
        if wanted.holds is not True:
            return next((reason for reason in wanted.reasons if reason.holds is not True), wanted.reasons[0])
    for condition in barring_of(rule):
        stop = evaluate(condition, facts, calendar, calendars)
        if stop.stops:
            return next((reason for reason in stop.reasons if reason.holds is not False), stop.reasons[0])
    return None


def _too_soon(action: PlannedAction, rule: Rule, facts: Facts, calendar: WorkCalendar) -> Reason | None:
    """What happened since the decision, or since it was held, may leave no room for another touch now.

    What one match does is one touch: its first action that is one decides, and the others follow.
    """
    first = next((at for at, wanted in enumerate(rule.then) if is_touch(wanted)), None)
    if action.position != first:
        return None
    held = guards.too_soon(rule, facts, calendar)
    return held[0] if held else None


def _no_taker(action: PlannedAction, facts: Facts) -> Reason | None:
    """Why the person who was to get the record, or was to be asked, may not get it any more."""
    if action.kind not in ("reassign", "offer"):
        return None
    until = action.fields.get("until")
    if isinstance(until, datetime) and until <= facts.now:
        return Reason("then.offer", False, "the time to accept is over; it is offered anew")
    staff = Staff(facts.binding, facts.now)
    taker = staff.owner(str(action.fields.get("owner")))
    if taker is None:
        return Reason("then.reassign", None, "the CRM does not list the new owner any more")
    if not taker.queue and not taker.active:
        return Reason("then.reassign", False, f"{taker.name} is inactive")
    if staff.absent(taker):
        return Reason("then.reassign", False, f"{taker.name} is away today")
    return None
