"""What must hold for a rule to act: its conditions taken apart into alternatives, each a list of single conditions.

The parts are those of `condition.py`: true, false or unknown. Taking apart never loses a case in which the rule would
act, so that a rule none of whose alternatives is possible can surely never act; it may keep cases that do not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product
from math import prod

from rules.basics import Place
from rules.leaves import CONTACT_GUARDS
from rules.model import AllOf, AnyOf, Condition, FieldTest, Leaf, Not, SinceTest

MAX_ALTERNATIVES = 400
"""A rule with more is not looked into: nothing is said of it."""

_NOWHERE = Place("", 0, 0)


class Goal(Enum):
    """What is asked of a condition's value. `PASSES` is asked of an `unless`, `STOPS` is its contrary."""

    TRUE = "true"
    FALSE = "false"
    NOT_TRUE = "false or unknown"
    NOT_FALSE = "true or unknown"
    PASSES = "does not stop"
    STOPS = "stops"


_OF_NOT = {
    Goal.TRUE: Goal.FALSE,
    Goal.FALSE: Goal.TRUE,
    Goal.NOT_TRUE: Goal.NOT_FALSE,
    Goal.NOT_FALSE: Goal.NOT_TRUE,
    Goal.PASSES: Goal.NOT_FALSE,
    Goal.STOPS: Goal.NOT_TRUE,
}
_ALL_TOGETHER = {AllOf: (Goal.TRUE, Goal.NOT_FALSE, Goal.STOPS), AnyOf: (Goal.FALSE, Goal.NOT_TRUE, Goal.PASSES)}


@dataclass(frozen=True, slots=True)
class Literal:
    """A single condition and the value it must have: TRUE, FALSE, NOT_TRUE or NOT_FALSE."""

    leaf: Leaf
    goal: Goal

    @property
    def holds(self) -> bool:
        """Whether the leaf must not be false (else: must not be true)."""
        return self.goal in (Goal.TRUE, Goal.NOT_FALSE)

    @property
    def decided(self) -> bool:
        """Whether the leaf must not be unknown."""
        return self.goal in (Goal.TRUE, Goal.FALSE)


Alternative = tuple[Literal, ...]


def alternatives(parts: Iterable[tuple[Condition, Goal]]) -> Sequence[Alternative] | None:
    """Every way in which all parts reach their goals; None when there are too many to look at."""
    return _product([_taken_apart(condition, goal) for condition, goal in parts])


def _taken_apart(condition: Condition, goal: Goal) -> Sequence[Alternative] | None:
    if isinstance(condition, Not):
        return _taken_apart(condition.item, _OF_NOT[goal])
    if not isinstance(condition, AllOf | AnyOf):
        return [(Literal(condition, _of_leaf(condition, goal)),)]
    together = goal in _ALL_TOGETHER[type(condition)]
    if goal is Goal.STOPS and isinstance(condition, AllOf):
        goal = Goal.NOT_FALSE  # it stops on true, and on an unknown guard while no other part is false
    items = [_taken_apart(item, goal) for item in condition.items]
    return _product(items) if together else _joined(items)


def _product(items: Sequence[Sequence[Alternative] | None]) -> Sequence[Alternative] | None:
    known = [item for item in items if item is not None]
    if len(known) < len(items) or prod(len(item) for item in known) > MAX_ALTERNATIVES:
        # An impossible part settles the whole whatever the others are.
        return [] if any(len(item) == 0 for item in known) else None
    return [tuple(literal for part in parts for literal in part) for parts in product(*known)]


def _joined(items: Sequence[Sequence[Alternative] | None]) -> Sequence[Alternative] | None:
    known = [item for item in items if item is not None]
    found = [alternative for item in known for alternative in item]
    return None if len(known) < len(items) or len(found) > MAX_ALTERNATIVES else found


def _of_leaf(leaf: Leaf, goal: Goal) -> Goal:
    guards = isinstance(leaf, FieldTest) and leaf.field in CONTACT_GUARDS
    if goal is Goal.PASSES:
        return Goal.FALSE if guards else Goal.NOT_TRUE
    if goal is Goal.STOPS:
        may_guard = guards or (isinstance(leaf, FieldTest) and leaf.field == "email") or isinstance(leaf, SinceTest)
        return Goal.NOT_FALSE if may_guard else Goal.TRUE
    return goal


def conjuncts(condition: Condition | None) -> Iterator[Condition]:
    """The conditions that must all hold for this one to hold."""
    if isinstance(condition, AllOf):
        for item in condition.items:
            yield from conjuncts(item)
    elif condition is not None:
        yield condition


def meaning(leaf: Leaf) -> object:
    """A leaf without its path and place, so that two of the same meaning are equal."""
    bare = replace(leaf, path="", place=_NOWHERE)
    if not isinstance(bare, FieldTest):
        return bare
    folded = frozenset(str(value).casefold() for value in bare.values)  # as sets go, 0 and False are the same
    return bare.field, bare.op, folded, bare.duration
