"""When a rule's clock started: the occasions of a trigger on one record, from what is stored alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.domain.model import Change, Value
from rules.basics import Duration
from rules.calendar import WorkCalendar
from rules.compare import any_same, shown
from rules.facts import Facts
from rules.model import Assigned, AttemptsReach, Created, FieldChange, NoNextStep, QuietFor, Replied, Trigger


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a rule fires once for: its id, the instant it started, and one sentence on what happened."""

    id: str
    start: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Occasions:
    """Every occasion of a trigger in the order of time.

    `none` says why there is none; `changes_at` is the next instant at which time alone may add or move one.
    """

    path: str
    found: tuple[Occasion, ...] = ()
    none: str = ""
    changes_at: datetime | None = None


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


def stamp(at: datetime) -> str:
    """An instant as it stands in an occasion's id."""
    return at.astimezone(UTC).isoformat()


def _created(facts: Facts, calendar: WorkCalendar) -> Occasions:
    at = facts.record.created
    return Occasions("when.created", (Occasion("created", at, f"created on {shown(at, calendar)}"),))


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
            text = f"{name} is {facts.binding.told(name, value, calendar)} since creation on {shown(at, calendar)}"
            found.insert(0, Occasion(_change_id(name, at, value), at, text))
    if found:
        return Occasions(path, tuple(found))
    words = " or ".join(facts.binding.told(name, value, calendar) for value in trigger.values)
    missed = {"becomes": f"become {words}", "leaves": f"left {words}", "changes": "changed"}[trigger.how]
    return Occasions(path, none=f"{name} has not {missed}")


def _fits(trigger: FieldChange, change: Change, calendar: WorkCalendar) -> bool:
    if trigger.origins and not any_same(change.old, trigger.origins, calendar):
        return False
    if trigger.how == "changes":
        return not trigger.values or any_same(change.new, trigger.values, calendar)
    return any_same(change.new if trigger.how == "becomes" else change.old, trigger.values, calendar)


def _changed(change: Change, facts: Facts, calendar: WorkCalendar) -> Occasion:
    old, new = (facts.binding.told(change.field, value, calendar) for value in (change.old, change.new))
    text = f"{change.field} went from {old} to {new} on {shown(change.at, calendar)}"
    return Occasion(f"{change.field}#{change.id}", change.at, text)


def _change_id(name: str, at: datetime, value: Value) -> str:
    return f"{name}@{stamp(at)}#{shown(value)}"


def _assigned(facts: Facts, calendar: WorkCalendar) -> Occasions:
    changes = facts.changes_of("owner")
    first = changes[0].old if changes else facts.owner_id
    given = [(facts.record.created, first)]
    given += [(change.at, change.new) for change in changes if change.origin == "crm"]
    found = [
        Occasion(f"assigned@{stamp(at)}", at, f"assigned to {_name(facts, owner)} on {shown(at, calendar)}")
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
    text = f"quiet since {shown(since, calendar)}, {trigger.duration} end on {shown(due, calendar)}"
    later = facts.next_meeting_end if "meeting" in trigger.counting else None
    return Occasions("when.quiet", (Occasion(f"quiet@{stamp(since)}", due, text),), changes_at=later)


def _attempts(trigger: AttemptsReach, facts: Facts, calendar: WorkCalendar) -> Occasions:
    anchor = facts.anchor(trigger.since)
    made = facts.attempts(trigger.types, trigger.by, anchor)
    text = attempts_text(len(made), trigger.types, trigger.since, shown(anchor, calendar))
    later = facts.next_meeting_end if "meeting" in (trigger.types or facts.team.attempt) else None
    if len(made) < trigger.reach:
        return Occasions("when.attempts", none=f"{text}, {trigger.reach} needed", changes_at=later)
    start = made[trigger.reach - 1]
    later = later if start > facts.now else None  # what ends later cannot come before an attempt already made
    text = f"{text}, number {trigger.reach} on {shown(start, calendar)}"
    return Occasions("when.attempts", (Occasion(f"attempts@{stamp(anchor)}", start, text),), changes_at=later)


def attempts_text(count: int, types: Sequence[str], since: str, anchor: str) -> str:
    """A count of attempts as a reason tells it."""
    kind = f"{types[0].replace('_', ' ')} " if len(types) == 1 else ""
    return f"{count} {kind}{'attempt' if count == 1 else 'attempts'} since {since} on {anchor}"


def _replied(facts: Facts, wait: Duration, calendar: WorkCalendar) -> Occasions:
    found = []
    for at, reply in facts.all_replies:
        # A meeting booked for later is an answer now; what waits for some time after it, waits from its beginning.
        start = min(at, facts.now) if wait.amount == 0 else at
        text = f"the prospect answered ({reply.type}) on {shown(at, calendar)}"
        found.append(Occasion(f"reply@{reply.id}", start, text))
    return Occasions("when.replied", tuple(found), none="" if found else "no reply yet")


def _no_next_step(facts: Facts, calendar: WorkCalendar) -> Occasions:
    if facts.open_tasks:
        return Occasions("when.next_step", none=f"{count_of(len(facts.open_tasks), 'open task')} on the record")
    if facts.coming_meetings:
        last = max(each.ended or each.at for each in facts.coming_meetings)
        return Occasions("when.next_step", none=f"a meeting until {shown(last, calendar)}", changes_at=last)
    ended = facts.last_next_step_end
    start = ended or facts.record.created
    text = "no next step since the last one ended" if ended else "no next step since creation"
    return Occasions("when.next_step", (Occasion(f"gap@{stamp(start)}", start, f"{text} on {shown(start, calendar)}"),))


def count_of(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
