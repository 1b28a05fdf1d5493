"""What each kind of action carries in `PlannedAction.fields`: the contract between planner, sinks and readers of plans.

| kind | fields |
|---|---|
| task | `type` (call / email / todo), `subject`, `body`, `due` and `due_date` (its day for the team), `priority`, `owner` |
| reassign | `owner` (CRM id of a user or queue), `owner_name`, `note` when a hand-over note is asked for |
| enroll | `in` (NAME of followup.yaml), `sender` (CRM owner id) when given |
| unenroll | `from` (NAME) |
| set | our field name: value, in the CRM's spelling |
| note | `text` |
| offer | as task, and `pool`, `person` (name in team.yaml), `until` (accept by then) |
| amend | `task` (CRM id of a task of ours) and what changes: `owner`, `due` and `due_date`, `subject`, `done` (true: close) |

`PlannedAction.old` has the values that stand there now, under the same names, where there are any. `saw` of an amend may have
what the task has to look like still (`untouched`), that of an unenroll the id of the membership that is meant (`MEMBER`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from connector.domain.decision import PlannedAction
from connector.domain.model import RecordRef, Value

STEP = "~"
"""Stands in a key for the `/` of a cadence's step (`inbound/2`), which would end a part of a URL; no rule's id has it."""

KEY_PREFIX = "followup:"
"""Starts the marker line in a task's text where the CRM has no field for the key; see `marker` and `key_in`."""


TASK_GONE = "TASK_GONE"
"""Code of the receipt of an `amend` that was dropped because a person deleted the task: that is known from now on."""


TASK_DONE = "TASK_DONE"
"""Code of the receipt of an `amend` that was dropped because a person completed the task: that, too, is known from now on."""


TASK_PART = "task."
"""Starts the names in `saw` of an amend under which stands what we last wrote of the task: its subject, body and so on."""

MEMBER = "member"
"""The name in `saw` of an unenroll for the CRM's id of the membership we made: one that a person made since is left."""

_MARKER = re.compile(r"\[followup:[^\]\s]*\]")


def untouched(action: PlannedAction) -> Mapping[str, Value]:
    """What the task of an amend has to look like still, by the names a task is written with; empty: that is not asked."""
    parts = ((name, value) for name, value in action.saw.items() if name.startswith(TASK_PART))
    return {name.removeprefix(TASK_PART): value for name, value in parts}


def plain_text(text: object) -> str:
    """A task's text for comparing: without the line of its key, blanks and line ends alike."""
    return " ".join(_MARKER.sub(" ", str(text or "")).split())


def action_key(rule: str, record: RecordRef, occasion: str, position: int) -> str:
    """The key of a planned action: the rule's id and 16 hex digits of rule, record, occasion and position.

    Deterministic, at most 96 characters, safe in a URL and in SOQL.
    """
    digest = blake2b(f"{rule}\0{record.crm}\0{record}\0{occasion}\0{position}".encode(), digest_size=8).hexdigest()
    return f"{rule[:78].replace('/', STEP)}.{digest}"


def rule_of_key(key: str) -> str:
    """The rule id an action key begins with."""
    return key.rpartition(".")[0].replace(STEP, "/")


def marker(key: str) -> str:
    """The line that carries an action's key in a text a person may read."""
    return f"[{KEY_PREFIX}{key}]"


def key_in(text: str | None) -> str | None:
    """The action key a text carries, None when it is not one of ours."""
    if not text:
        return None
    start = text.rfind(f"[{KEY_PREFIX}")
    end = text.find("]", start)
    if start < 0 or end < 0:
        return None
    key = text[start + len(KEY_PREFIX) + 1 : end]
    return key if key and " " not in key else None


def by_key(actions: Sequence[PlannedAction]) -> Mapping[str, PlannedAction]:
    """The actions under their keys."""
    return {action.key: action for action in actions}
