"""Scores from the lines of rule files: what a record is, what it did, and what of that has faded; and when it rose."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from typing import Protocol

from rules.calendar import OFFICE, Clocks, WorkCalendar
from rules.compare import as_number
from rules.condition import evaluate, first_flip
from rules.facts import Facts
from rules.happenings import Happening, happenings
from rules.model import Condition, FieldTest, ScoreLine, leaves
from rules.past import as_of
from rules.points import Part, Rise, Rises, Score, seconds_of, whole

_BEFORE = timedelta(microseconds=1)
_MEETINGS = frozenset({"meeting", "meeting_booked"})


class Scorer:
    """Works out scores by the lines of each kind of record; conditions are measured on the calendar `office`."""

    def __init__(self, lines: Sequence[ScoreLine], clocks: Clocks) -> None:
        self._clocks = clocks
        self._lines: Mapping[str, Sequence[ScoreLine]] = {
            kind: [line for line in lines if line.kind == kind] for kind in {line.kind for line in lines}
        }

    def score(self, facts: Facts) -> Score | None:
        """The score at `facts.now`, None for a kind whose score is the CRM's."""
        lines = self._lines.get(facts.record.ref.kind)
        if lines is None:
            return None
        found = [self.part(line, facts) for line in lines]
        until = first_flip(until for _, until in found)
        return Score(facts.now, tuple(part for part, _ in found if part.points), until)

    def part(self, line: ScoreLine, facts: Facts) -> tuple[Part, datetime | None]:
        """What one line gives at `facts.now`, and until when time alone cannot change whether it does."""
        if line.if_ is not None:
            result = evaluate(line.if_, facts, self._office(facts), self._clocks.local(facts.zone))
            return _steady(line, line.points if result.holds is True else 0), result.flips_at
        if line.activity is not None:
            until = facts.next_meeting_end if line.activity in _MEETINGS else None
            return _of_activities(line, happenings(facts, (line.activity,)), facts.now), until
        return _of_value(line, facts), None

    def _office(self, facts: Facts) -> WorkCalendar:
        return self._clocks.local(facts.zone)[OFFICE.name]

    # -- the past --------------------------------------------------------------------------------------------------

    def rises(self, points: float, facts: Facts) -> Rises | None:
        """When the score rose to so many points from below, in the order of time; None where the score is the CRM's.

        A score rises when something happens: the record is created, one of its fields changes, or there is an activity.
        What grows by the passing of time alone is there from the next of these on, and is no crossing.
        """
        lines = self._lines.get(facts.record.ref.kind)
        if lines is None:
            return None
        if sum(_most(line, facts) for line in lines) + 0.51 < points:
            return Rises((), facts.next_meeting_end)
        return _Climb(self, lines, facts).crossing(points)


def _most(line: ScoreLine, facts: Facts) -> float:
    """No less than what a line has ever given the record."""
    if line.points <= 0:
        return 0.0
    if line.activity is not None:
        found = line.points * len(happenings(facts, (line.activity,)))
    else:
        found = line.points if line.if_ is not None else inf
    return found if line.at_most is None else min(found, line.at_most)


class _Climb:
    """A record's score at everything that happened to it, just before and just after."""

    def __init__(self, scorer: Scorer, lines: Sequence[ScoreLine], facts: Facts) -> None:
        self._facts = facts
        self._then: dict[datetime, Facts] = {}
        self._looks = False
        self._terms = [self._term(scorer, line) for line in lines]

    def crossing(self, points: float) -> Rises:
        facts, found = self._facts, []
        ends = [facts.next_meeting_end]
        for at in self._events():
            over = self._value(at, before=False) >= points
            if over and (at == facts.record.created or self._value(at, before=True) < points):
                found.append(Rise(at, self._score(at, before=False)))
            if at > facts.now:
                # A meeting booked for later counts today, for as long as what is there beside it does not fade.
                scores = (self._score(at, before) for before in (True, False))
                ends += [score.changes_at(_side_of(points, score.value)) for score in scores]
        return Rises(tuple(found), first_flip(ends))

    def _term(self, scorer: Scorer, line: ScoreLine) -> _Term:
        """How to ask for what a line gave at an instant, by looking no more often than it can have changed."""
        facts = self._facts
        if line.activity is not None:
            return _Deeds(line, happenings(facts, (line.activity,)), facts.now)
        read = {"value"} if line.if_ is None else _fields_of(line.if_)
        if read is None:
            self._looks = True
            return _Looks(lambda at: scorer.part(line, self._past(at)), facts.now)
        changes = sorted({change.at for name in read for change in facts.changes_of(name)})
        if not changes:
            return _Steps((), (scorer.part(line, facts)[0],))
        at_first = scorer.part(line, self._past(changes[0] - _BEFORE))[0]
        return _Steps(changes, (at_first, *(scorer.part(line, self._past(at))[0] for at in changes)))

    def _events(self) -> Sequence[datetime]:
        facts = self._facts
        found = {facts.record.created, *(at for term in self._terms for at in term.instants)}
        if self._looks:
            found.update(change.at for change in facts.state.changes)
            found.update(at for at, _, _ in facts.touches)
        return sorted(at for at in found if at >= facts.record.created)

    def _value(self, at: datetime, before: bool) -> int:
        return whole(sum(term.part(at, before).after(0) for term in self._terms))

    def _score(self, at: datetime, before: bool) -> Score:
        parts = tuple(term.part(at, before) for term in self._terms)
        return Score(min(at, self._facts.now), parts, first_flip(term.until(at, before) for term in self._terms))

    def _past(self, at: datetime) -> Facts:
        found = self._then.get(at)
        if found is None:
            facts = self._facts
            then = as_of(facts.state, at)
            found = self._then[at] = Facts(then, replace(facts.moment, now=at), facts.team, facts.binding)
        return found


class _Term(Protocol):
    """What one line gave at the instants at which it may have changed, and between them."""

    @property
    def instants(self) -> Sequence[datetime]: ...
    def part(self, at: datetime, before: bool) -> Part:
        """What it gave just before an instant, or from then on."""
        ...

    def until(self, at: datetime, before: bool) -> datetime | None:
        """When time alone may change it; asked for the present only."""
        ...


@dataclass(frozen=True, slots=True)
class _Steps:
    """A line about fields: `parts` before, between and after the changes of these."""

    instants: Sequence[datetime]
    parts: Sequence[Part]

    def part(self, at: datetime, before: bool) -> Part:
        return self.parts[(bisect_left if before else bisect_right)(self.instants, at)]

    def until(self, at: datetime, before: bool) -> datetime | None:
        return None


@dataclass(frozen=True, slots=True)
class _Deeds:
    """A line about activities: their points, as far as they have not faded; those of a coming meeting count today."""

    line: ScoreLine
    deeds: Sequence[Happening]
    now: datetime

    @property
    def instants(self) -> Sequence[datetime]:
        return [each.at for each in self.deeds]

    def part(self, at: datetime, before: bool) -> Part:
        done = [each for each in self.deeds if each.at < at or (each.at == at and not before)]
        return _of_activities(self.line, done, min(at, self.now))

    def until(self, at: datetime, before: bool) -> datetime | None:
        return None


@dataclass(frozen=True, slots=True)
class _Looks:
    """A line that looks at more than fields: asked anew at everything that happened."""

    look: Callable[[datetime], tuple[Part, datetime | None]]
    now: datetime
    instants: Sequence[datetime] = ()

    def part(self, at: datetime, before: bool) -> Part:
        return self._found(at, before)[0]

    def until(self, at: datetime, before: bool) -> datetime | None:
        return self._found(at, before)[1]

    def _found(self, at: datetime, before: bool) -> tuple[Part, datetime | None]:
        now = min(at, self.now)
        return self.look(now - _BEFORE if before else now)


def _fields_of(condition: Condition) -> set[str] | None:
    """The fields a condition reads; None when it looks at anything else, time included."""
    found = set()
    for leaf in leaves(condition):
        if not isinstance(leaf, FieldTest) or leaf.op == "within":
            return None
        found.add(leaf.field)
    return found


def _side_of(points: float, value: int) -> Callable[[int], bool]:
    """Whether a score lies on the other side of so many points."""
    return lambda other: (other >= points) is not (value >= points)


def _steady(line: ScoreLine, points: float) -> Part:
    return Part(line.why, points, None, line.at_most)


def _of_activities(line: ScoreLine, deeds: Sequence[Happening], now: datetime) -> Part:
    """Points for each of these activities, as far as they have not faded."""
    if line.half_life is None:
        return _steady(line, line.points * len(deeds))
    half_life, now = seconds_of(line.half_life), now.replace(microsecond=0)
    ages = (max((now - each.at).total_seconds(), 0.0) for each in deeds)
    return Part(line.why, sum(line.points * 0.5 ** (age / half_life) for age in ages), half_life, line.at_most)


def _of_value(line: ScoreLine, facts: Facts) -> Part:
    """Points for every full step of the record's value."""
    known, value = facts.field("value")
    number = as_number(value) if known else None
    steps = int(number // line.per_value) if number is not None and line.per_value else 0
    return _steady(line, line.points * max(steps, 0))
