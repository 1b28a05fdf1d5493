"""The matchers behind the port `RuleEngine`: durable_rules where it can be had, plain Python everywhere.

durable_rules is kept inside what was shown to be sound: one fact at a time, flat comparisons of present fields with
constants, few of them in one ruleset. It has no wheel for Python 3.13 and later; there the plain engine is the engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Literal

from connector.domain.errors import ConfigError
from connector.domain.ports import RuleEngine
from rules.program import Body, Comparison, Compiled, Flat, Op, Program, comparisons, sound, ways

try:
    import durable_rules_engine
except ImportError:
    DURABLE = False
else:
    DURABLE = True

EngineKind = Literal["auto", "durable", "plain"]

MAX_PER_RULESET = 60
"""Tests, and ways to hold, in one ruleset: durable_rules fails at 64 matches at once and hangs at some hundred tests."""
COMPILE_SECONDS = 20.0
"""A rule set that takes longer to compile is not given to durable_rules; the usual time is some milliseconds."""

_FACT = "f"
"""The id of the one fact that is ever asserted."""

_TRIAL = """
import json, sys
import durable_rules_engine
for number, text in enumerate(json.load(sys.stdin)):
    durable_rules_engine.create_ruleset(f"m{number}", text)
"""


def make_engine(program: Program, kind: EngineKind = "auto") -> RuleEngine:
    """The matcher for a compiled rule set; `auto` takes durable_rules where it works and the plain engine elsewhere.

    Raises ConfigError when `durable` is asked for and cannot be had.
    """
    if kind == "plain" or (kind == "auto" and not DURABLE):
        return PlainEngine(program)
    if not DURABLE:
        raise ConfigError(
            "the engine `durable` cannot be had here: durable_rules does not import (it does not on Python 3.13 and "
            "later); choose `auto` or `plain`"
        )
    if _compiles(tuple(chunk.definition for chunk in _chunks(program.rules))):
        return DurableEngine(program)
    if kind == "auto":
        return PlainEngine(program)
    raise ConfigError("durable_rules cannot compile these rules; choose the engine `auto` or `plain`")


# -- plain Python --------------------------------------------------------------------------------------------------

_Holds = Callable[[Mapping[str, Flat]], bool]


class PlainEngine:
    """Matches in plain Python: one closure per rule, built once."""

    def __init__(self, program: Program) -> None:
        self._rules = [(rule.id, rule.ripe, _closure(rule.body)) for rule in program.rules]

    def evaluate(self, facts: Mapping[str, Flat]) -> frozenset[str]:
        """The ids of the ripe rules whose conditions hold on these flat facts; an absent fact is unknown."""
        return frozenset(id_ for id_, ripe, holds in self._rules if ripe in facts and holds(facts))


def _closure(body: Body | None) -> _Holds:
    if body is None:
        return lambda facts: True
    if isinstance(body, Comparison):
        return _test(body)
    parts = [_closure(item) for item in body.items]
    if body.op == "and":
        return lambda facts: all(part(facts) for part in parts)
    return lambda facts: any(part(facts) for part in parts)


def _test(test: Comparison) -> _Holds:
    name, constant = test.fact, test.value
    if test.op == "absent":
        return lambda facts: name not in facts
    if test.op == "present":
        return lambda facts: name in facts
    if test.op == "==":
        return lambda facts: name in facts and facts[name] == constant
    if test.op == "!=":
        return lambda facts: name in facts and facts[name] != constant
    return _order(name, test.op, constant)


def _order(name: str, op: Op, constant: Flat) -> _Holds:
    if isinstance(constant, str):
        raise TypeError(f"{name}: text has no order here")
    limit = constant

    def holds(facts: Mapping[str, Flat]) -> bool:
        value = facts.get(name)
        if value is None or isinstance(value, str):
            return False
        if op in ("<", "<="):
            return value < limit or (op == "<=" and value == limit)
        return value > limit or (op == ">=" and value == limit)

    return holds


# -- durable_rules -------------------------------------------------------------------------------------------------

_OPERATORS: Mapping[Op, str] = {"!=": "$neq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The rules of one durable_rules ruleset, its definition (`r0`, `r1` .. are their places in `rules`), its facts."""

    rules: tuple[Compiled, ...]
    definition: str
    names: frozenset[str]


class DurableEngine:
    """Matches with durable_rules: assert the one fact, collect what fires, retract it.

    What lies outside the sound subset (a number that needs an exponent, a text over 4 KB) goes to the plain engine for
    that record; so does a record on which the rulesets fail twice. `failures` counts how often they failed. One thread
    at a time.
    """

    def __init__(self, program: Program) -> None:
        self._chunks = tuple(_chunks(program.rules))
        self._plain = PlainEngine(program)
        self._lock = Lock()
        self._handles: list[int] = []
        self.failures = 0

    def evaluate(self, facts: Mapping[str, Flat]) -> frozenset[str]:
        """The ids of the ripe rules whose conditions hold on these flat facts; an absent fact is unknown."""
        if not all(sound(value) for value in facts.values()):
            return self._plain.evaluate(facts)
        with self._lock:
            for _ in range(2):
                try:
                    return frozenset(self._ask_all(facts))
                except durable_rules_engine.error:
                    self.failures += 1
        return self._plain.evaluate(facts)

    def _ask_all(self, facts: Mapping[str, Flat]) -> Iterator[str]:
        # Until all went well the rulesets count as spoilt: an interrupt in the middle leaves a fact behind in them.
        handles = self._handles or [_create(number, chunk) for number, chunk in enumerate(self._chunks)]
        self._handles = []
        for chunk, handle in zip(self._chunks, handles, strict=True):
            if any(rule.ripe in facts for rule in chunk.rules):
                # A fact with more than a hundred or so properties is an error, hence only what this ruleset reads.
                known = {name: facts[name] for name in chunk.names if name in facts}
                for number in _fired(handle, json.dumps({"id": _FACT, "k_": 1, **known})):
                    yield chunk.rules[number].id
        self._handles = handles


def _create(number: int, chunk: _Chunk) -> int:
    handle: int = durable_rules_engine.create_ruleset(f"m{number}", chunk.definition)
    return handle


def _fired(handle: int, text: str) -> set[int]:
    """The numbers of the rules of one ruleset that fire on a fact; the ruleset is empty again afterwards."""
    fired: set[int] = set()
    code, state = durable_rules_engine.assert_fact(handle, text)
    if code not in (0, 1):
        raise durable_rules_engine.error(f"asserting answered {code}")
    if code == 0:
        started = durable_rules_engine.start_action_for_state(handle, state)
        message = started[1] if started else None
        while message:
            fired.update(int(name[1:]) for name in json.loads(message))
            message = durable_rules_engine.complete_and_start_action(handle, state)
    durable_rules_engine.retract_fact(handle, f'{{"id":"{_FACT}"}}')
    return fired


def _chunks(rules: Sequence[Compiled]) -> Iterator[_Chunk]:
    """The rules in rulesets that stay under the limits."""
    some: list[Compiled] = []
    room = MAX_PER_RULESET
    for rule in rules:
        size = 1 if rule.body is None else max(1 + comparisons(rule.body), ways(rule.body))
        if size > room and some:
            yield _chunk(some)
            some, room = [], MAX_PER_RULESET
        some.append(rule)
        room -= size
    if some:
        yield _chunk(some)


def _chunk(rules: Sequence[Compiled]) -> _Chunk:
    read = (name for rule in rules for name in (rule.ripe, *_names(rule.body)))
    return _Chunk(tuple(rules), _definition(rules), frozenset(read))


def _names(body: Body | None) -> Iterator[str]:
    """The facts a body compares."""
    if isinstance(body, Comparison):
        yield body.fact
    elif body is not None:
        for item in body.items:
            yield from _names(item)


def _definition(rules: Sequence[Compiled]) -> str:
    # The guard comes first: without it a rule of nothing but `absent` and `!=` would match the engine's own state.
    return json.dumps({f"r{n}": {"all": [{"m": {"$and": _conditions(rule)}}]} for n, rule in enumerate(rules)})


def _conditions(rule: Compiled) -> list[Mapping[str, object]]:
    guard: list[Mapping[str, object]] = [{"k_": 1}, {rule.ripe: 1}]
    return guard if rule.body is None else [*guard, _expression(rule.body)]


def _expression(body: Body) -> Mapping[str, object]:
    if not isinstance(body, Comparison):
        return {f"${body.op}": [_expression(item) for item in body.items]}
    if body.op in ("present", "absent"):
        return {"$ex" if body.op == "present" else "$nex": {body.fact: 1}}
    if body.op == "==":
        return {body.fact: body.value}
    return {_OPERATORS[body.op]: {body.fact: body.value}}


@lru_cache(maxsize=8)
def _compiles(definitions: tuple[str, ...]) -> bool:
    """Whether durable_rules compiles these in time, tried in a process of its own, since some sets hang or crash it."""
    try:
        trial = subprocess.run(  # noqa: S603 - our own interpreter, our own text; the rules are data on its input
            [sys.executable, "-c", _TRIAL],
            input=json.dumps(definitions),
            text=True,
            capture_output=True,
            timeout=COMPILE_SECONDS,
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return trial.returncode == 0
