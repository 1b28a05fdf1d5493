"""Looks for rules that are written correctly and can still never act: their author meant something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from connector.domain.errors import Problem
from rules.basics import Place
from rules.model import AllOf, AnyOf, Condition, FieldTest, Not, Rule, SinceTest
from rules.refusal import NEVER

_LOWER = ("at_least", "over", "after")
_UPPER = ("at_most", "under", "before")
_NOWHERE = Place("", 0, 0)


def check(rules: Iterable[Rule]) -> Iterator[Problem]:
    """Every rule that can never act, with the condition that prevents it."""
    for rule in rules:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[Problem]:
    step = rule.step
    asked = (rule.if_, step.if_ if step is not None else None)
    stopping = (rule.unless, *((step.unless, step.stop) if step is not None else ()))
    needed = [each for root in asked if root is not None for each in _conjuncts(root)]
    stops = [each for root in stopping if root is not None for each in _disjuncts(root)]
    for condition in needed:
        stop = next((stop for stop in stops if _implies(condition, stop)), None)
        if stop is not None:
            message = f"`{condition.path}` asks for what `{stop.path}` stops on: this rule can never act"
            yield _problem(rule, condition.place, message)
    yield from _empty_ranges(rule, needed)


def _empty_ranges(rule: Rule, needed: list[Condition]) -> Iterator[Problem]:
    bounds: dict[str, dict[str, FieldTest]] = {}
    for condition in needed:
        if isinstance(condition, FieldTest) and condition.op in (*_LOWER, *_UPPER):
            bounds.setdefault(condition.field, {})[condition.op] = condition
        elif isinstance(condition, SinceTest) and condition.over and condition.up_to:
            over, up_to = condition.over, condition.up_to
            if over.unit == up_to.unit and over.amount >= up_to.amount:
                yield _problem(
                    rule, condition.place, f"nothing is over {over} and up to {up_to}: this rule can never act"
                )
    for field, tests in bounds.items():
        yield from _empty_range(rule, field, tests)


def _empty_range(rule: Rule, field: str, tests: Mapping[str, FieldTest]) -> Iterator[Problem]:
    for low in (tests[op] for op in _LOWER if op in tests):
        for high in (tests[op] for op in _UPPER if op in tests):
            least, most = low.values[0], high.values[0]
            strict = (low.op, high.op) != ("at_least", "at_most")
            if _above(least, most) or (strict and least == most):
                words = f"{low.op} {least} and {high.op} {most}"
                yield _problem(rule, low.place, f"no `{field}` is {words}: this rule can never act")


def _above(least: object, most: object) -> bool:
    if isinstance(least, int | float) and isinstance(most, int | float):
        return least > most
    return str(least) > str(most)  # ISO dates sort as text


def _problem(rule: Rule, place: Place, message: str) -> Problem:
    return Problem(place.file, place.line, place.column, message, rule.written_id, NEVER)


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    """The conditions that must all hold for this one to hold."""
    if isinstance(condition, AllOf):
        for item in condition.items:
            yield from _conjuncts(item)
    else:
        yield condition


def _disjuncts(condition: Condition) -> Iterator[Condition]:
    """The conditions each of which makes this one hold."""
    if isinstance(condition, AnyOf):
        for item in condition.items:
            yield from _disjuncts(item)
    else:
        yield condition


def _implies(condition: Condition, stop: Condition) -> bool:
    """Whether `stop` surely holds when `condition` does: the same test, or one of its values."""
    if isinstance(condition, FieldTest) and isinstance(stop, FieldTest) and condition.op == stop.op == "in":
        return condition.field == stop.field and _folded(condition) <= _folded(stop)
    return _meaning(condition) == _meaning(stop)


def _folded(test: FieldTest) -> frozenset[object]:
    return frozenset(value.casefold() if isinstance(value, str) else value for value in test.values)


def _meaning(condition: Condition) -> object:
    """A condition without its path and place, so that two of the same meaning are equal."""
    if isinstance(condition, AllOf | AnyOf):
        return type(condition), frozenset(_meaning(item) for item in condition.items)
    if isinstance(condition, Not):
        return Not, _meaning(condition.item)
    if isinstance(condition, FieldTest):
        return condition.field, condition.op, _folded(condition), condition.duration
    return replace(condition, path="", place=_NOWHERE)
