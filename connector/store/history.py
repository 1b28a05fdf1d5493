"""What happened to the records: activities, changes of fields, enrolments, and what a merge does to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Table, delete, insert, or_, select, tuple_, update

from connector.domain.model import Activity, Change, Enrollment, RecordRef
from connector.store.codec import activity_of, activity_text, change_of, change_text, instant, micros, ref_text
from connector.store.statements import Part, chunks, put
from connector.store.tables import activities, activity_records, changes, deadlines, enrollments, marks, outbox

OPEN_STATES = ("pending", "claimed", "unknown", "held")
"""Outbox states in which a write may still be ahead."""


class History(Part):
    """Activities, changes, enrolments, merges."""

    def activity_versions(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The stored version of each of these activities."""
        found: dict[str, str] = {}
        for some in chunks(ids):
            query = select(activities.c.id, activities.c.version).where(activities.c.id.in_(some))
            found.update((row.id, row.version) for row in self._connection.execute(query))
        return found

    def save_activities(self, read: Sequence[Activity]) -> None:
        """Insert or replace; one marked deleted is removed. Of an activity given twice the last one counts."""
        latest = {activity.id: activity for activity in read}
        kept = [activity for activity in latest.values() if not activity.deleted]
        gone = [activity.id for activity in latest.values() if activity.deleted]
        for some in chunks(list(latest)):
            self._connection.execute(delete(activity_records).where(activity_records.c.activity.in_(some)))
        for some in chunks(gone):
            self._connection.execute(delete(activities).where(activities.c.id.in_(some)))
        rows = [{"id": one.id, "version": one.version, "data": activity_text(one)} for one in kept]
        put(self._connection, activities, rows)
        links = [{"record": ref_text(ref), "activity": one.id} for one in kept for ref in dict.fromkeys(one.refs)]
        if links:
            self._connection.execute(insert(activity_records), links)

    def save_changes(self, read: Sequence[Change]) -> frozenset[RecordRef]:
        """Store those not yet known by (record, id); the records for which something was new."""
        fresh = {(ref_text(change.ref), change.id): change for change in reversed(read)}
        for some in chunks(sorted({record for record, _ in fresh})):
            query = select(changes.c.record, changes.c.id).where(changes.c.record.in_(some))
            for record, id_ in self._connection.execute(query):
                fresh.pop((record, id_), None)
        put(self._connection, changes, [_change_row(change) for change in fresh.values()])
        return frozenset(change.ref for change in fresh.values())

    def upgrade_change(self, change: Change) -> bool:
        """Replace the stored inexact change of the same field and new value by this exact one; False when there is none.

        Of several the nearest in time is replaced. A change that is stored already under its id replaces nothing.
        """
        record = ref_text(change.ref)
        query = select(changes).where(
            changes.c.record == record, or_(changes.c.field == change.field, changes.c.id == change.id)
        )
        rows = self._connection.execute(query).all()
        if any(row.id == change.id and row.exact for row in rows):
            return False
        stored = [change_of(change.ref, row.id, row.field, row.exact, row.data) for row in rows if not row.exact]
        same = [one for one in stored if one.field == change.field and one.new == change.new]
        if not same:
            return False
        nearest = min(same, key=lambda one: abs(one.at - change.at))
        self._connection.execute(delete(changes).where(changes.c.record == record, changes.c.id == nearest.id))
        put(self._connection, changes, [_change_row(change)])
        return True

    def save_enrollments(self, read: Sequence[Enrollment]) -> frozenset[RecordRef]:
        """Insert or replace; the records for which something was new. An unknown `since` takes the known one."""
        wanted = {(ref_text(one.ref), one.name): one for one in read}
        for some in chunks(sorted({record for record, _ in wanted})):
            for row in self._connection.execute(select(enrollments).where(enrollments.c.record.in_(some))):
                key = (row.record, row.name)
                one = wanted.get(key)
                if one is None:
                    continue
                if one.since is None and row.since is not None and (row.active or not one.active):
                    one = wanted[key] = replace(one, since=instant(row.since))
                if one.active == row.active and _since(one) == row.since:
                    del wanted[key]
        rows = [
            {"record": record, "name": name, "since": _since(one), "active": one.active}
            for (record, name), one in wanted.items()
        ]
        put(self._connection, enrollments, rows)
        return frozenset(one.ref for one in wanted.values())

    def move_history(self, old: RecordRef, new: RecordRef) -> None:
        """After a merge: activities, enrolments, marks and open actions of the loser now belong to the survivor.

        Where the survivor has the same enrolment, mark or action already, its own stays. An action moves once: the
        second merge drops it.
        """
        loser, survivor = ref_text(old), ref_text(new)
        self._move_activities(old, new)
        self._move(enrollments, ("name",), loser, survivor)
        self._move(marks, ("rule", "occasion"), loser, survivor)
        self._move_actions(loser, survivor)
        self._connection.execute(delete(deadlines).where(deadlines.c.record == loser))

    def _move_activities(self, old: RecordRef, new: RecordRef) -> None:
        query = select(activity_records.c.activity).where(activity_records.c.record == ref_text(old))
        moved: list[Activity] = []
        for some in chunks(list(self._connection.execute(query).scalars())):
            for row in self._connection.execute(select(activities).where(activities.c.id.in_(some))):
                activity = activity_of(row.id, row.data)
                refs = tuple(dict.fromkeys(new if ref == old else ref for ref in activity.refs))
                moved.append(replace(activity, refs=refs))
        self.save_activities(moved)

    def _move(self, table: Table, key: Sequence[str], loser: str, survivor: str) -> None:
        own = select(*(table.c[name] for name in key)).where(table.c.record == survivor)
        taken = tuple_(*(table.c[name] for name in key)).in_(own)
        self._connection.execute(delete(table).where(table.c.record == loser, taken))
        self._connection.execute(update(table).where(table.c.record == loser).values(record=survivor))

    def _move_actions(self, loser: str, survivor: str) -> None:
        match = (outbox.c.rule, outbox.c.occasion, outbox.c.position)
        query = select(*match).where(outbox.c.record == survivor, outbox.c.state != "dropped")
        taken = {tuple(row) for row in self._connection.execute(query)}
        columns = (outbox.c.key, outbox.c.state, outbox.c.retargeted, *match)
        open_ones = select(*columns).where(outbox.c.record == loser, outbox.c.state.in_(OPEN_STATES))
        for key, state, retargeted, *place in self._connection.execute(open_ones).all():
            values: dict[str, object] = {"record": survivor, "retargeted": True}
            # What may have landed already has to be looked up, wherever it belongs now.
            if state in ("pending", "held") and (retargeted or tuple(place) in taken):
                why = "the record was merged twice" if retargeted else "the surviving record has this action already"
                values = {"state": "dropped", "message": why}
            self._connection.execute(update(outbox).where(outbox.c.key == key).values(values))


def _since(enrollment: Enrollment) -> int | None:
    return None if enrollment.since is None else micros(enrollment.since)


def _change_row(change: Change) -> Mapping[str, object]:
    return {
        "record": ref_text(change.ref),
        "id": change.id,
        "field": change.field,
        "exact": change.exact,
        "data": change_text(change),
    }
