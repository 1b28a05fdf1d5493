"""Reads one object in the order of its stamps, page by page, so that nothing is missed and little is read twice.

Rows can appear after rows with later stamps, because a stamp is taken inside a transaction that ends later. So a pass
does not begin where the last one ended but five minutes of the CRM's time before. If those five minutes hold more than
1,500 rows (a bulk load), a pass begins at the last 1,500, which keeps it at one page, and what lies between is read
again once, when the five minutes are over: nothing late within the margin is passed for good.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adapters.salesforce import soql
from adapters.salesforce.client import Batch, Client, CursorLostError
from adapters.salesforce.fields import ObjectDescription
from adapters.salesforce.mapping import id_in, instant
from connector.domain.errors import MissingFieldError, PermanentError, RetryableError
from connector.domain.model import Page
from connector.domain.ports import Clock

Row = Mapping[str, object]

LATE = timedelta(minutes=5)
"""How late a row may appear behind its stamp; Fivetran re-reads and estuary waits for the same five minutes."""

OVERLAP_ROWS = 1_500
"""Rows read again at most, so that the overlap fits into one page of 2,000."""

UNSEEN_CODES = frozenset({"INVALID_TYPE", "NOT_FOUND", "HTTP_404", "HTTP_403", "INSUFFICIENT_ACCESS"})
"""What Salesforce says of an object that this org does not have or this user may not see."""

log = logging.getLogger("followup.salesforce")


@dataclass(frozen=True, slots=True)
class Position:
    """A row's place in the order of the stream; no stamp is the beginning."""

    stamp: datetime | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a pass starts, and which columns were read before it: a new column means reading all again."""

    position: Position = Position()
    columns: frozenset[str] = frozenset()
    trail: Position | None = None
    """From where to read once more when the margin is over; None when nothing was left out of the overlap."""

    def dump(self) -> str:
        """The text that is saved."""
        trail = None if self.trail is None else _saved(self.trail)
        return json.dumps({**_saved(self.position), "columns": sorted(self.columns), "trail": trail})

    @classmethod
    def load(cls, saved: str | None) -> Cursor:
        """The cursor that was saved; the beginning when there is none or it is not one of ours."""
        try:
            raw = json.loads(saved or "null")
        except (ValueError, RecursionError):
            raw = None
        if not isinstance(raw, dict) or not isinstance(raw.get("columns"), list):
            return cls()
        trail = raw.get("trail")
        columns = frozenset(str(column) for column in raw["columns"])
        return cls(_position(raw), columns, _position(trail) if isinstance(trail, dict) else None)

    def start(self, shape: frozenset[str], crm_now: datetime) -> Cursor:
        """From where a pass that wants these columns reads at this instant."""
        if not shape <= self.columns:
            return Cursor()
        stamp = self.position.stamp
        if self.trail is not None and stamp is not None and stamp <= crm_now - LATE:
            return Cursor(self.trail, self.columns)
        return self


def _saved(position: Position) -> dict[str, str | None]:
    return {"stamp": position.stamp.isoformat() if position.stamp else None, "id": position.id}


def _position(raw: Mapping[str, object]) -> Position:
    stamp = instant(raw.get("stamp"))
    return Position(stamp, str(raw.get("id") or "")) if stamp else Position()


@dataclass(frozen=True)
class Stream:
    """How to read one object. `marks` stand for what else shapes the rows, such as the bound campaigns: like a new
    column, a new mark means reading all again. An `optional` object that is not there gives no rows."""

    name: str
    table: str
    columns: Sequence[str]
    page: Callable[[Sequence[Row]], Page]
    describe: Callable[[str], ObjectDescription]
    stamp: str = "SystemModstamp"
    where: str = ""
    marks: frozenset[str] = frozenset()
    optional: bool = False

    @property
    def shape(self) -> frozenset[str]:
        """What a saved cursor must have read for it to count."""
        return frozenset(self.columns) | self.marks

    def query(self, position: Position) -> str:
        """The query for everything behind a position."""
        behind = soql.after(self.stamp, position.stamp, position.id) if position.stamp else ""
        columns = tuple(dict.fromkeys(("Id", self.stamp, *self.columns)))
        return soql.select(columns, self.table, soql.both(self.where, behind), (self.stamp, "Id"))


class Tail:
    """The last rows seen, from which the next pass's start is chosen."""

    def __init__(self, start: Cursor) -> None:
        self._settled = start.position
        self._trail = start.trail
        self._last = start.position
        self._rows: deque[Position] = deque(maxlen=OVERLAP_ROWS)

    def add(self, position: Position, crm_now: datetime) -> None:
        """Note a row, in the order of reading."""
        self._rows.append(position)
        self._last = position
        if position.stamp is not None and position.stamp <= crm_now - LATE:
            self._settled = position
            self._rows.clear()

    def last(self) -> Position:
        """The last row of all, or the start."""
        return self._last

    def cursor(self, shape: frozenset[str]) -> Cursor:
        """The next pass begins behind the last row that nothing late is expected before, or 1,500 rows back."""
        if len(self._rows) < OVERLAP_ROWS:
            return Cursor(self._settled, shape, self._trail)
        return Cursor(self._rows[0], shape, self._trail or self._settled)


def crm_now(clock: Clock, client: Client) -> datetime:
    """The earlier of our clock and Salesforce's: taking either for too late would pass what is still to appear."""
    ours, theirs = clock.now(), client.server_time
    return min(ours, theirs) if theirs else ours


def read(stream: Stream, saved: str | None, client: Client, clock: Clock) -> Iterator[Page]:
    """The pages of a stream behind a saved cursor; the last page's cursor is where the next pass starts.

    A lost server-side cursor is replaced by a new query behind the last row; any other error leaves the pages so far
    usable. The cursor is moved by rows only, never by a clock.
    """
    tail = Tail(Cursor.load(saved).start(stream.shape, crm_now(clock, client)))
    more: str | None = None
    while True:
        batch = _fetch(stream, tail.last(), more, client)
        if batch.more is not None and not batch.rows:
            raise RetryableError(
                f"Salesforce sent an empty page in the middle of {stream.table}; it is read again later"
            )
        if more is not None and batch.more == more:
            raise RetryableError(f"Salesforce sent the same page of {stream.table} again; it is read again later")
        now = crm_now(clock, client)
        for row in batch.rows:
            stamp, id_ = instant(row.get(stream.stamp)), id_in(row, "Id")
            if stamp is None or id_ is None:  # to pass it over would lose it for good
                raise RetryableError(
                    f"Salesforce sent a row of {stream.table} without id or stamp; it is read again later"
                )
            tail.add(Position(stamp, id_), now)
        page = stream.page(batch.rows)
        yield Page(
            stream=stream.name,
            cursor=tail.cursor(stream.shape).dump(),
            records=page.records,
            activities=page.activities,
            changes=page.changes,
            enrollments=page.enrollments,
            crm_time=now,
        )
        if batch.more is None:
            return
        more = batch.more


def _fetch(stream: Stream, position: Position, more: str | None, client: Client) -> Batch:
    if more is not None:
        with suppress(CursorLostError):
            return client.more(more)
    try:
        return client.query(stream.query(position), deleted=True)
    except MissingFieldError:
        narrow = _narrowed(stream)
        if narrow is None:
            raise
        return client.query(narrow.query(position), deleted=True)
    except PermanentError as error:
        if stream.optional and error.code in UNSEEN_CODES:
            log.info("%s cannot be read (%s): taken as empty", stream.table, error.code)
            return Batch((), None)
        raise


def _narrowed(stream: Stream) -> Stream | None:
    """An optional stream without the columns this user cannot see; None when none of them is hidden."""
    if not stream.optional:
        return None
    visible = stream.describe(stream.table).present(*stream.columns)
    if len(visible) == len(stream.columns):
        return None
    log.warning("%s is read without its hidden fields: %s", stream.table, sorted({*stream.columns} - {*visible}))
    return replace(stream, columns=visible)
