"""All tables of the org with one clock, one lock, and transactions that can be taken back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.salesforce.errors import CrmError, unsupported_type
from adapters.sandbox.salesforce.fields import Field, ObjectType, Row, Value
from adapters.sandbox.salesforce.tables import Table


def stamp_text(instant: datetime) -> str:
    """An instant as Salesforce writes it, in UTC with milliseconds."""
    utc = instant.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


def text_stamp(text: str) -> datetime:
    """The instant of a stored stamp."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)


@dataclass
class RowFault:
    """Rows of an object that fail when written: those the matcher picks, as often as `times` says (None: for ever)."""

    entity: str
    matcher: Callable[[Mapping[str, object]], bool]
    code: str
    message: str
    times: int | None


class Database:
    """The org's data. Hold `lock` round everything; `begin` sets the instant of the writes that follow."""

    def __init__(self, clock: SandboxClock, schema: Mapping[str, ObjectType], resolution: timedelta) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.tables = {name: Table(kind) for name, kind in schema.items()}
        self.hidden: set[tuple[str, str]] = set()
        self.forbidden: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        self.fixed: set[tuple[str, str]] = set()
        self.api_enabled = True
        self.row_faults: list[RowFault] = []
        self.now = clock.peek()
        self._resolution = resolution
        self._by_prefix = {kind.prefix: name for name, kind in schema.items()}
        self._by_name = {name.lower(): name for name in schema}
        self._journal: list[tuple[Table, str, Row | None]] | None = None

    @property
    def stamp(self) -> str:
        """The stamp of what is written now, at the resolution of the org."""
        step = self._resolution
        since = self.now - datetime(2000, 1, 1, tzinfo=UTC)
        return stamp_text(self.now - since % step) if step else stamp_text(self.now)

    def begin(self) -> None:
        """Read the clock for the writes that follow: they share one instant."""
        self.now = self.clock.now()

    def seen_now(self) -> datetime:
        """The instant readers see; reading does not move the clock."""
        return self.clock.peek()

    def kind(self, name: str) -> ObjectType:
        """An object by its name in any case, when the API user may see it; INVALID_TYPE otherwise."""
        known = self._by_name.get(name.lower())
        if known is None or known in self.forbidden:
            raise unsupported_type(name)
        return self.tables[known].kind

    def field(self, kind: ObjectType, name: str) -> Field | None:
        """A field by its name in any case, None when there is none or the API user does not see it."""
        found = kind.field(name)
        return None if found is None or (kind.name, found.name) in self.hidden else found

    def may(self, kind: ObjectType, access: str) -> bool:
        """Whether the API user may `create`, `edit` or `delete` records of this object."""
        return kind.writable and (kind.name, access) not in self.denied

    def object_of(self, identity: str) -> str | None:
        """Which object an id belongs to, by its prefix."""
        return self._by_prefix.get(identity[:3])

    def row(self, identity: str) -> Row | None:
        """A row of any object by its id, deleted ones included."""
        name = self.object_of(identity)
        return self.tables[name].rows.get(identity) if name else None

    def text(self, identity: str, field: str) -> str:
        """A text field of a record that must be there; empty when nothing stands in it."""
        row = self.row(identity)
        if row is None:
            raise CrmError("NOT_FOUND", f"the sandbox has no record {identity}", status=404)
        return str(row[field] or "")

    def put(self, name: str, row: Row) -> Row | None:
        """Store a row's new version and give back the one before."""
        old = self.tables[name].put(row, self.now)
        if self._journal is not None:
            self._journal.append((self.tables[name], str(row["Id"]), old))
        return old

    def drop(self, name: str, identity: str) -> None:
        """Forget a row for good: a hard delete."""
        self.tables[name].drop(identity)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """Writes that stand or fall together; calling what it yields takes them all back."""
        outer, self._journal = self._journal, []
        written = self._journal

        def take_back() -> None:
            for table, identity, old in reversed(written):
                if old is None:
                    table.drop(identity)
                else:
                    table.put(old, self.now)
            written.clear()

        try:
            yield take_back
        except CrmError:
            take_back()
            raise
        finally:
            self._journal = outer
            if outer is not None:
                outer.extend(written)

    def strike(self, name: str, submitted: Mapping[str, object]) -> None:
        """Raise the row fault that is planned for this row, if any."""
        for fault in self.row_faults:
            if fault.entity == name and fault.times != 0 and fault.matcher(submitted):
                if fault.times is not None:
                    fault.times -= 1
                raise CrmError(fault.code, fault.message)


def same(value: Value, other: Value) -> bool:
    """Whether two stored values are the same; true is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)
