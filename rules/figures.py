"""What a report counts of a lead, from the same facts that the rules' conditions read."""

from __future__ import annotations

from datetime import datetime

from connector.domain.figures import LeadFigures
from rules.calendar import WorkCalendar
from rules.facts import Facts
from rules.guards import gone
from rules.leaves import step_due


def figures(facts: Facts, calendar: WorkCalendar) -> LeadFigures:
    """One lead at the instant of its facts; a due that is a plain day is over when that day is over on `calendar`."""
    record, assigned = facts.record, facts.anchor("assigned")
    touches = facts.attempts((), "anyone", assigned)
    return LeadFigures(
        ref=record.ref,
        name=str(record.fields.get("name") or ""),
        owner=record.owner,
        open=_open(facts),
        next_step=bool(facts.next_step),
        late_since=_late_since(facts, calendar),
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


def _late_since(facts: Facts, calendar: WorkCalendar) -> datetime | None:
    dues = (step_due(task, calendar) for task in facts.open_tasks)
    return min((due for due in dues if due is not None and due <= facts.now), default=None)
