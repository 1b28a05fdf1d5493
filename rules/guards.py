"""What stops a rule whatever its file says: records that are gone, people who opted out, contact that is too frequent."""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.domain.model import Reason, Record
from rules.actions import EnrollAction, TaskAction
from rules.calendar import WorkCalendar
from rules.compare import shown
from rules.facts import Facts
from rules.model import Rule

WEEK = timedelta(days=7)


def gone(record: Record) -> Reason | None:
    """Why nothing is ever written to this record, None for a live one."""
    if record.merged_into is not None:
        return Reason("guard.merged", True, f"merged into {record.merged_into}")
    if record.deleted:
        return Reason("guard.deleted", True, "the record is deleted")
    return Reason("guard.converted", True, "the record is converted") if record.converted else None


def opt_out(facts: Facts) -> Reason | None:
    """Why the record may not be enrolled in anything: it opted out, or nobody can see whether it did."""
    known, value = facts.field("opted_out")
    if known and value is False:
        return None
    if known:
        return Reason("guard.opted_out", True, "has opted out")
    return Reason("guard.opted_out", None, "opt-out cannot be seen: enrolment stops")


def contact(facts: Facts, calendar: WorkCalendar) -> tuple[Reason, datetime] | None:
    """Why something may not be sent now, by the team's contact limits, and the instant from which it may."""
    limits = facts.team.contact
    if limits.min_gap is None and limits.max_per_week is None:
        return None
    sent = facts.contacts()
    found: list[tuple[Reason, datetime]] = []
    if sent and limits.min_gap is not None:
        until = calendar.add(sent[-1], limits.min_gap)
        if facts.now < until:
            text = f"last contact on {shown(sent[-1], calendar)}, minimum gap of {limits.min_gap} until"
            found.append((Reason("guard.min_gap", True, f"{text} {shown(until, calendar)}"), until))
    recent = [at for at in sent if at + WEEK > facts.now]
    if limits.max_per_week is not None and len(recent) >= limits.max_per_week:
        # The oldest of the last `max_per_week` contacts is the one that must become a week old.
        until = recent[len(recent) - limits.max_per_week] + WEEK if limits.max_per_week else facts.now + WEEK
        text = f"{len(recent)} contacts within a week, {limits.max_per_week} allowed, until {shown(until, calendar)}"
        found.append((Reason("guard.max_per_week", True, text), until))
    return max(found, key=lambda each: each[1], default=None)


def open_task(rule: Rule, facts: Facts) -> Reason | None:
    """The task this rule would make is there already and still open."""
    for action in rule.then:
        if isinstance(action, TaskAction) and facts.open_task_of(rule.id, action.type):
            return Reason("guard.open_task", True, f"an open {action.type} task of this rule is there")
    return None


def enrolls(rule: Rule) -> bool:
    """Whether the rule sends something by itself."""
    return any(isinstance(action, EnrollAction) for action in rule.then)
