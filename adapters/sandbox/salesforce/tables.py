"""Rows of one object: by id, in the order of their stamps, by a few indexed fields, and with versions not yet visible."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from adapters.sandbox.salesforce.fields import ObjectType, Row, Value
from adapters.sandbox.salesforce.ids import new_id


class Table:
    """The rows of one object. A row is never changed in place: `put` replaces it, so old versions stay what they were."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self.late_by: timedelta | None = None
        self.prompt_for = ""
        self._keys: list[tuple[str, str]] = []
        self._index: dict[str, dict[Value, set[str]]] = {name: {} for name in kind.indexed}
        self._folded = {name for name in kind.indexed if kind.fields[name].type == "string"}
        self._late: dict[str, tuple[datetime, Row | None]] = {}
        self._made = 0

    def next_id(self) -> str:
        """An id no row had before."""
        self._made += 1
        return new_id(self.kind.prefix, self._made)

    def put(self, row: Row, now: datetime) -> Row | None:
        """Store a row's new version and give back the one before; the late ones are shown only after a while.

        Not so those of the one user to whom each was answered, and so committed, before anything else was asked.
        """
        identity = str(row["Id"])
        old = self.rows.get(identity)
        if self.late_by is not None and row["LastModifiedById"] != self.prompt_for:
            before = self._late[identity][1] if identity in self._late else old
            self._late[identity] = (now + self.late_by, before)
        self._unlink(old)
        self.rows[identity] = row
        insort(self._keys, (str(row[self.kind.stamp]), identity))
        for name, by_value in self._index.items():
            by_value.setdefault(self._key(name, row[name]), set()).add(identity)
        return old

    def drop(self, identity: str) -> None:
        """Forget a row for good."""
        self._unlink(self.rows.pop(identity, None))
        self._late.pop(identity, None)

    def _unlink(self, row: Row | None) -> None:
        if row is None:
            return
        key = (str(row[self.kind.stamp]), str(row["Id"]))
        del self._keys[bisect_left(self._keys, key)]
        for name, by_value in self._index.items():
            by_value[self._key(name, row[name])].discard(key[1])

    def _key(self, field: str, value: Value) -> Value:
        return value.casefold() if field in self._folded and isinstance(value, str) else value

    def where(self, field: str, value: Value) -> list[Row]:
        """The rows with this value in an indexed field, in the order of their ids, deleted ones included."""
        return [self.rows[identity] for identity in sorted(self._index[field].get(self._key(field, value), ()))]

    def seen(self, identity: str, now: datetime) -> Row | None:
        """A row's version that readers see now, None when there is none (yet)."""
        self._settle(now)
        late = self._late.get(identity)
        return late[1] if late else self.rows.get(identity)

    def scan(self, now: datetime, since: tuple[str, str] | None) -> Iterator[Row]:
        """The versions readers see now in the order of (stamp, id), from a key on."""
        self._settle(now)
        if self._late:
            versions = self._versions(self.rows)
            versions.sort(key=lambda row: (str(row[self.kind.stamp]), str(row["Id"])))
            return iter(versions)
        start = bisect_left(self._keys, since) if since else 0
        rows = self.rows
        return (rows[identity] for _, identity in self._keys[start:])

    def select(self, now: datetime, field: str, values: Iterable[Value]) -> Iterator[Row] | None:
        """The versions readers see now that may have one of these values, None when the field has no index."""
        if field != "Id" and field not in self._index:
            return None
        self._settle(now)
        if field == "Id":
            found = {value for value in values if isinstance(value, str) and value in self.rows}
        else:
            found = {identity for value in values for identity in self._index[field].get(self._key(field, value), ())}
        return iter(self._versions(sorted(found | set(self._late))))

    def _versions(self, identities: Iterable[str]) -> list[Row]:
        late = self._late
        versions = (late[i][1] if i in late else self.rows[i] for i in identities)
        return [row for row in versions if row is not None]

    def _settle(self, now: datetime) -> None:
        if self._late:
            self._late = {i: entry for i, entry in self._late.items() if entry[0] > now}
