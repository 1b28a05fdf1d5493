"""What `check` calls impossible never happens: no record, at no instant, is in a state that the checks exclude."""

from __future__ import annotations

from datetime import date
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.model import RecordState, Value
from rules.basics import Duration, Scalar
from rules.calendar import Clocks, WorkCalendar
from rules.checks import look
from rules.checks.bench import asked, clash
from rules.checks.clash import Known
from rules.checks.lengths import not_shorter
from rules.checks.logic import Goal, Literal, alternatives
from rules.condition import Result, evaluate
from rules.facts import Facts
from rules.judge import judge
from rules.model import (
    AttemptsTest,
    Condition,
    EnrolledTest,
    FieldTest,
    Leaf,
    NextStepTest,
    OwnerTest,
    QuietTest,
    RepliedTest,
    Rule,
    SinceTest,
    TouchedTest,
)
from tests.builders import PLACE, all_of, any_of, at, bound, field_is, lead, moment, not_, ruleset, state
from tests.property.test_judge_properties import (
    BERLIN,
    CALENDARS,
    TEAM,
    TRIES,
    conditions,
    durations,
    leaves,
    moment_of,
    silences,
    steps,
    stories,
    whole_rules,
)

KNOWN = Known(TEAM)


def facts_of(of: RecordState, step: int, *rules: Rule) -> Facts:
    return Facts(of, moment(moment_of(step).isoformat()), TEAM, bound(*rules, of=TEAM))


def as_seen(leaf: Leaf, facts: Facts, calendar: WorkCalendar, calendars: Clocks) -> tuple[Literal, ...]:
    """What is true of the leaf on the record, as the checks write it down."""
    result = evaluate(leaf, facts, calendar, calendars)
    if result.holds is None:
        return Literal(leaf, Goal.NOT_TRUE), Literal(leaf, Goal.NOT_FALSE)
    goals = (Goal.TRUE, Goal.NOT_FALSE) if result.holds else (Goal.FALSE, Goal.NOT_TRUE)
    return tuple(Literal(leaf, goal) for goal in goals)


# -- what is can be ------------------------------------------------------------------------------------------------

few = st.sampled_from((Duration(1, "days"), Duration(24, "hours"), Duration(2, "business days"), Duration(1, "weeks")))
counts = st.one_of(
    st.builds(
        lambda low, high, types, by, since: AttemptsTest(low, high, types, by, since, "if.attempts", PLACE),
        st.none() | st.integers(0, 3),
        st.none() | st.integers(0, 3),
        st.sampled_from((TRIES, ("call",), ())),
        st.sampled_from(("owner", "anyone")),
        st.sampled_from(("created", "assigned")),
    ),
    st.builds(lambda by: TouchedTest(by, "if.touched_by", PLACE), st.sampled_from(("owner", "anyone", "lead"))),
    st.builds(lambda yes: RepliedTest(yes, "assigned", "if.replied", PLACE), st.booleans()),
)
silence = st.builds(lambda quiet: QuietTest(quiet, "if.quiet", PLACE), silences)
spans = st.builds(
    lambda what, over, up_to: SinceTest(what, over, up_to, f"if.{what}", PLACE),
    st.sampled_from(("in_status", "age")),
    st.none() | few | durations,
    st.none() | few | durations,
)
persons = st.one_of(
    st.builds(
        lambda how, value: OwnerTest(how, value, "if.owner", PLACE),
        st.sampled_from(("active", "absent", "queue", "nobody")),
        st.booleans(),
    ),
    st.builds(lambda name: OwnerTest("person", name, "if.owner", PLACE), st.sampled_from(("ana", "ben", "eva"))),
    st.just(OwnerTest("in_pool", "inbound", "if.owner", PLACE)),
)
enrolled = st.builds(lambda name: EnrolledTest(name, "if.enrolled", PLACE), st.sampled_from(("brochure", "news")))
families: tuple[st.SearchStrategy[Leaf], ...] = (counts, silence, spans, persons, enrolled, leaves)  # type: ignore[assignment]
histories = st.one_of(*(st.lists(family, min_size=2, max_size=6) for family in families))


@settings(max_examples=400, deadline=None)
@given(histories, stories(), steps)
def test_what_is_seen_of_a_history_is_never_called_impossible(seen: list[Leaf], of: RecordState, step: int) -> None:
    facts = facts_of(of, step)
    literals = [literal for leaf in seen for literal in as_seen(leaf, facts, BERLIN, CALENDARS)]
    assert clash(tuple(literals), KNOWN) is None


texts = st.sampled_from(
    ("Open", "open", "yes", "no", "5", "5.0", "60", "2026-03-12", "Acme", "acme inc", "co acme", "")
)
numbers = st.sampled_from((0, 5, 5.0, 4.5, 60))
days = st.sampled_from((date(2026, 3, 11), date(2026, 3, 12), date(2026, 3, 13)))
instants = st.sampled_from(
    (at("2026-03-12 00:00"), at("2026-03-11 23:30"), at("2026-03-12 22:59"), at("2026-03-13 00:00"))
)
TEXT_OPS = ("in", "in", "not_in", "known", "contains", "starts_with")
NUMBER_OPS = ("in", "not_in", "at_least", "at_most", "over", "under")
DAY_OPS = ("in", "not_in", "before", "after")


def field_test(name: str, op: str, those: list[Scalar], yes: bool) -> FieldTest:
    several = op in ("in", "not_in", "contains", "starts_with")
    given = (yes,) if op == "known" else tuple(those if several else those[:1])
    return FieldTest(name, op, given, f"if.{name}", PLACE)  # type: ignore[arg-type]


def several(constants: st.SearchStrategy[Scalar], ops: tuple[str, ...]) -> st.SearchStrategy[list[FieldTest]]:
    one = st.builds(
        field_test,
        st.sampled_from(("custom.a", "custom.a", "status")),
        st.sampled_from(ops),
        st.lists(constants, min_size=1, max_size=2),
        st.booleans(),
    )
    return st.lists(one, min_size=2, max_size=6)


ALL_OPS = (*TEXT_OPS, *NUMBER_OPS, *DAY_OPS)
anything: st.SearchStrategy[Value] = st.one_of(texts, numbers, st.booleans(), days, instants, st.none())
constants: st.SearchStrategy[Scalar] = st.one_of(texts.filter(bool), numbers, st.booleans(), days)
seen_fields: st.SearchStrategy[tuple[list[FieldTest], Value]] = st.one_of(
    st.tuples(several(constants, ALL_OPS), anything),
    st.tuples(several(texts.filter(bool), TEXT_OPS), texts),
    st.tuples(several(numbers, NUMBER_OPS), numbers),
    st.tuples(several(days, DAY_OPS), st.one_of(days, instants)),
    st.tuples(
        several(st.sampled_from(("5", "5.0", 5, True, "yes")), ("in", "not_in")), st.sampled_from((5, True, "5"))
    ),
)


@settings(max_examples=500, deadline=None)
@given(seen_fields, st.sampled_from(("Open", "Acme", None)), st.sampled_from((False, False, True)))
def test_what_is_seen_of_fields_is_never_called_impossible(
    seen: tuple[list[FieldTest], Value], status: Value, hidden: bool
) -> None:
    tests, value = seen
    record = lead("2026-03-02 09:00", status=status, **{"custom.a": value}, hidden=("custom.a",) if hidden else ())
    facts = facts_of(state(record), 0)
    literals = [literal for leaf in tests for literal in as_seen(leaf, facts, BERLIN, CALENDARS)]
    assert clash(tuple(literals), KNOWN) is None


# -- taking apart loses no case ------------------------------------------------------------------------------------


def reached(goal: Goal, result: Result) -> bool:
    return {
        Goal.TRUE: result.holds is True,
        Goal.FALSE: result.holds is False,
        Goal.NOT_TRUE: result.holds is not True,
        Goal.NOT_FALSE: result.holds is not False,
        Goal.PASSES: not result.stops,
        Goal.STOPS: result.stops,
    }[goal]


def meets(literal: Literal, facts: Facts, calendar: WorkCalendar, calendars: Clocks) -> bool:
    return reached(literal.goal, evaluate(literal.leaf, facts, calendar, calendars))


guarded = st.recursive(
    st.sampled_from(
        (
            field_is("status", "New"),
            field_is("opted_out", True),
            field_is("score", 50, op="over"),
            OwnerTest("nobody", False, "if.owner", PLACE),
            NextStepTest("none", None, "if.next_step", PLACE),
        )
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: all_of(*items)),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: any_of(*items)),
        inner.map(not_),
    ),
    max_leaves=4,
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(guarded, guarded, conditions), stories(), steps, st.sampled_from(list(Goal)))
def test_a_condition_that_is_met_is_met_in_one_of_its_alternatives(
    condition: Condition, of: RecordState, step: int, goal: Goal
) -> None:
    facts = facts_of(of, step)
    found = alternatives([(condition, goal)])
    if found is None or not reached(goal, evaluate(condition, facts, BERLIN, CALENDARS)):
        return
    assert any(all(meets(literal, facts, BERLIN, CALENDARS) for literal in way) for way in found)


# -- a rule that acts may act --------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(whole_rules(), stories(), steps)
def test_a_rule_that_acts_does_so_in_one_of_its_ways(the_rule: Rule, of: RecordState, step: int) -> None:
    facts = facts_of(of, step, the_rule)
    judgement = judge(the_rule, facts, facts.moment, CALENDARS)
    if judgement.match is None:
        return
    assert not [problem for problem in look(ruleset(the_rule, of=TEAM)) if problem.code == "F401"]
    every = asked(the_rule, KNOWN)
    calendars = CALENDARS.local(facts.zone)
    met = [
        way
        for way in every or ()
        if all(meets(literal, facts, calendars[the_rule.calendar], calendars) for literal in way)
    ]
    assert every is None or met
    assert every is None or any(clash(way, KNOWN) is None for way in met)


# -- durations -----------------------------------------------------------------------------------------------------

lasting = st.builds(
    Duration,
    st.integers(0, 40),
    st.sampled_from(("minutes", "hours", "days", "weeks", "months", "business hours", "business days")),
)


@settings(max_examples=300, deadline=None)
@given(lasting, lasting, st.integers(0, 2 * 365 * 48))
def test_what_is_called_no_shorter_never_ends_sooner(one: Duration, other: Duration, step: int) -> None:
    start = moment_of(step)
    if not_shorter(one, other):
        assert BERLIN.add(start, one) >= BERLIN.add(start, other)


def test_durations_of_different_units_can_be_compared_at_all() -> None:
    units = product((Duration(60, "days"), Duration(3, "months")), (Duration(24, "hours"), Duration(2, "weeks")))
    assert all(not_shorter(long, short) for long, short in units)
    assert not not_shorter(Duration(24, "hours"), Duration(1, "days"))
