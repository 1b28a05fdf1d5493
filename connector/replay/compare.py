"""Puts what the rules would have done beside what followup really did, rule by rule, day by day and write by write."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Literal

from connector.domain.decision import OutboxEntry, PlannedAction
from connector.domain.model import RecordRef
from connector.domain.replay import Deed, Gap, Played, Stay
from connector.domain.undone import UNDO

Side = Literal["both", "would", "did", "held"]
"""A write that was made then and would be made now; only would be; only was made; would be held back by a cap."""


@dataclass(frozen=True, slots=True)
class Line:
    """One write: when, which, and on which side it stands; `note` has the cap that would hold it back."""

    at: datetime
    side: Side
    action: PlannedAction
    note: str = ""


@dataclass(slots=True)
class Tally:
    """Writes of one rule, or of one day: would be made, were made, and are in both."""

    would: int = 0
    did: int = 0
    both: int = 0
    held: int = 0


@dataclass(slots=True)
class RuleTally(Tally):
    """What became of one rule: on how many occasions, records and owners, which caps held it, who waits, its baseline."""

    matches: int = 0
    records: int = 0
    owners: int = 0
    caps: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    waits: str = ""
    baseline: int = 0


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay as a person or a script reads it; `lines` in the order of time."""

    since: datetime
    until: datetime
    every: str
    records: int
    passes: int
    evaluated: int
    rules: Mapping[str, RuleTally]
    days: Mapping[date, Mapping[str, Tally]]
    lines: Sequence[Line]
    stays: Sequence[Stay]
    gaps: Sequence[Gap]
    alarms: Sequence[str] = ()


def compare(
    played: Played,
    done: Iterable[OutboxEntry],
    rules: Sequence[str],
    span: tuple[datetime, datetime],
    zone: tzinfo,
    every: str,
) -> Replay:
    """The replay of a span of time beside the confirmed writes of that time; days are those of `zone`."""
    since, until = span
    by_rules = (each for each in done if each.action.rule != UNDO)
    real = {each.action.key: each for each in by_rules if each.updated is not None and since <= each.updated <= until}
    lines = sorted(_lines(played.deeds, real), key=_order)
    tallies: dict[str, RuleTally] = {rule: RuleTally() for rule in rules}
    days: dict[date, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for line in lines:
        rule = line.action.rule
        _count(tallies.setdefault(rule, RuleTally()), line)
        _count(days[line.at.astimezone(zone).date()][rule], line)
    for rule, tally in tallies.items():
        _fill(tally, rule, played)
    return Replay(
        since, until, every, played.records, played.passes, played.evaluated,
        tallies, {day: dict(days[day]) for day in sorted(days)}, lines, played.stays, played.gaps, played.alarms,
    )  # fmt: skip


def _lines(deeds: Sequence[Deed], real: Mapping[str, OutboxEntry]) -> Iterable[Line]:
    would = {deed.action.key for deed in deeds}
    for deed in deeds:
        side: Side = "held" if deed.held else "both" if deed.action.key in real else "would"
        yield Line(deed.at, side, deed.action, deed.held)
    for key, entry in real.items():
        if key not in would and entry.updated is not None:
            yield Line(entry.updated, "did", entry.action)


def _order(line: Line) -> tuple[datetime, RecordRef, str, int, str]:
    action = line.action
    return line.at, action.record, action.rule, action.position, action.key


def _count(tally: Tally, line: Line) -> None:
    tally.would += line.side in ("both", "would")
    tally.did += line.side in ("both", "did")
    tally.both += line.side == "both"
    tally.held += line.side == "held"


def _fill(tally: RuleTally, rule: str, played: Played) -> None:
    mine = [deed for deed in played.deeds if deed.action.rule == rule]
    tally.matches = len({(deed.action.record, deed.action.occasion) for deed in mine})
    tally.records = len({deed.action.record for deed in mine})
    tally.owners = len({deed.owner for deed in mine if deed.owner})
    tally.caps = dict(sorted(Counter(deed.held for deed in mine if deed.held).items()))
    stays = [stay for stay in played.stays if stay.rule == rule]
    tally.waiting = len({stay.record for stay in stays})
    tally.waits = stays[-1].why if stays else ""
    tally.baseline = played.baseline.get(rule, 0)


def gap_text(gap: Gap, zone: tzinfo) -> str:
    """One sentence on history that is missing, and what that means for the replay."""
    records = f"{gap.records:,} {gap.kind}{'' if gap.records == 1 else 's'}"
    if gap.what == "unknown" and gap.until is not None:
        until = f"{gap.until.astimezone(zone):%Y-%m-%d %H:%M}"
        return (
            f"{gap.field} of {records} before {until} is not known: nothing was read before and the CRM keeps no older "
            "history; they are looked at from their first reading on"
        )
    if gap.what == "ended":
        return f"when {records} left {gap.field} is not known: they count as not enrolled all along"
    return f"{gap.field} has no stored changes: today's value stands for all of the time ({records} changed since then)"
