"""The breaker: a bulk edit is told from a busy morning, and nothing of it goes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import PLACE, adopted, at, bound, moment, rule, ruleset, state
from builders import lead as lead_of

from connector.domain.decision import Decision, Match, Moment, Plan
from connector.domain.model import RecordRef
from rules.actions import OfferAction
from rules.basics import Duration
from rules.breaker import FLOOR, Storm, storms
from rules.calendar import calendars_of
from rules.model import Breaker, Limit, Rule, Threshold
from rules.planner import Planner
from tests.plans import NOW, ref

OFF = Threshold(None, None)
TEN = Threshold(10, None)
CALM = 3
"""How many leads the rule `calm` matches."""


def refs(*numbers: int, kind: str = "lead") -> frozenset[RecordRef]:
    return frozenset(replace(ref(number), kind=kind) for number in numbers)


def told(
    per_rule: Threshold, matched: dict[str, frozenset[RecordRef]], per_pass: Threshold = OFF, **more: object
) -> Sequence[Storm]:
    when = Moment(at(NOW), "salesforce", **{"population": {"lead": 1000, "deal": 100}, **more})  # type: ignore[arg-type]
    return storms(Breaker(per_rule, per_pass), matched, when)


def test_as_many_as_the_limit_pass_and_one_more_is_a_storm() -> None:
    assert told(TEN, {"r": refs(*range(10))}) == []
    [storm] = told(TEN, {"r": refs(*range(11))})
    assert (storm.rule, storm.rules) == ("r", {"r"})
    assert "11 of 1,000 leads match, more than limits.breaker.per_rule.records (10) allows" in storm.line
    assert "`followup release --rule r --first 50`" in storm.line


def test_a_share_counts_above_a_hundred_records_so_that_a_small_company_has_its_monday_morning() -> None:
    half = Threshold(None, 50)
    assert told(half, {"r": refs(*range(FLOOR))}, population={"lead": FLOOR}) == []
    [storm] = told(half, {"r": refs(*range(FLOOR + 1))}, population={"lead": 201})
    assert "101 of 201 leads match, more than limits.breaker.per_rule.percent (50) allows" in storm.line
    assert told(half, {"r": refs(*range(FLOOR + 1))}, population={"lead": 202}) == [], "not more than half"


def test_what_a_raised_limit_lets_go_whole_is_no_storm_of_the_rule_and_none_of_the_pass() -> None:
    setting, when = Breaker(Threshold(10, 1), Threshold(10, 1)), Moment(at(NOW), "salesforce", population={"lead": 400})
    matched = {"r": refs(*range(200))}
    assert storms(setting, matched, when, {"r": 200}) == []
    assert [storm.rule for storm in storms(setting, matched, when, {"r": 199})] == ["r"]
    assert [storm.rule for storm in storms(setting, matched, when, {"r": 100})] == ["r"]
    assert [storm.rule for storm in storms(setting, {"r": refs(*range(100))}, when, {"r": 100})] == ["r"], "usual"
    both = {**matched, "s": refs(*range(300, 311))}
    assert [storm.rule for storm in storms(setting, both, when, {"r": 200, "s": 100})] == ["s"]


def test_a_share_is_of_the_records_of_the_same_kind() -> None:
    quarter = Threshold(None, 25)
    assert told(quarter, {"r": refs(*range(160))}) == []
    [storm] = told(quarter, {"r": refs(*range(160), kind="deal")}, population={"lead": 1000, "deal": 200})
    assert "160 of 200 deals" in storm.told


def test_each_number_and_each_threshold_can_be_off() -> None:
    many = {"r": refs(*range(900))}
    assert told(OFF, many) == []
    assert [storm.rule for storm in told(OFF, many, TEN)] == [""]
    assert [storm.rule for storm in told(Threshold(None, 25), many)] == ["r"]


def test_a_pass_counts_each_record_once_over_all_rules() -> None:
    assert told(OFF, {"a": refs(*range(10)), "b": refs(*range(10))}, TEN) == []
    [storm] = told(OFF, {"a": refs(*range(8)), "b": refs(*range(7, 11))}, TEN)
    assert (storm.rule, storm.rules) == ("", {"a", "b"})
    assert "all rules together (a, b): 11 of 1,000 leads match" in storm.line
    assert "`followup release --first 50`" in storm.line


def test_the_storm_of_one_rule_does_not_hold_up_the_others() -> None:
    assert [storm.rule for storm in told(TEN, {"a": refs(*range(50)), "b": refs(1, 2)}, TEN)] == ["a"]


def test_what_a_rule_matched_in_the_hour_before_is_part_of_its_storm() -> None:
    [storm] = told(TEN, {"r": refs(8, 9, 10)}, lately={"r": refs(*range(9))})
    assert "11 of 1,000 leads match, 8 of them within the hour before" in storm.line, "record 8 counts once"
    assert told(TEN, {"r": frozenset()}, lately={"r": refs(*range(50))}) == [], "nothing new matches"


def test_an_earlier_storm_of_one_rule_is_no_storm_of_a_later_pass() -> None:
    assert told(TEN, {"b": refs(99)}, TEN, lately={"a": refs(*range(50))}) == []


def test_a_storm_in_portions_over_several_rules_is_one_of_the_pass() -> None:
    lately = {"a": refs(*range(6))}
    assert [storm.rule for storm in told(TEN, {"b": refs(*range(6, 11))}, TEN, lately=lately)] == [""]


# -- in the plan -----------------------------------------------------------------------------------------------------


def plan(count: int, *rules: Rule, breaker: Breaker | None = None, released: int = 0, **more: object) -> Plan:
    """What a pass plans where every rule, but for `calm`, matches so many leads; `released` of them were let go."""
    rules = rules or (rule(),)
    known = [adopted("2020-01-01 00:00", rule=each.id) for each in rules]
    when = moment(NOW, *known, **{"population": {"lead": 1000}, **more})
    decisions = []
    for number in range(count):
        seen = state(lead_of("2026-03-02 09:00", ref=ref(number)))
        due = at("2026-03-02 09:00") + timedelta(minutes=number)
        matches = tuple(
            Match(each.id, ref(number), "created", "", due, released=number < released)
            for each in rules
            if each.id != "calm" or number < CALM
        )
        decisions.append(Decision(seen, matches, (), None))
    binding = bound(*rules)
    setting = replace(ruleset(*rules), breaker=breaker or Breaker(TEN, OFF))
    return Planner(setting, binding, calendars_of(setting.team), when).plan(decisions)


def test_a_storm_is_held_as_a_whole_and_told_in_one_line() -> None:
    found = plan(11)
    assert found.actions == ()
    assert [mark.kind for record in found.records for mark in record.marks] == ["held"] * 11
    assert sum(len(record.held) for record in found.records) == 11
    [line] = found.notices
    assert line.startswith("breaker: r: 11 of 1,000 leads match")
    key = found.records[0].held[0].key
    assert found.records[0].reasons[key][-1].path == "limit"
    assert "limits.breaker.per_rule.records" in found.records[0].reasons[key][-1].text


def test_below_the_breaker_the_caps_hold_as_before() -> None:
    found = plan(10, rule(limit=Limit(per_run=4)))
    assert len(found.actions) == 4
    assert found.notices == ("r: 6 held, limit of 4 per run of r is reached; `followup release` lets the rest go",)


def test_a_rule_that_stops_does_nothing_and_is_no_storm() -> None:
    found = plan(11, rule(limit=Limit(per_run=4, on_exceed="stop")))
    assert (found.actions, len(found.held), found.notices) == ((), 11, ())
    assert all(record.marks == () for record in found.records)


def test_what_a_person_let_go_is_neither_counted_nor_held_again() -> None:
    found = plan(12, released=2)
    assert len(found.actions) == 12, "ten are no storm"
    found = plan(13, released=2)
    assert [action.record for action in found.actions] == [ref(0), ref(1)]
    assert [mark.released for record in found.records for mark in record.marks] == [True] * 2 + [False] * 11


def test_an_offer_of_a_storm_is_held_without_asking_anybody() -> None:
    offer = OfferAction("inbound", Duration(4, "business hours"), PLACE)
    found = plan(11, rule(then=(offer,)))
    assert (found.actions, found.assignments) == ((), ())
    assert all(record.offers == () and record.held == () for record in found.records)
    assert [mark.kind for record in found.records for mark in record.marks] == ["held"] * 11
    assert {match.marked for match in found.held} == {True}


def test_one_rules_storm_lets_the_other_rules_go_on() -> None:
    found = plan(11, rule(), rule(id="calm"))
    assert [(action.rule, action.record) for action in found.actions] == [("calm", ref(at_)) for at_ in range(CALM)]


@pytest.mark.parametrize(("count", "going"), [(10, 20), (11, 0)])
def test_a_storm_of_the_pass_holds_every_rule(count: int, going: int) -> None:
    found = plan(count, rule(id="a"), rule(id="b"), breaker=Breaker(OFF, TEN))
    assert len(found.actions) == going
    assert len(found.notices) == (going == 0)
