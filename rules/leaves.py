"""The single conditions: what each looks at, whether it holds, and when time alone will change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connector.domain.model import Activity, Owner, Value
from rules.basics import NO_WAIT, Duration
from rules.calendar import DAY, FOREVER, WorkCalendar
from rules.compare import any_same, as_number, as_period
from rules.facts import Facts
from rules.model import (
    AttemptsTest,
    DuringTest,
    EnrolledTest,
    FieldTest,
    Leaf,
    NextStepTest,
    OwnerTest,
    QuietTest,
    RepliedTest,
    SinceTest,
    TouchedTest,
)
from rules.occasion import attempts_text, count_of
from rules.seen import Seen

CONTACT_GUARDS = frozenset({"opted_out", "do_not_call", "status"})
"""Fields that guard contact: in `unless` not knowing them stops. A hidden `email` guards too, an empty one does not."""


def see(leaf: Leaf, facts: Facts, calendar: WorkCalendar, calendars: Mapping[str, WorkCalendar]) -> Seen:
    """Look at one leaf on a record's facts; `flips_at` may lie in the past, which means never."""
    match leaf:
        case FieldTest():
            return _field(leaf, facts, calendar)
        case QuietTest():
            return _quiet(leaf, facts, calendar)
        case AttemptsTest():
            return _attempts(leaf, facts, calendar)
        case RepliedTest():
            return _replied(leaf, facts, calendar)
        case TouchedTest():
            return _touched(leaf, facts, calendar)
        case NextStepTest():
            return _next_step(leaf, facts, calendar)
        case SinceTest():
            return _since(leaf, facts, calendar)
        case EnrolledTest():
            enrolled = facts.enrolled(leaf.name)
            return Seen(enrolled, f"{'enrolled' if enrolled else 'not enrolled'} in {leaf.name}")
        case OwnerTest():
            return _owner(leaf, facts)
        case DuringTest():
            named = calendars[leaf.calendar]
            is_open = named.is_open(facts.now)
            return Seen(
                is_open, f"{leaf.calendar} is {'open' if is_open else 'closed'} now", named.next_change(facts.now)
            )


# -- fields --------------------------------------------------------------------------------------------------------


def _field(leaf: FieldTest, facts: Facts, calendar: WorkCalendar) -> Seen:
    name = leaf.field
    known, value = facts.field(name)
    if not known:
        hidden = facts.hidden(name)
        guard = name in CONTACT_GUARDS or (name == "email" and hidden)
        if leaf.op == "known" and not hidden:
            return Seen(not leaf.values[0], f"{name} is empty")
        return Seen(None, f"the CRM does not show {name}" if hidden else f"{name} is empty", guard=guard)
    score = facts.score if name == "score" else None
    text = ""
    if facts.tells:
        text = f"{name} is {facts.told(name, value, calendar) if score is None else score.text}"
    if leaf.op == "known":
        return Seen(bool(leaf.values[0]), text)
    if leaf.op == "within":
        return _within(leaf.duration or NO_WAIT, value, text, facts, calendar)
    holds = _compared(leaf, value, calendar)
    if holds is None:
        return Seen(None, f"{text}, which cannot be compared", guard=name in CONTACT_GUARDS)
    told = holds or leaf.op == "not_in" or isinstance(value, bool) or not facts.tells
    flips = (
        None if score is None else score.changes_at(lambda other: _differs(leaf, other, score.value, holds, calendar))
    )
    return Seen(holds, text if told else f"{text}, not {_wanted(leaf, facts, calendar)}", flips)


def _differs(leaf: FieldTest, other: int, now: int, holds: bool, calendar: WorkCalendar) -> bool:
    """Whether a score could make the test come out otherwise: an order by itself, any other test with any other score."""
    if leaf.op in ("at_least", "at_most", "over", "under"):
        return _compared(leaf, other, calendar) is not holds
    return other != now


def _wanted(leaf: FieldTest, facts: Facts, calendar: WorkCalendar) -> str:
    words = " or ".join(facts.told(leaf.field, value, calendar) for value in leaf.values)
    return words if leaf.op == "in" else f"{leaf.op.replace('_', ' ')} {words}"


def _compared(leaf: FieldTest, value: Value, calendar: WorkCalendar) -> bool | None:
    """Whether the value passes; None when the two cannot be compared."""
    match leaf.op:
        case "in":
            return any_same(value, leaf.values, calendar)
        case "not_in":
            return not any_same(value, leaf.values, calendar)
        case "contains":
            return any(str(part).casefold() in str(value).casefold() for part in leaf.values)
        case "starts_with":
            return any(str(value).casefold().startswith(str(part).casefold()) for part in leaf.values)
        case "before" | "after":
            return _in_order(leaf, value, calendar)
        case _:
            return _measured(leaf, value)


def _measured(leaf: FieldTest, value: Value) -> bool | None:
    number, limit = as_number(value), as_number(leaf.values[0])
    if number is None or limit is None:
        return None
    if leaf.op == "at_least":
        return number >= limit
    if leaf.op == "at_most":
        return number <= limit
    return number > limit if leaf.op == "over" else number < limit


def _in_order(leaf: FieldTest, value: Value, calendar: WorkCalendar) -> bool | None:
    """A day is before another when it ends no later than that begins; an instant is a day without length."""
    mine, other = as_period(value, calendar), as_period(leaf.values[0], calendar)
    if mine is None or other is None:
        return None
    if leaf.op == "before":
        return mine[0] < other[0] and mine[1] <= other[0]
    return mine[0] >= other[1] and mine[1] > other[0] and mine != other


def _within(duration: Duration, value: Value, text: str, facts: Facts, calendar: WorkCalendar) -> Seen:
    """Whether a date is no further from now than a duration, in either direction."""
    period = as_period(value, calendar)
    if period is None:
        return Seen(None, f"{text}, which is no date")
    first, last = calendar.subtract(period[0], duration), calendar.add(period[1], duration)
    if facts.now < first:
        return Seen(False, f"{text}, more than {duration} away", first)
    if facts.now < last:
        return Seen(True, f"{text}, within {duration}", last)
    return Seen(False, f"{text}, more than {duration} ago")


# -- what happened -------------------------------------------------------------------------------------------------


def _quiet(leaf: QuietTest, facts: Facts, calendar: WorkCalendar) -> Seen:
    quiet = leaf.quiet
    since = facts.quiet_since(quiet)
    enough = calendar.add(since, quiet.duration)
    meeting = facts.next_meeting_end if "meeting" in quiet.counting else None
    text = f"quiet since {facts.shown(since, calendar)}"
    if facts.now >= enough:
        return Seen(True, text, meeting)
    # A meeting that ends before the silence is long enough starts it anew, but changes nothing before that.
    return Seen(False, f"{text}, not for {quiet.duration}", enough)


def _attempts(leaf: AttemptsTest, facts: Facts, calendar: WorkCalendar) -> Seen:
    anchor = facts.anchor(leaf.since)
    count = len(facts.attempts(leaf.types, leaf.by, anchor))
    low, high = leaf.at_least or 0, leaf.at_most
    holds = count >= low and (high is None or count <= high)
    text = attempts_text(count, leaf.types, leaf.since, facts.shown(anchor, calendar))
    if not holds:
        text += f", not at least {low}" if count < low else f", not at most {high}"
    meeting = facts.next_meeting_end if "meeting" in (leaf.types or facts.team.attempt) else None
    return Seen(holds, text, meeting)


def _replied(leaf: RepliedTest, facts: Facts, calendar: WorkCalendar) -> Seen:
    anchor = facts.anchor(leaf.since)
    replies = facts.replies(anchor)
    count = "no reply" if not replies else "1 reply" if len(replies) == 1 else f"{len(replies)} replies"
    text = f"{count} since {leaf.since} on {facts.shown(anchor, calendar)}"
    return Seen(bool(replies) is leaf.expected, text)


def _touched(leaf: TouchedTest, facts: Facts, calendar: WorkCalendar) -> Seen:
    touched = facts.touched(leaf.by)
    since = facts.shown(facts.anchor("assigned"), calendar)
    meeting = facts.next_meeting_end if "meeting" in facts.team.attempt and not touched else None
    return Seen(touched, f"{'touched' if touched else 'not touched'} by {leaf.by} since {since}", meeting)


# -- time ----------------------------------------------------------------------------------------------------------


def _next_step(leaf: NextStepTest, facts: Facts, calendar: WorkCalendar) -> Seen:
    duration = leaf.duration or NO_WAIT
    meetings = facts.coming_meetings
    if leaf.how == "none":
        if facts.open_tasks:
            return Seen(False, f"{count_of(len(facts.open_tasks), 'open task')} on the record")
        if meetings:
            return Seen(False, "a meeting is coming", max(each.ended or each.at for each in meetings))
        return Seen(True, "no open task and no coming meeting")
    if leaf.how == "overdue":
        dues = [step_due(task, calendar) for task in facts.open_tasks]
        late = [calendar.add(due, duration) for due in dues if due is not None]
        return _passed(late, facts.now, "an open task is overdue", "no open task is overdue")
    dues = [step_due(step, calendar) for step in facts.next_step]
    soon = [calendar.subtract(due, duration) for due in dues if due is not None]
    seen = _passed(soon, facts.now, f"a next step is due within {duration}", f"no next step is due within {duration}")
    ends = [each.ended or each.at for each in meetings]
    return Seen(seen.holds, seen.text, min(ends, default=None)) if seen.holds else seen


def _passed(instants: Iterable[datetime], now: datetime, yes: str, no: str) -> Seen:
    """True once the first of these instants has come."""
    first = min(instants, default=None)
    return Seen(True, yes) if first is not None and first <= now else Seen(False, no, first)


def step_due(step: Activity, calendar: WorkCalendar) -> datetime | None:
    """When a task is due (a plain date: when that day is over), or a meeting begins."""
    if step.type == "meeting":
        return step.at
    if step.due is None or isinstance(step.due, datetime):
        return step.due
    return calendar.day_start(step.due + DAY)


def _since(leaf: SinceTest, facts: Facts, calendar: WorkCalendar) -> Seen:
    in_status = leaf.what == "in_status"
    if in_status and facts.hidden("status"):
        return Seen(None, "the CRM does not show status", guard=True)
    start = facts.in_status_since if in_status else facts.record.created
    lower = calendar.add(start, leaf.over) if leaf.over is not None else start
    upper = calendar.add(start, leaf.up_to) if leaf.up_to is not None else FOREVER
    text = f"{'in its status' if in_status else 'created'} since {facts.shown(start, calendar)}"
    if leaf.over is not None and facts.now < lower:
        return Seen(False, f"{text}, not over {leaf.over}", lower)
    if facts.now >= upper:
        return Seen(False, f"{text}, not up to {leaf.up_to}")
    return Seen(True, text, None if upper == FOREVER else upper)


# -- the owner -----------------------------------------------------------------------------------------------------


def _owner(leaf: OwnerTest, facts: Facts) -> Seen:
    if facts.hidden("owner"):
        return Seen(None, "the CRM does not show owner")
    owner = facts.owner
    if facts.owner_id is None:
        holds = (leaf.how == "nobody") is (leaf.value is not False)
        return Seen(holds, "nobody owns the record")
    if leaf.how == "nobody":
        return Seen(leaf.value is False, f"the owner is {owner.name if owner else facts.owner_id}")
    if owner is None:
        return Seen(None, f"the CRM does not list the owner {facts.owner_id}")
    return _known_owner(leaf, facts, owner)


def _known_owner(leaf: OwnerTest, facts: Facts, owner: Owner) -> Seen:
    wanted = leaf.value is not False
    text = f"the owner is {owner.name}"
    match leaf.how:
        case "active":
            active = owner.active and not owner.queue
            return Seen(active is wanted, f"{text}, {'active' if active else 'a queue' if owner.queue else 'inactive'}")
        case "absent":
            absent, flips = absence(facts, owner)
            return Seen(absent is wanted, f"{text}, {'away' if absent else 'not away'} today", flips)
        case "in_pool":
            pool = facts.binding.pools.get(str(leaf.value), ())
            member = any(each.id == owner.id for each in pool)
            return Seen(member, f"{text}, {'in' if member else 'not in'} pool {leaf.value}")
        case "queue":
            named = owner.queue and (
                not isinstance(leaf.value, str) or leaf.value.casefold() in (owner.name.casefold(), owner.id.casefold())
            )
            return Seen(named is wanted, f"{text}, {'a queue' if owner.queue else 'no queue'}")
        case _:
            person = facts.binding.people.get(str(leaf.value))
            return Seen(None if person is None else person.id == owner.id, text)


def absence(facts: Facts, owner: Owner) -> tuple[bool, datetime | None]:
    """Whether team.yaml has the owner away today, and the next midnight in their zone at which that changes."""
    person = facts.binding.persons.get(owner.id)
    if person is None or not person.away:
        return False, None
    zone = ZoneInfo(person.zone or "UTC")
    today = facts.now.astimezone(zone).date()
    away = any(each.first <= today <= each.last for each in person.away)
    edges: list[date] = [edge for each in person.away for edge in (each.first, each.last + timedelta(days=1))]
    coming = min((edge for edge in edges if edge > today), default=None)
    flips = None if coming is None else datetime(coming.year, coming.month, coming.day, tzinfo=zone).astimezone(UTC)
    return away, flips
