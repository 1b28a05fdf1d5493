"""What a score comes to: its lines' points, how they fade, and when the whole number that people see next changes.

Points fade continuously and are looked at once a second; the score is their sum rounded to whole points, and that whole
number is what conditions compare, texts show and reports rank by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

from rules.basics import Duration

_SECOND = timedelta(seconds=1)
_HALF_LIVES = 40
"""After so many half-lives nothing is left: a million million points are less than one."""
_LOOKS = 500
"""Stretches of time looked at for the next change; where lines that fade and lines that grow all but cancel out, the
search ends early, and the record is looked at again then."""

_UNITS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "business hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "business days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "months": timedelta(days=30),
}


def seconds_of(half_life: Duration) -> float:
    """A half-life in seconds: it passes day and night, and a month of it has 30 days."""
    return half_life.amount * _UNITS[half_life.unit].total_seconds()


def whole(points: float) -> int:
    """Points as people see them: half a point counts as one."""
    return floor(points + 0.5 + 1e-9)  # a sum that should be 39.5 may come out a hair below


@dataclass(frozen=True, slots=True)
class Part:
    """What one line gives: points that stay, or `fading` ones that halve every `half_life` seconds, within a bound."""

    why: str
    points: float
    half_life: float | None = None
    bound: float | None = None

    def after(self, seconds: float) -> float:
        """What is left of it so many seconds later."""
        left = self.points if self.half_life is None else self.points * 0.5 ** (seconds / self.half_life)
        return left if self.bound is None else max(-self.bound, min(left, self.bound))


@dataclass(frozen=True, slots=True)
class Score:
    """A record's score at an instant, line by line.

    `stands_until` is the next instant at which time alone may change which lines count, not what is left of them.
    """

    at: datetime
    parts: tuple[Part, ...]
    stands_until: datetime | None = None

    @property
    def value(self) -> int:
        """The score in whole points."""
        return whole(sum(part.after(0) for part in self.parts))

    @property
    def text(self) -> str:
        """The score with its reasons: `65 (20 our best industries, 45 opened mails)`."""
        told = [(whole(part.after(0)), part.why) for part in self.parts]
        reasons = ", ".join(f"{points} {why}" for points, why in told if points)
        return f"{self.value} ({reasons})" if reasons else str(self.value)

    def changes_at(self, differs: Callable[[int], bool]) -> datetime | None:
        """The first instant at which the score could be one for which `differs` holds; never late, rarely early.

        `differs` has to hold for everything beyond a number for which it holds.
        """
        fading = [part for part in self.parts if part.half_life is not None and part.points]
        found = self._fades_at(fading, differs) if fading else None
        return min((at for at in (found, self.stands_until) if at is not None), default=None)

    def _fades_at(self, fading: Sequence[Part], differs: Callable[[int], bool]) -> datetime | None:
        steady = sum(part.after(0) for part in self.parts if part not in fading)
        falling = [part for part in fading if part.points > 0]
        rising = [part for part in fading if part.points < 0]

        def different(first: int, last: int) -> bool:
            # While some lines fall and others rise, the score lies between these two.
            least = steady + _left(falling, last) + _left(rising, first)
            most = steady + _left(falling, first) + _left(rising, last)
            return differs(whole(least)) or differs(whole(most))

        seconds = _first_second(different, int(_HALF_LIVES * max(part.half_life or 0 for part in fading)) + 1)
        try:
            return None if seconds is None else self.at.replace(microsecond=0) + seconds * _SECOND
        except OverflowError:
            return None


def _first_second(different: Callable[[int, int], bool], end: int) -> int | None:
    """The first second, from 1 to `end`, in which something may be different; halves the time until it is found."""
    spans = [(0, end)]
    for _ in range(_LOOKS):
        if not spans:
            return None
        first, last = spans.pop()
        if different(first, last):
            if last - first == 1:
                return last
            middle = (first + last) // 2
            spans += [(middle, last), (first, middle)]
    return max(first, 1)


def _left(parts: Iterable[Part], seconds: float) -> float:
    return sum(part.after(seconds) for part in parts)


@dataclass(frozen=True, slots=True)
class Rise:
    """The score reached a number of points from below: when, and what it came to.

    A meeting booked for later, nobody knows since when, counts at once, and yet with its beginning as its instant.
    """

    at: datetime
    score: Score


@dataclass(frozen=True, slots=True)
class Rises:
    """Every rise in the order of time, and the next instant at which time alone may add or take one."""

    found: tuple[Rise, ...]
    changes_at: datetime | None
