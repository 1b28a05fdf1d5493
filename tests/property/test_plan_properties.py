"""What holds for every plan, whatever the rules, the records, the ledger and the order they come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from builders import PLACE, adopted, at, call_task, enroll, moment, rule, ruleset, team
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.domain.decision import Assignment, Decision, Match, Moment, Plan
from connector.domain.model import Change, Owner, Record, RecordRef, RecordState
from rules.actions import ReassignAction, RuleAction, SetAction
from rules.basics import Place
from rules.binding import bind
from rules.calendar import calendars_of
from rules.caps import bound_of, limit_of
from rules.model import Limit, Rule, RuleSet
from rules.planner import Planner
from rules.staff import owner_chain
from rules.team import Absence, Person, Pool

SHARED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy: no example is late, and drawing a world may take its time."""

NOW = at("2026-03-04 10:00")
NAMES = ("ana", "ben", "cleo", "dora", "emil")
QUEUE = Owner("00GQ", "Inbound Queue", queue=True)
POOLS = {"all": Pool("all", NAMES), "three": Pool("three", NAMES[:3])}


def owner_of(name: str, active: bool = True) -> Owner:
    return Owner(f"005{name}", name.title(), f"{name}@example.com", active)


def ref(number: int) -> RecordRef:
    return RecordRef("salesforce", "lead", f"00Q{number:012d}AAA")


# -- worlds --------------------------------------------------------------------------------------------------------

people_ids = st.sampled_from([f"005{name}" for name in NAMES] + [QUEUE.id, "005unknown"])


@st.composite
def states(draw: st.DrawFn, number: int) -> RecordState:
    """A lead with some history of owners."""
    chain = draw(st.lists(people_ids, min_size=1, max_size=4))
    moves = tuple(
        Change(f"c{at_}", ref(number), "owner", old, new, NOW - timedelta(days=9 - at_))
        for at_, (old, new) in enumerate(pairwise(chain))
    )
    fields = {"owner": chain[-1], "status": draw(st.sampled_from(["new", "working"])), "opted_out": False}
    record = Record(ref(number), fields, NOW - timedelta(days=30), NOW, "1")
    return RecordState(record, NOW, changes=moves)


moves_on = st.builds(
    ReassignAction,
    to=st.none(),
    pool=st.sampled_from(sorted(POOLS)),
    except_previous=st.just(True),
    if_nobody=st.just("hold"),
    note=st.none(),
    place=st.just(PLACE),
)
sets = st.builds(
    SetAction,
    values=st.fixed_dictionaries({"status": st.sampled_from(["new", "working", "recycled"])}),
    place=st.just(PLACE),
)
actions: st.SearchStrategy[RuleAction] = moves_on | sets | st.just(call_task()) | st.just(enroll())
limits = st.none() | st.builds(
    Limit,
    per_run=st.none() | st.integers(1, 4),
    percent=st.none() | st.sampled_from([5.0, 20.0, 50.0]),
    per_owner_day=st.none() | st.integers(1, 3),
    on_exceed=st.sampled_from(["hold", "stop"]),
)


@st.composite
def rule_sets(draw: st.DrawFn) -> tuple[Rule, ...]:
    count = draw(st.integers(1, 4))
    return tuple(
        rule(
            id=f"rule-{number}",
            then=tuple(draw(st.lists(actions, min_size=1, max_size=3))),
            limit=draw(limits),
            priority=draw(st.integers(0, 2)),
            place=Place(draw(st.sampled_from(["a.yaml", "b.yaml"])), number, 1),
        )
        for number in range(count)
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[RuleSet, Sequence[Owner], Moment, Sequence[Decision]]:
    """Rules, people of whom some are inactive or away, a ledger, and decisions in any order."""
    rules = draw(rule_sets())
    away = (Absence(date(2026, 3, 1), date(2026, 3, 4)),)
    absent = draw(st.sets(st.sampled_from(NAMES)))
    persons = [Person(name, f"{name}@example.com", away=away if name in absent else ()) for name in NAMES]
    crew = replace(team(*persons), people={each.name: each for each in persons}, pools=POOLS)
    inactive = draw(st.sets(st.sampled_from(NAMES), max_size=2))
    owners = [*(owner_of(name, name not in inactive) for name in NAMES), QUEUE]
    numbers = draw(st.permutations(range(draw(st.integers(1, 12)))))
    decisions = []
    for number in numbers:
        fired = [each for each in rules if draw(st.booleans())]
        due = NOW - timedelta(hours=draw(st.integers(0, 3)))
        matches = tuple(Match(each.id, ref(number), "created", "", due) for each in fired)
        decisions.append(Decision(draw(states(number)), matches, (), None))
    served = draw(st.lists(st.sampled_from(NAMES), max_size=4))
    ledger = tuple(Assignment("all", name, ref(99), "rule-0", NOW - timedelta(days=1), "a turn") for name in served)
    fired_today = {("rule-0", f"005{NAMES[0]}"): draw(st.integers(0, 3))}
    when = moment(
        "2026-03-04 10:00",
        adopted("2020-01-01 00:00"),
        owners=tuple(owners),
        assignments=ledger,
        fired_today=fired_today,
        population={"lead": draw(st.integers(0, 60))},
    )
    return ruleset(*rules, of=crew, limit=Limit(per_run=draw(st.integers(1, 10)))), owners, when, decisions


def planned(rules: RuleSet, owners: Sequence[Owner], when: Moment, decisions: Sequence[Decision]) -> Plan:
    binding, _ = bind(rules, None, owners)
    assert binding.rules == rules.rules
    return Planner(rules, binding, calendars_of(rules.team), when).plan(decisions)


World = tuple[RuleSet, Sequence[Owner], Moment, Sequence[Decision]]


# -- what always holds ---------------------------------------------------------------------------------------------


@SHARED
@given(worlds())
def test_caps_are_never_exceeded(world: World) -> None:
    rules, _, when, decisions = world
    plan = planned(*world)
    state_of = {decision.state.record.ref: decision.state for decision in decisions}
    going = {(action.rule, action.record) for action in plan.actions}
    for each in rules.rules:
        limit = limit_of(each, rules.default_limit)
        records = [record for name, record in going if name == each.id]
        bound = bound_of(limit, when.population["lead"])
        assert bound is not None
        assert len(records) <= bound.count
        if limit.per_owner_day is not None:
            per_owner = Counter(state_of[record].record.owner or "" for record in records)
            for owner, count in per_owner.items():
                assert count + when.fired_today.get((each.id, owner), 0) <= limit.per_owner_day


@SHARED
@given(worlds())
def test_every_match_ends_in_exactly_one_way_and_nothing_is_both_planned_and_held(world: World) -> None:
    _, _, _, decisions = world
    plan = planned(*world)
    ends: Counter[tuple[str, RecordRef]] = Counter()
    ends.update((mark.rule, record.ref) for record in plan.records for mark in record.marks)
    ends.update((held.rule, held.record) for held in (*plan.held, *plan.waiting))
    assert ends == Counter((match.rule, match.record) for decision in decisions for match in decision.matches)
    going = {action.key for action in plan.actions}
    held = [action.key for record in plan.records for action in record.held]
    assert going.isdisjoint(held)
    assert len(going) == len(plan.actions)
    assert len(set(held)) == len(held)


@SHARED
@given(worlds())
def test_marks_say_what_became_of_the_actions(world: World) -> None:
    for record in planned(*world).records:
        kind_of = {mark.rule: mark.kind for mark in record.marks}
        assert all(kind_of[action.rule] == "fired" for action in record.actions)
        assert all(kind_of[action.rule] == "held" for action in record.held)


@SHARED
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_decisions_makes_no_difference(world: World, random: object) -> None:
    rules, owners, when, decisions = world
    shuffled = list(decisions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert planned(rules, owners, when, shuffled) == planned(*world)


@SHARED
@given(worlds())
def test_every_decision_has_its_plan(world: World) -> None:
    assert sorted(record.ref for record in planned(*world).records) == sorted(
        decision.state.record.ref for decision in world[3]
    )


@SHARED
@given(worlds())
def test_nobody_inactive_absent_or_a_previous_owner_receives_a_lead(world: World) -> None:
    rules, owners, when, decisions = world
    plan = planned(*world)
    state_of = {decision.state.record.ref: decision.state for decision in decisions}
    by_id = {owner.id: owner for owner in owners}
    person_of = {f"005{person.name}": person for person in rules.team.people.values()}
    for action in [*plan.actions, *(held for record in plan.records for held in record.held)]:
        if action.kind == "reassign":
            taker = by_id[str(action.fields["owner"])]
            assert taker.active
            assert not taker.queue
            assert not any(each.first <= when.now.date() <= each.last for each in person_of[taker.id].away)
            assert taker.id not in owner_chain(state_of[action.record])


@SHARED
@given(worlds())
def test_the_ledger_gains_exactly_what_goes_from_a_pool_or_is_held(world: World) -> None:
    plan = planned(*world)
    every = [action for record in plan.records for action in (*record.actions, *record.held)]
    given_ = Counter((action.record, action.fields["owner"]) for action in every if action.kind == "reassign")
    assert Counter((line.ref, f"005{line.person}") for line in plan.assignments) == given_


@SHARED
@given(st.integers(1, 5), st.integers(0, 40), st.lists(st.sampled_from(NAMES), max_size=6), st.integers(1, 10))
def test_with_everybody_present_no_two_members_differ_by_more_than_one(
    members: int, records: int, served: list[str], cap: int
) -> None:
    pool = Pool("all", NAMES[:members])
    persons = {name: Person(name, f"{name}@example.com") for name in NAMES}
    crew = replace(team(), people=persons, pools={"all": pool})
    given_ = tuple(Assignment("all", name, ref(99), "r", NOW - timedelta(days=1), "a turn") for name in served)
    turn = rule(then=(ReassignAction(None, "all", True, "hold", None, PLACE),), limit=Limit(per_run=cap))
    decisions = [
        Decision(
            RecordState(Record(ref(number), {"owner": QUEUE.id}, NOW, NOW, "1"), NOW),
            (Match("r", ref(number), "created", "", NOW),),
            (),
            None,
        )
        for number in range(records)
    ]
    when = moment("2026-03-04 10:00", owners=(QUEUE, *map(owner_of, NAMES)), assignments=given_)
    plan = planned(ruleset(turn, of=crew), when.owners, when, decisions)
    going = [action for action in plan.actions if action.kind == "reassign"]
    held = [action for record in plan.records for action in record.held]
    assert (len(going), len(held)) == (min(records, cap), max(0, records - cap))
    for some in (going, held, [*going, *held]):
        got = Counter({f"005{name}": 0 for name in pool.members})
        got.update(str(action.fields["owner"]) for action in some)
        assert max(got.values()) - min(got.values()) <= 1
