"""Whatever the rules and whatever the record: both engines match exactly the rules that the reference evaluation does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from math import inf, nan

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from connector.domain.model import Offer, Record, RecordState, Value
from connector.domain.ports import RuleEngine
from rules.basics import Scalar
from rules.compiler import compile_rules
from rules.condition import evaluate
from rules.engine import DURABLE, DurableEngine, PlainEngine
from rules.facts import Facts
from rules.flat import flat_facts
from rules.model import (
    ActivityIs,
    AllOf,
    AnyOf,
    AttemptsTest,
    Backfill,
    Condition,
    Created,
    DuringTest,
    EnrolledTest,
    Every,
    FieldTest,
    Leaf,
    NextStepTest,
    Not,
    OfferSettled,
    Once,
    OwnerTest,
    QuietFor,
    QuietTest,
    RepliedTest,
    Rule,
    RuleSet,
    ScoreCrosses,
    ScoreLine,
    SinceTest,
    Step,
    StepDone,
    TaskCompleted,
    TaskOverdue,
    TouchedTest,
    Trigger,
)
from rules.program import Program
from rules.rulebook import FileRulebook
from tests.builders import (
    ANA,
    BEN,
    PLACE,
    QUEUE,
    REF,
    assigned,
    at,
    calendars,
    call,
    call_task,
    change,
    email,
    enroll,
    enrollment,
    facts,
    mark,
    meeting,
    moment,
    points,
    rule,
    ruleset,
    span,
    state,
    task,
)

NOW = "2026-03-12 10:00"
CALENDARS = calendars()
NAMES = ("status", "opted_out", "do_not_call", "email", "country", "score", "custom.tier")

words = st.sampled_from(
    ("Open", "open", "Working - Contacted", "DE", "de", "Straße", "STRASSE", "yes", "no", "true", "5", "5.0", "2026-03-12",
     'a"b\\c\n', "\ud800", "x" * 5000, "")
)  # fmt: skip
numbers = st.sampled_from((0, 1, 5, 5.0, 4.999, -3, 60, 0.1, 1e-7, 1e300, 2**53, 2**53 + 1, inf, nan))
days = st.sampled_from((date(2026, 3, 12), date(2026, 3, 1)))
instants = st.sampled_from((at("2026-03-12 09:00"), at("2026-03-12 00:00"), datetime(2030, 1, 1, tzinfo=UTC)))
values: st.SearchStrategy[Value] = st.one_of(words, numbers, st.booleans(), days, instants, st.none())
constants: st.SearchStrategy[Scalar] = st.one_of(words, numbers, st.booleans(), days)
durations = st.sampled_from((span(1, "hours"), span(3, "days"), span(2, "business days"), span(9, "weeks")))
anchors = st.sampled_from(("created", "assigned", "status"))
whos = st.sampled_from(("owner", "anyone"))
names = st.sampled_from(NAMES)


def field_test(name: str, op: str, those: list[Scalar], lasting: object) -> FieldTest:
    few = those if op in ("in", "not_in") else [True] if op == "known" else those[:1]
    return FieldTest(name, op, tuple(few), f"if.{name}", PLACE, lasting)  # type: ignore[arg-type]


ops = st.sampled_from(
    ("in", "in", "in", "not_in", "at_least", "at_most", "over", "under", "known", "contains", "starts_with", "before",
     "after", "within")
)  # fmt: skip
fields = st.builds(field_test, names, ops, st.lists(constants, min_size=1, max_size=3), durations)
others: st.SearchStrategy[Leaf] = st.one_of(
    st.builds(lambda lasting, by: QuietTest(QuietFor(lasting, ("call", "email"), by), "if", PLACE), durations, whos),
    st.builds(
        AttemptsTest,
        st.none() | st.integers(0, 3),
        st.none() | st.integers(0, 3),
        st.sampled_from(((), ("call",))),
        whos,
        anchors,
        st.just("if"),
        st.just(PLACE),
    ),
    st.builds(RepliedTest, st.booleans(), anchors, st.just("if"), st.just(PLACE)),
    st.builds(TouchedTest, whos, st.just("if"), st.just(PLACE)),
    st.builds(
        NextStepTest, st.sampled_from(("none", "due_within", "overdue")), durations, st.just("if"), st.just(PLACE)
    ),
    st.builds(
        SinceTest,
        st.sampled_from(("in_status", "age")),
        durations,
        st.none() | durations,
        st.just("if"),
        st.just(PLACE),
    ),
    st.builds(EnrolledTest, st.sampled_from(("brochure", "news")), st.just("if"), st.just(PLACE)),
    st.builds(
        OwnerTest,
        st.sampled_from(("active", "absent", "queue", "nobody")),
        st.booleans(),
        st.just("if"),
        st.just(PLACE),
    ),
    st.builds(DuringTest, st.sampled_from(("office", "berlin")), st.just("if"), st.just(PLACE)),
)


def grow(items: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(items, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(AllOf, several, st.just("if"), st.just(PLACE)),
        st.builds(AnyOf, several, st.just("if"), st.just(PLACE)),
        st.builds(Not, items, st.just("if"), st.just(PLACE)),
    )


conditions = st.recursive(st.one_of(fields, fields, others), grow, max_leaves=8)
maybe = st.none() | conditions
happenings = st.sampled_from(
    (
        call("2026-03-03 10:00"),
        call("2026-03-11 10:00", by=BEN),
        email("2026-03-09 10:00", opened=at("2026-03-10 10:00"), clicked=at("2026-03-10 10:01")),
        email("2026-03-05 10:00"),
        email("2026-03-06 10:00", by=None),
        meeting("2026-03-13 10:00", "2026-03-13 11:00"),
        task("2026-03-04 10:00", "2026-03-09 10:00"),
        task("2026-03-05 10:00", "2026-03-13 10:00", done=True),
        assigned(ANA, "2026-03-04 12:00", BEN),
        change("status", "New", "Open", "2026-03-05 12:00"),
        enrollment("brochure", "2026-03-05 10:00"),
    )
)


@st.composite
def records(draw: st.DrawFn) -> RecordState:
    hidden = draw(st.frozensets(names, max_size=3))
    shown = {name: draw(values) for name in NAMES if name not in hidden and draw(st.integers(0, 5))}
    if draw(st.integers(0, 4)):
        shown["owner"] = draw(st.sampled_from((ANA.id, QUEUE.id, None, "005Z")))
    shown["zone"] = draw(st.sampled_from((None, "America/New_York", "Pacific/Auckland", "nowhere")))
    created = at("2026-03-02 09:00")
    record = Record(REF, shown, created, created, "1", hidden)
    return state(record, *draw(st.lists(happenings, max_size=5, unique_by=id)))


steps = st.none() | st.builds(Step, st.just("in"), st.just(2), st.just(3), maybe, maybe, maybe)
lines = st.one_of(
    st.builds(
        lambda given, word, half: points(given, activity=word, half_life=half),
        st.sampled_from((5, 20, -15)),
        st.sampled_from(("call", "email_opened", "email_clicked", "meeting_booked")),
        st.none() | st.just(span(3, "days")),
    ),
    st.builds(lambda given, test: points(given, if_=test), st.sampled_from((5, 30)), conditions),
)
cards = st.lists(lines, max_size=3)
Drawn = tuple[tuple[Rule, ...], list[RecordState], frozenset[str], list[ScoreLine]]


@st.composite
def cases(draw: st.DrawFn) -> Drawn:
    made = tuple(
        rule(
            id=f"rule-{number}",
            if_=if_,
            unless=unless,
            step=step,
            calendar=draw(st.sampled_from(("office", "berlin"))),
        )
        for number, (if_, unless, step) in enumerate(
            draw(st.lists(st.tuples(maybe, maybe, steps), min_size=1, max_size=6))
        )
    )
    ripe = frozenset(one.id for one in made if draw(st.integers(0, 4)))
    return made, draw(st.lists(records(), min_size=4, max_size=4)), ripe, draw(cards)


def reference(one: Rule, seen: Facts) -> bool:
    clocks = CALENDARS.local(seen.zone)
    wanted = [one.if_, one.step.if_ if one.step else None]
    barring = [one.unless, *((one.step.unless, one.step.stop) if one.step else ())]
    results = [evaluate(each, seen, clocks[one.calendar], clocks) for each in wanted if each is not None]
    stops = [evaluate(each, seen, clocks[one.calendar], clocks) for each in barring if each is not None]
    return all(each.holds is True for each in results) and not any(each.stops for each in stops)


def check(
    made: tuple[Rule, ...],
    states: list[RecordState],
    ripe: frozenset[str],
    scores: list[ScoreLine],
    make: Callable[..., RuleEngine],
) -> None:
    program: Program = compile_rules(made)
    engine = make(program)
    for one in states:
        seen = facts(one, NOW, *made, scores=scores)
        expected = frozenset(each.id for each in made if each.id in ripe and reference(each, seen))
        flat: Mapping[str, str | int | float | bool] = flat_facts(program, seen, ripe, CALENDARS)
        assert engine.evaluate(flat) == expected
        event(f"{len(expected)} matches")
    if isinstance(engine, DurableEngine):
        assert engine.failures == 0, "an answer of the plain engine proves nothing about this one"


QUICK = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@QUICK
@given(cases())
def test_the_plain_engine_matches_what_the_reference_does(case: Drawn) -> None:
    check(*case, PlainEngine)


@pytest.mark.skipif(not DURABLE, reason="durable_rules does not import on this Python")
@QUICK
@given(cases())
def test_durable_rules_match_what_the_reference_does(case: Drawn) -> None:
    check(*case, DurableEngine)


# -- whole rules: every trigger, scores, cadences ------------------------------------------------------------------

triggers: st.SearchStrategy[Trigger] = st.sampled_from(
    (
        Created(),
        ActivityIs(("call", "email_opened")),
        ScoreCrosses(20),
        TaskOverdue(span(1, "days")),
        TaskCompleted(),
        OfferSettled("accepted"),
        Every((0, 3), time(9)),
        StepDone("rule-0/1"),
    )
)


@st.composite
def books(draw: st.DrawFn) -> tuple[RuleSet, list[RecordState]]:
    made = [
        rule(
            draw(triggers),
            id=f"rule-{number}",
            if_=draw(maybe),
            unless=draw(maybe),
            step=draw(steps),
            once=Once("occasion"),
            then=(draw(st.sampled_from((call_task(), enroll()))),),
            backfill=Backfill("all"),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    asked = Offer(REF, "o", "created", 1, "inbound", "ana", ANA.id, at(NOW), at(NOW), "k", "accepted", at(NOW))
    begun = mark("fired", "created", "2026-03-05 10:00", rule="rule-0/1")
    found = [replace(one, offers=(asked,), marks=(begun,)) for one in draw(st.lists(records(), min_size=2, max_size=2))]
    return ruleset(*made, scores=draw(cards)), found


@pytest.mark.skipif(not DURABLE, reason="durable_rules does not import on this Python")
@QUICK
@given(books())
def test_a_rulebook_decides_the_same_under_either_engine(case: tuple[RuleSet, list[RecordState]]) -> None:
    rules, states = case
    durable, plain = (FileRulebook(rules, engine=kind) for kind in ("durable", "plain"))
    one, other = durable.evaluate(states, moment(NOW)), plain.evaluate(states, moment(NOW))
    assert one == other
    assert all(decision.alarms == () for decision in one)
    event(f"{sum(len(decision.matches) for decision in one)} matches")
