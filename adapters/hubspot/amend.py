"""Changes tasks that are there: gives them to somebody else, moves or closes them, unless a person was faster."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.fields import instant_in
from adapters.hubspot.mapping import Row, properties_of
from adapters.hubspot.rows import batch_read
from adapters.hubspot.schema import TASKS
from adapters.hubspot.writes import BatchWriter, Input, due_ms
from connector.domain.actions import TASK_DONE, TASK_GONE, plain_text, untouched
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.model import Value

READ = ("hs_task_status", "hs_task_subject", "hs_timestamp", "hubspot_owner_id")
READ_WHOLE = ("hs_task_body",)
"""What is read besides when the task may only be changed while nobody has touched it."""

COMPLETED, NOT_STARTED = "COMPLETED", "NOT_STARTED"

_TAG = re.compile(r"<[^<>]*>")


class Amends:
    """One batch read to see what became of the tasks, one batch update for those that are as they were."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client

    def apply(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Change the tasks; one that a person completed, deleted or gave away meanwhile is left as it is."""
        found = self._read(actions)
        settled: list[Receipt] = []
        inputs: list[Input] = []
        for action in actions:
            overtaken = _overtaken(action, found.get(_task_of(action)))
            if overtaken is not None:
                settled.append(overtaken)
            else:
                inputs.append(amend_input(action))
        return settled + (BatchWriter(self._client, TASKS).update(inputs) if inputs else [])

    def look_up(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Whether each task has the new values by now."""
        found = self._read(actions)
        return [_judged(action, found.get(_task_of(action))) for action in actions]

    def _read(self, actions: Sequence[PlannedAction]) -> Mapping[str, Row]:
        more = READ_WHOLE if any(map(untouched, actions)) else ()
        return batch_read(self._client, TASKS, [_task_of(action) for action in actions], [*READ, *more])


def amend_input(action: PlannedAction) -> Input:
    """What is sent of a task's change."""
    properties = _wanted(action)
    id_ = _task_of(action)
    return Input(action, {"id": id_, "objectWriteTraceId": action.key, "properties": properties}, id_)


def _wanted(action: PlannedAction) -> Mapping[str, str]:
    fields = action.fields
    wanted: dict[str, str] = {}
    if "owner" in fields:
        wanted["hubspot_owner_id"] = str(fields["owner"])
    if "subject" in fields:
        wanted["hs_task_subject"] = str(fields["subject"])
    if "due" in fields:
        wanted["hs_timestamp"] = str(due_ms(fields["due"]))
    if fields.get("done") is True:
        wanted["hs_task_status"] = COMPLETED
    return wanted


def _judged(action: PlannedAction, row: Row | None) -> Receipt:
    now = properties_of(row or {})
    if row is not None and all(_same(name, now.get(name), value) for name, value in _wanted(action).items()):
        return Receipt(action.key, "confirmed", _task_of(action), already=True)
    return _overtaken(action, row) or Receipt(action.key, "retry", message="the write did not land: it is sent again")


def _same(name: str, now: object, wanted: str) -> bool:
    if name == "hs_timestamp":
        return instant_in(now) == instant_in(wanted)
    return str(now or "").strip() == wanted.strip()


def _task_of(action: PlannedAction) -> str:
    return str(action.fields.get("task") or "")


def _overtaken(action: PlannedAction, row: Row | None) -> Receipt | None:
    """Why the task is not ours to change any more; a deleted one is not in a batch read."""
    now = properties_of(row or {})
    before = action.old.get("owner")
    why = ""
    gone = row is None or row.get("archived") is True
    done = str(now.get("hs_task_status") or "").upper() == COMPLETED
    if gone:
        why = "somebody deleted the task meanwhile"
    elif done:
        why = "somebody completed the task meanwhile"
    elif "owner" in action.fields and before and str(now.get("hubspot_owner_id") or "") != str(before):
        why = "somebody else has the task by now"
    elif (part := _touched(untouched(action), now)) is not None:
        why = f"somebody edited the task since ({part})"
    code = TASK_GONE if gone else TASK_DONE if done else ""
    return Receipt(action.key, "dropped", code=code, message=why) if why else None


def _touched(was: Mapping[str, Value], now: Mapping[str, object]) -> str | None:
    """What of a task differs from what we last wrote, as far as that is asked; None when nothing does."""
    if not was:
        return None
    same = {
        "status": str(now.get("hs_task_status") or NOT_STARTED).upper() == NOT_STARTED,
        "subject": "subject" not in was or _same("hs_task_subject", now.get("hs_task_subject"), str(was["subject"])),
        "owner": "owner" not in was or str(now.get("hubspot_owner_id") or "") == str(was["owner"] or ""),
        "due": "due" not in was or _same("hs_timestamp", now.get("hs_timestamp"), str(due_ms(was["due"]))),
        "text": "body" not in was or _words(now.get("hs_task_body")) == plain_text(was["body"]),
    }
    return next((part for part, alike in same.items() if not alike), None)


def _words(body: object) -> str:
    """The words of a rich text, without its markup and our key."""
    return plain_text(html.unescape(_TAG.sub(" ", str(body or ""))))
