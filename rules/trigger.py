"""When a rule's clock started: the occasions of a trigger on one record, from what is stored alone."""

from __future__ import annotations

from datetime import datetime

from connector.domain.model import Change, Value
from rules import happenings
from rules.basics import Duration
from rules.calendar import WorkCalendar
from rules.compare import any_same, as_number, shown
from rules.facts import Facts
from rules.model import (
    ActivityIs,
    Assigned,
    AttemptsReach,
    Created,
    Every,
    FieldChange,
    NoNextStep,
    OfferSettled,
    QuietFor,
    Replied,
    ScoreCrosses,
    StepDone,
    TaskCompleted,
    TaskOverdue,
    Trigger,
)
from rules.occasion import Occasion, Occasions, attempts_text, count_of, stamp


def occasions(trigger: Trigger, facts: Facts, wait: Duration, calendar: WorkCalendar) -> Occasions:
    """The occasions of a trigger on a record; for a silence, the start is when it had lasted long enough."""
    match trigger:
        case Created():
            return _created(facts, calendar)
        case FieldChange():
            return _field_change(trigger, facts, calendar)
        case Assigned():
            return _assigned(facts, calendar)
        case QuietFor():
            return _quiet(trigger, facts, calendar)
        case AttemptsReach():
            return _attempts(trigger, facts, calendar)
        case Replied():
            return _replied(facts, wait, calendar)
        case NoNextStep():
            return _no_next_step(facts, calendar)
        case _:
            return _happened(trigger, facts, wait, calendar)


def _happened(
    trigger: ActivityIs | ScoreCrosses | TaskOverdue | TaskCompleted | OfferSettled | Every | StepDone,
    facts: Facts,
    wait: Duration,
    calendar: WorkCalendar,
) -> Occasions:
    match trigger:
        case ActivityIs():
            return happenings.activity(trigger, facts, wait, calendar)
        case ScoreCrosses():
            return _crossings(trigger, facts, wait, calendar)
        case TaskOverdue():
            return happenings.overdue(trigger, facts, calendar)
        case TaskCompleted():
            return happenings.completed(trigger, facts, calendar)
        case OfferSettled():
            return happenings.offer(trigger, facts, calendar)
        case Every():
            return happenings.every(trigger, facts, calendar)
        case StepDone():
            return happenings.step(trigger, facts, calendar)


def _created(facts: Facts, calendar: WorkCalendar) -> Occasions:
    at = facts.record.created
    return Occasions("when.created", (Occasion("created", at, f"created on {facts.shown(at, calendar)}"),))


def _field_change(trigger: FieldChange, facts: Facts, calendar: WorkCalendar) -> Occasions:
    path, name = f"when.{trigger.how}", trigger.field
    changes = facts.changes_of(name)
    found = [
        _changed(change, facts, calendar)
        for change in changes
        if change.origin == "crm" and _fits(trigger, change, calendar)
    ]
    if trigger.how == "becomes" and not trigger.origins:
        value = changes[0].old if changes else facts.field(name)[1]
        if value not in (None, "") and any_same(value, trigger.values, calendar):
            at = facts.record.created
            text = f"{name} is {facts.told(name, value, calendar)} since creation on {facts.shown(at, calendar)}"
            found.insert(0, Occasion(_change_id(name, at, value), at, text))
    if found:
        return Occasions(path, tuple(found))
    words = " or ".join(facts.told(name, value, calendar) for value in trigger.values)
    missed = {"becomes": f"become {words}", "leaves": f"left {words}", "changes": "changed"}[trigger.how]
    return Occasions(path, none=f"{name} has not {missed}")


def _fits(trigger: FieldChange, change: Change, calendar: WorkCalendar) -> bool:
    if trigger.origins and not any_same(change.old, trigger.origins, calendar):
        return False
    if trigger.how == "changes":
        return not trigger.values or any_same(change.new, trigger.values, calendar)
    return any_same(change.new if trigger.how == "becomes" else change.old, trigger.values, calendar)


def _changed(change: Change, facts: Facts, calendar: WorkCalendar) -> Occasion:
    old, new = (facts.told(change.field, value, calendar) for value in (change.old, change.new))
    text = f"{change.field} went from {old} to {new} on {facts.shown(change.at, calendar)}"
    return Occasion(f"{change.field}#{change.id}", change.at, text)


def _change_id(name: str, at: datetime, value: Value) -> str:
    return f"{name}@{stamp(at)}#{shown(value)}"


def _assigned(facts: Facts, calendar: WorkCalendar) -> Occasions:
    changes = facts.changes_of("owner")
    first = changes[0].old if changes else facts.owner_id
    given = [(facts.record.created, first)]
    given += [(change.at, change.new) for change in changes if change.origin == "crm"]
    found = [
        Occasion(f"assigned@{stamp(at)}", at, f"assigned to {_name(facts, owner)} on {facts.shown(at, calendar)}")
        for at, owner in given
        if _is_person(facts, owner)
    ]
    return Occasions("when.assigned", tuple(found), none="" if found else "no person was made owner")


def _is_person(facts: Facts, owner: Value) -> bool:
    """Whether an owner's id is a person's; somebody the CRM no longer lists is taken for one."""
    if not isinstance(owner, str) or not owner:
        return False
    known = facts.binding.owners.get(owner)
    return known is None or not known.queue


def _name(facts: Facts, owner: Value) -> str:
    known = facts.binding.owners.get(str(owner))
    return known.name if known is not None else str(owner)


def _quiet(trigger: QuietFor, facts: Facts, calendar: WorkCalendar) -> Occasions:
    since = facts.quiet_since(trigger)
    due = calendar.add(since, trigger.duration)
    text = f"quiet since {facts.shown(since, calendar)}, {trigger.duration} end on {facts.shown(due, calendar)}"
    later = facts.next_meeting_end if "meeting" in trigger.counting else None
    return Occasions("when.quiet", (Occasion(f"quiet@{stamp(since)}", due, text),), changes_at=later)


def _attempts(trigger: AttemptsReach, facts: Facts, calendar: WorkCalendar) -> Occasions:
    anchor = facts.anchor(trigger.since)
    made = facts.attempts(trigger.types, trigger.by, anchor)
    text = attempts_text(len(made), trigger.types, trigger.since, facts.shown(anchor, calendar))
    later = facts.next_meeting_end if "meeting" in (trigger.types or facts.team.attempt) else None
    if len(made) < trigger.reach:
        return Occasions("when.attempts", none=f"{text}, {trigger.reach} needed", changes_at=later)
    start = made[trigger.reach - 1]
    later = later if start > facts.now else None  # what ends later cannot come before an attempt already made
    text = f"{text}, number {trigger.reach} on {facts.shown(start, calendar)}"
    return Occasions("when.attempts", (Occasion(f"attempts@{stamp(anchor)}", start, text),), changes_at=later)


def _replied(facts: Facts, wait: Duration, calendar: WorkCalendar) -> Occasions:
    found = []
    for at, reply in facts.all_replies:
        # A meeting booked for later is an answer now. Where nobody knows when it was booked, a rule that waits after it
        # waits from its beginning.
        start = min(at, facts.now) if wait.amount == 0 else at
        text = f"the prospect answered ({reply.type}) on {facts.shown(at, calendar)}"
        found.append(Occasion(f"reply@{reply.id}", start, text))
    return Occasions("when.replied", tuple(found), none="" if found else "no reply yet")


def _no_next_step(facts: Facts, calendar: WorkCalendar) -> Occasions:
    if facts.open_tasks:
        return Occasions("when.next_step", none=f"{count_of(len(facts.open_tasks), 'open task')} on the record")
    if facts.coming_meetings:
        last = max(each.ended or each.at for each in facts.coming_meetings)
        return Occasions("when.next_step", none=f"a meeting until {facts.shown(last, calendar)}", changes_at=last)
    ended = facts.last_next_step_end
    start = ended or facts.record.created
    text = "no next step since the last one ended" if ended else "no next step since creation"
    return Occasions(
        "when.next_step", (Occasion(f"gap@{stamp(start)}", start, f"{text} on {facts.shown(start, calendar)}"),)
    )


def _crossings(trigger: ScoreCrosses, facts: Facts, wait: Duration, calendar: WorkCalendar) -> Occasions:
    path, limit = "when.score", f"{trigger.points:g}"
    rises = facts.scoring.rises(trigger.points, facts) if facts.scoring is not None else None
    if rises is None:
        found = _crossed_in_crm(trigger, facts, calendar)
        return Occasions(path, found, none="" if found else f"score has not risen to {limit}")
    found = tuple(
        Occasion(
            f"score@{stamp(rise.at)}#{limit}",
            # What is booked for later, nobody knows since when, has raised the score by now.
            min(rise.at, facts.now) if wait.amount == 0 else rise.at,
            f"score rose to {rise.score.text} on {facts.shown(rise.at, calendar)}" if facts.tells else "",
        )
        for rise in rises.found
    )
    told = facts.score.text if facts.tells and facts.score is not None else ""
    none = "" if found else f"score is {told}, it has not risen to {limit}"
    return Occasions(path, found, none=none, changes_at=rises.changes_at)


def _crossed_in_crm(trigger: ScoreCrosses, facts: Facts, calendar: WorkCalendar) -> tuple[Occasion, ...]:
    """The changes of the CRM's own score that took it to the limit, and creation with a score beyond it."""
    changes = facts.changes_of("score")
    first = changes[0].old if changes else facts.field("score")[1]
    steps: list[tuple[datetime, Value, Value]] = [(facts.record.created, None, first)]
    steps += [(change.at, change.old, change.new) for change in changes if change.origin == "crm"]
    found = []
    for at, old, new in steps:
        before, after = as_number(old), as_number(new)
        if after is not None and after >= trigger.points and (before is None or before < trigger.points):
            text = f"score rose to {after:g} on {facts.shown(at, calendar)}"
            found.append(Occasion(f"score@{stamp(at)}#{trigger.points:g}", at, text))
    return tuple(found)
