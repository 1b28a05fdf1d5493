"""Finds tasks of ours by their key, binned and archived ones included: a rep may have deleted what landed."""

from __future__ import annotations

from collections.abc import Sequence, Set

from adapters.salesforce import mapping, soql
from adapters.salesforce.activities import key_of
from adapters.salesforce.catalog import Catalog
from adapters.salesforce.client import Client
from adapters.salesforce.fields import OBJECTS
from connector.domain.decision import PlannedAction
from connector.domain.errors import PermanentError
from connector.domain.model import RecordRef

HEIRS = {"lead": ("MasterRecordId", "ConvertedContactId"), "contact": ("MasterRecordId",)}
"""Which columns name the record that has taken over the tasks of one that was merged or converted."""

HOPS = 3
"""Merged, converted and merged again is followed; a longer chain between a write and its look-up is not."""


def column_of(record: RecordRef) -> str:
    """A lead or contact goes into WhoId; a lead there forbids WhatId, so only a deal ever uses that."""
    return "WhatId" if record.kind == "deal" else "WhoId"


def by_field(client: Client, column: str, actions: Sequence[PlannedAction]) -> dict[str, str]:
    """The task's id for each key that the key field has."""
    columns = ("Id", column)
    found: dict[str, str] = {}
    for chunk in soql.chunks([action.key for action in actions], soql.select(columns, "Task")):
        query = soql.select(columns, "Task", soql.one_of(column, chunk))
        for row in client.rows(query, deleted=True):
            found[mapping.text(row, column) or ""] = mapping.id_in(row, "Id") or ""
    return found


def by_marker(client: Client, catalog: Catalog, actions: Sequence[PlannedAction]) -> dict[str, str]:
    """A task's text cannot be filtered on, so every task of the records is read and compared here.

    A merge or conversion takes the tasks along: when something is missing the tasks of the heirs are read, too.
    """
    found = _on(client, "WhatId", {action.record.id for action in actions if column_of(action.record) == "WhatId"})
    people = [action for action in actions if column_of(action.record) == "WhoId"]
    ids = {action.record.id for action in people}
    found |= _on(client, "WhoId", ids)
    ids = {action.record.id for action in people if action.key not in found}
    for _ in range(HOPS):
        ids = _heirs(client, catalog, ids)
        found |= _on(client, "WhoId", ids)
    return found


def _on(client: Client, column: str, ids: Set[str]) -> dict[str, str]:
    """Our keys among the tasks of these records, with the tasks' ids."""
    columns = ("Id", "Description")
    found: dict[str, str] = {}
    for chunk in soql.chunks(sorted(ids), soql.select(columns, "Task")):
        for row in client.rows(soql.select(columns, "Task", soql.one_of(column, chunk)), deleted=True):
            key = key_of(row, None)
            if key:
                found[key] = mapping.id_in(row, "Id") or ""
    return found


def _heirs(client: Client, catalog: Catalog, ids: Set[str]) -> set[str]:
    """The records that have taken over the tasks of these leads and contacts, as far as this user may see that."""
    found: set[str] = set()
    for kind, names in HEIRS.items():
        own = sorted(id_ for id_ in ids if (ref := mapping.ref(id_)) and ref.kind == kind)
        columns = _seen(catalog, OBJECTS[kind], names) if own else ()
        if not columns:
            continue
        for chunk in soql.chunks(own, soql.select(columns, OBJECTS[kind])):
            query = soql.select(columns, OBJECTS[kind], soql.one_of("Id", chunk))
            for row in client.rows(query, deleted=True):
                found |= {heir for name in columns if (heir := mapping.id_in(row, name))}
    return found


def _seen(catalog: Catalog, table: str, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the columns that this user may read."""
    try:
        return tuple(name for name in names if catalog.sobject(table).find(name))
    except PermanentError:  # not even the object
        return ()
