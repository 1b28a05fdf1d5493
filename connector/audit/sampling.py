"""Samples: records that are read again and compared field by field, and writes of ours that are looked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random

from connector.audit.bench import Bench
from connector.audit.counting import Counts
from connector.audit.model import Drift, Window
from connector.domain.audited import Stored
from connector.domain.decision import OutboxEntry, PlannedAction
from connector.domain.model import KINDS, Record, RecordRef, Value
from connector.domain.storage import UnitOfWork
from connector.echo import OURS, alike

LEFT_BEHIND = ("task", "offer", "note")
"""Kinds of action that leave something with an id of its own in the CRM."""

TOLD = frozenset({"owner", "status"})
"""Fields whose texts are no person's words: their values are told."""


@dataclass
class Sample:
    """What reading again found."""

    records: int = 0
    writes: int = 0
    unanswered: int = 0
    newer: int = 0
    drift: list[Drift] = field(default_factory=list)
    fresh: dict[RecordRef, Record | None] = field(default_factory=dict)
    lost: list[OutboxEntry] = field(default_factory=list)


def choose(
    bench: Bench, size: int, windows: Sequence[Window], counts: Counts, written: set[RecordRef], dice: Random
) -> list[RecordRef]:
    """Records to read again: a third from windows that differ, a third with writes of ours, the rest spread evenly."""
    by_window: dict[datetime | None, list[RecordRef]] = defaultdict(list)
    for kind in KINDS:
        for one in bench.stored(kind):
            ref = RecordRef(bench.adapter.name, kind, one.id)
            window = next((each for each in windows if each.has(one.created)), None)
            if window is not None and "gone" not in one.lives and ref not in counts.fresh:
                by_window[window.since].append(ref)
    for refs in by_window.values():
        dice.shuffle(refs)
    differing = {counted.window.since for counted in counts.windows if counted.differs}
    odd = list(_in_turn([refs for since, refs in by_window.items() if since in differing]))
    everywhere = list(_in_turn(list(by_window.values())))
    ours = [ref for ref in everywhere if ref in written]
    third = -(-size // 3)
    return list(dict.fromkeys([*odd[:third], *ours[:third], *everywhere]))[:size]


def _in_turn(rows: Sequence[Sequence[RecordRef]]) -> Iterator[RecordRef]:
    """One of each, then the second of each, and so on."""
    for place in range(max(map(len, rows), default=0)):
        yield from (row[place] for row in rows if place < len(row))


def compare(bench: Bench, refs: Sequence[RecordRef], sample: Sample) -> None:
    """Read these records again and note what differs from the store."""
    fresh = bench.reread(refs)
    with bench.store.begin() as uow:
        stored = uow.records(refs)
    for ref in refs:
        compare_one(bench, ref, stored.get(ref), fresh.get(ref), sample)
    sample.records += len(refs)


def compare_one(bench: Bench, ref: RecordRef, stored: Record | None, now: Record | None, sample: Sample) -> None:
    """One record as it is stored against what was read just now."""
    found: list[tuple[str, Value, Value]]
    if stored is None or now is None:
        found = [] if stored is now else [("the whole record", stored is not None, now is not None)]
    else:
        found = list(_differences(stored, now))
    if found and now is not None and _is_newer(bench, stored, now):
        sample.newer += 1
    elif found:
        sample.fresh[ref] = now
        sample.drift += [_drift(ref, name, old, new) for name, old, new in found]


def _is_newer(bench: Bench, stored: Record | None, now: Record) -> bool:
    """Whether the next pass reads it anyway. What has the same version as before was changed without a stamp."""
    if stored is not None and stored.version.removeprefix(f"{OURS}:") == now.version:
        return False
    gone = now.deleted or now.merged_into is not None
    return bench.is_newer(now.ref.kind, bench.changed_at(now), deleted=gone)


def _differences(stored: Record, now: Record) -> Iterator[tuple[str, Value, Value]]:
    """What differs: the end of its life, else the fields that both have. On our own write a spelling is the CRM's."""
    for name in ("deleted", "converted"):
        if getattr(stored, name) != getattr(now, name):
            yield name, getattr(stored, name), getattr(now, name)
    if stored.merged_into != now.merged_into:
        yield "merged into", str(stored.merged_into or "") or None, str(now.merged_into or "") or None
    if now.deleted or stored.deleted:
        return
    ours = stored.version.startswith(f"{OURS}:")
    for name in sorted(stored.fields.keys() & now.fields.keys()):
        old, new = stored.fields[name], now.fields[name]
        if old != new and not (ours and alike(old, new)):
            yield name, old, new


def _drift(ref: RecordRef, name: str, stored: Value, crm: Value) -> Drift:
    values = (stored, crm)
    plain = all(value is None or isinstance(value, bool | int | float | date) for value in values)
    shown = name in TOLD or (plain and values != (None, None))
    return Drift(str(ref), name, stored if shown else None, crm if shown else None, shown)


# -- our writes --------------------------------------------------------------------------------------------------------


def look_for_writes(bench: Bench, entries: Sequence[OutboxEntry], sample: Sample) -> None:
    """Confirmed writes that are neither in the CRM nor known to have been deleted by a person are drift."""
    census, by_stream = bench.adapter.census, defaultdict(list)
    unseen = {entry.action.key: entry for entry in entries}
    for entry in entries:
        stream = census.stream_of(entry.crm_id or "", frozenset(), bench.needs) if entry.crm_id else None
        if stream is not None:
            by_stream[stream].append(entry)
    for stream, mine in by_stream.items():
        held = census.held(stream, [entry.crm_id or "" for entry in mine])
        for entry in mine:
            if entry.crm_id in held:
                unseen.pop(entry.action.key, None)
    sample.writes += len(entries)
    with bench.store.begin() as uow:
        left = [entry for entry in unseen.values() if not _is_deleted(uow, entry)]
    receipts = (
        {one.key: one.state for one in bench.adapter.sink.look_up([entry.action for entry in left])} if left else {}
    )
    for entry in left:
        state = receipts.get(entry.action.key)
        if state == "retry":
            sample.lost.append(entry)
            sample.drift.append(Drift(_named(entry.action), "our write", stored=True, crm=False, shown=True))
        elif state != "confirmed":
            sample.unanswered += 1


def _is_deleted(uow: UnitOfWork, entry: OutboxEntry) -> bool:
    """Whether reading has told that a person deleted it; the CRM forgets that in time."""
    states = uow.states([entry.action.record])
    return any(task.id == entry.crm_id and task.deleted for state in states for task in state.activities)


def _named(action: PlannedAction) -> str:
    return f"{action.kind} of {action.rule} on {action.record}"


def by_stream(bench: Bench, stock: Iterator[Stored]) -> Mapping[str, list[Stored]]:
    """The stored activities under the stream that counts them."""
    found: dict[str, list[Stored]] = defaultdict(list)
    for one in stock:
        stream = bench.adapter.census.stream_of(one.id, one.lives, bench.needs)
        if stream is not None:
            found[stream].append(one)
    return found
