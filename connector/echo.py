"""Telling news from what is known already and from our own writes as they come back.

A confirmed write is put into the stored record at once, so that reading it back changes nothing. Until the CRM has shown
a newer version of that record, a row of the old version is stale: search indexes hand such rows out for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from connector.domain.decision import OutboxEntry, PlannedAction, Receipt
from connector.domain.model import Activity, Change, Enrollment, Needs, Record, RecordRef, Value, change_id
from connector.domain.storage import UnitOfWork
from connector.domain.undone import UNDO

OURS = "ours"
"""The version of an activity that we stored ourselves when its write was confirmed, before the CRM told it back. In
front of a record's version: our own write stands on top of that version."""

CLOSED = "ours-closed"
"""The version of a task that we closed ourselves, before the CRM told it back."""

GONE = "ours-gone"
"""The version of a task that we found to be deleted, before the CRM told it."""

ID_LENGTH = 15
"""From so many characters on, a value that begins like another one is that value cut short, or a short form of its id."""

CLOCKS = timedelta(minutes=10)
"""How far the CRM's clock may be behind ours: a change stamped earlier than that before our write is not our write."""


def without_forgeries(uow: UnitOfWork, activities: Sequence[Activity]) -> Sequence[Activity]:
    """The activities, without the key of those that only look like ours; they are people's, and count as such.

    Anybody can write the line that carries a key into a task or a note, and a task that is copied takes it along. Ours
    is what the outbox knows, and of that the one task or note that was made. What was made before this state began
    may be ours all the same: an earlier state of ours wrote it.
    """
    keyed = sorted({activity.key for activity in activities if activity.key is not None})
    if not keyed:
        return activities
    known = uow.entries(keyed)
    began = min((adoption.at for adoption in uow.adoptions().values()), default=None)
    return [
        activity if activity.key is None or _is_ours(activity, known.get(activity.key), began) else _of_people(activity)
        for activity in activities
    ]


def _is_ours(activity: Activity, entry: OutboxEntry | None, began: datetime | None) -> bool:
    if entry is None:
        return began is None or activity.created is None or activity.created < began
    made = entry.crm_id if entry.action.kind in ("task", "offer", "note") else None
    return not made or made.rpartition(":")[2] == activity.id.rpartition(":")[2]


def _of_people(activity: Activity) -> Activity:
    return replace(activity, key=None)


def is_echo(activity: Activity, stored: str | None) -> bool:
    """One of our own that comes back as we wrote it: a task nobody has finished, a note. A finished one is a person's work.

    So is one put aside; a task that we closed ourselves is not.
    """
    if activity.key is None or activity.deferred:
        return False
    if stored == CLOSED and activity.done and not activity.deleted:
        return True
    return activity.type == "note" or (not activity.done and not activity.deleted and stored in (None, OURS))


def after_our_write(record: Record, values: Mapping[str, Value]) -> Record:
    """The stored record as it is once our own write has landed, so that reading it back is no news."""
    fields = {**record.fields, **{name: value for name, value in values.items() if name in record.fields}}
    version = record.version if record.version.startswith(f"{OURS}:") else f"{OURS}:{record.version}"
    return replace(record, fields=fields, version=version)


def edited(stored: Activity | None, read: Activity) -> bool:
    """Whether a task or call is another one than we read before though its version is the same.

    A stamp is a second long in Salesforce: what is completed in the second in which it was read keeps the stamp it had. A
    meeting that has ended since is the clock's doing and no edit.
    """
    if stored is None or read.type not in ("task", "call", "email"):
        return False
    return _as_done(stored) != _as_done(read)


def _as_done(activity: Activity) -> tuple[object, ...]:
    return activity.done, activity.deferred, activity.outcome, activity.due, activity.actor


@dataclass(slots=True)
class News:
    """What a reading of records brought: those that are different now, their survivors, and how many changes."""

    changed: set[RecordRef] = field(default_factory=set)
    survivors: set[RecordRef] = field(default_factory=set)
    changes: int = 0


class Unsettled:
    """The values of our writes that may have landed without our knowing: when they come back they are ours."""

    def __init__(self, entries: Iterable[OutboxEntry]) -> None:
        self._values: dict[tuple[RecordRef, str], list[tuple[Value, datetime | None]]] = {}
        for entry in entries:
            action = entry.action
            names = ("owner",) if action.kind == "reassign" else action.fields if action.kind == "set" else ()
            for name in names:
                written = (action.fields.get(name), entry.updated)
                self._values.setdefault((action.record, name), []).append(written)

    @classmethod
    def of(cls, uow: UnitOfWork) -> Unsettled:
        """All that are on their way."""
        return cls(uow.outbox(("claimed", "unknown")))

    def wrote(self, change: Change) -> bool:
        """Whether a change may be one of these writes."""
        found = self._values.get((change.ref, change.field), ())
        return any(alike(value, change.new) and (at is None or change.at >= at - CLOCKS) for value, at in found)

    def told(self, changes: Iterable[Change]) -> Sequence[Change]:
        """The changes, with our own marked as such."""
        if not self._values:
            return tuple(changes)
        return [replace(change, origin="us") if self.wrote(change) else change for change in changes]


def came_back(uow: UnitOfWork, entry: OutboxEntry) -> bool:
    """Whether the history that was read tells that a write of unknown outcome landed, whatever stands there now.

    What an earlier write of ours, which was confirmed, changed to the same value is that one's.
    """
    action, unsettled = entry.action, Unsettled([entry])
    others = {one.action.key for one in uow.our_writes(action.record)}
    return any(
        change.origin == "us" and unsettled.wrote(change) and change.id.rpartition("#")[0] not in others
        for state in uow.states([action.record])
        for change in state.changes
    )


def take_records(
    uow: UnitOfWork, records: Sequence[Record], needs: Needs, now: datetime, told: Sequence[Change] = ()
) -> News:
    """Store what is new about these records and what it changes; `told` are the changes that the CRM tells itself.

    What was forgotten is not stored again, whoever read it.
    """
    latest = _latest(uow.tombstones().records(records))
    known = uow.records(sorted(latest))
    read = [_as_it_is(known.get(ref), record) for ref, record in latest.items()]
    news = [record for record in read if record is not None and record != known.get(record.ref)]
    result = News()
    if not news:
        return result
    exact = {(change.ref, change.field, change.new) for change in told}
    uow.save_records(news, now)
    changes: list[Change] = []
    for record in news:
        before = known.get(record.ref)
        if before is None or _differs(before, record):
            result.changed.add(record.ref)
        if before is not None:
            changes += _differences(before, record, needs, exact)
        if record.merged_into is not None and (before is None or before.merged_into != record.merged_into):
            survivor = survivor_of(uow, record)
            uow.move_history(record.ref, survivor)
            result.survivors.add(survivor)
    if changes:
        uow.save_changes(Unsettled.of(uow).told(changes))
        result.changes = len(changes)
    return result


def survivor_of(uow: UnitOfWork, loser: Record) -> RecordRef:
    """The record that a merged one has become in the end: a survivor may itself have been merged since."""
    seen = {loser.ref}
    ref = loser.merged_into or loser.ref
    while ref not in seen:
        seen.add(ref)
        record = uow.records([ref]).get(ref)
        if record is None or record.merged_into is None:
            return ref
        ref = record.merged_into
    return loser.merged_into or loser.ref


def _latest(records: Sequence[Record]) -> Mapping[RecordRef, Record]:
    """Each record once, as it was last changed."""
    latest: dict[RecordRef, Record] = {}
    for record in records:
        other = latest.get(record.ref)
        if other is None or _gone(record) or (not _gone(other) and record.modified >= other.modified):
            latest[record.ref] = record
    return latest


def _as_it_is(before: Record | None, now: Record) -> Record | None:
    """The record as it has to be stored; None for a row that is older than what is stored."""
    if before is None:
        return now
    if before.version == f"{OURS}:{now.version}":
        # The row is from before our write. Only fields that were not read until now are news in it.
        kept = {name: value for name, value in before.fields.items() if name in now.fields}
        return replace(now, fields={**now.fields, **kept}, version=before.version)
    if not _gone(before) and not _gone(now) and now.modified < before.modified:
        return None
    if before.merged_into is not None and now.deleted and now.merged_into is None:
        return replace(now, merged_into=before.merged_into)
    return now


def _gone(record: Record) -> bool:
    return record.deleted or record.merged_into is not None


def _differs(before: Record, now: Record) -> bool:
    """Whether anything a rule could see is different; a new stamp alone is not."""
    return (
        before.fields != now.fields
        or before.hidden != now.hidden
        or (before.deleted, before.converted, before.merged_into) != (now.deleted, now.converted, now.merged_into)
    )


def _differences(
    before: Record, now: Record, needs: Needs, exact: set[tuple[RecordRef, str, Value]]
) -> Iterable[Change]:
    """Changes of the fields whose history rules want, where the CRM has not told the change itself.

    On top of our own write a value that is only spelt otherwise is what the CRM made of ours.
    """
    on_ours = before.version.startswith(f"{OURS}:")
    for name in sorted(needs.history.get(now.ref.kind, frozenset())):
        if name not in before.fields or name not in now.fields:
            continue
        old, new = before.fields[name], now.fields[name]
        if old == new or (now.ref, name, new) in exact:
            continue
        yield Change(
            id=change_id(name, now.modified, new),
            ref=now.ref,
            field=name,
            old=old,
            new=new,
            at=now.modified,
            origin="us" if on_ours and alike(old, new) else "crm",
            exact=False,
        )


def alike(ours: Value, told: Value) -> bool:
    """Whether a value that the CRM tells is ours as it stores it: trimmed, in other case, cut short, a longer id."""
    if not isinstance(ours, str) or not isinstance(told, str):
        return ours == told
    short, long = sorted((ours.strip().casefold(), told.strip().casefold()), key=len)
    return short == long or (len(short) >= ID_LENGTH and long.startswith(short))


def remember(uow: UnitOfWork, action: PlannedAction, receipt: Receipt, now: datetime) -> None:
    """Bring the store to what a confirmed write did: the fields it set, the task or note it made, the enrolment."""
    if action.kind in ("set", "reassign"):
        _remember_fields(uow, action, now)
    elif action.kind in ("task", "note", "offer") and receipt.crm_id:
        uow.save_activities([_activity(action, receipt.crm_id, now)])
    elif action.kind == "amend":
        _remember_amend(uow, action, now)
    elif action.kind in ("enroll", "unenroll"):
        name = str(action.fields.get("in") or action.fields.get("from"))
        # Leaving is no contact: what is known of when it began stays.
        enrolled = action.kind == "enroll"
        uow.save_enrollments([Enrollment(action.record, name, now if enrolled else None, active=enrolled)])
    if action.rule == UNDO:
        uow.take_back(action.occasion, now)


def _remember_fields(uow: UnitOfWork, action: PlannedAction, now: datetime) -> None:
    record = uow.records([action.record]).get(action.record)
    if record is None:
        return
    names = ("owner",) if action.kind == "reassign" else tuple(action.fields)
    values = {name: action.fields[name] for name in names if name in action.fields}
    uow.save_records([after_our_write(record, values)], now)
    changes = [
        Change(
            id=f"{action.key}#{name}",
            ref=action.record,
            field=name,
            old=record.fields.get(name),
            new=value,
            at=now,
            origin="us",
            exact=False,
        )
        for name, value in values.items()
        if record.fields.get(name) != value
    ]
    uow.save_changes(changes)


def _remember_amend(uow: UnitOfWork, action: PlannedAction, now: datetime) -> None:
    """The task as it is once its change has landed."""
    fields = action.fields
    closes = fields.get("done") is True
    for state in uow.states([action.record]):
        for task in state.activities:
            if task.id != fields.get("task") or task.deleted:
                continue
            due = fields.get("due")
            uow.save_activities(
                [
                    replace(
                        task,
                        version=CLOSED if closes else OURS,
                        actor=str(fields["owner"]) if "owner" in fields else task.actor,
                        subject=str(fields.get("subject") or task.subject),
                        due=due if isinstance(due, datetime | date) else task.due,
                        at=due if isinstance(due, datetime) and not closes else task.at,
                        done=closes or task.done,
                        ended=now if closes else task.ended,
                    )
                ]
            )


def end_task(uow: UnitOfWork, action: PlannedAction, now: datetime, *, deleted: bool) -> None:
    """A task that was to be changed was deleted, or completed, by a person; reading may tell that late, or never."""
    for state in uow.states([action.record]):
        for task in state.activities:
            if task.id == action.fields.get("task") and not task.deleted:
                ended = replace(task, version=GONE, deleted=True) if deleted else replace(task, done=True)
                uow.save_activities([replace(ended, ended=now)])


def _activity(action: PlannedAction, crm_id: str, now: datetime) -> Activity:
    due = action.fields.get("due")
    when = due if isinstance(due, datetime) else now
    is_note = action.kind == "note"
    owner: RecordRef | str | None = None if is_note else str(action.fields.get("owner") or "") or None
    return Activity(
        id=crm_id,
        type="note" if is_note else "task",
        refs=(action.record,),
        at=now if is_note else when,
        version=OURS,
        direction=None,
        actor=owner if isinstance(owner, str) else None,
        subject=str(action.fields.get("subject") or ""),
        done=is_note,
        due=due if isinstance(due, datetime | date) else None,
        task_type=None if is_note else str(action.fields.get("type") or "todo"),
        key=action.key,
        created=now,
    )
