"""How often a prospect may be contacted, over all rules: what counts as a touch, and until when another has to wait.

A touch is an attempt of anybody's (a call, an e-mail, a meeting, a completed task to make one), an enrolment, or an open
task of ours to call or to write. That one counts as of when it is due, done or not: a call that nobody makes must not keep
everything else from the prospect for ever, so that it stops counting once its due is a gap ago. What one match does is one
touch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from connector.domain.actions import action_key, rule_of_key
from connector.domain.decision import Reason
from connector.domain.model import Activity, Mark, Record
from rules.actions import EnrollAction, RuleAction, TaskAction
from rules.basics import Duration
from rules.calendar import WorkCalendar
from rules.compare import shown
from rules.facts import ATTEMPT_WORDS, Facts, task_type
from rules.leaves import step_due
from rules.model import Rule
from rules.occasion import count_of

WEEK = timedelta(days=7)
READ_BACK = timedelta(hours=1)
"""How far behind ours the CRM's clock may be for an enrolment to be taken for the one we made."""

LOGGED_WITH = timedelta(hours=1)
"""How far a call may lie from the completion of the task to make it for both to be one touch."""

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
_MAIL_WORDS = ("mail", "write", "written")


def is_touch(action: RuleAction) -> bool:
    """Whether the action is for contact with the prospect: by itself, or by a person whom it asks to call or to write."""
    return isinstance(action, EnrollAction) or (isinstance(action, TaskAction) and action.type != "todo")


def touches(rule: Rule) -> bool:
    """Whether the rule makes contact."""
    return any(map(is_touch, rule.then))


def is_limited(rule: Rule) -> bool:
    """Whether the team's contact limits may hold the rule back."""
    return rule.contact != "always" and touches(rule)


# -- by which channel ----------------------------------------------------------------------------------------------


def refuses_calls(record: Record) -> bool:
    """Whether the prospect has said not to be called; that nobody knows is no refusal."""
    return record.fields.get("do_not_call") is True


def channel(record: Record) -> Literal["call", "email"] | None:
    """How the prospect is to be contacted: as they prefer where they have not refused it; None when they refuse both."""
    no_mail = record.fields.get("opted_out") is True
    if refuses_calls(record):
        return None if no_mail else "email"
    prefers = record.fields.get("prefers")
    wants_mail = isinstance(prefers, str) and any(word in prefers.casefold() for word in _MAIL_WORDS)
    return "email" if wants_mail and not no_mail else "call"


# -- how often -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Open:
    """A task of ours to call or to write that waits to be done."""

    rule: str
    type: str
    due: datetime | None

    def at(self, now: datetime) -> datetime:
        """When it is a touch: when it is due, else any moment now."""
        return self.due or now


Hold = tuple[Reason, datetime | None]
"""Why something has to wait, and the instant from which it no longer has to; None: that takes news."""


def hold(facts: Facts, calendar: WorkCalendar) -> Hold | None:
    """Why the prospect may not be contacted now by the team's limits; what ends last where there is more than one."""
    limits = facts.team.contact
    if limits.min_gap is None and limits.max_per_week is None:
        return None
    made, planned = _made(facts), _planned(facts, calendar)
    found: list[Hold] = []
    if limits.min_gap is not None:
        found += _inside_gap(made, planned, facts.now, limits.min_gap, calendar)
    if limits.max_per_week is not None:
        found += _full_week(made, planned, facts.now, limits.max_per_week, calendar)
    return max(found, key=lambda each: (each[1] is None, each[1] or _BEGINNING), default=None)


def _inside_gap(
    made: Sequence[datetime], planned: Sequence[_Open], now: datetime, gap: Duration, calendar: WorkCalendar
) -> Iterator[Hold]:
    """The gap after the last touch, and the one before the next."""
    over = calendar.add(made[-1], gap) if made else now
    if now < over:
        text = f"last contact on {shown(made[-1], calendar)}, minimum gap of {gap} until {shown(over, calendar)}"
        yield Reason("guard.min_gap", True, text), over
    ahead = calendar.add(now, gap)
    for each in planned:
        if each.due is None:
            text = f"a task of ours ({each.type}) is open: inside the minimum gap of {gap}"
            yield Reason("guard.min_gap", True, text), None
        elif each.due < ahead and now < (over := calendar.add(each.due, gap)):
            text = f"a task of ours ({each.type}) is open, due on {shown(each.due, calendar)}: inside the minimum gap of {gap}"
            yield Reason("guard.min_gap", True, text), over


def _full_week(
    made: Sequence[datetime], planned: Sequence[_Open], now: datetime, most: int, calendar: WorkCalendar
) -> Iterator[Hold]:
    """The week that has no room for another touch."""
    used = _used(made, planned, now)
    if used >= most:
        over = _frees(made, planned, now, most)
        until = f", until {shown(over, calendar)}" if over is not None else ""
        text = f"{count_of(used, 'contact')} within a week, {most} allowed{until}"
        yield Reason("guard.max_per_week", True, text), over


@dataclass(frozen=True, slots=True)
class Room:
    """How many touches the limits leave for one pass, and in words what it is that there is no more of."""

    left: int
    over: str


def room(facts: Facts, calendar: WorkCalendar) -> Room | None:
    """What the limits leave for one pass; None where there are none."""
    limits = facts.team.contact
    if limits.min_gap is not None:
        return Room(1, "a touch inside the minimum gap")
    if limits.max_per_week is None:
        return None
    used = _used(_made(facts), _planned(facts, calendar), facts.now)
    return Room(max(0, limits.max_per_week - used), "the last touch of the week")


def _made(facts: Facts) -> Sequence[datetime]:
    """When the prospect was contacted, in the order of time: attempts, completed tasks to make one, and enrolments."""
    found = list(facts.attempts(ATTEMPT_WORDS, "anyone", _BEGINNING))
    # Where a completed call is a task beside a call, it may have been logged as well: then it is one touch.
    done = (min(each.ended or each.at, facts.now) for each in facts.activities if _is_done(each))
    found += [at for at in done if not any(abs(at - attempt) < LOGGED_WITH for attempt in found)]
    found += [each.since for each in facts.state.enrollments if each.since is not None]
    keys = {each.key for each in facts.state.activities if each.key is not None}
    found += [mark.at for mark in facts.state.marks if mark.kind == "fired" and _on_its_way(mark, facts, keys)]
    return sorted(found)


def _is_done(each: Activity) -> bool:
    """Whether this is a task to call or to write that somebody completed."""
    return each.type == "task" and each.done and not each.deferred and task_type(each) in ("call", "email")


def _on_its_way(mark: Mark, facts: Facts, keys: set[str]) -> bool:
    """Whether a match of ours that makes contact is known from its mark alone: nothing it wrote has been read back."""
    names = facts.binding.enrolling.get(mark.rule, frozenset())
    positions = facts.binding.asking.get(mark.rule, ())
    if not names and not positions:
        return False
    read = ((each.name, each.since) for each in facts.state.enrollments)
    if any(name in names and since is not None and mark.at - since < READ_BACK for name, since in read):
        return False
    ref = facts.record.ref
    return names != frozenset() or not any(
        action_key(mark.rule, ref, mark.occasion, position) in keys for position in positions
    )


def _planned(facts: Facts, calendar: WorkCalendar) -> Sequence[_Open]:
    """Our open tasks to call or to write, the first due first; one of a match that also enrolled was that touch already."""
    found = []
    for task in facts.open_tasks:
        kind = task_type(task)
        if task.key is None or kind not in ("call", "email"):
            continue
        rule = rule_of_key(task.key)
        if rule not in facts.binding.enrolling:
            found.append(_Open(rule, kind, step_due(task, calendar)))
    return sorted(found, key=lambda each: (each.at(facts.now), each.rule))


def _used(made: Sequence[datetime], planned: Sequence[_Open], now: datetime) -> int:
    """The most touches in any seven days that this instant is one of; the open tasks of one rule are one."""
    of_rule = {each.rule: each.at(now) for each in reversed(planned)}
    known = [*(at for at in made if at <= now), *of_rule.values()]
    starts = [at for at in known if now - WEEK < at <= now]
    return max(sum(start <= at < start + WEEK for at in known) for start in (*starts, now))


def _frees(made: Sequence[datetime], planned: Sequence[_Open], now: datetime, most: int) -> datetime | None:
    """The instant at which enough touches are a week old; None when that takes news."""
    touches = [*made, *(each.due for each in planned if each.due is not None)]
    ends = sorted(at + WEEK for at in touches if now < at + WEEK)
    return next((end for end in ends if _used(made, planned, end) < most), None)
