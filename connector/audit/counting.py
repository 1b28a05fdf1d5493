"""Counting: per stream and window what the CRM has and what the store has, and by name what makes the difference."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.audit.bench import Bench, CallsSpentError
from connector.audit.model import Counted, Window
from connector.domain.model import KINDS, Record, RecordRef
from connector.domain.ports import Held


@dataclass
class Counts:
    """What counting found; `fresh` are the records that were read again on the way, None for one that is not there."""

    windows: list[Counted] = field(default_factory=list)
    not_counted: list[str] = field(default_factory=list)
    left_out: int = 0
    fresh: dict[RecordRef, Record | None] = field(default_factory=dict)
    gone: dict[str, Held | None] = field(default_factory=dict)


def count(bench: Bench, streams: Sequence[str], windows: Sequence[Window]) -> Counts:
    """Compare every stream in every closed window, the newest first, as far as the calls go."""
    counts = Counts()
    for stream in streams:
        closed = bench.closed(stream)
        mine = [] if closed is None else [w for w in windows if w.since is None or w.since < closed]
        if closed is not None and mine:
            _count_stream(bench, stream, [replace(w, until=min(w.until, closed)) for w in mine], counts)
    counts.windows.sort(key=lambda counted: (streams.index(counted.stream), counted.window.until))
    return counts


def _count_stream(bench: Bench, stream: str, windows: Sequence[Window], counts: Counts) -> None:
    """Windows in which something is stored are counted one by one; the others only while the CRM has more in all."""
    stock = _in_windows(bench, stream, windows)
    order = sorted(stock, key=lambda window: not stock[window])  # the full ones, then the empty ones, newest first
    try:
        total = _total(bench, stream, Window(windows[0].since, windows[-1].until))
        if total is None:
            counts.not_counted.append(stream)
            return
        while order:
            if not stock[order[0]] and total <= 0:
                counts.windows += [Counted(stream, window, 0, 0) for window in order]
                return
            counted = _compare(bench, stream, order[0], stock[order[0]], counts)
            counts.windows.append(counted)
            total -= counted.crm
            order.pop(0)
    except CallsSpentError:
        counts.left_out += len(order)


def _total(bench: Bench, stream: str, window: Window) -> int | None:
    bench.check()
    return bench.adapter.census.count(stream, window.since, window.until, bench.needs)


def _in_windows(bench: Bench, stream: str, windows: Sequence[Window]) -> Mapping[Window, frozenset[str]]:
    """The ids that are stored and count in each window, the newest window first. The windows touch, oldest first."""
    ids: dict[Window, set[str]] = {window: set() for window in reversed(windows)}
    ends = [window.until for window in windows]
    for one in bench.stored(stream):
        place = bisect_right(ends, one.created)
        if place < len(windows) and windows[place].has(one.created) and _counts(stream, one.lives):
            ids[windows[place]].add(one.id)
    return {window: frozenset(found) for window, found in ids.items()}


def _compare(bench: Bench, stream: str, window: Window, there: frozenset[str], counts: Counts) -> Counted:
    """The two counts and, where they differ, the names."""
    crm = _total(bench, stream, window) or 0
    counted = Counted(stream, window, crm, len(there))
    if crm == len(there):
        return counted
    new, unseen = _apart(
        bench.bounded(bench.adapter.census.ids(stream, window.since, window.until, bench.needs)), there
    )
    forgotten = {id_ for id_ in new if bench.is_forgotten(stream, id_)}
    odd = _Odd(bench, stream, sorted(new - forgotten), sorted(unseen))
    missing, extra = odd.sift(counts)
    newer = len(odd.missing) + len(odd.extra) - len(missing) - len(extra)
    return replace(counted, missing=missing, extra=extra, newer=newer, forgotten=len(forgotten))


def _apart(ids: Iterable[str], there: frozenset[str]) -> tuple[set[str], set[str]]:
    """Of these ids those that are not there, and what is there and not among them; what agrees is not kept."""
    new: set[str] = set()
    unseen = set(there)
    for id_ in ids:
        if id_ in there:
            unseen.discard(id_)
        else:
            new.add(id_)
    return new, unseen


def _counts(stream: str, lives: Iterable[str]) -> bool:
    """Whether a stored row counts among the live ones; what activities count for was the census's to say before."""
    return stream not in KINDS or "gone" not in lives


@dataclass
class _Odd:
    """The ids that only one side has: which of them are only newer than the last reading."""

    bench: Bench
    stream: str
    missing: Sequence[str]
    extra: Sequence[str]

    def sift(self, counts: Counts) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Those that are missing, and those that are too much, by right."""
        self.bench.check()
        ids = [*self.missing, *self.extra]
        if self.stream not in KINDS:
            held = self.bench.adapter.census.held(self.stream, ids)
            counts.gone |= {id_: held.get(id_) for id_ in self.extra if not self._later(held.get(id_))}
            known: Mapping[str, Held | None] = held
        else:
            refs = {id_: RecordRef(self.bench.adapter.name, self.stream, id_) for id_ in ids}
            fresh = self.bench.reread(sorted(refs.values()))
            known = {id_: self._held(fresh.get(ref)) for id_, ref in refs.items()}
            counts.fresh |= {ref: fresh.get(ref) for id_, ref in refs.items() if not self._later(known[id_])}
        missing = tuple(id_ for id_ in self.missing if not self._later(known.get(id_)))
        extra = tuple(id_ for id_ in self.extra if not self._later(known.get(id_)))
        return missing, extra

    def _later(self, held: Held | None) -> bool:
        return held is not None and self.bench.is_newer(self.stream, held.at, deleted=held.deleted)

    def _held(self, record: Record | None) -> Held | None:
        gone = record is not None and (record.deleted or record.merged_into is not None)
        return None if record is None else Held(self.bench.changed_at(record), gone)
