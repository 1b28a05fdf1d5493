"""What a batch write sends and how its answer is settled, row by row and by key.

Every input carries its own `objectWriteTraceId`: without it one bad row fails the whole batch. The trace id is no
idempotency key, so a row whose fate an answer leaves open is `unknown`, never sent again before it was looked up.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from adapters.hubspot.client import HubSpotClient, Json
from adapters.hubspot.errors import words_of
from adapters.hubspot.fields import CONTACTS, DEALS, LEADS, KindView, ms_of, value_out
from adapters.hubspot.mapping import Row, id_of, properties_of
from adapters.hubspot.paths import BATCH_CREATE, BATCH_UPDATE, Endpoint
from adapters.hubspot.rows import batch_read
from connector.domain.actions import key_in, marker
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import (
    ConfigError,
    OutcomeUnknownError,
    PermanentError,
    QuotaSpentError,
    RetryableError,
)
from connector.domain.model import Value

TASK_TO: Mapping[str, int] = {CONTACTS: 204, DEALS: 216, LEADS: 647}
NOTE_TO: Mapping[str, int] = {CONTACTS: 202, DEALS: 214, LEADS: 601}
"""Association types from an activity to a record, from HubSpot's table of them; 601 was not tried live."""

TASK_TYPES: Mapping[str, str] = {"call": "CALL", "email": "EMAIL", "todo": "TODO"}
PRIORITIES: Mapping[str, str] = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH"}

MOST_CALLS = 24
"""Requests that one refused batch may cost while it is halved to find the bad rows."""

LATER = (RetryableError, QuotaSpentError, ConfigError)
"""Errors after which the same write is right later on."""


@dataclass(frozen=True)
class Input:
    """One row to write: the action it is for, the JSON that HubSpot gets, and the id of the row that is updated."""

    action: PlannedAction
    body: Json
    row: str = ""


# -- what is sent ----------------------------------------------------------------------------------------------------


def task_input(action: PlannedAction, object_type: str, key_field: str | None) -> Input:
    """A task on its record. Its key goes into the key property, or else as a marker line into the text."""
    fields = action.fields
    properties = {
        "hs_timestamp": str(due_ms(fields.get("due"))),
        "hs_task_subject": str(fields.get("subject") or ""),
        "hs_task_body": _text(fields.get("body"), None if key_field else action.key),
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": PRIORITIES.get(str(fields.get("priority") or "normal"), "MEDIUM"),
        "hs_task_type": TASK_TYPES.get(str(fields.get("type") or "todo"), "TODO"),
    }
    if key_field:
        properties[key_field] = action.key
    if fields.get("owner"):
        properties["hubspot_owner_id"] = str(fields["owner"])
    return Input(action, _created(action, properties, TASK_TO[object_type]))


def note_input(action: PlannedAction, object_type: str, now: datetime) -> Input:
    """A note on its record, with the key as a marker line."""
    properties = {"hs_timestamp": str(ms_of(now)), "hs_note_body": _text(action.fields.get("text"), action.key)}
    return Input(action, _created(action, properties, NOTE_TO[object_type]))


def update_input(action: PlannedAction, view: KindView) -> Input:
    """The properties a set or reassign writes; PermanentError when a field cannot be written here."""
    fields = {"owner": action.fields.get("owner")} if action.kind == "reassign" else action.fields
    properties: dict[str, str] = {}
    for name, value in fields.items():
        names, info = view.fields.get(name, ()), view.infos.get(name)
        if len(names) != 1 or info is None or not info.writable:
            raise PermanentError(
                f"HubSpot does not let us write {name} of a {view.kind}: map it in followup.yaml", "READ_ONLY"
            )
        properties[names[0]] = value_out(value, info)
    body: Json = {"id": action.record.id, "objectWriteTraceId": action.key, "properties": properties}
    return Input(action, body, action.record.id)


def _created(action: PlannedAction, properties: Mapping[str, str], association: int) -> Json:
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": association}
    return {
        "objectWriteTraceId": action.key,
        "properties": properties,
        "associations": [{"to": {"id": action.record.id}, "types": [kind]}],
    }


def due_ms(due: Value) -> int:
    """The due instant of a task in ms; a plain date is due at the end of that day, UTC."""
    if isinstance(due, datetime):
        return ms_of(due)
    if isinstance(due, date):
        return ms_of(datetime.combine(due + timedelta(days=1), time(), UTC)) - 1
    raise PermanentError("a HubSpot task needs a due date", "NO_DUE_DATE")


def _text(text: Value, key: str | None) -> str:
    """Text as HubSpot's rich text, with the marker line when the key has no place of its own."""
    lines = [str(text)] if text else []
    lines += [marker(key)] if key else []
    return html.escape("\n".join(lines), quote=False).replace("\n", "<br>")


# -- how it is settled -----------------------------------------------------------------------------------------------


class BatchWriter:
    """Sends batches of one object type and settles every row with exactly one receipt."""

    def __init__(self, client: HubSpotClient, object_type: str, key_field: str | None = None) -> None:
        self._client = client
        self._object_type = object_type
        self._key_field = key_field

    def create(self, inputs: Sequence[Input]) -> list[Receipt]:
        """Create these rows; matched by trace id, else by the key that the row itself carries."""
        return self._settled(inputs, BATCH_CREATE, [MOST_CALLS])

    def update(self, inputs: Sequence[Input]) -> list[Receipt]:
        """Update these rows; one row twice goes in two requests, since HubSpot refuses a batch that repeats an id."""
        receipts: list[Receipt] = []
        for wave in _waves(inputs):
            try:
                receipts += self._settled(wave, BATCH_UPDATE, [MOST_CALLS])
            except LATER as error:
                if not receipts:
                    raise
                receipts += [Receipt(one.action.key, "retry", message=str(error)) for one in wave]
        return receipts

    def _settled(self, inputs: Sequence[Input], endpoint: Endpoint, budget: list[int]) -> list[Receipt]:
        """One request; a batch that is refused as a whole is halved until the bad rows stand alone."""
        creates = endpoint is BATCH_CREATE
        budget[0] -= 1
        try:
            body = {"inputs": [one.body for one in inputs]}
            answer = self._client.call(endpoint, self._object_type, body=body)
        except OutcomeUnknownError as error:
            return [Receipt(one.action.key, "unknown", message=str(error)) for one in inputs]
        except PermanentError as error:
            if len(inputs) == 1:
                return [Receipt(inputs[0].action.key, "failed", code=error.code, message=str(error))]
            return self._halved(inputs, endpoint, budget, error)
        return self._read(inputs, answer, creates)

    def _halved(
        self, inputs: Sequence[Input], endpoint: Endpoint, budget: list[int], error: PermanentError
    ) -> list[Receipt]:
        middle = len(inputs) // 2
        receipts: list[Receipt] = []
        for half in (inputs[:middle], inputs[middle:]):
            if budget[0] <= 0:
                receipts += [Receipt(one.action.key, "retry", code=error.code, message=str(error)) for one in half]
                continue
            try:
                receipts += self._settled(half, endpoint, budget)
            except LATER as later:
                receipts += [Receipt(one.action.key, "retry", message=str(later)) for one in half]
        return receipts

    def _read(self, inputs: Sequence[Input], answer: Json, creates: bool) -> list[Receipt]:
        by_key = {one.action.key: one for one in inputs}
        results = answer.get("results")
        rows = [row for row in (results if isinstance(results, list) else []) if isinstance(row, dict)]
        done = self._created_ids(rows, by_key) if creates else self._updated_ids(rows, inputs)
        receipts = {key: Receipt(key, "confirmed", id_) for key, id_ in done.items()}
        for key, error in self._failures(answer, inputs):
            receipts.setdefault(key, _failure(key, error))
        for key in by_key:
            receipts.setdefault(key, Receipt(key, "unknown", message="HubSpot's answer does not mention this row"))
        return list(receipts.values())

    def _created_ids(self, rows: Sequence[Row], by_key: Mapping[str, Input]) -> dict[str, str]:
        """The new ids under their keys; rows that tell nothing of themselves are read again to learn their key."""
        found = {key: id_of(row) for row in rows if (key := self._key_of(row)) in by_key and id_of(row)}
        silent = [id_of(row) for row in rows if id_of(row) and self._key_of(row) is None]
        if silent:
            try:
                again = batch_read(self._client, self._object_type, silent, self._key_properties())
            except (RetryableError, PermanentError, QuotaSpentError):
                again = {}  # the rows stay unknown and are looked up
            found |= {key: id_ for id_, row in again.items() if (key := self._key_of(row)) in by_key}
        return {key: id_ for key, id_ in found.items() if key is not None}

    def _key_of(self, row: Row) -> str | None:
        return trace_of(row) or key_of(row, self._key_field)

    def _key_properties(self) -> list[str]:
        body = "hs_note_body" if self._object_type == "notes" else "hs_task_body"
        return [body, *([self._key_field] if self._key_field else [])]

    def _updated_ids(self, rows: Sequence[Row], inputs: Sequence[Input]) -> dict[str, str]:
        """Within one request an id stands for one input, so the id of a row is its key."""
        ids = {id_of(row) for row in rows}
        return {one.action.key: one.row for one in inputs if one.row in ids}

    def _failures(self, answer: Json, inputs: Sequence[Input]) -> Iterator[tuple[str, Json]]:
        """Each error of a 207 with the keys it is about: by trace id, or by record id where it names that."""
        errors = answer.get("errors")
        of_record = {one.row or one.action.record.id: one.action.key for one in inputs}
        keys = {one.action.key for one in inputs}
        for error in errors if isinstance(errors, list) else []:
            context = error.get("context") if isinstance(error, dict) else None
            if not isinstance(context, Mapping):
                continue
            for name, key_by in (("objectWriteTraceId", dict.fromkeys(keys)), ("ids", of_record), ("id", of_record)):
                values = context.get(name)
                for value in values if isinstance(values, list) else [values]:
                    if value is not None and str(value) in key_by:
                        yield key_by[str(value)] or str(value), error


def trace_of(row: Row) -> str | None:
    """The trace id a row carries, where HubSpot repeats it."""
    trace = row.get("objectWriteTraceId")
    return trace if isinstance(trace, str) and trace else None


def key_of(row: Row, key_field: str | None) -> str | None:
    """The key that a task or note carries in its key property or its text."""
    properties = properties_of(row)
    own = properties.get(key_field) if key_field else None
    if own:
        return str(own)
    body = properties.get("hs_task_body") or properties.get("hs_note_body")
    return key_in(html.unescape(str(body))) if body else None


def _failure(key: str, error: Json) -> Receipt:
    words = words_of(error)
    told = f"HubSpot refuses the row: {' '.join(words) or 'no reason given'}"
    slow_down = "RATE_LIMITS" in words or "RATE_LIMIT" in words
    return Receipt(key, "retry" if slow_down else "failed", code=words[0] if words else "", message=told)


def _waves(inputs: Sequence[Input]) -> Iterator[list[Input]]:
    """The inputs in requests of which none names a row twice, in the order they came."""
    left = list(inputs)
    while left:
        seen: set[str] = set()
        wave: list[Input] = []
        rest: list[Input] = []
        for one in left:
            (rest if one.row in seen else wave).append(one)
            seen.add(one.row)
        yield wave
        left = rest
