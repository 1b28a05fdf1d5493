"""What is stored, told by when the CRM made it: the store's side of an audit."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from connector.domain.audited import Stored
from connector.domain.model import Record
from connector.store.codec import activity_of, record_of, ref_of
from connector.store.statements import Part
from connector.store.tables import activities, activity_records, records


class Stock(Part):
    """Records and activities with their day of creation, and what became of them."""

    def record_stock(self, kind: str) -> Iterator[Stored]:
        """Every stored record of a kind."""
        query = select(records.c.ref, records.c.data).where(records.c.kind == kind).order_by(records.c.ref)
        for name, data in self._connection.execute(query):
            record = record_of(ref_of(name), data)
            yield Stored(record.ref.id, record.created, frozenset({_life(record)}))

    def activity_stock(self) -> Iterator[Stored]:
        """Every stored activity whose creation is known, with what became of the records it is on."""
        lives = {
            name: _life(record_of(ref_of(name), data))
            for name, data in self._connection.execute(select(records.c.ref, records.c.data))
        }
        links: dict[str, set[str]] = {}
        for record, activity in self._connection.execute(select(activity_records)):
            links.setdefault(activity, set()).add(lives.get(record, "unknown"))
        for row in self._connection.execute(select(activities).order_by(activities.c.id)):
            activity = activity_of(row.id, row.data)
            if activity.created is not None and not activity.deleted:
                yield Stored(activity.id, activity.created, frozenset(links.get(activity.id, ())) - {"unknown"})


def _life(record: Record) -> str:
    if record.deleted or record.merged_into is not None:
        return "gone"
    return "converted" if record.converted else "live"
