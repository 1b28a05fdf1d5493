"""Rows of one object type with their history, and the search index that shows them a while later."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adapters.sandbox.hubspot.catalog import ObjectType, Property
from adapters.sandbox.hubspot.wire import iso

Key = tuple[int, int, str]
"""Where a row stands in the index: stamp, a scrambled id, id. Rows of one stamp come in no useful order."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who made a change, as property history tells it."""

    type: str
    id: str
    user: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a property's history."""

    value: str
    at: int
    source: Source

    def show(self) -> dict[str, object]:
        """The line as HubSpot prints it."""
        line: dict[str, object] = {"value": self.value, "timestamp": iso(self.at), "sourceType": self.source.type}
        line["sourceId"] = self.source.id
        if self.source.user is not None:
            line["updatedByUserId"] = self.source.user
        return line


@dataclass(frozen=True, slots=True)
class Version:
    """What a row said at one moment. `properties` is never changed in place and holds no empty values."""

    properties: Mapping[str, str]
    modified: int
    number: int


@dataclass(slots=True)
class Row:
    """One object. `before` is its version before the newest stamp, which a late index still shows."""

    id: str
    created: int
    source: Source
    version: Version
    before: Version | None = None
    archived_at: int | None = None
    delay: int | None = None
    history: dict[str, list[Entry]] = field(default_factory=dict)


def index_key(row_id: str, modified: int) -> Key:
    """The row's place in the index."""
    return modified, int(row_id) * 2654435761 % 4294967296, row_id


class SearchIndex:
    """What search sees. A version is shown once its time has come and never gives way to an older one."""

    def __init__(self) -> None:
        self.shown: dict[str, Version] = {}
        self._keys: list[Key] = []
        self._stale = False
        self._pending: list[tuple[int, int, str, Version]] = []

    def put(self, row_id: str, version: Version, due: int, now: int) -> None:
        """Show a version at `due` (milliseconds)."""
        if due <= now:
            self._show(row_id, version)
        else:
            heapq.heappush(self._pending, (due, version.number, row_id, version))

    def bulk(self) -> None:
        """Many rows follow: sort once, at the next search."""
        self._stale = True

    def drop(self, row_id: str) -> None:
        """The row is gone, at once and for good."""
        self.retract(row_id)
        self._pending = [entry for entry in self._pending if entry[2] != row_id]
        heapq.heapify(self._pending)

    def retract(self, row_id: str) -> None:
        """Take what is shown of a row out of the index."""
        old = self.shown.pop(row_id, None)
        if old is not None and not self._stale:
            del self._keys[bisect_left(self._keys, index_key(row_id, old.modified))]

    def unqueue(self, row_id: str) -> None:
        """Forget what was to be shown of a row later."""
        self._pending = [entry for entry in self._pending if entry[2] != row_id]
        heapq.heapify(self._pending)

    def keys(self, now: int) -> list[Key]:
        """Every shown row in the order of the index, as of now."""
        while self._pending and self._pending[0][0] <= now:
            _, _, row_id, version = heapq.heappop(self._pending)
            self._show(row_id, version)
        if self._stale:
            self._keys = sorted(index_key(row_id, version.modified) for row_id, version in self.shown.items())
            self._stale = False
        return self._keys

    def _show(self, row_id: str, version: Version) -> None:
        old = self.shown.get(row_id)
        if old is not None and old.number > version.number:
            return
        self.shown[row_id] = version
        if self._stale or (old is not None and old.modified == version.modified):
            return
        if old is not None:
            del self._keys[bisect_left(self._keys, index_key(row_id, old.modified))]
        insort(self._keys, index_key(row_id, version.modified))


class Table:
    """All rows of one object type."""

    def __init__(self, kind: ObjectType, properties: dict[str, Property], lag: int) -> None:
        self.kind = kind
        self.properties = properties
        self.hidden: set[str] = set()
        self.lag = lag
        self.rows: dict[str, Row] = {}
        self.order: list[int] = []
        self.merged: dict[str, str] = {}
        self.index = SearchIndex()
        self.unique_names = [name for name, prop in properties.items() if prop.unique]
        self._unique: dict[str, dict[str, str]] = {}
        self._versions = 0

    def define(self, prop: Property) -> None:
        """Add a property."""
        self.properties[prop.name] = prop
        if prop.unique:
            self.unique_names.append(prop.name)

    def visible(self, name: str) -> Property | None:
        """The property, unless there is none or the app may not see it."""
        return None if name in self.hidden else self.properties.get(name)

    def live(self, row_id: str) -> Row | None:
        """The row with exactly this id, unless archived."""
        row = self.rows.get(row_id)
        return row if row is not None and row.archived_at is None else None

    def resolve(self, row_id: str) -> str:
        """The id that a merged id stands for now."""
        while row_id in self.merged:
            row_id = self.merged[row_id]
        return row_id

    def by_unique(self, name: str, value: str) -> str | None:
        """The live row that holds a value of a unique property."""
        return self._unique.get(name, {}).get(value.lower())

    def insert(self, row_id: str, properties: Mapping[str, str], created: int, source: Source, now: int) -> Row:
        """A new row."""
        filled = {name: value for name, value in properties.items() if value != ""}
        row = Row(row_id, created, source, Version(filled, created, self._next()))
        self.rows[row_id] = row
        self.order.append(int(row_id))
        self._claim(row, {}, filled)
        self.index.put(row_id, row.version, created + self._delay(row), now)
        return row

    def write(self, row: Row, changes: Mapping[str, str], at: int, source: Source, now: int) -> None:
        """Change properties and the stamp; an empty value clears."""
        old = row.version
        for name, value in changes.items():
            if old.properties.get(name, "") != value:
                self._remember(row, name, Entry(value, at, source))
        self._replace(row, changes, at, now)

    def calculate(self, row: Row, changes: Mapping[str, str], now: int) -> None:
        """Change properties that HubSpot works out itself: no stamp moves and no history is kept."""
        self._replace(row, changes, row.version.modified, now)

    def archive(self, row: Row, at: int) -> None:
        """Soft delete: search stops returning the row at once."""
        row.archived_at = at
        self._claim(row, row.version.properties, {})
        self.index.drop(row.id)

    def forget(self, row: Row, survivor: str) -> None:
        """The row was merged away."""
        self.archive(row, row.version.modified)
        del self.rows[row.id]
        self.merged[row.id] = survivor

    def set_delay(self, row: Row, delay: int, now: int) -> None:
        """The index shows this row's newest version, and later ones, so many milliseconds after their stamps."""
        row.delay = delay
        due = row.version.modified + delay
        self.index.unqueue(row.id)
        if due > now:
            self.index.retract(row.id)
            if row.before is not None:
                self.index.put(row.id, row.before, now, now)
        self.index.put(row.id, row.version, due, now)

    def history(self, row: Row, name: str) -> list[Entry]:
        """A property's history, newest first."""
        if name in row.history:
            return row.history[name][::-1]
        value = row.version.properties.get(name)
        return [] if value is None else [Entry(value, row.created, row.source)]

    def after(self, row_id: int) -> Iterable[Row]:
        """The rows with a greater id, by id."""
        for number in self.order[bisect_left(self.order, row_id + 1) :]:
            row = self.rows.get(str(number))
            if row is not None:
                yield row

    def value(self, row: Row, version: Version, name: str) -> str | None:
        """What a property says in a version of a row."""
        if name == self.kind.stamp:
            return iso(version.modified)
        if name in (self.kind.created, "hs_createdate"):
            return iso(row.created)
        if name == "hs_object_id":
            return row.id
        if name == "hs_object_source":
            return row.source.type
        if name == "hs_object_source_id":
            return row.source.id
        return version.properties.get(name)

    def _next(self) -> int:
        self._versions += 1
        return self._versions

    def _delay(self, row: Row) -> int:
        return self.lag if row.delay is None else row.delay

    def _remember(self, row: Row, name: str, entry: Entry) -> None:
        if name not in row.history:
            value = row.version.properties.get(name)
            row.history[name] = [] if value is None else [Entry(value, row.created, row.source)]
        row.history[name].append(entry)

    def _replace(self, row: Row, changes: Mapping[str, str], modified: int, now: int) -> None:
        old = row.version
        properties = {name: value for name, value in {**old.properties, **changes}.items() if value != ""}
        self._claim(row, old.properties, properties)
        row.version = Version(properties, modified, self._next())
        if old.modified != modified:
            row.before = old
        self.index.put(row.id, row.version, modified + self._delay(row), now)

    def _claim(self, row: Row, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        for name in self.unique_names:
            if old.get(name) != new.get(name):
                holders = self._unique.setdefault(name, {})
                if name in old and holders.get(old[name].lower()) == row.id:
                    del holders[old[name].lower()]
                if name in new:
                    holders[new[name].lower()] = row.id
