"""What is held: let go at a pace, or discarded, by a person; a match as a whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Table, and_, delete, exists, or_, select, update

from connector.domain.decision import HeldCount, pause_of
from connector.domain.model import RecordRef
from connector.store.codec import micros, ref_of
from connector.store.deadlines import Deadlines
from connector.store.pauses import Pauses
from connector.store.statements import chunks
from connector.store.tables import assignments, marks, outbox

DISCARDED = "discarded by a person"
"""The message of what somebody decided against."""


@dataclass(slots=True)
class _Match:
    """One held match; without keys when it is drafted only once it is released."""

    record: str
    rule: str
    occasion: str
    at: int
    keys: list[str] = field(default_factory=list)
    handed: bool = False
    """Whether it took a turn in a pool."""

    @property
    def actions(self) -> int:
        return len(self.keys) or 1

    def of(self, table: Table) -> tuple[ColumnElement[bool], ...]:
        """The rows of a table that belong to the match."""
        return tuple(table.c[name] == getattr(self, name) for name in ("record", "rule", "occasion"))


class Releases(Pauses, Deadlines):
    """Held matches, and what a person decides about them."""

    def held(self) -> Sequence[HeldCount]:
        """What is held, by rule."""
        found: dict[str, list[_Match]] = {}
        for match in self._held(None):
            found.setdefault(match.rule, []).append(match)
        return [
            HeldCount(rule, len(each), len({one.record for one in each}), sum(one.actions for one in each))
            for rule, each in sorted(found.items())
        ]

    def held_records(self) -> frozenset[RecordRef]:
        """The records with anything that is held."""
        return frozenset(ref_of(match.record) for match in self._held(None))

    def release(self, rule: str | None, first: int | None, now: datetime) -> int:
        """Let `first` held matches go (all: None), the oldest first; how many actions. Those of paused rules stay.

        From now on their marks say `fired`, so that the day's counts see them, and `released`, so that no breaker counts
        them again. A match that is drafted only then is due at once.
        """
        stopped = self.pauses()
        matches = [match for match in self._held(rule) if pause_of(stopped, match.rule) is None][:first]
        for match in matches:
            drafted = {"kind": "fired", "at": micros(now)} if match.keys else {}
            mark = update(marks).where(*match.of(marks), marks.c.kind == "held")
            self._connection.execute(mark.values(released=True, **drafted))
        self._set([key for match in matches for key in match.keys], {"state": "pending", "updated": micros(now)})
        self.mark_due([ref_of(match.record) for match in matches if not match.keys], now)
        return sum(match.actions for match in matches)

    def discard(self, rule: str | None, first: int | None, now: datetime) -> int:
        """Drop `first` held matches (all: None), the oldest first; how many actions.

        Their marks say `skipped`: the rule does not act on that occasion, a cadence goes on with its next step. Turns in a
        pool that they took are given back.
        """
        matches = self._held(rule)[:first]
        for match in matches:
            mark = update(marks).where(*match.of(marks), marks.c.kind == "held")
            self._connection.execute(mark.values(kind="skipped", at=micros(now)))
            if match.handed:
                line = (assignments.c.record == match.record, assignments.c.rule == match.rule)
                self._connection.execute(delete(assignments).where(*line, assignments.c.at == match.at))
        dropped = {"state": "dropped", "message": DISCARDED, "updated": micros(now)}
        self._set([key for match in matches for key in match.keys], dropped)
        self.mark_due({ref_of(match.record) for match in matches}, now)
        return sum(match.actions for match in matches)

    def _set(self, keys: Sequence[str], values: Mapping[str, object]) -> None:
        for some in chunks(keys):
            self._connection.execute(update(outbox).where(outbox.c.key.in_(some)).values(values))

    def _held(self, rule: str | None) -> Sequence[_Match]:
        """The held matches of a rule, of a cadence's steps, or all of them (None), the oldest first."""
        found: dict[tuple[str, str, str], _Match] = {}
        columns = (outbox.c.record, outbox.c.rule, outbox.c.occasion, outbox.c.created, outbox.c.key, outbox.c.kind)
        query = select(*columns).where(outbox.c.state == "held", _of_rule(outbox, rule))
        for row in self._connection.execute(query.order_by(outbox.c.position)):
            name = (row.record, row.rule, row.occasion)
            match = found.setdefault(name, _Match(*name, row.created))
            match.keys.append(row.key)
            match.handed = match.handed or row.kind in ("reassign", "offer")
        drafted = and_(*(outbox.c[name] == marks.c[name] for name in ("record", "rule", "occasion")))
        bare = (marks.c.kind == "held", marks.c.released == 0, ~exists().where(drafted, outbox.c.state == "held"))
        undrafted = select(marks.c.record, marks.c.rule, marks.c.occasion, marks.c.at)
        for record, of_rule, occasion, at in self._connection.execute(undrafted.where(*bare, _of_rule(marks, rule))):
            found[record, of_rule, occasion] = _Match(record, of_rule, occasion, at)
        return sorted(found.values(), key=lambda match: (match.at, match.record, match.rule, match.occasion))


def _of_rule(table: Table, rule: str | None) -> ColumnElement[bool]:
    if rule is None:
        return table.c.record.is_not(None)
    return or_(table.c.rule == rule, table.c.rule.startswith(f"{rule}/", autoescape=True))
