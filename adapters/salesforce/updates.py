"""Changes owners and fields of records, and compares them with what stands there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from adapters.salesforce import mapping, rows, soql
from adapters.salesforce.catalog import Catalog
from adapters.salesforce.client import Client
from adapters.salesforce.fields import OBJECTS, FieldDescription
from adapters.salesforce.locks import until_unlocked
from adapters.salesforce.tasks import COLLECTION, Tasks, complete, hand_over
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.model import Value
from connector.domain.ports import AdapterConfig


class Updates:
    """Owner changes and field changes: one collection per kind of record, each record at most once in it."""

    def __init__(self, config: AdapterConfig, client: Client, catalog: Catalog, tasks: Tasks) -> None:
        self._config = config
        self._client = client
        self._catalog = catalog
        self._tasks = tasks

    def apply(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Write the changes; an action on a field that is bound to nothing or read-only fails by itself."""
        refused: list[Receipt] = []
        good: list[tuple[PlannedAction, Mapping[str, object]]] = []
        for action in actions:
            columns = self._columns(action)
            bad = sorted(word for word, column in columns.items() if column is None or not column.updateable)
            if bad:
                cure = "grant Edit on it or correct `fields` in followup.yaml"
                refused.append(rows.failed(action, "READ_ONLY_FIELD", f"{', '.join(bad)} cannot be written: {cure}"))
            else:
                good.append((action, self._row(action, columns)))
        return refused + rows.in_turn([self._call(batch) for batch in _rounds(good)])

    def look_up(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Whether each record holds the values by now; a hand-over note that did not follow its owner is written."""
        receipts: list[Receipt] = []
        for kind in sorted({action.record.kind for action in actions}):
            receipts += self._compared(kind, [action for action in actions if action.record.kind == kind])
        return complete(self._tasks, actions, receipts)

    def _call(
        self, batch: Sequence[tuple[PlannedAction, Mapping[str, object]]]
    ) -> tuple[list[PlannedAction], Callable[[], list[Receipt]]]:
        actions = [action for action, _ in batch]
        row_of = {action.key: row for action, row in batch}

        def send(some: Sequence[PlannedAction]) -> list[Receipt]:
            payload = {"allOrNone": False, "records": [row_of[action.key] for action in some]}
            return rows.of_call(some, lambda: self._client.write("PATCH", COLLECTION, payload))

        return actions, lambda: hand_over(self._tasks, actions, until_unlocked(actions, send, self._config))

    def _columns(self, action: PlannedAction) -> dict[str, FieldDescription | None]:
        """What to write: our names with their fields."""
        words = ("owner",) if action.kind == "reassign" else tuple(action.fields)
        visible = self._catalog.fields.visible(action.record.kind, self._catalog.record(action.record.kind))
        return {word: visible.get(word) for word in words}

    def _row(self, action: PlannedAction, columns: Mapping[str, FieldDescription | None]) -> Mapping[str, object]:
        values = {
            column.name: mapping.json_value(action.fields.get(word)) for word, column in columns.items() if column
        }
        return {"attributes": {"type": OBJECTS[action.record.kind]}, "id": action.record.id, **values}

    def _compared(self, kind: str, actions: Sequence[PlannedAction]) -> list[Receipt]:
        columns = {action.key: self._columns(action) for action in actions}
        names = sorted({column.name for found in columns.values() for column in found.values() if column})
        if not names:
            return [rows.failed(action, "READ_ONLY_FIELD", "its fields are hidden by now") for action in actions]
        select = tuple(dict.fromkeys(("Id", *names)))
        found: dict[str, Mapping[str, object]] = {}
        ids = sorted({action.record.id for action in actions})
        for chunk in soql.chunks(ids, soql.select(select, OBJECTS[kind])):
            for row in self._client.rows(soql.select(select, OBJECTS[kind], soql.one_of("Id", chunk))):
                found[mapping.id_in(row, "Id") or ""] = row
        return [_judged(action, columns[action.key], found.get(action.record.id)) for action in actions]


def _judged(
    action: PlannedAction, columns: Mapping[str, FieldDescription | None], row: Mapping[str, object] | None
) -> Receipt:
    if row is None:
        return rows.failed(action, "ENTITY_IS_DELETED", "the record is gone")
    for word, column in columns.items():
        now = mapping.value_of(row.get(column.name), column.type) if column else None
        if not _same(now, action.fields.get(word)):
            return Receipt(action.key, "retry", message=f"{word} does not have the new value")
    return Receipt(action.key, "confirmed", action.record.id, already=True)


def _same(now: Value, wanted: Value) -> bool:
    """Equal as Salesforce keeps it: trimmed text, ids of either length, instants to the second."""
    if isinstance(now, datetime) and isinstance(wanted, datetime):
        return abs((now - wanted).total_seconds()) < 1
    if mapping.is_id(now) and mapping.is_id(wanted):
        return str(now)[:15] == str(wanted)[:15]
    if isinstance(now, str) and isinstance(wanted, str):
        return now.strip() == wanted.strip()
    return now == wanted or (now is None and wanted == "") or (now == "" and wanted is None)


def _rounds(
    pairs: Sequence[tuple[PlannedAction, Mapping[str, object]]],
) -> list[list[tuple[PlannedAction, Mapping[str, object]]]]:
    """Salesforce refuses a collection that names a record twice: the second change goes into a second call."""
    rounds: list[list[tuple[PlannedAction, Mapping[str, object]]]] = []
    seen: dict[object, int] = {}
    for action, row in pairs:
        turn = seen.get(action.record, 0)
        seen[action.record] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append((action, row))
    return rounds
