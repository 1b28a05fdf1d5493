"""What is stored, told by when the CRM made it: the store's side of an audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from sqlalchemy import select

from connector.domain.audited import Stored
from connector.domain.model import Record
from connector.store.codec import activity_of, record_of, ref_of
from connector.store.statements import Part
from connector.store.tables import activities, activity_records, records

SLICE = 5_000
"""Rows told at a time: a tenth of a second, in which nobody else writes to the state."""


class Stock(Part):
    """Records and activities with their day of creation, and what became of them."""

    def record_stock(self, kind: str, after: str) -> tuple[Sequence[Stored], str | None]:
        """The next stored records of a kind behind `after`, and behind what to go on; None at the end."""
        # The text that is added keeps the database from taking them by their kind and sorting all of them for every slice.
        query = select(records.c.ref, records.c.data).where(records.c.kind.concat("") == kind, records.c.ref > after)
        rows = self._connection.execute(query.order_by(records.c.ref).limit(SLICE)).all()
        found = [record_of(ref_of(row.ref), row.data) for row in rows]
        stock = [Stored(one.ref.id, one.created, _lives((_life(one),))) for one in found]
        return stock, _last(row.ref for row in rows)

    def activity_stock(self, after: str) -> tuple[Sequence[Stored], str | None]:
        """The same of the activities that are not deleted and whose creation is known."""
        query = select(activities.c.id, activities.c.data).where(activities.c.id > after)
        rows = self._connection.execute(query.order_by(activities.c.id).limit(SLICE)).all()
        lives = self._lives_behind(after, rows[-1].id) if rows else {}
        found = [activity_of(row.id, row.data) for row in rows]
        return [
            Stored(one.id, one.created, _lives(tuple(sorted(lives.get(one.id, ())))))
            for one in found
            if one.created is not None and not one.deleted
        ], _last(one.id for one in found)

    def _lives_behind(self, after: str, last: str) -> Mapping[str, set[str]]:
        """What became of the stored records that the activities from behind an id up to another one are on."""
        query = select(activity_records.c.activity, records.c.ref, records.c.data)
        query = query.join(records, records.c.ref == activity_records.c.record)
        query = query.where(activity_records.c.activity > after, activity_records.c.activity <= last)
        of_record: dict[str, str] = {}
        found: dict[str, set[str]] = {}
        for activity, ref, data in self._connection.execute(query):
            if ref not in of_record:
                of_record[ref] = _life(record_of(ref_of(ref), data))
            found.setdefault(activity, set()).add(of_record[ref])
        return found


def _last(told: Iterable[str]) -> str | None:
    ids = list(told)
    return ids[-1] if len(ids) == SLICE else None


@cache
def _lives(words: tuple[str, ...]) -> frozenset[str]:
    """One set for all that have the same: there are millions of them, and a handful of sets."""
    return frozenset(words)


def _life(record: Record) -> str:
    if record.deleted or record.merged_into is not None:
        return "gone"
    return "converted" if record.converted else "live"
