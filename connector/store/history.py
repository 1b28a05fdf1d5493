"""What happened to the records: activities, changes of fields, enrolments, and what a merge does to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Table, delete, insert, select, tuple_, update

from connector.domain.model import Activity, Change, Enrollment, RecordRef
from connector.store.codec import activity_of, activity_text, change_of, change_text, instant, micros, ref_of, ref_text
from connector.store.statements import Part, chunks, put
from connector.store.tables import activities, activity_records, changes, deadlines, enrollments, marks, offers, outbox

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

    def activities(self, ids: Sequence[str]) -> Mapping[str, Activity]:
        """These activities as they are stored; one that is not stored is left out."""
        found: dict[str, Activity] = {}
        for some in chunks(ids):
            query = select(activities.c.id, activities.c.data).where(activities.c.id.in_(some))
            found.update((row.id, activity_of(row.id, row.data)) for row in self._connection.execute(query))
        return found

    def activity_refs(self, ids: Sequence[str]) -> Mapping[str, Sequence[RecordRef]]:
        """The records on which each of these activities is stored."""
        found: dict[str, list[RecordRef]] = {}
        for some in chunks(ids):
            query = select(activity_records).where(activity_records.c.activity.in_(some))
            for row in self._connection.execute(query.order_by(activity_records.c.record)):
                found.setdefault(row.activity, []).append(ref_of(row.record))
        return found

    def save_activities(self, read: Sequence[Activity]) -> None:
        """Insert or replace; one marked deleted is removed. Of an activity given twice the last one counts.

        A task of ours that a person deleted stays, marked so: that is how an offer is declined.
        """
        latest = {activity.id: activity for activity in read}
        latest |= {ours.id: ours for ours in self._deleted_ours(latest)}
        kept = [activity for activity in latest.values() if not activity.deleted or activity.key is not None]
        gone = [activity.id for activity in latest.values() if activity.deleted and activity.key is None]
        for some in chunks(list(latest)):
            self._connection.execute(delete(activity_records).where(activity_records.c.activity.in_(some)))
        for some in chunks(gone):
            self._connection.execute(delete(activities).where(activities.c.id.in_(some)))
        rows = [{"id": one.id, "version": one.version, "data": activity_text(one)} for one in kept]
        put(self._connection, activities, rows)
        links = [{"record": ref_text(ref), "activity": one.id} for one in kept for ref in dict.fromkeys(one.refs)]
        if links:
            self._connection.execute(insert(activity_records), links)

    def _deleted_ours(self, latest: Mapping[str, Activity]) -> Sequence[Activity]:
        """What is deleted now and was stored as a task of ours, as it was stored: an archive tells no more than the id."""
        found: list[Activity] = []
        for some in chunks([activity.id for activity in latest.values() if activity.deleted]):
            for row in self._connection.execute(select(activities).where(activities.c.id.in_(some))):
                before, now = activity_of(row.id, row.data), latest[row.id]
                if before.key is not None:
                    ended = before.ended if before.deleted else now.ended or now.at
                    found.append(replace(before, version=now.version, deleted=True, ended=ended))
        return found

    def save_changes(self, read: Sequence[Change]) -> Sequence[Change]:
        """Store those not yet known by (record, id); which of them were news.

        An exact change refines the nearest inexact one of the same field and new value instead of standing beside it:
        it lends it its instant and actor. The stored id and origin stay, since rules may have fired on that id already
        and our own write remains ours; the exact id is kept as an alias, so that it is known when it comes again.
        """
        fresh = {(ref_text(change.ref), change.id): change for change in reversed(read)}
        inexact: dict[tuple[str, str], list[Change]] = {}
        for some in chunks(sorted({record for record, _ in fresh})):
            for row in self._connection.execute(select(changes).where(changes.c.record.in_(some))):
                fresh.pop((row.record, row.id), None)
                fresh.pop((row.record, row.alias), None)
                if not row.exact:
                    stored = change_of(ref_of(row.record), row.id, row.field, row.exact, row.data)
                    inexact.setdefault((row.record, row.field), []).append(stored)
        rows: list[Mapping[str, object]] = []
        news: list[Change] = []
        for (record, _), change in fresh.items():
            rough = _nearest(inexact.get((record, change.field), []), change)
            if rough is None:
                rows.append(_change_row(change))
                news.append(change)
            else:
                inexact[(record, change.field)].remove(rough)
                refined = replace(rough, at=change.at, actor=change.actor or rough.actor, exact=True)
                rows.append({**_change_row(refined), "alias": change.id})
        put(self._connection, changes, rows)
        return tuple(news)

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
        """After a merge: activities, enrolments, marks, offers and open actions of the loser now belong to the survivor.

        Where the survivor has the same enrolment, mark, offer or action already, its own stays, unless it is a mark of
        baseline. An action moves once: the second merge drops it.
        """
        loser, survivor = ref_text(old), ref_text(new)
        self._move_activities(old, new)
        self._move(enrollments, ("name",), loser, survivor)
        self._unbaseline(loser, survivor)
        self._move(marks, ("rule", "occasion"), loser, survivor)
        self._move(offers, ("rule", "occasion", "round"), loser, survivor)
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

    def _unbaseline(self, loser: str, survivor: str) -> None:
        """What a rule really did counts for more than that it was new once: else a cadence would end with the merge."""
        match = (marks.c.rule, marks.c.occasion)
        done = select(*match).where(marks.c.record == loser, marks.c.kind != "baseline")
        own = (marks.c.record == survivor, marks.c.kind == "baseline", tuple_(*match).in_(done))
        self._connection.execute(delete(marks).where(*own))

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


def _nearest(rough: Sequence[Change], change: Change) -> Change | None:
    """The inexact change that this exact one tells more precisely."""
    same = [one for one in rough if one.new == change.new] if change.exact else []
    return min(same, key=lambda one: abs(one.at - change.at), default=None)


def _since(enrollment: Enrollment) -> int | None:
    return None if enrollment.since is None else micros(enrollment.since)


def _change_row(change: Change) -> Mapping[str, object]:
    return {
        "record": ref_text(change.ref),
        "id": change.id,
        "field": change.field,
        "alias": None,
        "exact": change.exact,
        "data": change_text(change),
    }
