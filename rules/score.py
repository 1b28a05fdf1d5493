"""Scores from the lines of rule files: what a record is, what it did, and what of that has faded; and when it rose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rules.calendar import OFFICE, Clocks, WorkCalendar
from rules.compare import as_number
from rules.condition import evaluate, first_flip
from rules.facts import Facts
from rules.happenings import Happening, happenings
from rules.model import FieldTest, ScoreLine, leaves
from rules.past import as_of
from rules.points import Part, Rise, Rises, Score, seconds_of

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
        return None if lines is None else _Climb(self, lines, facts).crossing(points)


class _Climb:
    """A record's score at everything that happened to it, just before and just after."""

    def __init__(self, scorer: Scorer, lines: Sequence[ScoreLine], facts: Facts) -> None:
        self._scorer = scorer
        self._facts = facts
        self._deeds = {line: happenings(facts, (line.activity,)) for line in lines if line.activity is not None}
        self._given = [line for line in lines if line.activity is None]
        self._moving = [line for line in self._given if self._moves(line)]
        self._still = [scorer.part(line, facts)[0] for line in self._given if line not in self._moving]
        self._then: dict[datetime, Facts] = {}

    def crossing(self, points: float) -> Rises:
        facts, found = self._facts, []
        ends = [facts.next_meeting_end]
        for at in self._events():
            before, after = self._score(at, before=True), self._score(at, before=False)
            risen = at == facts.record.created or before.value < points
            if risen and after.value >= points:
                found.append(Rise(at, after))
            if at > facts.now:
                # A meeting booked for later counts today, for as long as what is there beside it does not fade.
                ends += [score.changes_at(_side_of(points, score.value)) for score in (before, after)]
        return Rises(tuple(found), first_flip(ends))

    def _moves(self, line: ScoreLine) -> bool:
        """Whether what a line gives may have been different in the past: its fields changed, or it looks at more."""
        if line.if_ is None:
            return bool(self._facts.changes_of("value"))
        return any(
            not isinstance(leaf, FieldTest) or leaf.op == "within" or self._facts.changes_of(leaf.field)
            for leaf in leaves(line.if_)
        )

    def _events(self) -> Sequence[datetime]:
        facts = self._facts
        found = {facts.record.created, *(each.at for deeds in self._deeds.values() for each in deeds)}
        if self._moving:
            found.update(change.at for change in facts.state.changes)
            found.update(at for at, _, _ in facts.touches)
        return sorted(at for at in found if at >= facts.record.created)

    def _score(self, at: datetime, before: bool) -> Score:
        now = min(at, self._facts.now)
        then = self._past(now - _BEFORE if before else now) if self._moving else self._facts
        moving = [self._scorer.part(line, then) for line in self._moving]
        done = [
            _of_activities(line, [each for each in deeds if each.at < at or (each.at == at and not before)], now)
            for line, deeds in self._deeds.items()
        ]
        parts = (*self._still, *(part for part, _ in moving), *done)
        return Score(now, parts, first_flip(until for _, until in moving))

    def _past(self, at: datetime) -> Facts:
        found = self._then.get(at)
        if found is None:
            facts = self._facts
            found = self._then[at] = Facts(
                as_of(facts.state, at), replace(facts.moment, now=at), facts.team, facts.binding
            )
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
