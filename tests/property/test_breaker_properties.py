"""Whatever matches: of a storm nothing goes by itself, and without one the plan is what it would be without a breaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from test_plan_properties import SHARED, planned, ref, worlds

from connector.domain.decision import Decision, Moment, Plan
from connector.domain.model import Owner, RecordRef
from rules import breaker
from rules.model import Breaker, RuleSet, Threshold

World = tuple[RuleSet, Sequence[Owner], Moment, Sequence[Decision]]

thresholds = st.builds(
    Threshold,
    records=st.none() | st.integers(1, 8),
    percent=st.none() | st.sampled_from([10.0, 30.0, 60.0]),
)
breakers = st.builds(Breaker, per_rule=thresholds, per_pass=thresholds)
lately = st.dictionaries(
    st.sampled_from(["rule-0", "rule-1", "rule-2"]),
    st.frozensets(st.integers(0, 20).map(ref), max_size=8),
    max_size=2,
)


def outcome(world: World, setting: Breaker, before: dict[str, frozenset[RecordRef]]) -> Plan:
    rules, owners, when, decisions = world
    with patch.object(breaker, "FLOOR", 2):  # worlds of a dozen records have storms, too
        return planned(replace(rules, breaker=setting), owners, replace(when, lately=before), decisions)


@SHARED
@given(worlds(), breakers, lately)
def test_of_a_storm_nothing_is_planned_and_without_one_the_plan_is_as_ever(
    world: World, setting: Breaker, before: dict[str, frozenset[RecordRef]]
) -> None:
    plan = outcome(world, setting, before)
    lines = [notice for notice in plan.notices if notice.startswith("breaker: ")]
    if not lines:
        assert plan == outcome(world, Breaker(Threshold(), Threshold()), {})
    going = {action.rule for action in plan.actions}
    for line in lines:
        assert line.split(": ")[1] not in going
        if line.startswith("breaker: all rules together ("):
            assert going.isdisjoint(line.partition("(")[2].partition(")")[0].split(", "))


@SHARED
@given(worlds(), st.integers(1, 8), lately)
def test_no_rule_acts_on_more_records_of_an_hour_than_its_threshold(
    world: World, most: int, before: dict[str, frozenset[RecordRef]]
) -> None:
    plan = outcome(world, Breaker(Threshold(most), Threshold()), before)
    for rule in {action.rule for action in plan.actions}:
        records = {action.record for action in plan.actions if action.rule == rule}
        assert len(records | before.get(rule, frozenset())) <= most


@SHARED
@given(worlds(), st.integers(1, 8))
def test_what_a_storm_holds_has_a_mark_and_is_not_looked_at_again(world: World, most: int) -> None:
    plan = outcome(world, Breaker(Threshold(most), Threshold()), {})
    held = {line.split(": ")[1] for line in plan.notices if line.startswith("breaker: ")}
    waits = {(match.rule, match.record) for match in plan.waiting}
    for record in plan.records:
        kinds = {mark.rule: mark.kind for mark in record.marks}
        for action in record.held:
            if action.rule in held:
                assert kinds[action.rule] == "held"
                assert (action.rule, record.ref) not in waits
