"""Reading: every page is compared with what is stored, and what is news is stored with the records it makes due.

One page, one commit (T1): records, activities, changes, deadlines and the cursor together, so that a crash between two
pages loses nothing and repeats at most one page. What comes back of our own writes is an echo: it is stored, it makes
nothing due, and it is never told as a change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.domain.model import Activity, Change, Needs, Page, RecordRef
from connector.domain.ports import Source
from connector.domain.storage import Store, UnitOfWork
from connector.echo import Unsettled, edited, is_echo, survivor_of, take_records, without_forgeries


@dataclass(slots=True)
class ReadCounts:
    """What reading brought: news of each sort, and echoes of our own writes."""

    records: int = 0
    activities: int = 0
    changes: int = 0
    echoes: int = 0
    by_stream: Counter[str] = field(default_factory=Counter)

    def add(self, other: ReadCounts) -> None:
        """Count in what one page brought, once it is committed."""
        self.records += other.records
        self.activities += other.activities
        self.changes += other.changes
        self.echoes += other.echoes
        self.by_stream.update(other.by_stream)


def ingest(
    source: Source,
    store: Store,
    needs: Needs,
    now: datetime,
    progress: Callable[[str, int], None] = lambda _s, _n: None,
    should_stop: Callable[[], bool] = lambda: False,
    counts: ReadCounts | None = None,
) -> ReadCounts:
    """Read every stream to its end; each page is committed with its cursor before the next one is asked for.

    Ends early, with every page so far kept, when asked to stop. `counts` grows page by page, so that it is right even
    when an error ends the reading.
    """
    counts = ReadCounts() if counts is None else counts
    for stream in source.streams(needs):
        with store.begin() as uow:
            cursor = uow.cursor(stream)
        for page in source.read(stream, cursor, needs):
            with store.begin() as uow:
                read = take_page(uow, page, needs, now)
            read.by_stream[stream] += len(page.records) + len(page.activities) + len(page.changes)
            counts.add(read)
            progress(stream, counts.by_stream[stream])
            if should_stop():
                return counts
    return counts


def take_page(uow: UnitOfWork, page: Page, needs: Needs, now: datetime) -> ReadCounts:
    """Store one page with its cursor and all that follows from it; what was news in it."""
    return _PageReader(uow, needs, now).take(page)


class _PageReader:
    """Compares one page with the store, inside one transaction."""

    def __init__(self, uow: UnitOfWork, needs: Needs, now: datetime) -> None:
        self._uow = uow
        self._needs = needs
        self._now = now
        self._counts = ReadCounts()
        self._due: set[RecordRef] = set()

    def take(self, page: Page) -> ReadCounts:
        """Store the page with all that follows from it; what was news in it. Nothing that was forgotten gets in."""
        graves = self._uow.tombstones()
        if graves:
            page, gone = graves.page(page)
            self._uow.drop_activities(gone, self._now)
        self._history(page.changes)
        news = take_records(self._uow, page.records, self._needs, self._now, page.changes)
        self._counts.records += len(news.changed)
        self._counts.changes += news.changes
        self._due |= news.changed  # a merged one stands for its survivor, see _known
        self._activities(page.activities)
        if page.enrollments:
            self._due |= self._uow.save_enrollments(page.enrollments)
        self._uow.mark_due(self._known(), self._now)
        self._uow.save_cursor(page.stream, page.cursor)
        return self._counts

    def _history(self, changes: Sequence[Change]) -> None:
        """The CRM's own history; what only refines a change that two readings had told already is no news."""
        if changes:
            new = self._uow.save_changes(Unsettled.of(self._uow).told(changes))
            self._counts.changes += len(new)
            self._due |= {change.ref for change in new}

    def _activities(self, activities: Sequence[Activity]) -> None:
        latest = {activity.id: activity for activity in activities}
        versions = self._uow.activity_versions(sorted(latest))
        again = [id_ for id_, activity in latest.items() if versions.get(id_) == activity.version]
        stored = self._uow.activities(again)
        unlike = [
            activity
            for id_, activity in latest.items()
            if versions.get(id_) != activity.version or edited(stored.get(id_), activity)
        ]
        fresh = without_forgeries(self._uow, unlike)
        echoes = {activity.id for activity in fresh if is_echo(activity, versions.get(activity.id))}
        news = [activity for activity in fresh if activity.id not in echoes]
        # What is deleted or hung on another record is news for the record it was on, which its row may not name.
        before = self._uow.activity_refs([activity.id for activity in news if activity.id in versions])
        self._uow.save_activities(fresh)
        self._counts.echoes += len(echoes)
        self._counts.activities += len(news)
        for activity in news:
            self._due.update(activity.refs, before.get(activity.id, ()))

    def _known(self) -> Sequence[RecordRef]:
        """The stored records among those that are due. What came late for a merged one belongs to its survivor."""
        known = self._uow.records(sorted(self._due))
        due = set(known)
        for record in known.values():
            if record.merged_into is not None:
                survivor = survivor_of(self._uow, record)
                self._uow.move_history(record.ref, survivor)
                due.discard(record.ref)
                due |= self._uow.records([survivor]).keys()
        return sorted(due)
