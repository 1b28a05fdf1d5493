"""What an audit read again is stored as a reading would store it, and what it missed is made to be read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from connector.audit.bench import Bench
from connector.audit.counting import Counts
from connector.audit.model import Repaired
from connector.audit.sampling import LEFT_BEHIND, Sample
from connector.domain.model import KINDS, Activity, Page, Record, RecordRef
from connector.domain.ports import Held
from connector.domain.storage import UnitOfWork
from connector.echo import OURS
from connector.ingest import take_page

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

AUDITED = "audited"
"""In front of a version: the row was read from primary data by an audit, so it stands, whatever was stored."""


def repair(bench: Bench, counts: Counts, sample: Sample) -> Repaired:
    """Store what was read again, take away what is not in the CRM, and let the next pass read what is missing.

    It goes through the same door as a page of a reading, so that rules see the change.
    """
    done = Repaired()
    fresh = {**sample.fresh, **counts.fresh}
    gone = dict(counts.gone)
    gone |= {entry.crm_id: None for entry in sample.lost if entry.crm_id and entry.action.kind in LEFT_BEHIND}
    starts = _missing_since(counts)
    with bench.store.begin() as uow:
        for kind in KINDS:
            records = tuple(_records(uow, {ref: one for ref, one in fresh.items() if ref.kind == kind}))
            if records:
                take_page(uow, Page(kind, uow.cursor(kind) or "", records), bench.needs, bench.now)
                done.records += len(records)
        dead = tuple(_dead(bench, id_, held) for id_, held in gone.items())
        if dead:
            stream = next(iter(bench.cursors))
            take_page(uow, Page(stream, uow.cursor(stream) or "", activities=dead), bench.needs, bench.now)
            done.activities += len(dead)
        for stream, since in starts.items():
            uow.save_cursor(stream, bench.adapter.census.rewound(stream, uow.cursor(stream), since or BEGINNING))
    done.streams = starts
    return done


def _missing_since(counts: Counts) -> Mapping[str, datetime | None]:
    """The streams that lack rows, and from when on they have to be read again; None: from the beginning."""
    found: dict[str, datetime | None] = {}
    for counted in sorted(counts.windows, key=lambda counted: counted.window.until, reverse=True):
        if counted.missing:
            found[counted.stream] = counted.window.since
    return found


def _records(uow: UnitOfWork, fresh: Mapping[RecordRef, Record | None]) -> Iterator[Record]:
    stored = uow.records(sorted(fresh))
    for ref, now in fresh.items():
        before = stored.get(ref)
        if now is not None:
            # A row of the version under our own write would count as one from before it.
            ours = before is not None and before.version == f"{OURS}:{now.version}"
            yield replace(now, version=f"{AUDITED}:{now.version}") if ours else now
        elif before is not None:
            yield replace(before, deleted=True, version=f"{AUDITED}:gone")


def _dead(bench: Bench, id_: str, held: Held | None) -> Activity:
    at = bench.now if held is None else held.at
    return Activity(id_, "task", (), at, f"{AUDITED}:gone", deleted=True)
