"""A record as it stood at an instant of the past, from what is stored of its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from connector.domain.model import Activity, Offer, RecordState


def existed(state: RecordState, at: datetime) -> bool:
    """Whether the record was there at an instant."""
    return state.record.created <= at


def as_of(state: RecordState, at: datetime) -> RecordState:
    """The state without what came after an instant: fields go back through their changes, later news is left out."""
    later = [change for change in state.changes if change.at > at]
    fields = dict(state.record.fields)
    for change in sorted(later, key=lambda change: change.at, reverse=True):
        if change.field in fields:
            fields[change.field] = change.old
    return replace(
        state,
        record=replace(state.record, fields=fields) if later else state.record,
        activities=tuple(then for each in state.activities if (then := activity_then(each, at)) is not None),
        changes=tuple(change for change in state.changes if change.at <= at),
        enrollments=tuple(each for each in state.enrollments if each.since is None or each.since <= at),
        marks=tuple(mark for mark in state.marks if mark.at <= at),
        offers=tuple(_open_then(offer, at) for offer in state.offers if offer.at <= at),
    )


def activity_then(each: Activity, at: datetime) -> Activity | None:
    """An activity as it stood; None when it was not there. What was done later was open, if it was made by then."""
    over = each.ended or each.at if each.done or each.type == "meeting" else None
    if over is not None and over <= at:
        return each
    if not (each.at if each.created is None else each.created) <= at:
        return None
    if not each.done or each.type == "meeting":
        return replace(each, done=False)
    if each.type != "task" and each.task_type is None:
        return None  # nobody plans a call without a task: this one was made when it happened
    made = each.created or each.at
    return replace(each, type="task", at=made, done=False, ended=None, outcome=None, direction=None)


def _open_then(offer: Offer, at: datetime) -> Offer:
    if offer.settled is None or offer.settled <= at:
        return offer
    return replace(offer, state="open", settled=None)
