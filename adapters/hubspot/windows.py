"""Incremental reading by search: which stamps to ask for, and how to miss nothing in an index that lags.

HubSpot's search shows a changed row after a while, not in the order of the stamps, and rows move while one pages. So:

- A **fast** read asks for rows from a little before the newest stamp seen: ten minutes, but no more than 150 rows. It
  does so whatever the clock says.
- An **authoritative** read asks once more for every row when its stamp is an hour old (`SETTLE`): all that the index
  still owed by then is there. `trail` is the stamp up to which this has been done; it never passes a row that was seen.
- Both are one search: two ranges of stamps in one request. A row comes at most twice, beside the small overlap; of a
  first read only what was changed in its last hour comes again. Many known rows come again in the order of ids.
- No offsets: each request starts at a stamp (a range and "from this millisecond on"), so that a row which moves while
  we read pushes none out of sight, and the ceiling of 10,000 results is never met. Where many rows share stamps, the
  range up to the newest stamp is read in the order of ids instead; such a sweep survives being interrupted.
- Positions are stamps of rows, never of a clock: a clock that is wrong can make us read too much, not too little.
- An answer that is out of order, or has no order by id, is paged by offset instead, within the ceiling.
- Row versions that will be seen again are remembered by a short digest, so that the second sight of an unchanged row
  costs its place on a search page and nothing else.
"""

from __future__ import annotations

import heapq
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from hashlib import blake2b

from connector.domain.errors import RetryableError

SETTLE = timedelta(hours=1)
"""How long HubSpot's index may owe a row: what estuary/connectors re-reads; HubSpot itself gives no figure."""

OVERLAP_MS = 600_000
OVERLAP_ROWS = 150
LIMIT = 200
"""Rows on a search page at most."""

MANY_TIES = LIMIT // 10
"""From how many rows of one millisecond at a page's end the range is read by id: starting over there costs too much."""

CEILING = 10_000
REMEMBERED = 5_000
"""Digests kept in a cursor: 40 kB of text at most. Beyond that rows are handed on twice, which costs calls (and with
them the history of these rows) and nothing else. While reading, twice as many take up about 1 MB."""

DIGEST = 8
"""Characters of one digest: 48 bits. Fewer would save little and lose rows: one taken for another is never told."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One row of a search: its id as a number, its stamp in ms, and the row."""

    id: int
    stamp: int
    row: Mapping[str, object]

    @property
    def digest(self) -> str:
        """Names this version of the row in 48 bits."""
        return urlsafe_b64encode(blake2b(f"{self.id}@{self.stamp}".encode(), digest_size=6).digest()).decode()


@dataclass(frozen=True, slots=True)
class Found:
    """What one search answered; `after` and `total` are None where the answer has none."""

    hits: tuple[Hit, ...]
    after: str | None
    total: int | None

    @property
    def more(self) -> bool:
        """Whether there are rows beyond this page."""
        if self.after is not None:
            return True
        return self.total > len(self.hits) if self.total is not None else len(self.hits) >= LIMIT


@dataclass(frozen=True, slots=True)
class Sweep:
    """A range read by id: stamps `low` to `high`, ids beyond `last`; `settled` is that of the read which began it."""

    low: int
    high: int
    last: int
    settled: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stream stands; stamps in ms. The text of it is the stream's cursor."""

    fast: int = 0
    last_id: int = 0
    back: int = 0
    trail: int = 0
    seen: str = ""
    properties: tuple[str, ...] = ()
    sweep: Sweep | None = None

    def text(self) -> str:
        """The cursor."""
        return json.dumps({"v": 1, **asdict(self)}, separators=(",", ":"))

    @staticmethod
    def of(cursor: str | None, properties: Sequence[str]) -> Position:
        """The position a cursor means; the beginning when there is none, or when it lacks a property wanted now."""
        start = Position(properties=tuple(sorted(properties)))
        try:
            data = json.loads(cursor) if cursor else None
        except (ValueError, RecursionError):
            return start
        if not isinstance(data, dict):
            return start
        known = data.get("properties")
        if not isinstance(known, list) or data.get("v") != 1 or not all(name in known for name in properties):
            return start
        at = [data.get(name, 0) for name in ("fast", "last_id", "back", "trail")]
        sweep = data.get("sweep")
        ends = [] if sweep is None else [sweep.get(name) for name in SWEEP] if isinstance(sweep, dict) else [None]
        seen = data.get("seen", "")
        if not all(map(_is_stamp, (*at, *ends))) or not isinstance(seen, str):
            return start
        fast, last_id, back, trail = at
        return replace(
            start, fast=fast, last_id=last_id, back=back, trail=trail, seen=seen, sweep=Sweep(*ends) if ends else None
        )


SWEEP = ("low", "high", "last", "settled")

LATEST = 10**15
"""No stamp in ms and no id that HubSpot gives is so large; a saved cursor with one is not as it was saved."""


def _is_stamp(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -LATEST < value < LATEST


Group = Mapping[str, object]
Searcher = Callable[[Sequence[Group], str, bool, str | None], Found]
"""Does one search: filter groups, the property to sort by, whether descending, and `after` or None."""


class Reader:
    """Reads one stream from a position to its end, page by page. `position` is safe to save after each page."""

    def __init__(self, position: Position, stamp: str, settled: int, search: Searcher) -> None:
        self._at = position
        self._stamp = stamp
        self._settled = position.sweep.settled if position.sweep else settled
        self._search = search
        known = position.seen
        # Digests with their stamps; those of the cursor come without.
        self._seen: dict[str, int | None] = {known[i : i + DIGEST]: None for i in range(0, len(known), DIGEST)}
        self._finished = False
        self._newest: list[int] = []
        self._upto = min(position.fast, self._settled)
        self._ranges = self._open_ranges(position)
        # Whether this read meets every version that the cursor remembers, unless it is no more.
        self._all_again = position.sweep is None and self._upto == position.fast

    @property
    def position(self) -> Position:
        """Where the stream stands after the last page that was handed out."""
        # While a long read is under way the settled rows need no remembering: it goes on behind them.
        floor = 0 if self._finished else self._settled + 1
        kept = [digest for digest, stamp in self._seen.items() if stamp is None or stamp >= floor]
        return replace(self._at, seen="".join(kept[-REMEMBERED:]))

    def forget(self, hit: Hit) -> None:
        """Hand this row on once more when it is seen again: it was not complete yet. After its hour it is."""
        if hit.stamp > self._settled:
            self._seen.pop(hit.digest, None)

    def pages(self) -> Iterator[list[Hit]]:
        """The rows that were not handed on before in the version they have now. The last page may be empty."""
        start, edge = 0, frozenset[str]()
        sweep = self._at.sweep or self._known_again()
        if sweep is not None:
            start = sweep.high + 1 if (yield from self._by_id(sweep, edge)) else sweep.low
        while True:
            found = self._search(self._groups(start), self._stamp, False, None)
            hits = found.hits
            if not found.more or not hits:
                news = self._news(hits, edge)
                self._finish(hits)
                yield news
                return
            if not _in_order(hits, start):
                yield from self._by_offset(start, edge)
                return
            last = hits[-1].stamp
            ties = frozenset(hit.digest for hit in hits if hit.stamp == last)
            self._advance(last)
            yield self._news(hits, edge)
            if len(ties) <= MANY_TIES and last > start:
                start, edge = last, ties
                continue
            end = self._end_of_range(last)
            if not (yield from self._by_id(Sweep(last, end, 0, self._settled), ties)):
                yield from self._by_offset(last, ties)
                return
            start, edge = end + 1, frozenset()

    # -- what to ask for -------------------------------------------------------------------------------------------

    def _open_ranges(self, position: Position) -> list[tuple[int, int | None, int]]:
        """The ranges of this read: from, to (None: open), and ids beyond (0: all)."""
        fresh, after_trail = position.back, position.trail + 1
        if self._upto + 1 >= fresh:
            return [(min(fresh, after_trail), None, 0)]
        ranges: list[tuple[int, int | None, int]] = [(fresh, None, 0)]
        if self._upto > position.trail:
            ranges.insert(0, (after_trail, self._upto, 0))
        if fresh > position.fast:
            ranges.append((position.fast, position.fast, position.last_id))
        return ranges

    def _groups(self, start: int) -> list[Group]:
        """The filter groups of the ranges, as far as they reach beyond a stamp."""
        live = [(max(low, start), high, beyond) for low, high, beyond in self._ranges if high is None or high >= start]
        return [self._group(low, high, beyond) for low, high, beyond in live]

    def _group(self, low: int, high: int | None, beyond: int) -> Group:
        filters = [{"propertyName": self._stamp, "operator": "GTE", "value": str(low)}]
        if high is not None:  # "before the next millisecond" also holds for stamps with finer fractions
            filters.append({"propertyName": self._stamp, "operator": "LT", "value": str(high + 1)})
        if beyond:
            filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": str(beyond)})
        return {"filters": filters}

    def _end_of_range(self, stamp: int) -> int:
        """Where the range of this stamp ends; the open one, for this read, at the newest row there is now."""
        for low, high, _ in self._ranges:
            if low <= stamp and high is not None and stamp <= high:
                return high
        newest = self._search(self._groups(stamp), self._stamp, True, None).hits
        return max([stamp, *(hit.stamp for hit in newest[:1])])

    # -- many rows with one stamp ----------------------------------------------------------------------------------

    def _by_id(self, sweep: Sweep, edge: frozenset[str]) -> Generator[list[Hit], None, bool]:
        """Every row of a range in the order of ids; what moves out of it while we read has a later stamp.

        False when the search knows no such order: it repeats itself, or ends although it said there is more.
        """
        top = (0, 0)
        while True:
            found = self._search([self._group(sweep.low, sweep.high, sweep.last)], "hs_object_id", False, None)
            ids = [hit.id for hit in found.hits]
            if ids != sorted(ids) or (ids and ids[0] <= sweep.last) or (not ids and (sweep.last or found.more)):
                self._at = replace(self._at, sweep=None)
                return False
            news = self._news(found.hits, edge)
            top = max([top, *((hit.stamp, hit.id) for hit in found.hits)])
            if not found.more:
                self._swept(sweep, top)
                yield news
                return True
            sweep = replace(sweep, last=ids[-1])
            self._at = replace(self._at, sweep=sweep)
            yield news

    def _swept(self, sweep: Sweep, top: tuple[int, int]) -> None:
        """The range is done: everything up to its end was read; `top` is the last stamp and id of it."""
        fast = max(self._at.fast, sweep.high)
        last_id = top[1] if top[0] >= fast else self._at.last_id if fast == self._at.fast else 0
        back = max(self._at.back, sweep.high + 1) if sweep.high > self._upto else self._at.back
        trail = max(self._at.trail, min(sweep.high, self._settled))
        self._at = replace(self._at, sweep=None, fast=fast, last_id=last_id, back=back, trail=trail)

    def _by_offset(self, start: int, edge: frozenset[str]) -> Iterator[list[Hit]]:
        """The rest in whatever order it comes, by `after`; the position moves only when all of it was read."""
        after: str | None = None
        every: list[Hit] = []
        for _ in range(CEILING // LIMIT):
            found = self._search(self._groups(start), self._stamp, False, after)
            every += found.hits
            news = self._news(found.hits, edge)
            if found.after is None:
                self._finish(every)
                yield news
                return
            if found.after == after:
                break
            after = found.after
            yield news
        raise RetryableError("HubSpot's search gave the same page again, or too many; the next pass reads again")

    def _known_again(self) -> Sweep | None:
        """All rows of the last hours, when they have settled and are to be read once more: by id, whatever stamps they
        share, and so in as few pages as they fill. None when they are few, or not all of them come again."""
        low = self._ranges[0][0]
        if len(self._seen) <= LIMIT or not self._all_again or self._upto < low:
            return None
        return Sweep(low, self._upto, 0, self._settled)

    # -- where we stand --------------------------------------------------------------------------------------------

    def _advance(self, last: int) -> None:
        """A page ended at this stamp and there is more: all before it was read, of itself perhaps only some rows."""
        trail = max(self._at.trail, min(last - 1, self._settled))
        self._at = replace(self._at, trail=trail)
        if last > max(self._upto, self._at.fast):
            self._at = replace(self._at, fast=last, last_id=0, back=last)
        elif last > self._upto:
            self._at = replace(self._at, back=max(self._at.back, last))

    def _finish(self, hits: Sequence[Hit]) -> None:
        """The last page was read: settle the position for the next pass."""
        top = max(((hit.stamp, hit.id) for hit in hits), default=(0, 0))
        fast, last_id = max(top, (self._at.fast, self._at.last_id))
        bounded = self._newest[0] + 1 if len(self._newest) >= OVERLAP_ROWS else 0
        trail = max(self._at.trail, min(fast, self._settled))
        back = max(self._overlap_start(), fast - OVERLAP_MS, bounded)
        self._at = replace(self._at, fast=fast, last_id=last_id, back=back, trail=trail, sweep=None)
        again = min(back, trail + 1)
        unmet = -1 if self._all_again else again  # a version not met again was followed by another
        self._seen = {digest: at for digest, at in self._seen.items() if (unmet if at is None else at) >= again}
        self._finished = True

    def _overlap_start(self) -> int:
        """From which stamp on this read was open; the next overlap never reaches further back."""
        return next(low for low, high, _ in self._ranges if high is None)

    def _rank(self, stamp: int) -> None:
        """Keep the stamps of the newest rows, as many as the overlap may have."""
        if len(self._newest) < OVERLAP_ROWS:
            heapq.heappush(self._newest, stamp)
        else:
            heapq.heappushpop(self._newest, stamp)

    def _news(self, hits: Sequence[Hit], edge: frozenset[str]) -> list[Hit]:
        """The hits not handed on before; from now on they are remembered."""
        news = []
        for hit in hits:
            digest = hit.digest
            self._rank(hit.stamp)
            if digest not in self._seen and digest not in edge:
                news.append(hit)
            self._seen[digest] = hit.stamp
        for digest in list(self._seen)[: max(0, len(self._seen) - 2 * REMEMBERED)]:
            del self._seen[digest]
        return news


def _in_order(hits: Sequence[Hit], start: int) -> bool:
    stamps = [hit.stamp for hit in hits]
    return stamps == sorted(stamps) and stamps[0] >= start
