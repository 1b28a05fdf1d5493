"""What holds for contact limits whatever happened before: no touch too soon, no week too full, deadlines that are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from builders import (
    OWNERS,
    REF,
    adopted,
    at,
    calendars,
    call_task,
    enroll,
    facts,
    moment,
    rule,
    ruleset,
    span,
    state,
    task,
    team,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.model import Activity, Mark, RecordState
from rules.contact import WEEK, hold
from rules.rulebook import FileRulebook
from rules.team import ContactLimits, Team

SHARED = settings(max_examples=150, deadline=None)
NOW = at("2026-03-10 10:00")
HOUR = timedelta(hours=1)
RULE = rule(then=(enroll(),))

gaps = st.sampled_from([None, *(span(hours, "hours") for hours in (1, 5, 24, 40)), span(1, "business days")])
weeks = st.sampled_from([1, 2, 3, 4, None])
limits = st.builds(ContactLimits, min_gap=gaps, max_per_week=weeks)
ages = st.lists(st.integers(0, 72) | st.integers(0, 240), max_size=5)
dues = st.lists(st.integers(-100, 48) | st.integers(-200, 240) | st.none(), max_size=3)


@dataclass
class Past:
    """Calls so many hours ago, and open tasks of ours of different rules that are due in so many hours."""

    ages: Sequence[int]
    dues: Sequence[int | None]

    @property
    def made(self) -> Sequence[datetime]:
        return [NOW - age * HOUR for age in self.ages]

    @property
    def state(self) -> RecordState:
        return state(
            *(Activity(f"c{n}", "call", (REF,), when, "1", "outbound", "005A") for n, when in enumerate(self.made)),
            *(self.task(n, due) for n, due in enumerate(self.dues)),
        )

    def task(self, number: int, due: int | None) -> Activity:
        when = None if due is None else (NOW + due * HOUR).isoformat()
        key = f"rule-{number}.{number:016x}"
        return task("2026-02-27 08:00", when, task_type="call", key=key, id=f"t{number}")


pasts = st.builds(Past, ages, dues)


def held(past: Past, on: Team, now: datetime) -> tuple[bool, datetime | None]:
    found = hold(facts(past.state, now, RULE, on=on), calendars(on)["berlin"])
    return found is not None, found[1] if found else None


@SHARED
@given(pasts, limits)
def test_what_may_go_neither_breaks_a_gap_nor_overfills_a_week(past: Past, contact: ContactLimits) -> None:
    on = team(contact=contact)
    if held(past, on, NOW)[0]:
        return
    calendar = calendars(on)["berlin"]
    open_at = [NOW if due is None else NOW + due * HOUR for due in past.dues]
    if contact.min_gap is not None:
        for when in (*past.made, *open_at):
            first, second = sorted((when, NOW))
            assert calendar.add(first, contact.min_gap) <= second
    if contact.max_per_week is not None:
        touches = [*past.made, *open_at, NOW]
        for start in touches:
            if start <= NOW < start + WEEK:
                assert sum(start <= when < start + WEEK for when in touches) <= contact.max_per_week


@SHARED
@given(pasts, limits, st.integers(1, 500))
def test_a_hold_lasts_until_the_instant_it_names_and_not_a_moment_longer_for_its_reason(
    past: Past, contact: ContactLimits, hours: int
) -> None:
    on = team(contact=contact)
    is_held, until = held(past, on, NOW)
    if not is_held:
        return
    later = NOW + hours * HOUR
    if until is None:
        assert held(past, on, later)[0], "only news ends it"
    elif later < until:
        assert held(past, on, later)[0]
    else:
        calendar = calendars(on)["berlin"]
        found = hold(facts(past.state, until, RULE, on=on), calendar)
        assert found is None or found[1] is None or found[1] > until


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 2), min_size=2, max_size=5), limits, st.lists(st.integers(0, 20), min_size=12, max_size=12)
)
def test_over_many_passes_many_rules_keep_the_limits_together(
    priorities: list[int], contact: ContactLimits, hours: list[int]
) -> None:
    on = team(contact=contact)
    rules = [rule(id=f"r{n}", then=(call_task(),), priority=priority) for n, priority in enumerate(priorities)]
    book = FileRulebook(ruleset(*rules, of=on), engine="plain")
    assert book.bind(None, OWNERS) == ()
    fired: list[Mark] = []
    for day, hour in enumerate(hours):
        known = (adopted("2020-01-01 00:00", rule=each.id) for each in rules)
        when = moment(str(NOW + timedelta(hours=hour, days=day)), *known)
        plan = book.plan(book.evaluate([state(*fired)], when), when)
        fired += [each for record in plan.records for each in record.marks if each.kind == "fired"]
    sent = [each.at for each in fired]
    gap, most = contact.min_gap, contact.max_per_week
    calendar = calendars(on)["office"]
    if gap is not None:
        assert all(calendar.add(first, gap) <= second for first, second in pairwise(sent))
    if most is not None:
        assert all(sum(start <= each < start + WEEK for each in sent) <= most for start in sent)
    if gap is None and most is None:
        assert len(sent) == len(rules)
