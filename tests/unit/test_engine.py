"""The engines behind the rules: which one is taken, what they are spared, and what happens when durable_rules fails."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest

from connector.domain.errors import ConfigError
from connector.domain.model import RecordState
from connector.domain.ports import RuleEngine
from rules import engine as engines
from rules.compiler import MAX_COMPARISONS, MAX_WAYS, compile_rules
from rules.engine import DURABLE, MAX_PER_RULESET, DurableEngine, PlainEngine, make_engine
from rules.flat import flat_facts
from rules.model import Condition, Rule
from rules.program import Program, comparisons, ways
from tests.builders import all_of, any_of, at, calendars, facts, field_is, lead, not_, rule, state

NOW = "2026-03-12 10:00"
durable = pytest.mark.skipif(not DURABLE, reason="durable_rules does not import on this Python")
both = pytest.mark.parametrize("make", [PlainEngine, pytest.param(DurableEngine, marks=durable)])


def when(if_: Condition | None = None, unless: Condition | None = None, id_: str = "r") -> Rule:
    return rule(id=id_, if_=if_, unless=unless)


def ask(engine: RuleEngine, program: Program, of: RecordState, *ripe: str) -> frozenset[str]:
    rules = [compiled.rule for compiled in program.rules]
    wanted = frozenset(ripe or (each.id for each in rules))
    return engine.evaluate(flat_facts(program, facts(of, NOW, *rules), wanted, calendars()))


def matches(make: Callable[[Program], RuleEngine], of: RecordState, *rules: Rule) -> frozenset[str]:
    program = compile_rules(rules)
    return ask(make(program), program, of)


def holds(make: Callable[[Program], RuleEngine], of: RecordState, one: Rule) -> bool:
    return matches(make, of, one) == {one.id}


# -- what conditions mean ------------------------------------------------------------------------------------------


@both
def test_only_ripe_rules_match(make: Callable[[Program], RuleEngine]) -> None:
    program = compile_rules([when(id_="a"), when(id_="b"), when(id_="c", if_=field_is("score", 1))])
    engine = make(program)
    assert ask(engine, program, state(), "b", "c") == {"b"}
    assert ask(engine, program, state(lead(score=1)), "b", "c") == {"b", "c"}
    assert engine.evaluate({}) == frozenset()


@both
def test_an_unknown_field_neither_makes_an_if_true_nor_its_negation(make: Callable[[Program], RuleEngine]) -> None:
    for condition in (
        field_is("country", "DE"),
        field_is("score", 5, op="at_least"),
        field_is("title", "x", op="contains"),
    ):
        assert not holds(make, state(), when(condition))
        assert not holds(make, state(), when(not_(condition)))
        assert holds(make, state(), when(unless=condition)), "what guards no contact does not stop when unknown"


@both
def test_an_unless_on_an_unknown_contact_guard_stops(make: Callable[[Program], RuleEngine]) -> None:
    for name in ("opted_out", "do_not_call"):
        seen, hidden = state(lead()), state(lead(hidden=[name]))
        barred = when(unless=any_of(field_is("country", "FR"), field_is(name, True)))
        assert holds(make, seen, barred)
        assert not holds(make, hidden, barred)
        assert not holds(make, state(lead(**{name: True})), barred)


@both
def test_a_hidden_email_stops_an_unless_and_an_empty_one_does_not(make: Callable[[Program], RuleEngine]) -> None:
    barred = when(unless=field_is("email", "x@example.com"))
    assert holds(make, state(lead(email=None)), barred)
    assert not holds(make, state(lead(hidden=["email"])), barred)


@both
def test_a_group_that_is_settled_does_not_stop_for_what_is_unknown_beside_it(
    make: Callable[[Program], RuleEngine],
) -> None:
    barred = when(unless=all_of(field_is("opted_out", True), field_is("country", "DE")))
    assert holds(make, state(lead(hidden=["opted_out"], country="FR")), barred)
    assert not holds(make, state(lead(hidden=["opted_out"], country="DE")), barred)
    assert not holds(make, state(lead(hidden=["opted_out"])), barred)


@both
@pytest.mark.parametrize(
    ("value", "constant", "equal"),
    [
        ("Straße", "STRASSE", True), ("5", 5, True), (5, "5.0", True), (5.0, 5, True), (True, "yes", True),
        ("true", True, True), (True, 1, False), (1, True, False), (2**53 + 1, float(2**53), False), ("", "", False),
        ('a"\\\n\x00\ud800', 'A"\\\n\x00\ud800', True), ("x" * 5000, "x" * 5000, True), (1e-7, "0.0000001", True),
    ],
)  # fmt: skip
def test_equal_means_the_same_for_every_type(
    make: Callable[[Program], RuleEngine], value: str, constant: str, equal: bool
) -> None:
    of = state(lead(custom=value))
    assert holds(make, of, when(field_is("custom", constant))) is equal
    if value != "":
        assert holds(make, of, when(field_is("custom", constant, op="not_in"))) is not equal


@both
@pytest.mark.parametrize("value", [4.999999, 5, "5", 1e300, 1e-300, -(2**60), 2**60])
def test_numbers_of_any_size_are_compared_exactly(make: Callable[[Program], RuleEngine], value: float) -> None:
    of, number = state(lead(score=value)), float(value)
    assert holds(make, of, when(field_is("score", 5, op="at_least"))) is (number >= 5)
    assert holds(make, of, when(field_is("score", 5, op="over"))) is (number > 5)
    assert holds(make, of, when(not_(field_is("score", "5", op="at_most")))) is (number > 5)
    assert holds(make, of, when(field_is("score", 2**60, op="under"))) is (number < 2**60)


# -- limits --------------------------------------------------------------------------------------------------------


@both
def test_a_rule_that_is_too_big_is_worked_out_beforehand(make: Callable[[Program], RuleEngine]) -> None:
    countries = any_of(*(field_is("country", f"c{number}") for number in range(MAX_COMPARISONS + 1)))
    (compiled,) = compile_rules([when(countries)]).rules
    assert compiled.body is not None
    assert comparisons(compiled.body) == 1
    assert holds(make, state(lead(country="C7")), when(countries))
    assert not holds(make, state(lead(country="C99")), when(countries))


def test_a_long_chain_of_comparisons_is_worked_out_beforehand() -> None:
    none_of = all_of(*(field_is(f"custom.{n}", "x", op="not_in") for n in range(MAX_COMPARISONS + 1)))
    (compiled,) = compile_rules([when(none_of)]).rules
    assert compiled.body is not None
    assert comparisons(compiled.body) == 1


def test_alternatives_that_multiply_out_are_worked_out_beforehand() -> None:
    pairs = all_of(*(any_of(field_is(f"custom.{n}", "a"), field_is(f"custom.{n}", "b")) for n in range(5)))
    (compiled,) = compile_rules([when(pairs)]).rules
    assert compiled.body is not None
    assert ways(compiled.body) == 1
    assert MAX_WAYS < 2**5


@both
def test_hundreds_of_rules_that_all_hold_all_match(make: Callable[[Program], RuleEngine]) -> None:
    either = any_of(field_is("country", "de"), field_is("score", 5, op="at_least"))
    same = [when(either, unless=field_is("status", "lost"), id_=f"same-{n}") for n in range(300)]
    other = [when(field_is("score", n, op="at_least"), id_=f"other-{n}") for n in range(300)]
    program = compile_rules([*same, *other])
    engine = make(program)
    found = ask(engine, program, state(lead(country="DE", score=100)))
    assert found == {each.id for each in same} | {each.id for each in other[:101]}
    if isinstance(engine, DurableEngine):
        assert engine.failures == 0, "the plain engine must not have answered for it"


def test_no_ruleset_of_durable_rules_exceeds_its_limits() -> None:
    either = any_of(*(field_is("country", f"c{n}") for n in range(9)))
    program = compile_rules([when(either, id_=f"r{n}") for n in range(40)])
    chunks = list(engines._chunks(program.rules))
    assert [rule.id for chunk in chunks for rule in chunk.rules] == [f"r{n}" for n in range(40)]
    for chunk in chunks:
        bodies = [each.body for each in chunk.rules if each.body is not None]
        assert sum(1 + comparisons(body) for body in bodies) <= MAX_PER_RULESET
        assert sum(ways(body) for body in bodies) <= MAX_PER_RULESET
        assert all('{"$and": [{"k_": 1}, ' in part for part in chunk.definition.split('{"m": ')[1:])


# -- when durable_rules fails --------------------------------------------------------------------------------------


@pytest.fixture
def program() -> Program:
    return compile_rules([when(field_is("score", 5, op="at_least"), id_="high"), when(id_="any")])


class Flaky:
    """Stands in for a function of durable_rules and fails the first few times."""

    def __init__(self, real: Callable[..., object], failures: list[object]) -> None:
        self.real, self.failures, self.calls = real, failures, 0

    def __call__(self, *arguments: object) -> object:
        self.calls += 1
        if not self.failures:
            return self.real(*arguments)
        failure = self.failures.pop(0)
        if isinstance(failure, BaseException):
            raise failure
        return failure


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Flaky]]:
    def make(name: str, *failures: object) -> Flaky:
        flaky = Flaky(getattr(engines.durable_rules_engine, name), list(failures))
        monkeypatch.setattr(engines.durable_rules_engine, name, flaky)
        return flaky

    return make


@durable
@pytest.mark.parametrize(
    "name", ["create_ruleset", "assert_fact", "start_action_for_state", "complete_and_start_action", "retract_fact"]
)
@pytest.mark.parametrize("times", [1, 2, 5])
def test_an_error_anywhere_changes_no_answer(
    program: Program, fail: Callable[..., Flaky], name: str, times: int
) -> None:
    error = engines.durable_rules_engine.error
    fail(name, *(error(f"error {n}") for n in range(times)))
    engine = DurableEngine(program)
    for _ in range(3):
        assert ask(engine, program, state(lead(score=7))) == {"high", "any"}
        assert ask(engine, program, state(lead(score=1))) == {"any"}


@durable
def test_a_stale_ruleset_is_rebuilt(program: Program, fail: Callable[..., Flaky]) -> None:
    engine = DurableEngine(program)
    assert ask(engine, program, state(lead(score=7))) == {"high", "any"}
    created = fail("create_ruleset")
    flaky = fail("assert_fact", (2, 0))
    assert ask(engine, program, state(lead(score=1))) == {"any"}
    assert flaky.failures == []
    assert created.calls == 1
    assert ask(engine, program, state(lead(score=7))) == {"high", "any"}
    assert created.calls == 1, "rebuilding costs memory that never comes back"


@durable
@pytest.mark.parametrize("name", ["complete_and_start_action", "retract_fact"])
def test_an_interrupt_in_the_middle_spoils_no_later_answer(
    program: Program, fail: Callable[..., Flaky], name: str
) -> None:
    engine = DurableEngine(program)
    fail(name, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        ask(engine, program, state(lead(score=7)))
    assert ask(engine, program, state(lead(score=1))) == {"any"}


@durable
@pytest.mark.parametrize("score", [1e300, 1e-7, 2.0**53, -(2**60)])
def test_a_number_that_durable_rules_cannot_read_is_never_shown_to_it(
    program: Program, fail: Callable[..., Flaky], score: float
) -> None:
    asserted = fail("assert_fact")
    assert ask(DurableEngine(program), program, state(lead(score=score))) == {"any"} | (
        {"high"} if score > 5 else set()
    )
    assert asserted.calls == 0


@durable
def test_one_engine_serves_several_threads(program: Program) -> None:
    engine = DurableEngine(program)

    def answers(start: int) -> list[frozenset[str]]:
        return [ask(engine, program, state(lead(score=score))) for score in range(start, start + 40)]

    with ThreadPoolExecutor(4) as threads:
        for start, found in zip((0, 3), threads.map(answers, (0, 3)), strict=True):
            assert found == [frozenset({"any"} | ({"high"} if start + n >= 5 else set())) for n in range(40)]


# -- which engine --------------------------------------------------------------------------------------------------


def test_auto_takes_durable_rules_where_it_can_be_had(program: Program) -> None:
    assert isinstance(make_engine(program), DurableEngine if DURABLE else PlainEngine)
    assert isinstance(make_engine(program, "plain"), PlainEngine)


def test_without_durable_rules_auto_is_plain_and_durable_is_an_error(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "DURABLE", False)
    assert isinstance(make_engine(program, "auto"), PlainEngine)
    with pytest.raises(ConfigError, match="choose `auto` or `plain`"):
        make_engine(program, "durable")


@durable
@pytest.mark.parametrize("trial", ["import time; time.sleep(60)", "import os; os.abort()", "raise ValueError"])
def test_rules_that_hang_or_crash_the_compiler_are_found_out_in_another_process(
    program: Program, monkeypatch: pytest.MonkeyPatch, trial: str
) -> None:
    monkeypatch.setattr(engines, "_TRIAL", trial)
    monkeypatch.setattr(engines, "COMPILE_SECONDS", 0.5)
    engines._compiles.cache_clear()
    try:
        assert isinstance(make_engine(program, "auto"), PlainEngine)
        with pytest.raises(ConfigError, match="cannot compile"):
            make_engine(program, "durable")
    finally:
        engines._compiles.cache_clear()


def test_reading_the_rules_package_does_not_load_durable_rules() -> None:
    code = "import sys, rules, rules.loader, rules.condition; print('durable_rules_engine' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_durable_rules_is_asked_for_only_where_it_imports_and_in_the_version_that_was_examined() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    (asked,) = (line for line in project["dependencies"] if line.startswith("durable-rules"))
    parts = re.fullmatch(r"durable-rules==(\S+); python_version < '3\.13'", asked)
    assert parts is not None
    if sys.version_info < (3, 13):
        assert version("durable-rules") == parts[1]
        assert DURABLE


def test_a_leaf_that_two_rules_share_is_worked_out_once() -> None:
    one = field_is("title", "head", op="contains")
    first, second = when(one, id_="a"), when(replace(one, path="if.any.1.title"), id_="b")
    a, b = compile_rules([first, second]).rules
    assert a.slots == b.slots
    true, one_ = (field_is("custom", value, op="contains") for value in (True, 1))
    a, b = compile_rules([when(true, id_="a"), when(one_, id_="b")]).rules
    assert a.slots != b.slots, "True and 1 are equal in Python and not in a rule"


@both
def test_a_leaf_is_worked_out_on_the_calendar_of_its_rule(make: Callable[[Program], RuleEngine]) -> None:
    # 2026-03-12 starts an hour earlier in Berlin than in UTC.
    before = field_is("custom", date(2026, 3, 12), op="before")
    rules = [rule(id=name, if_=before, calendar=name) for name in ("office", "berlin")]
    assert matches(make, state(lead(custom=at("2026-03-11 23:30"))), *rules) == {"office"}
