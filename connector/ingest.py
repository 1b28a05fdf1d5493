"""Reading: every page is compared with what is stored, and what is news is stored with the records it makes due.

One page, one commit (T1): records, activities, changes, deadlines and the cursor together, so that a crash between two
pages loses nothing and repeats at most one page. What comes back of our own writes is an echo: it is stored, it makes
nothing due, and it is never told as a change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.domain.model import Activity, Change, Needs, Page, Record, RecordRef, Value
from connector.domain.ports import Source, Store, UnitOfWork
from connector.echo import is_echo


@dataclass(slots=True)
class ReadCounts:
    """What reading brought: news of each sort, and echoes of our own writes."""

    records: int = 0
    activities: int = 0
    changes: int = 0
    echoes: int = 0
    by_stream: Counter[str] = field(default_factory=Counter)


def ingest(
    source: Source,
    store: Store,
    needs: Needs,
    now: datetime,
    progress: Callable[[str, int], None] = lambda _s, _n: None,
) -> ReadCounts:
    """Read every stream to its end; each page is committed with its cursor before the next one is asked for."""
    counts = ReadCounts()
    for stream in source.streams(needs):
        with store.begin() as uow:
            cursor = uow.cursor(stream)
        for page in source.read(stream, cursor, needs):
            with store.begin() as uow:
                _PageReader(uow, needs, now, counts).take(page)
            counts.by_stream[stream] += len(page.records) + len(page.activities) + len(page.changes)
            progress(stream, counts.by_stream[stream])
    return counts


class _PageReader:
    """Compares one page with the store, inside one transaction."""

    def __init__(self, uow: UnitOfWork, needs: Needs, now: datetime, counts: ReadCounts) -> None:
        self._uow = uow
        self._needs = needs
        self._now = now
        self._counts = counts
        self._due: set[RecordRef] = set()

    def take(self, page: Page) -> None:
        self._history(page.changes)
        self._records(page.records, page.changes)
        self._activities(page.activities)
        if page.enrollments:
            self._due |= self._uow.save_enrollments(page.enrollments)
        known = self._uow.records(sorted(self._due))
        self._uow.mark_due(sorted(known), self._now)
        self._uow.save_cursor(page.stream, page.cursor)

    def _history(self, changes: Sequence[Change]) -> None:
        """The CRM's own history; what only refines a change that two readings had told already is no news."""
        if changes:
            new = self._uow.save_changes(changes)
            self._counts.changes += sum(change.ref in new for change in changes)
            self._due |= new

    def _records(self, records: Sequence[Record], told: Sequence[Change]) -> None:
        latest = {record.ref: record for record in records}
        known = self._uow.records(sorted(latest))
        news = [record for ref, record in latest.items() if _is_news(known.get(ref), record)]
        if not news:
            return
        exact = {(change.ref, change.field, change.new) for change in told}
        self._uow.save_records(news, self._now)
        changes: list[Change] = []
        for record in news:
            before = known.get(record.ref)
            if before is None or _differs(before, record):
                self._counts.records += 1
                self._due.add(record.ref)
            if before is not None:
                changes += _differences(before, record, self._needs, exact)
            if record.merged_into is not None and (before is None or before.merged_into is None):
                self._uow.move_history(record.ref, record.merged_into)
                self._due.add(record.merged_into)
        if changes:
            self._uow.save_changes(changes)
            self._counts.changes += len(changes)

    def _activities(self, activities: Sequence[Activity]) -> None:
        latest = {activity.id: activity for activity in activities}
        versions = self._uow.activity_versions(sorted(latest))
        fresh = [activity for id_, activity in latest.items() if versions.get(id_) != activity.version]
        echoes = [activity for activity in fresh if is_echo(activity, versions.get(activity.id))]
        self._uow.save_activities(fresh)
        self._counts.echoes += len(echoes)
        self._counts.activities += len(fresh) - len(echoes)
        for activity in _without(fresh, echoes):
            self._due.update(activity.refs)


def _is_news(before: Record | None, now: Record) -> bool:
    return before is None or before.version != now.version or _differs(before, now)


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
    """Changes of the fields whose history rules want, where the CRM has not told the change itself."""
    for name in sorted(needs.history.get(now.ref.kind, frozenset())):
        if name not in before.fields or name not in now.fields:
            continue
        old, new = before.fields[name], now.fields[name]
        if old == new or (now.ref, name, new) in exact:
            continue
        yield Change(
            id=f"{name}@{now.modified.isoformat()}@{new}",
            ref=now.ref,
            field=name,
            old=old,
            new=new,
            at=now.modified,
            exact=False,
        )


def _without(items: Sequence[Activity], some: Sequence[Activity]) -> Iterable[Activity]:
    dropped = {activity.id for activity in some}
    return (activity for activity in items if activity.id not in dropped)
