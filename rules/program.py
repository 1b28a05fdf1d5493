"""A compiled rule set: what an engine tests of one record's facts, and what has to be worked out for it beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, prod
from typing import Literal

from rules.model import Leaf, Rule

Op = Literal["==", "!=", "<", "<=", ">", ">=", "present", "absent"]
Flat = str | int | float | bool
How = Literal["text", "number", "count", "leaf", "rule"]

MAX_TEXT = 4096
"""Longest text, in bytes, that an engine compares; a longer constant is compared beforehand."""
MAX_NUMBER = 2**53
"""From here on a float no longer tells neighbouring whole numbers apart."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One fact compared with a constant. Every comparison with an absent fact fails; `absent` holds."""

    fact: str
    op: Op
    value: Flat = 1


@dataclass(frozen=True, slots=True)
class Group:
    """All of the items, or any of them."""

    op: Literal["and", "or"]
    items: tuple[Body, ...]


Body = Comparison | Group


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule as an engine sees it: it matches when the fact `ripe` is there and the body, if any, holds."""

    id: str
    ripe: str
    body: Body | None
    slots: tuple[Slot, ...]
    rule: Rule


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing to work out for a record: a field's text or number, a count of attempts, a leaf, a whole rule."""

    fact: str
    how: How
    leaf: Leaf | None
    calendar: str


@dataclass(slots=True)
class Program:
    """A compiled rule set: make an engine of it, and the flat facts of a record for that engine."""

    rules: tuple[Compiled, ...] = ()
    _slots: dict[object, Slot] = field(default_factory=dict)

    def slot(self, how: How, leaf: Leaf, key: object, calendar: str = "") -> Slot:
        """The slot of that meaning; the same for every rule that asks the same."""
        found = self._slots.get((how, key))
        if found is None:
            found = Slot(f"{how[0]}{len(self._slots)}", how, leaf, calendar)
            self._slots[(how, key)] = found
        return found


def comparisons(body: Body) -> int:
    """How many comparisons a body makes."""
    return 1 if isinstance(body, Comparison) else sum(comparisons(item) for item in body.items)


def ways(body: Body) -> int:
    """In how many ways a body can hold, once its alternatives are multiplied out."""
    if isinstance(body, Comparison):
        return 1
    return (sum if body.op == "or" else prod)(ways(item) for item in body.items)


def sound(value: Flat) -> bool:
    """Whether an engine can be trusted with a value: short text, numbers that need no exponent."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass")) <= MAX_TEXT
    return isfinite(value) and abs(value) < MAX_NUMBER and "e" not in repr(value)
