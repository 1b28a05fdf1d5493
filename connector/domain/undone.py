"""What `followup undo` leaves behind, and how everybody else tells it from what people do.

A write that takes another one back is a planned action of the rule `undo`, an id no rule may have; its occasion is the
key of the write it takes back, so that taking back twice is one write. A task that was taken back is closed under a
subject that says so: it is nobody's work. A value that was put back counts as if it had never been away: no clock
starts.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.actions import action_key, rule_of_key
from connector.domain.decision import PlannedAction
from connector.domain.model import Activity, Change

UNDO = "undo"
"""The rule id of every write that takes another one back."""

UNDONE = "Undone: "
"""How the subject of a task begins that was closed because its making was undone."""


def undo_key(action: PlannedAction) -> str:
    """The key of the write that takes this one back."""
    return action_key(UNDO, action.record, action.key, 0)


def is_undone(activity: Activity) -> bool:
    """Whether this is a task of ours that an undo closed: neither an attempt nor a touch, and nothing was completed."""
    return activity.key is not None and activity.done and activity.subject.startswith(UNDONE)


def without_undone(changes: Sequence[Change]) -> list[Change]:
    """The changes of one record in the order of time, without those that were undone and without their undoing."""
    kept: list[Change] = []
    for change in sorted(changes, key=lambda change: (change.at, _undoes(change))):
        if _undoes(change):
            _forget(kept, change)
        else:
            kept.append(change)
    return kept


def _undoes(change: Change) -> bool:
    return change.origin == "us" and rule_of_key(change.id.rpartition("#")[0]) == UNDO


def _forget(kept: list[Change], undoing: Change) -> None:
    """Take away the latest change of ours that this one reverses."""
    for at in range(len(kept) - 1, -1, -1):
        one = kept[at]
        if one.origin == "us" and one.field == undoing.field and (one.old, one.new) == (undoing.new, undoing.old):
            del kept[at]
            return
