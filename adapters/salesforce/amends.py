"""Changes tasks that are there: gives them to somebody else, moves or closes them, unless a person was faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from adapters.salesforce import mapping, rows, soql
from adapters.salesforce.activities import is_closed
from adapters.salesforce.catalog import Catalog
from adapters.salesforce.client import Client
from adapters.salesforce.locks import until_unlocked
from adapters.salesforce.tasks import COLLECTION, SUBJECT_LENGTH, TEXT_LENGTH, Body, Tasks, due_body, open_status
from connector.domain.actions import TASK_DONE, TASK_GONE, plain_text, untouched
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.ports import AdapterConfig

Row = Mapping[str, object]

READ = ("Subject", "Status", "IsClosed", "OwnerId", "ActivityDate", "IsDeleted")
"""What is read of a task just before it is changed, as far as it is visible."""

READ_WHOLE = ("Description", "CreatedById", "LastModifiedById")
"""What is read besides when it may only be changed while nobody has touched it."""


class Amends:
    """One query to see what became of the tasks, one collection to change those that are as they were."""

    def __init__(self, config: AdapterConfig, client: Client, catalog: Catalog, tasks: Tasks) -> None:
        self._config = config
        self._client = client
        self._catalog = catalog
        self._tasks = tasks

    def apply(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Change the tasks; one that a person completed, deleted or gave away meanwhile is left as it is."""
        found = self._read(actions)
        settled: list[Receipt] = []
        bodies: dict[str, Body] = {}
        good: list[PlannedAction] = []
        for action in actions:
            task = _task_of(action)
            overtaken = _overtaken(action, found.get(task)) or self._touched(action, found[task])
            if overtaken is not None:
                settled.append(overtaken)
            elif any(_task_of(other) == task for other in good):
                settled.append(Receipt(action.key, "retry", message="the task is being changed already"))
            else:
                body, refused = self._body(action)
                if refused:
                    cure = "grant Edit on Task's fields to the API user"
                    settled.append(rows.failed(action, "READ_ONLY_FIELD", f"{refused} cannot be written: {cure}"))
                else:
                    bodies[action.key] = body
                    good.append(action)
        return settled + (self._send(good, bodies) if good else [])

    def look_up(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Whether each task has the new values by now."""
        found = self._read(actions)
        return [self._judged(action, found.get(_task_of(action))) for action in actions]

    def _send(self, actions: Sequence[PlannedAction], bodies: Mapping[str, Body]) -> list[Receipt]:
        def send(some: Sequence[PlannedAction]) -> list[Receipt]:
            payload = {"allOrNone": False, "records": [bodies[action.key] for action in some]}
            return rows.of_call(some, lambda: self._client.write("PATCH", COLLECTION, payload))

        return until_unlocked(actions, send, self._config)

    def _read(self, actions: Sequence[PlannedAction]) -> dict[str, Row]:
        more = READ_WHOLE if any(map(untouched, actions)) else ()
        columns = ("Id", *self._catalog.task().present(*READ, *more))
        ids = sorted({_task_of(action) for action in actions})
        found: dict[str, Row] = {}
        for chunk in soql.chunks(ids, soql.select(columns, "Task")):
            for row in self._client.rows(soql.select(columns, "Task", soql.one_of("Id", chunk)), deleted=True):
                found[mapping.id_in(row, "Id") or ""] = row
        return found

    def _body(self, action: PlannedAction) -> tuple[Body, str]:
        """What is sent, and which of it this user may not write."""
        task = self._catalog.task()
        body = self._wanted(action)
        refused = [name for name in body if (field := task.find(name)) is None or not field.updateable]
        return {"attributes": {"type": "Task"}, "id": _task_of(action), **body}, ", ".join(refused)

    def _touched(self, action: PlannedAction, row: Row) -> Receipt | None:
        """Why a task that is only ours to change while nobody touched it is not: what differs from what we wrote."""
        was = untouched(action)
        made, last = mapping.id_in(row, "CreatedById"), mapping.id_in(row, "LastModifiedById")
        same: dict[str, bool] = {
            "by whom it was last edited": not was or made is None or last is None or made == last,
            "status": not was or mapping.text(row, "Status") in (None, open_status(self._catalog.task())),
            "subject": "subject" not in was or mapping.text(row, "Subject") == _subject(was["subject"]),
            "owner": "owner" not in was or mapping.id_in(row, "OwnerId") == mapping.id18(str(was["owner"])),
            "due day": "due" not in was
            or _same_day(mapping.day(row.get("ActivityDate")), was.get("due_date") or was["due"]),
            "text": "body" not in was
            or "Description" not in row
            or plain_text(row.get("Description")) == plain_text(str(was["body"] or "")[:TEXT_LENGTH]),
        }
        other = next((part for part, alike in same.items() if not alike), None)
        return Receipt(action.key, "dropped", message=f"somebody edited the task since ({other})") if other else None

    def _wanted(self, action: PlannedAction) -> Body:
        fields = action.fields
        body: Body = {}
        if "owner" in fields:
            body["OwnerId"] = str(fields["owner"])
        if "subject" in fields:
            body["Subject"] = str(fields["subject"])[:SUBJECT_LENGTH]
        if "due" in fields:
            body |= due_body(fields.get("due"), fields.get("due_date"))
        if fields.get("done") is True:
            body["Status"] = self._tasks.closed_status()
        return body

    def _judged(self, action: PlannedAction, row: Row | None) -> Receipt:
        if row is None:
            return Receipt(action.key, "dropped", code=TASK_GONE, message="the task is gone")
        fields = action.fields
        day = fields.get("due_date") or fields.get("due")
        same = (
            ("owner" not in fields or mapping.id_in(row, "OwnerId") == mapping.id18(str(fields["owner"])))
            and ("subject" not in fields or mapping.text(row, "Subject") == _subject(fields["subject"]))
            and ("due" not in fields or _same_day(mapping.day(row.get("ActivityDate")), day))
            and (fields.get("done") is not True or is_closed(row))
        )
        if same:
            return Receipt(action.key, "confirmed", _task_of(action), already=True)
        overtaken = _overtaken(action, row) or self._touched(action, row)
        return overtaken or Receipt(action.key, "retry", message="the task does not have the new values")


def _task_of(action: PlannedAction) -> str:
    return mapping.id18(str(action.fields.get("task") or ""))


def _subject(value: object) -> str:
    return str(value)[:SUBJECT_LENGTH].strip()


def _same_day(there: date | None, wanted: object) -> bool:
    """Whether the due day is the wanted one; an instant's day depends on the zone by one."""
    if there is None:
        return wanted is None
    if isinstance(wanted, datetime):
        return abs((there - wanted.date()).days) <= 1
    return there == wanted


def _overtaken(action: PlannedAction, row: Row | None) -> Receipt | None:
    """Why the task is not ours to change any more."""
    why = ""
    before = action.old.get("owner")
    if row is None:
        why = "the task is gone"
    elif mapping.flag(row, "IsDeleted"):
        why = "somebody deleted the task meanwhile"
    elif is_closed(row):
        why = "somebody completed the task meanwhile"
    elif "owner" in action.fields and before and mapping.id_in(row, "OwnerId") != mapping.id18(str(before)):
        why = "somebody else has the task by now"
    gone = row is None or mapping.flag(row, "IsDeleted")
    code = TASK_GONE if gone else TASK_DONE if row is not None and is_closed(row) else ""
    return Receipt(action.key, "dropped", code=code, message=why) if why else None
