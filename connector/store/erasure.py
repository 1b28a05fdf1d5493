"""Erasure on request: everything about a record goes, and what is left knows it again without telling who it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from secrets import token_hex

from sqlalchemy import ColumnElement, Table, delete, func, select, update

from connector.domain.model import Activity, RecordRef
from connector.domain.tombstones import ACTIVITY, Tombstones, digest, without_words
from connector.store.codec import (
    activity_of,
    activity_text,
    instant,
    micros,
    record_of,
    ref_of,
    ref_text,
    value_of,
    value_text,
)
from connector.store.statements import Part, chunks, put
from connector.store.tables import (
    activities,
    activity_records,
    assignments,
    changes,
    cursors,
    deadlines,
    enrollments,
    forgotten,
    marks,
    offers,
    outbox,
    records,
    runs,
    settings,
)

SALT = "tombstone_salt"

ABOUT_RECORDS: Mapping[str, Table] = {
    "changes": changes,
    "enrolments": enrollments,
    "marks": marks,
    "offers": offers,
    "assignments": assignments,
    "deadlines": deadlines,
    "writes": outbox,
}
"""What is kept per record, by its name for people; all of it has a column `record`."""


class Erasure(Part):
    """Tombstones, and what they stand for."""

    _graves: Tombstones | None = None

    def tombstones(self) -> Tombstones:
        """What was forgotten so far; read once in a transaction."""
        if self._graves is None:
            found = {row.digest: instant(row.at) for row in self._connection.execute(select(forgotten))}
            self._graves = Tombstones(self._salt(), found) if found else Tombstones()
        return self._graves

    def forgotten_counts(self) -> Mapping[str, int]:
        """How many records of each kind were forgotten, and with them how many activities."""
        query = select(forgotten.c.kind, func.count()).group_by(forgotten.c.kind)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def merged_with(self, ref: RecordRef) -> Sequence[RecordRef]:
        """The record that this one has become in the end, and everything that was merged into that."""
        query = select(records.c.ref, records.c.data).where(records.c.live == 0, records.c.kind == ref.kind)
        gone = [record_of(ref_of(name), data) for name, data in self._connection.execute(query)]
        into = {record.ref: record.merged_into for record in gone if record.merged_into is not None}
        top, seen = ref, {ref}
        while top in into and into[top] not in seen:
            top = into[top]
            seen.add(top)
        found = [top]
        for one in found:
            found += [loser for loser, survivor in into.items() if survivor == one and loser not in found]
        return found

    def footprint(self, refs: Sequence[RecordRef]) -> Mapping[str, int]:
        """How much is stored about these records, by sort; what there is none of is left out."""
        names = [ref_text(ref) for ref in refs]
        own, shared = self._own_and_shared(names)
        counts = {"records": self._count(records, records.c.ref.in_(names))}
        counts |= {"activities": len(own), "shared activities": len(shared)}
        counts |= {name: self._count(table, table.c.record.in_(names)) for name, table in ABOUT_RECORDS.items()}
        return {name: count for name, count in counts.items() if count}

    def forget(self, refs: Sequence[RecordRef], now: datetime) -> None:
        """Take away everything about these records and leave tombstones, for them and for activities of theirs alone.

        What was in the file stays readable on the disk until `Store.scrub`.
        """
        names = [ref_text(ref) for ref in refs]
        own, shared = self._own_and_shared(names)
        keys = set(self._connection.execute(select(outbox.c.key).where(outbox.c.record.in_(names))).scalars())
        self.bury([(ref.kind, ref.id) for ref in refs], now)
        self.drop_activities(own, now)
        self._share_no_more(shared, set(refs), keys)
        for table in ABOUT_RECORDS.values():
            self._connection.execute(delete(table).where(table.c.record.in_(names)))
        self._connection.execute(delete(records).where(records.c.ref.in_(names)))
        self._sweep(refs)

    def drop_activities(self, ids: Sequence[str], now: datetime) -> None:
        """Take these activities away and leave tombstones."""
        self.bury([(ACTIVITY, id_) for id_ in ids], now)
        for some in chunks(ids):
            self._connection.execute(delete(activity_records).where(activity_records.c.activity.in_(some)))
            self._connection.execute(delete(activities).where(activities.c.id.in_(some)))

    def bury(self, named: Iterable[tuple[str, str]], now: datetime) -> None:
        """Leave tombstones for these kinds and ids; an earlier one stays."""
        salt = self._salt(make=True)
        rows = [{"digest": digest(salt, kind, id_), "kind": kind, "at": micros(now)} for kind, id_ in named]
        self._graves = None if rows else self._graves
        put(self._connection, forgotten, rows, keep=("at",))

    # -- parts -----------------------------------------------------------------------------------------------------
    def _salt(self, *, make: bool = False) -> bytes:
        text = self._connection.execute(select(settings.c.value).where(settings.c.name == SALT)).scalar()
        if text is None:
            if not make:
                return b""
            text = value_text(token_hex(32))
            put(self._connection, settings, [{"name": SALT, "value": text}])
        return bytes.fromhex(str(value_of(text)))

    def _count(self, table: Table, where: ColumnElement[bool]) -> int:
        return self._connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()

    def _own_and_shared(self, names: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """The ids of activities that are these records' alone, and of those they share with others."""
        mine = select(activity_records.c.activity).where(activity_records.c.record.in_(names)).distinct()
        ids = list(self._connection.execute(mine.order_by(activity_records.c.activity)).scalars())
        others: set[str] = set()
        for some in chunks(ids):
            query = select(activity_records.c.activity).where(activity_records.c.activity.in_(some))
            others |= set(self._connection.execute(query.where(activity_records.c.record.not_in(names))).scalars())
        return [id_ for id_ in ids if id_ not in others], sorted(others)

    def _share_no_more(self, ids: Sequence[str], refs: set[RecordRef], keys: set[str]) -> None:
        for some in chunks(ids):
            for row in self._connection.execute(select(activities).where(activities.c.id.in_(some))).all():
                kept = _without(activity_of(row.id, row.data), refs, keys)
                change = update(activities).where(activities.c.id == row.id)
                self._connection.execute(change.values(data=activity_text(kept)))
        names = [ref_text(ref) for ref in refs]
        self._connection.execute(delete(activity_records).where(activity_records.c.record.in_(names)))

    def _sweep(self, refs: Sequence[RecordRef]) -> None:
        """Cursors stand on the last row that was read, and messages of passes might name a record."""
        graves = self.tombstones()
        for row in self._connection.execute(select(cursors)).all():
            clean = graves.cursor(row.cursor, row.stream)
            if clean != row.cursor:
                change = update(cursors).where(cursors.c.stream == row.stream)
                self._connection.execute(change.values(cursor=clean))
        named = func.instr if self._connection.dialect.name == "sqlite" else func.strpos
        for name in [name for ref in refs for name in (str(ref), ref_text(ref))]:
            whole = re.compile(rf"{re.escape(name)}(?![0-9A-Za-z])")  # of `lead:1234` there is `lead:123` as well
            for row in self._connection.execute(select(runs).where(named(runs.c.data, name) > 0)).all():
                blank = whole.sub("a forgotten record", row.data)
                self._connection.execute(update(runs).where(runs.c.id == row.id).values(data=blank))


def _without(activity: Activity, refs: set[RecordRef], keys: set[str]) -> Activity:
    kept = without_words(activity, tuple(ref for ref in activity.refs if ref not in refs))
    return replace(kept, key=None) if kept.key in keys else kept
