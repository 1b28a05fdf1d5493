"""The records as they were read last, and everything that is stored about one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import func, select

from connector.domain.model import Activity, Change, Enrollment, Mark, MarkKind, Offer, Record, RecordRef, RecordState
from connector.store.codec import activity_of, change_of, instant, micros, record_of, record_text, ref_of, ref_text
from connector.store.statements import Part, chunks, put
from connector.store.tables import activities, activity_records, changes, enrollments, marks, offers, records
from connector.store.turns import offer_of

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Records(Part):
    """Records and their whole state."""

    def records(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, Record]:
        """The stored ones of these records."""
        names = {ref_text(ref): ref for ref in refs}
        found: dict[RecordRef, Record] = {}
        for some in chunks(list(names)):
            for row in self._connection.execute(select(records.c.ref, records.c.data).where(records.c.ref.in_(some))):
                ref = names[row.ref]
                found[ref] = record_of(ref, row.data)
        return found

    def save_records(self, read: Sequence[Record], seen: datetime) -> None:
        """Insert or replace; `first_seen` is kept from the first time."""
        rows = [
            {
                "ref": ref_text(record.ref),
                "kind": record.ref.kind,
                "id": record.ref.id,
                "owner": record.owner,
                "live": not record.deleted and record.merged_into is None,
                "gone": micros(record.modified) if record.deleted or record.merged_into is not None else None,
                "first_seen": micros(seen),
                "data": record_text(record),
                **weighed(record),
            }
            for record in read
        ]
        put(self._connection, records, rows, keep=("first_seen",))

    def find(self, text: str) -> Sequence[RecordRef]:
        """Records whose id is `text`, with or without `kind:` before it."""
        kind, _, id_ = text.rpartition(":")
        query = select(records.c.ref).where(records.c.id == id_).order_by(records.c.ref)
        if kind:
            query = query.where(records.c.kind == kind)
        return [ref_of(name) for name in self._connection.execute(query).scalars()]

    def refs(self, kind: str, limit: int, after: RecordRef | None = None, *, gone: bool = False) -> Sequence[RecordRef]:
        """The records of a kind in the order of their refs, beyond `after`; with `gone` also deleted and merged ones."""
        query = select(records.c.ref).where(records.c.kind == kind)
        if not gone:
            query = query.where(records.c.live == 1)
        if after is not None:
            query = query.where(records.c.ref > ref_text(after))
        return [ref_of(name) for name in self._connection.execute(query.order_by(records.c.ref).limit(limit)).scalars()]

    def population(self) -> Mapping[str, int]:
        """How many records of each kind are stored that are neither deleted nor merged."""
        query = select(records.c.kind, func.count()).where(records.c.live == 1).group_by(records.c.kind)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def states(self, refs: Sequence[RecordRef]) -> Sequence[RecordState]:
        """All that is stored about these records, in their order; a record that is not stored is left out."""
        found: list[RecordState] = []
        for some in chunks(refs):
            found.extend(self._states({ref_text(ref): ref for ref in some}))
        return found

    def _states(self, names: Mapping[str, RecordRef]) -> Sequence[RecordState]:
        keys = list(names)
        query = select(records.c.ref, records.c.first_seen, records.c.data).where(records.c.ref.in_(keys))
        rows = {row.ref: row for row in self._connection.execute(query)}
        done, moved = self._activities(keys), self._changes(names)
        members, marked, offered = self._enrollments(names), self._marks(keys), self._offers(keys)
        return [
            RecordState(
                record=record_of(ref, rows[name].data),
                first_seen=instant(rows[name].first_seen),
                activities=tuple(sorted(done.get(name, ()), key=lambda activity: (activity.at, activity.id))),
                changes=tuple(sorted(moved.get(name, ()), key=lambda change: (change.at, change.id))),
                enrollments=tuple(sorted(members.get(name, ()), key=_joined)),
                marks=tuple(sorted(marked.get(name, ()), key=lambda mark: (mark.at, mark.rule, mark.occasion))),
                offers=tuple(sorted(offered.get(name, ()), key=lambda offer: (offer.at, offer.round, offer.rule))),
            )
            for name, ref in names.items()
            if name in rows
        ]

    def _activities(self, names: Sequence[str]) -> Mapping[str, Sequence[Activity]]:
        query = (
            select(activity_records.c.record, activities.c.id, activities.c.data)
            .join(activities, activities.c.id == activity_records.c.activity)
            .where(activity_records.c.record.in_(names))
        )
        known: dict[str, Activity] = {}
        found: dict[str, list[Activity]] = defaultdict(list)
        for record, id_, data in self._connection.execute(query):
            activity = known.get(id_)
            if activity is None:
                activity = known[id_] = activity_of(id_, data)
            found[record].append(activity)
        return found

    def _changes(self, names: Mapping[str, RecordRef]) -> Mapping[str, Sequence[Change]]:
        found: dict[str, list[Change]] = defaultdict(list)
        for row in self._connection.execute(select(changes).where(changes.c.record.in_(list(names)))):
            found[row.record].append(change_of(names[row.record], row.id, row.field, row.exact, row.data))
        return found

    def _enrollments(self, names: Mapping[str, RecordRef]) -> Mapping[str, Sequence[Enrollment]]:
        found: dict[str, list[Enrollment]] = defaultdict(list)
        for row in self._connection.execute(select(enrollments).where(enrollments.c.record.in_(list(names)))):
            since = None if row.since is None else instant(row.since)
            found[row.record].append(Enrollment(names[row.record], row.name, since, row.active))
        return found

    def _offers(self, names: Sequence[str]) -> Mapping[str, Sequence[Offer]]:
        found: dict[str, list[Offer]] = defaultdict(list)
        for row in self._connection.execute(select(offers).where(offers.c.record.in_(names))):
            found[row.record].append(offer_of(row))
        return found

    def _marks(self, names: Sequence[str]) -> Mapping[str, Sequence[Mark]]:
        found: dict[str, list[Mark]] = defaultdict(list)
        for row in self._connection.execute(select(marks).where(marks.c.record.in_(names))):
            kind = cast(MarkKind, row.kind)
            found[row.record].append(Mark(row.rule, row.occasion, row.scope, instant(row.at), kind, row.released))
        return found


def weighed(record: Record) -> Mapping[str, object]:
    """What turns in a pool are decided by, in columns of its own: status, company, and whether it is somebody's work."""
    company = record.fields.get("company")
    gone = record.deleted or record.converted or record.merged_into is not None
    return {
        "status": record.status,
        "company": company.strip().casefold() if isinstance(company, str) and company.strip() else None,
        "open": not gone and record.fields.get("closed") is not True,
    }


def _joined(enrollment: Enrollment) -> tuple[datetime, str]:
    return enrollment.since or _LONG_AGO, enrollment.name
