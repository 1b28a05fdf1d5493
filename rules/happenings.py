"""Occasions that somebody or the calendar makes: activities, tasks, offers, times of the week, steps of a cadence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from connector.domain.model import Activity, Mark, Offer
from rules.basics import Duration
from rules.calendar import DAY, WorkCalendar
from rules.facts import Facts, booked, folded, task_type
from rules.leaves import step_due
from rules.model import ActivityIs, Every, OfferSettled, StepDone, TaskCompleted, TaskOverdue
from rules.occasion import PASSED, Occasion, Occasions, one_of, stamp

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_SLOTS_SOUGHT = 400
"""Days searched for a time of the week; holidays and closed days take away one or the other, never a whole year."""

_STEP = "step@"


@dataclass(frozen=True, slots=True)
class Happening:
    """An activity under one of the words of `when.activity`: what an occasion is called after it, and when it was."""

    word: str
    id: str
    at: datetime
    activity: Activity


# -- activities ----------------------------------------------------------------------------------------------------


def activity(trigger: ActivityIs, facts: Facts, wait: Duration, calendar: WorkCalendar) -> Occasions:
    """Every activity of the wanted kinds that a person or the prospect made."""
    found = []
    for each in happenings(facts, trigger.types):
        if _fits(trigger, each.activity):
            # Where nobody knows when a coming meeting was booked, it has been booked by now.
            start = min(each.at, facts.now) if wait.amount == 0 else each.at
            outcome = f", {each.activity.outcome}" if each.activity.outcome else ""
            text = f"{each.word.replace('_', ' ')} on {facts.shown(each.at, calendar)}{outcome}"
            found.append(Occasion(f"activity@{each.id}", start, text))
    later = facts.next_meeting_end if "meeting" in trigger.types else None
    none = "" if found else f"no {one_of(trigger.types)}{_asked(trigger)} yet"
    return Occasions("when.activity", tuple(found), none=none, changes_at=later)


def happenings(facts: Facts, words: Sequence[str]) -> Sequence[Happening]:
    """What happened under these words, in the order of time; a meeting that is booked, when it was booked."""
    found = [Happening(word, each.id, at, each) for at, word, each in facts.touches if word in words]
    if "meeting_booked" in words:
        found += [Happening("meeting_booked", each.id, booked(each), each) for each in facts.booked_meetings]
    for word in ("email_opened", "email_clicked"):
        if word in words:
            found += _met_with(facts, word)
    return sorted(found, key=lambda each: (each.at, each.id))


def _met_with(facts: Facts, word: str) -> Iterator[Happening]:
    """The mails that were opened, or in which a link was followed: mass mail too, for it is the prospect's doing."""
    for each in facts.activities:
        at = each.opened if word == "email_opened" else each.clicked
        if each.type == "email" and at is not None and at <= facts.now:
            yield Happening(word, f"{each.id}#{word.removeprefix('email_')}@{stamp(at)}", at, each)


def _fits(trigger: ActivityIs, each: Activity) -> bool:
    if trigger.outcomes and folded(each.outcome) not in map(folded, trigger.outcomes):
        return False
    return trigger.subject_contains is None or trigger.subject_contains.casefold() in each.subject.casefold()


def _asked(trigger: ActivityIs) -> str:
    outcome = f" with the outcome {one_of(trigger.outcomes)}" if trigger.outcomes else ""
    return outcome + (f" about `{trigger.subject_contains}`" if trigger.subject_contains else "")


# -- tasks ---------------------------------------------------------------------------------------------------------


def overdue(trigger: TaskOverdue, facts: Facts, calendar: WorkCalendar) -> Occasions:
    """Every open task with a day, ours included: it starts the clock when it is late by that much."""
    found = []
    for each in facts.open_tasks:
        due = step_due(each, calendar)
        if due is None or each.deferred or (trigger.types and task_type(each) not in trigger.types):
            continue
        late = calendar.add(due, trigger.by)
        when, then = facts.shown(each.due, calendar), facts.shown(late, calendar)
        text = f"{task_type(each)} task due {when}, late by {trigger.by} on {then}"
        found.append(Occasion(f"overdue@{each.id}", late, text))
    found.sort(key=lambda occasion: (occasion.start, occasion.id))
    kind = f"{one_of(trigger.types)} " if trigger.types else ""
    return Occasions("when.task.overdue", tuple(found), none="" if found else f"no open {kind}task with a due day")


def completed(trigger: TaskCompleted, facts: Facts, calendar: WorkCalendar) -> Occasions:
    """Every task that a person completed; one we closed ourselves, or that was an offer, is nobody's work."""
    offers = {offer.key for offer in facts.state.offers}
    found = []
    for each in facts.activities:
        if not _is_done_task(each) or each.key in offers:
            continue
        if trigger.types and task_type(each) not in trigger.types:
            continue
        if trigger.outcomes and folded(each.outcome) not in map(folded, trigger.outcomes):
            continue
        at = min(each.ended or each.at, facts.now)
        outcome = f", {each.outcome}" if each.outcome else ""
        text = f"{task_type(each)} task completed on {facts.shown(at, calendar)}{outcome}"
        found.append(Occasion(f"completed@{each.id}", at, text))
    found.sort(key=lambda occasion: (occasion.start, occasion.id))
    kind = f"{one_of(trigger.types)} " if trigger.types else ""
    outcome = f" with the outcome {one_of(trigger.outcomes)}" if trigger.outcomes else ""
    none = "" if found else f"no {kind}task was completed{outcome}"
    return Occasions("when.task.completed", tuple(found), none=none)


def _is_done_task(each: Activity) -> bool:
    """A task that is done; in Salesforce a call or mail somebody logged is one, too."""
    if not each.done or each.automated or each.direction == "inbound":
        return False
    return each.type == "task" or (each.type in ("call", "email") and each.task_type is not None)


# -- offers --------------------------------------------------------------------------------------------------------


def offer(trigger: OfferSettled, facts: Facts, calendar: WorkCalendar) -> Occasions:
    """Every offer of the record that was settled in this way; an accepted one counts once the record is handed over."""
    found = [
        Occasion(
            f"offer@{each.key}#{each.state}",
            each.settled,
            f"the offer to {each.person} {_SETTLED[trigger.how]} on {facts.shown(each.settled, calendar)}",
        )
        for each in facts.state.offers
        if each.state == trigger.how and each.settled is not None and not each.withdrawn
        if each.state != "accepted" or _taken(each, facts)
    ]
    found.sort(key=lambda occasion: (occasion.start, occasion.id))
    return Occasions("when.offer", tuple(found), none="" if found else f"no offer {_SETTLED[trigger.how]}")


def _taken(offer: Offer, facts: Facts) -> bool:
    """Whether who accepted has become the owner, so that what comes next is for them and not for whoever had it before."""
    takers = {each.actor for each in facts.activities if each.key == offer.key} | {offer.owner}
    return not takers.isdisjoint(facts.previous_owners)


_SETTLED = {"accepted": "was accepted", "rejected": "was rejected", "expired": "ran out"}


# -- times of the week ---------------------------------------------------------------------------------------------


def every(trigger: Every, facts: Facts, calendar: WorkCalendar) -> Occasions:
    """The latest times of the week since the record is there, and when the next one comes.

    The one before the latest stands, too: the wait after it may have ended when the latest began.
    """
    slots = _slots_around(trigger, calendar, calendar.local_date(facts.now))
    past = [at for at in slots if at <= facts.now][-2:]
    coming = next((at for at in slots if at > facts.now), None)
    words = slot_words(trigger) if facts.tells else ""
    found = [
        Occasion(f"every@{stamp(at)}", at, f"{words}: {facts.shown(at, calendar)}")
        for at in past
        if at >= facts.record.created
    ]
    none = "" if found else f"{words}: none yet since the record was created"
    return Occasions("when.every", tuple(found), none=none, changes_at=coming)


@lru_cache(maxsize=4096)
def _slots_around(trigger: Every, calendar: WorkCalendar, day: date) -> tuple[datetime, ...]:
    """The times of the week about a day: enough of them for the two latest and the next at any of its instants."""
    past = sorted(_slots(trigger, calendar, day, -1, 3))
    return (*past, *_slots(trigger, calendar, day + DAY, 1, 2))


def _slots(trigger: Every, calendar: WorkCalendar, day: date, step: int, count: int) -> Iterator[datetime]:
    """So many times of the week from a day on, or back."""
    for _ in range(_SLOTS_SOUGHT):
        if day.weekday() in trigger.days and calendar.has_slots(day):
            yield calendar.from_clock(datetime.combine(day, trigger.at))
            count -= 1
            if not count:
                return
        day += step * DAY


def slot_words(trigger: Every) -> str:
    """A time of the week as an author wrote it."""
    if len(trigger.days) == len(WEEKDAYS):
        days = "day"
    elif tuple(sorted(trigger.days)) == (0, 1, 2, 3, 4):
        days = "weekday"
    else:
        days = one_of([WEEKDAYS[day] for day in trigger.days])
    return f"every {days} {trigger.at:%H:%M}"


# -- cadences ------------------------------------------------------------------------------------------------------

_WENT_BY = {"fired": "was carried out", "lost": "lost to another rule", "skipped": "was passed over"}


def step(trigger: StepDone, facts: Facts, calendar: WorkCalendar) -> Occasions:
    """The step before this one was carried out or passed over, in the latest run of the cadence."""
    cadence, _, number = trigger.rule.rpartition("/")
    path, name = "when.step", f"step {number} of {cadence}"
    run = _latest(facts, f"{cadence}/1")
    if run is None:
        return Occasions(path, none=f"{cadence} has not begun")
    wanted = _run_of(run)
    before = max(
        (mark for mark in facts.marks_of(trigger.rule) if _run_of(mark) == wanted and mark.kind != "baseline"),
        key=lambda mark: (_ORDER.index(mark.kind), mark.at),
        default=None,
    )
    if before is None or before.kind == "begun":
        return Occasions(path, none=f"{name} has not been carried out yet")
    if before.kind in _WENT_BY:
        text = f"{name} {_WENT_BY[before.kind]} on {facts.shown(before.at, calendar)}"
        return Occasions(path, (Occasion(wanted, before.at, text),))
    return Occasions(path, none=f"{name} is held back" if before.kind == "held" else f"{cadence} was stopped")


_ORDER = ("baseline", "begun", "held", "lost", "skipped", "fired", "stopped")


def _latest(facts: Facts, rule: str) -> Mark | None:
    """The first step's mark of the latest run; what was there before the cadence, or did not begin it, is no run of it."""
    marks = (mark for mark in facts.marks_of(rule) if mark.kind != "baseline" and mark.occasion != PASSED)
    return max(marks, key=lambda mark: mark.at, default=None)


def _run_of(mark: Mark) -> str:
    """The occasion that a cadence's later steps share: that of its first step, with a name of its own."""
    return mark.occasion if mark.occasion.startswith(_STEP) else f"{_STEP}{mark.occasion}"
