"""A record as it stood at an instant of the past, from what is stored of its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from connector.domain.model import Activity, Offer, RecordState

ALWAYS_KEPT = frozenset({"status", "owner"})
"""Fields whose changes are kept from the first reading on, whatever the rules watch."""


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


def seen_at(state: RecordState, at: datetime) -> RecordState | None:
    """The record as a pass would have seen it at an instant; None before it was created.

    When a record was deleted, converted or merged is taken from its last modification. `unknown_at` says what of it nobody
    knows.
    """
    if state.record.created > at:
        return None
    then = as_of(state, at)
    if state.record.modified <= at:
        return then
    record = replace(then.record, deleted=False, converted=False, merged_into=None, modified=_last_change(state, at))
    return replace(then, record=record)


def unknown_at(state: RecordState, at: datetime) -> Sequence[str]:
    """The fields whose value at an instant nobody knows, so that a later one stands for it: today's, or the first read.

    A field is known from the first reading on when its changes are kept, and before when the CRM's history has told a
    later change; all are known when nothing was modified since.
    """
    if state.record.modified <= at:
        return ()
    kept = {change.field for change in state.changes} | ALWAYS_KEPT
    reaching = {change.field for change in state.changes if change.exact and change.at < state.first_seen}
    known = kept if at >= state.first_seen else reaching
    return sorted(name for name in state.record.fields if name not in known | {"created"})


def _last_change(state: RecordState, at: datetime) -> datetime:
    return max((change.at for change in state.changes if change.at <= at), default=state.record.created)


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
