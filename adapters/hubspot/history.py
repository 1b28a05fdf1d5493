"""Property history: the changes between two readings, with the instants that HubSpot kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.fields import KindView
from adapters.hubspot.mapping import changes_of
from adapters.hubspot.rows import batch_read
from connector.domain.model import Change, Record


def history_of(client: HubSpotClient, view: KindView, records: Sequence[Record], fields: Iterable[str]) -> list[Change]:
    """What HubSpot's history tells of these fields of these records, fifty records per call; oldest first.

    Every entry is told as the CRM's: whether it was a write of ours, only the application's own ledger knows.
    """
    watched = {name: view.fields[name][0] for name in fields if len(view.fields.get(name, ())) == 1}
    if not watched or not records:
        return []
    by_id = {record.ref.id: record for record in records}
    rows = batch_read(client, view.object_type, list(by_id), (), history=sorted(set(watched.values())))
    found = [
        change
        for id_, row in rows.items()
        if id_ in by_id
        for name, prop in sorted(watched.items())
        for change in changes_of(row, by_id[id_].ref, name, prop, view.infos[name], by_id[id_].created)
    ]
    return sorted(found, key=lambda change: (change.at, change.id))
