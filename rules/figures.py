"""What a report counts of a lead, from the same facts that the rules' conditions read."""

from __future__ import annotations

from datetime import date, datetime

from connector.domain.figures import LeadFigures
from connector.domain.model import Activity
from rules.calendar import WorkCalendar
from rules.facts import Facts
from rules.guards import gone
from rules.leaves import step_due


def figures(facts: Facts, calendar: WorkCalendar) -> LeadFigures:
    """One lead at the instant of its facts; a due that is a plain day is over when that day is over on `calendar`."""
    record, assigned = facts.record, facts.anchor("assigned")
    late = _late(facts, calendar)
    touches = facts.attempts((), "anyone", assigned)
    return LeadFigures(
        ref=record.ref,
        name=str(record.fields.get("name") or ""),
        owner=record.owner,
        open=_open(facts),
        next_step=bool(facts.next_step),
        late_since=late[0] if late else None,
        late_day=_day(late[1]) if late else None,
        idle_since=max(facts.last_next_step_end or assigned, assigned),
        assigned=assigned,
        first_touch=touches[0] if touches else None,
        attempts=len(facts.attempts((), "anyone", record.created)),
        touch_known=bool(touches) or not record.converted,
    )


def _open(facts: Facts) -> bool:
    """Whether somebody is still to work on the lead; an empty status is one that nobody has set yet."""
    schema, status = facts.binding.schema, facts.status or ""
    return gone(facts.record) is None and not (schema is not None and status.casefold() in schema.ended)


def _late(facts: Facts, calendar: WorkCalendar) -> tuple[datetime, Activity] | None:
    """The open task that has been overdue for the longest time, and since when."""
    dues = ((step_due(task, calendar), task) for task in facts.open_tasks)
    late = ((due, task) for due, task in dues if due is not None and due <= facts.now)
    return min(late, key=lambda each: each[0], default=None)


def _day(task: Activity) -> date | None:
    return None if isinstance(task.due, datetime) else task.due
