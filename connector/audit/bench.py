"""What an audit works with: the CRM, the store's side of it, and the calls it may make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from connector.domain.audited import Stored
from connector.domain.model import KINDS, Needs, Record, RecordRef
from connector.domain.ports import Adapter
from connector.domain.storage import Store
from connector.domain.tombstones import ACTIVITY, Tombstones

T = TypeVar("T")

MOST_CALLS = 1_000
"""Calls that one audit makes at most, a page of ids counting as one; the share of the day's calls holds besides."""


class CallsSpentError(Exception):
    """The calls of this audit are used up."""


@dataclass
class Bench:
    """One audit's tools. `last_read` is when the last pass that read to the end began."""

    adapter: Adapter
    store: Store
    needs: Needs
    now: datetime
    last_read: datetime | None
    cursors: Mapping[str, str | None]
    graves: Tombstones
    records: Mapping[str, list[Stored]] = field(default_factory=dict)
    activities: Mapping[str, list[Stored]] = field(default_factory=dict)
    most_calls: int = MOST_CALLS

    def __post_init__(self) -> None:
        self._before = self.adapter.api_calls
        self._merged: dict[RecordRef, datetime] = {}

    @property
    def calls(self) -> int:
        """Calls made so far."""
        return self.adapter.api_calls - self._before

    def check(self) -> None:
        """Raises CallsSpentError when no further call may be made."""
        if self.calls >= self.most_calls:
            raise CallsSpentError

    def bounded(self, rows: Iterable[T]) -> Iterator[T]:
        """The rows, as long as calls are left."""
        for row in rows:
            if self.calls > self.most_calls:
                raise CallsSpentError
            yield row

    def reached(self, stream: str) -> datetime | None:
        """The stamp up to which a stream was surely read."""
        return self.adapter.census.reached(stream, self.cursors.get(stream))

    def closed(self, stream: str) -> datetime | None:
        """Up to when what was created must be in the store; None: nothing was read yet."""
        margin = self.adapter.census.margin
        read = [at for at in (self.reached(stream), self.last_read and self.last_read - margin) if at is not None]
        return min(max(read), self.now - margin).replace(second=0, microsecond=0) if read else None

    def is_newer(self, stream: str, at: datetime, *, deleted: bool = False) -> bool:
        """Whether what happened then is for the next pass to read. Deletions are read apart on some CRMs."""
        reached = self.reached(stream)
        if reached is not None and at <= reached:
            return False
        return not deleted or self.last_read is None or at >= self.last_read

    def reread(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, Record]:
        """The records as they are now. Where a merge leaves no stamp on the loser, its survivor's counts as one."""
        if not refs:
            return {}
        fresh = self.adapter.source.reread(refs, self.needs)
        into = {r.ref: r.merged_into for r in fresh.values() if r.merged_into is not None and r.modified == r.created}
        survivors = self.adapter.source.reread(sorted(set(into.values())), self.needs) if into else {}
        self._merged |= {loser: survivors[one].modified for loser, one in into.items() if one in survivors}
        return fresh

    def changed_at(self, record: Record) -> datetime:
        """When a record that was read again was last changed, or merged."""
        return self._merged.get(record.ref, record.modified)

    def stored(self, stream: str) -> list[Stored]:
        """What is stored of a stream, gone records included."""
        return self.records.get(stream, []) if stream in KINDS else self.activities.get(stream, [])

    def is_forgotten(self, stream: str, id_: str) -> bool:
        """Whether an id is not stored because it was forgotten."""
        return self.graves.knows(stream if stream in KINDS else ACTIVITY, id_)
