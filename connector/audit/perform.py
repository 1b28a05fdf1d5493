"""An audit from beginning to end: count, read samples again, look for our writes, and repair when asked to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random
from zoneinfo import ZoneInfo

from connector.audit.bench import Bench, CallsSpentError
from connector.audit.counting import Counts, count
from connector.audit.model import Audit, Window
from connector.audit.repair import repair
from connector.audit.sampling import LEFT_BEHIND, Sample, by_stream, choose, compare, look_for_writes
from connector.audit.windows import windows
from connector.domain.audited import Stored
from connector.domain.decision import OutboxEntry, RunSummary
from connector.domain.errors import ConfigError, FollowupError
from connector.domain.model import KINDS, Needs
from connector.domain.ports import Adapter, Rulebook
from connector.domain.storage import Store, UnitOfWork

DONE = (0, 3)
"""Exit codes of passes that came to their end."""

Slice = tuple[Sequence[Stored], str | None]

SWEPT = "archived:"
"""Begins the name of a stream that only tells what went from another one."""


@dataclass(frozen=True)
class Request:
    """What is to be audited: creations from `since` (None: ever) to before `until` (None: as late as can be told)."""

    zone: ZoneInfo
    since: datetime | None = None
    until: datetime | None = None
    sample: int = 50
    repair: bool = False


def audit(
    store: Store,
    adapter: Adapter,
    rulebook: Rulebook,
    now: datetime,
    request: Request,
    progress: Callable[[str, int], None] = lambda _s, _n: None,
) -> Audit:
    """Hold the store against the CRM. Writes nothing to the CRM, and nothing to the store unless it is to repair.

    Raises BusyError while a pass runs, FollowupError when nothing was read yet.
    """
    until = min(filter(None, (request.until, now - adapter.census.margin)))
    if request.since is not None and request.since >= until:
        raise ConfigError("--since is not before --until, or so late that nothing since then must have been read yet")
    with store.lock():
        bench, entries, seed = _bench(store, adapter, _needs(adapter, rulebook), now)
        streams = adapter.source.streams(bench.needs)
        stretches = windows(_oldest(bench, now), until, request.zone, request.since)
        progress("count", len(streams) * len(stretches))
        counts = count(bench, streams, stretches)
        progress("sample", request.sample)
        sample, cut_short = _sample(bench, request, counts, stretches, entries, Random(seed))  # noqa: S311 - no secret
        found = Audit(adapter.name, now, request.since, until, seed, counts.windows, sample.drift)
        found.newer = sample.newer + sum(counted.newer for counted in counts.windows)
        found.records, found.writes, found.unanswered = sample.records, sample.writes, sample.unanswered
        found.not_counted = tuple(stream for stream in counts.not_counted if not stream.startswith(SWEPT))
        found.left_out = counts.left_out + cut_short
        if request.repair and not found.clean:
            found.repaired = repair(bench, counts, sample)
        found.calls = bench.calls
        return found


def _needs(adapter: Adapter, rulebook: Rulebook) -> Needs:
    """What a pass would read now."""
    schema = adapter.source.describe(rulebook.needs())
    rulebook.bind(schema, adapter.source.owners())
    return rulebook.needs()


def _bench(store: Store, adapter: Adapter, needs: Needs, now: datetime) -> tuple[Bench, list[OutboxEntry], str]:
    with store.begin() as uow:
        last = next(filter(_read_to_the_end, uow.runs(10_000)), None)
        cursors = {stream: uow.cursor(stream) for stream in adapter.source.streams(needs)}
        if last is None and not any(cursors.values()):
            raise FollowupError(
                "nothing was read yet, so there is nothing to audit: `followup run` makes the first pass"
            )
        bench = Bench(adapter, store, needs, now, last.now if last else None, cursors, uow.tombstones())
        entries = [entry for entry in uow.outbox(("confirmed",)) if entry.action.record.crm == adapter.name]
    kinds = [kind for kind in KINDS if kind in needs.kinds]
    bench.records = {kind: list(_stock(store, partial(_records_of, kind))) for kind in kinds}
    bench.activities = by_stream(bench, _stock(store, _activities))
    return bench, entries, last.id if last else "no pass yet"


def _read_to_the_end(run: RunSummary) -> bool:
    """Whether a pass read everything there was. One with a message ended early, by a stop or a spent quota, perhaps in its
    reading."""
    return run.exit_code in DONE and run.command in ("run", "apply") and not run.message


def _records_of(kind: str, uow: UnitOfWork, after: str) -> Slice:
    return uow.record_stock(kind, after)


def _activities(uow: UnitOfWork, after: str) -> Slice:
    return uow.activity_stock(after)


def _stock(store: Store, some: Callable[[UnitOfWork, str], Slice]) -> Iterator[Stored]:
    """All of a stock, a transaction for each slice: in between a person can pause followup."""
    after: str | None = ""
    while after is not None:
        with store.begin() as uow:
            found, after = some(uow, after)
        yield from found


def _oldest(bench: Bench, now: datetime) -> datetime:
    return min((one.created for rows in bench.records.values() for one in rows), default=now)


def _sample(
    bench: Bench,
    request: Request,
    counts: Counts,
    stretches: Sequence[Window],
    entries: list[OutboxEntry],
    dice: Random,
) -> tuple[Sample, int]:
    """The samples, and 1 when the calls did not suffice for them."""
    sample = Sample()
    written = {entry.action.record for entry in entries}
    left = [entry for entry in entries if entry.action.kind in LEFT_BEHIND]
    refs = choose(bench, request.sample, stretches, counts, written, dice)
    try:
        bench.check()
        compare(bench, refs, sample)
        bench.check()
        look_for_writes(bench, dice.sample(left, min(len(left), request.sample)), sample)
    except CallsSpentError:
        return sample, 1
    return sample, 0
