"""Fairness over years: thousands of leads, people who come, go and are away, weights and daily bounds."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
from builders import at

from connector.domain.decision import Assignment, Moment
from connector.domain.model import Owner, Record, RecordRef, RecordState
from rules.binding import bind
from rules.calendar import calendars_of
from rules.desk import Desk
from rules.ledger import Ledger
from rules.model import RuleSet
from rules.routing import choose
from rules.staff import Staff
from rules.team import Absence, Person, Pool, Team, Turn

MONDAY = date(2026, 3, 2)
PEOPLE = tuple(f"p{number:02d}" for number in range(24))
OWNERS = tuple(Owner(f"005{name}", name, f"{name}@example.com") for name in PEOPLE)


def lead(number: int) -> RecordState:
    made = at("2026-03-02 08:00")
    return RecordState(Record(RecordRef("hubspot", "lead", str(number)), {"owner": None}, made, made, "1"), made)


def at_nine(day: int) -> datetime:
    return at("2026-03-02 09:00") + timedelta(days=day)


@dataclass
class Years:
    """A pool whose members come, go and are away as chance has it; a pass a day."""

    chance: random.Random
    how: Turn
    per_day: int
    lines: list[Assignment] = field(default_factory=list)
    took: Counter[tuple[str, int]] = field(default_factory=Counter)
    back: list[tuple[str, int]] = field(default_factory=list)
    """Who came back, on which day, after an absence of a week or more."""

    def team(self) -> dict[str, Person]:
        people = {}
        for name in PEOPLE:
            away, day = [], 0
            while day < 1000:
                day += self.chance.randint(5, 120)
                days = self.chance.randint(1, 21)
                away.append(Absence(MONDAY + timedelta(days=day), MONDAY + timedelta(days=day + days - 1)))
                day += days
                if days >= 7:
                    self.back.append((name, day))
            daily = self.chance.choice([None, None, self.per_day // 3 + 1])
            weight = self.chance.choice([0.5, 1.0, 1.0, 2.0])
            people[name] = Person(name, f"{name}@example.com", away=tuple(away), daily=daily, weight=weight)
        return people

    def run(self, leads: int) -> dict[str, Person]:
        people = self.team()
        members, waiting = list(PEOPLE[:12]), list(PEOPLE[12:])
        binding = bind(RuleSet((), Team(people=people)), None, OWNERS)[0]
        ledger, calendars, number, day = Ledger(), calendars_of(Team()), 0, 0
        while number < leads:
            if waiting and self.chance.random() < 0.1:
                members.append(waiting.pop())
            if len(members) > 5 and self.chance.random() < 0.1:
                waiting.insert(0, members.pop(self.chance.randrange(len(members))))
            pool = Pool("inbound", tuple(members), how=self.how)
            team = Team(people=people, pools={"inbound": pool})
            now = at_nine(day)
            desk = Desk(Moment(now, "hubspot", OWNERS), team, Staff(binding, now), ledger, calendars)
            for _ in range(self.per_day):
                chosen = choose(pool, lead(number), desk)
                number += 1
                if chosen is not None:
                    line = chosen.line("inbound", lead(number), "r", desk)
                    ledger.add(line)
                    self.lines.append(line)
                    self.took[chosen.person, day] += 1
            day += 1
        return people


def right_of(lines: Sequence[Assignment]) -> Counter[str]:
    """What was everybody's by right: their parts of the leads they could have got."""
    right: Counter[str] = Counter()
    for line in lines:
        assert sum(line.shares.values()) == pytest.approx(1)
        for name, part in line.shares.items():
            right[name] += part  # type: ignore[assignment]
    return right


@pytest.mark.parametrize(("how", "seed"), [("round_robin", 1), ("round_robin", 2), ("weighted", 3), ("weighted", 4)])
def test_over_ten_thousand_leads_nobody_is_off_by_more_than_one_lead_or_one_percent(how: Turn, seed: int) -> None:
    years = Years(random.Random(seed), how, per_day=(10, 23, 40, 60)[seed % 4])
    people = years.run(10_000)
    got = Counter(line.person for line in years.lines)
    assert len(years.lines) > 9_000
    assert len(got) > 12, "some came later"
    for name, right in right_of(years.lines).items():
        assert abs(got[name] - right) <= max(1, right / 100)
    for (name, _), count in years.took.items():
        assert count <= (people[name].daily or years.per_day)
    days: defaultdict[datetime, list[Assignment]] = defaultdict(list)
    for line in years.lines:
        days[line.at].append(line)
    assert years.back, "somebody came back"
    for name, day in years.back:
        usual = sum(line.shares.get(name, 0.0) for line in days[at_nine(day)])
        assert years.took[name, day] <= usual + 2, "nobody who returns gets more than their usual part, rounded"


def test_ten_thousand_lines_with_twenty_people_are_read_in_well_under_a_second() -> None:
    shares = dict.fromkeys(PEOPLE[:20], 0.05)
    lines = [
        Assignment("inbound", PEOPLE[number % 20], lead(number).record.ref, "r", at_nine(number // 40), "", shares)
        for number in range(10_000)
    ]
    begin = time.process_time()
    ledger = Ledger(lines)
    assert time.process_time() - begin < 0.3
    assert all(abs(ledger.credit("inbound", name)) < 1e-6 for name in PEOPLE)
