"""The fairness ledger: who got what from which pool, against what was theirs by right.

Every line says who could have got the record just then and which part of it was theirs (the parts add up to one lead).
A person's credit is the sum of these parts less the leads they got. Whoever has the highest credit is next, so nobody
drifts away from their share; whoever is away gathers none, so nobody who returns is flooded; and since a credit hangs
on nobody else's, joining, leaving or editing a pool changes nobody's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, tzinfo

from connector.domain.decision import Assignment

DIGITS = 9
"""Decimals to which credits are told apart: beyond any rounding of a sum of parts, far below any real difference."""


class Ledger:
    """The lines so far, oldest first, and those that a pass adds.

    A line without parts (written before they were kept) took nothing from anybody's share: it moves no credit.
    """

    def __init__(self, assignments: Iterable[Assignment] = ()) -> None:
        self._credit: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._could: Counter[tuple[str, str]] = Counter()
        self._got: Counter[tuple[str, str]] = Counter()
        self._last: dict[tuple[str, str], int] = {}
        self._of_person: defaultdict[str, list[Assignment]] = defaultdict(list)
        self._lines = 0
        for assignment in assignments:
            self.add(assignment)
        self._read = {person: len(lines) for person, lines in self._of_person.items()}

    def add(self, assignment: Assignment) -> None:
        """Somebody got a record."""
        pool, taker = assignment.pool, (assignment.pool, assignment.person)
        self._lines += 1
        self._last[taker] = self._lines
        self._got[taker] += 1
        self._of_person[assignment.person].append(assignment)
        if not assignment.shares:
            self._could[taker] += 1
            return
        credit, could = self._credit, self._could
        for person, part in assignment.shares.items():
            credit[pool, person] += part
            could[pool, person] += 1
        credit[taker] -= 1

    def credit(self, pool: str, person: str) -> float:
        """What the person has coming from the pool, in leads; negative when they are ahead."""
        return self._credit.get((pool, person), 0.0)

    def got(self, pool: str, person: str) -> int:
        """How many records the person got from the pool."""
        return self._got[pool, person]

    def could(self, pool: str, person: str) -> int:
        """How many of the pool's records the person could have got."""
        return self._could[pool, person]

    def last(self, pool: str, person: str) -> int:
        """The number of the line by which the person last got one from the pool, counted from 1; 0 for never."""
        return self._last.get((pool, person), 0)

    def on_day(self, person: str, day: date, zone: tzinfo) -> int:
        """How many records all pools gave the person on a day of their zone."""
        count = 0
        for line in reversed(self._of_person.get(person, ())):
            found = line.at.astimezone(zone).date()
            if found < day:
                break
            count += found == day
        return count

    def in_this_pass(self, person: str) -> int:
        """How many records all pools gave the person since the ledger was read."""
        return len(self._of_person.get(person, ())) - self._read.get(person, 0)
