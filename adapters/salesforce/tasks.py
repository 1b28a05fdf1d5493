"""Writes tasks and notes, and finds them again by their key. A note is a completed task with the subject `Note`: it
needs one call where a ContentNote needs two, and carries the key like any task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from adapters.salesforce import lookup, mapping, rows, soql
from adapters.salesforce.activities import CLOSED, NOTE_SUBJECT
from adapters.salesforce.catalog import Catalog
from adapters.salesforce.client import Client
from adapters.salesforce.fields import ObjectDescription
from adapters.salesforce.locks import until_unlocked
from connector.domain.actions import marker
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import ConfigError, FollowupError, PermanentError
from connector.domain.model import RecordRef
from connector.domain.ports import AdapterConfig

Body = dict[str, object]

COLLECTION = "composite/sobjects"
SUBJECT_LENGTH = 255
TEXT_LENGTH = 31_000
"""Characters of a task's subject and of its text, which ends at 32,000 and has to hold the key's line."""

SUBTYPES = {"call": "Call", "email": "Email", "todo": "Task"}


class Tasks:
    """Creates tasks and notes in collections. Rows are only ever created, so what a rep edited is never overwritten."""

    def __init__(self, config: AdapterConfig, client: Client, catalog: Catalog) -> None:
        self._config = config
        self._client = client
        self._catalog = catalog
        self._closed: str | None = None

    def apply(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """One collection; a row whose key is there already counts as written before."""
        return self.create(actions, [self._body(action) for action in actions])

    def create(self, actions: Sequence[PlannedAction], bodies: Sequence[Body]) -> list[Receipt]:
        """One collection of these bodies, settled on these actions."""
        body_of = {action.key: body for action, body in zip(actions, bodies, strict=True)}

        def send(some: Sequence[PlannedAction]) -> list[Receipt]:
            payload = {"allOrNone": False, "records": [body_of[action.key] for action in some]}
            return rows.of_call(some, lambda: self._client.write("POST", COLLECTION, payload), self._judge)

        return until_unlocked(actions, send, self._config)

    def look_up(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Whether each key is in the CRM, binned and archived tasks included: a rep may have deleted what landed."""
        column = self._key_column()
        if column:
            found = lookup.by_field(self._client, column, actions)
        else:
            found = lookup.by_marker(self._client, self._catalog, actions)
        return [
            Receipt(action.key, "confirmed", found[action.key], already=True)
            if action.key in found
            else Receipt(action.key, "retry", message="the task is not in Salesforce")
            for action in actions
        ]

    def note_body(self, action: PlannedAction, text: str) -> Body:
        """A completed task that carries a text."""
        body: Body = {
            "Subject": NOTE_SUBJECT,
            "Status": self.closed_status(),
            "ActivityDate": self._config.clock.now().astimezone(UTC).date().isoformat(),
            "TaskSubtype": "Task",
        }
        return self._finished(body, action, text)

    # -- bodies ----------------------------------------------------------------------------------------------------
    def _body(self, action: PlannedAction) -> Body:
        fields = action.fields
        if action.kind == "note":
            return self.note_body(action, str(fields.get("text") or ""))
        task = self._catalog.task()
        subtype = SUBTYPES.get(str(fields.get("type")), "Task")
        body: Body = {
            "Subject": str(fields.get("subject") or "")[:SUBJECT_LENGTH],
            "Status": open_status(task),
            **_priority(task, str(fields.get("priority") or "normal")),
            **due_body(fields.get("due"), fields.get("due_date")),
            **_subtype(task, subtype),
        }
        if fields.get("owner"):
            body["OwnerId"] = str(fields["owner"])
        return self._finished(body, action, str(fields.get("body") or ""))

    def _finished(self, body: Body, action: PlannedAction, text: str) -> Body:
        """Add whom it is about, the text and the key, and leave out what this user may not write."""
        task, column = self._catalog.task(), self._key_column()
        if column:
            body[column] = action.key
            body["Description"] = text[:TEXT_LENGTH]
        else:
            body["Description"] = f"{text[:TEXT_LENGTH]}\n\n{marker(action.key)}".lstrip()
        kept = {name: value for name, value in body.items() if _writable(task, name)}
        return {"attributes": {"type": "Task"}, **kept, **_about(action.record)}

    def _key_column(self) -> str | None:
        configured = self._config.task_key_field
        if not configured:
            return None
        found = self._catalog.task().find(configured)
        if found is None or not found.createable:
            raise ConfigError(
                f"task_key_field {configured} cannot be written on Task: create it on Activity as a unique external id "
                "and grant Edit on it, or leave task_key_field out"
            )
        return found.name

    def closed_status(self) -> str:
        """A task status that means done; asked of TaskStatus where the org renamed Completed."""
        if self._closed is None:
            status = self._catalog.task().find("Status")
            values = status.values if status else ()
            named = [value for value in values if value.lower() in CLOSED]
            self._closed = "Completed" if "Completed" in values or not values else next(iter(named), None)
            if self._closed is None:
                query = soql.select(("MasterLabel",), "TaskStatus", soql.equals("IsClosed", True))
                labels = (mapping.text(row, "MasterLabel") for row in self._client.query(query).rows)
                self._closed = next((label for label in labels if label), "Completed")
        return self._closed

    # -- receipts --------------------------------------------------------------------------------------------------
    def _judge(self, action: PlannedAction, code: str, message: str) -> Receipt | None:
        """A refused double of our unique key means that the task is there; a double of another field does not."""
        column = self._config.task_key_field
        if code != "DUPLICATE_VALUE" or not column:
            return None
        names_a_field = "duplicate value found" in message.lower() and "unknown" not in message.lower()
        if names_a_field and column.lower() not in message.lower():
            return rows.failed(action, code, "another unique field of Task refuses the value: ask the org's admin")
        return rows.already_there(action, message)


def _about(record: RecordRef) -> Mapping[str, str]:
    return {lookup.column_of(record): record.id}


def _writable(task: ObjectDescription, name: str) -> bool:
    found = task.find(name)
    return found is not None and found.createable


def open_status(task: ObjectDescription) -> str:
    """The status that a task of ours is made with."""
    status = task.find("Status")
    values = status.values if status else ()
    if status and status.default and status.default.lower() not in CLOSED:
        return status.default
    if "Not Started" in values or not values:
        return "Not Started"
    return next((value for value in values if value.lower() not in CLOSED), values[0])


def _priority(task: ObjectDescription, priority: str) -> Body:
    field = task.find("Priority")
    values = field.values if field else ()
    found = next((value for value in values if value.lower() == priority), None)
    return {"Priority": found} if found else {} if values else {"Priority": priority.capitalize()}


def _subtype(task: ObjectDescription, subtype: str) -> Body:
    """TaskSubtype where it can be written, else the older Type."""
    if _writable(task, "TaskSubtype"):
        return {"TaskSubtype": subtype}
    field = task.find("Type")
    return {"Type": subtype} if field and field.createable and subtype in field.values else {}


def due_body(due: object, day: object) -> Body:
    """The due day as the team's calendar has it (in UTC when none is given), and a reminder that keeps the instant."""
    if isinstance(due, datetime):
        utc = due.astimezone(UTC)
        shown = day if isinstance(day, date) else utc.date()
        return {
            "ActivityDate": shown.isoformat(),
            "IsReminderSet": True,
            "ReminderDateTime": mapping.json_value(utc),
        }
    return {"ActivityDate": due.isoformat()} if isinstance(due, date) else {}


def hand_over(tasks: Tasks, actions: Sequence[PlannedAction], receipts: Sequence[Receipt]) -> list[Receipt]:
    """Write the notes that confirmed reassignments carry; one that cannot be written is told in the receipt."""
    noted = _noted(actions, receipts)
    try:
        written = _write_notes(tasks, noted)
    except FollowupError as error:  # the owners are changed: nothing about the note may undo or repeat that
        written = rows.all_of(noted, "failed", error)
    return _told(receipts, written)


def complete(tasks: Tasks, actions: Sequence[PlannedAction], receipts: Sequence[Receipt]) -> list[Receipt]:
    """Write the notes that are missing behind reassignments whose owner a look-up found changed.

    An outage goes up: then the next look-up tries it again, and finds by its key whatever note landed.
    """
    noted = _noted(actions, receipts)
    try:
        there = {receipt.key for receipt in tasks.look_up(noted) if receipt.state == "confirmed"} if noted else set()
        written = _write_notes(tasks, [action for action in noted if action.key not in there])
    except (PermanentError, ConfigError) as error:
        written = rows.all_of(noted, "failed", error)
    return _told(receipts, written)


def _noted(actions: Sequence[PlannedAction], receipts: Sequence[Receipt]) -> list[PlannedAction]:
    done = {receipt.key for receipt in receipts if receipt.state == "confirmed"}
    return [
        action for action in actions if action.kind == "reassign" and action.key in done and action.fields.get("note")
    ]


def _write_notes(tasks: Tasks, noted: Sequence[PlannedAction]) -> list[Receipt]:
    bodies = [tasks.note_body(action, str(action.fields["note"])) for action in noted]
    return tasks.create(noted, bodies) if noted else []


def _told(receipts: Sequence[Receipt], written: Sequence[Receipt]) -> list[Receipt]:
    lost = {receipt.key for receipt in written if receipt.state != "confirmed"}
    return [
        rows.with_message(receipt, "the owner is changed; the hand-over note could not be written")
        if receipt.key in lost
        else receipt
        for receipt in receipts
    ]
