"""Turns conditions into flat tests of one record's facts with constants, the part of rule matching that an engine does.

Everything else is worked out beforehand: that a rule's occasion is ripe, text in any capitals, counts, silences, dates.
Three values need two facts: a leaf that is precomputed is there as `y` when it holds, as `x` when it surely does not,
and as neither when nobody knows. `unless` needs one more, `g`: unknown because of a field that guards contact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from rules.basics import Place, Scalar
from rules.calendar import OFFICE, WorkCalendar
from rules.compare import as_number, as_period, same
from rules.flat import text_of
from rules.leaves import CONTACT_GUARDS
from rules.model import (
    AllOf,
    AnyOf,
    AttemptsTest,
    Condition,
    FieldTest,
    Leaf,
    Not,
    Rule,
    SinceTest,
    barring_of,
    wanted_of,
)
from rules.program import (
    MAX_NUMBER,
    Body,
    Comparison,
    Compiled,
    Group,
    How,
    Op,
    Program,
    Slot,
    comparisons,
    sound,
    ways,
)

Want = Literal["true", "false", "not true", "not false"]

MAX_VALUES = 8
"""A longer list of values is looked up beforehand, so that one rule does not fill a ruleset of the engine."""
MAX_COMPARISONS = 30
"""Comparisons in one rule; a rule with more has its conditions evaluated beforehand, as a whole."""
MAX_WAYS = 16
"""Ways in which one rule's body can hold: the engine reports each, and multiplies nested alternatives out."""

_FLIPPED: Mapping[Want, Want] = {
    "true": "false",
    "false": "true",
    "not true": "not false",
    "not false": "not true",
}
_NOWHERE = Place("", 0, 0)
_OFFICE = WorkCalendar(OFFICE)


def compile_rules(rules: Sequence[Rule]) -> Program:
    """Compile bound rules, in their order."""
    program = Program()
    program.rules = tuple(_Compiler(program, rule, index).compiled() for index, rule in enumerate(rules))
    return program


# -- compiling -----------------------------------------------------------------------------------------------------


class _Compiler:
    """Compiles one rule and gathers the slots it reads."""

    def __init__(self, program: Program, rule: Rule, index: int) -> None:
        self.program = program
        self.rule = rule
        self.index = index
        self.slots: dict[str, Slot] = {}

    def compiled(self) -> Compiled:
        parts: list[Body] = []
        parts += [self.body(wanted, "true") for wanted in wanted_of(self.rule)]
        parts += [self.passes(barring) for barring in barring_of(self.rule)]
        body = _group("and", parts) if parts else None
        if body is not None and (comparisons(body) > MAX_COMPARISONS or ways(body) > MAX_WAYS or _has_empty(body)):
            whole = Slot(f"h{self.index}", "rule", None, self.rule.calendar)
            self.slots = {whole.fact: whole}
            body = Comparison(whole.fact, "==")
        return Compiled(self.rule.id, f"w{self.index}", body, tuple(self.slots.values()), self.rule)

    def body(self, condition: Condition, want: Want) -> Body:
        """Holds exactly when the condition is what is wanted; negation ends up at the leaves."""
        if isinstance(condition, Not):
            return self.body(condition.item, _FLIPPED[want])
        if isinstance(condition, AllOf | AnyOf):
            together = want in (("true", "not false") if isinstance(condition, AllOf) else ("false", "not true"))
            return _group("and" if together else "or", [self.body(item, want) for item in condition.items])
        return self.leaf(condition, want)

    def passes(self, condition: Condition) -> Body:
        """Holds exactly when an `unless` does not stop: it is not true, and not unknown behind a contact guard."""
        if isinstance(condition, AnyOf):
            return _group("and", [self.passes(item) for item in condition.items])
        if isinstance(condition, FieldTest) and _always_guarded(condition):
            return self.leaf(condition, "false")
        free = self.unguarded(condition)
        passes = self.body(condition, "not true")
        return passes if free is None else _group("and", [passes, free])

    def unguarded(self, condition: Condition) -> Body | None:
        """Holds exactly when the condition is not unknown behind a contact guard; None when it never can be."""
        if isinstance(condition, Not):
            return self.unguarded(condition.item)
        if isinstance(condition, AllOf | AnyOf):
            free = [body for item in condition.items if (body := self.unguarded(item)) is not None]
            if not free:
                return None
            # One deciding item settles the group, whatever is unknown beside it.
            decided: Want = "false" if isinstance(condition, AllOf) else "true"
            return _group("or", [_group("and", free), *(self.body(item, decided) for item in condition.items)])
        if not _guardable(condition):
            return None
        if isinstance(condition, FieldTest) and _always_guarded(condition):
            return Comparison(self.use("text", condition).fact, "present")
        return Comparison("g" + self.use("leaf", condition).fact[1:], "absent")

    def leaf(self, leaf: Leaf, want: Want) -> Body:
        fact, holds, fails = self.comparison(leaf)
        if want == "true":
            return holds
        if want == "false":
            return fails
        if fact is None:
            known = self.use("leaf", leaf).fact[1:]
            return Comparison(("y" if want == "not true" else "x") + known, "absent")
        other = fails if want == "not true" else holds
        return other if fact.startswith("c") else _group("or", [Comparison(fact, "absent"), other])

    def comparison(self, leaf: Leaf) -> tuple[str | None, Body, Body]:
        """The fact a leaf compares (None: it is precomputed), the body that says it holds, the one that says it does not.

        While the fact is absent neither body holds; a count never is.
        """
        if isinstance(leaf, FieldTest) and (texts := _texts(leaf)):
            fact = self.use("text", leaf).fact
            one = _group("or", [Comparison(fact, "==", text) for text in texts])
            none = _group("and", [Comparison(fact, "!=", text) for text in texts])
            return (fact, one, none) if leaf.op == "in" else (fact, none, one)
        if isinstance(leaf, FieldTest) and leaf.op in _ORDERS and (limit := _limit(leaf)) is not None:
            fact = self.use("number", leaf).fact
            holds, fails = _ORDERS[leaf.op]
            return fact, Comparison(fact, holds, limit), Comparison(fact, fails, limit)
        if isinstance(leaf, AttemptsTest) and max(leaf.at_least or 0, leaf.at_most or 0) < MAX_NUMBER:
            fact = self.use("count", leaf).fact
            within, beyond = [Comparison(fact, ">=", leaf.at_least or 0)], [Comparison(fact, "<", leaf.at_least or 0)]
            if leaf.at_most is not None:
                within.append(Comparison(fact, "<=", leaf.at_most))
                beyond.append(Comparison(fact, ">", leaf.at_most))
            return fact, _group("and", within), _group("or", beyond)
        known = self.use("leaf", leaf).fact[1:]
        return None, Comparison("y" + known, "=="), Comparison("x" + known, "==")

    def use(self, how: How, leaf: Leaf) -> Slot:
        """The slot of this meaning, noted as one that the rule reads."""
        key: object
        if how == "leaf":
            # 1, 1.0 and True are equal and yet different constants.
            kinds = tuple(type(value) for value in leaf.values) if isinstance(leaf, FieldTest) else ()
            key = (replace(leaf, path="", place=_NOWHERE), kinds, self.rule.calendar)
        elif isinstance(leaf, AttemptsTest):
            key = (leaf.types, leaf.by, leaf.since)
        else:
            key = leaf.field if isinstance(leaf, FieldTest) else leaf
        slot = self.program.slot(how, leaf, key, self.rule.calendar)
        self.slots[slot.fact] = slot
        return slot


_ORDERS: Mapping[str, tuple[Op, Op]] = {
    "at_least": (">=", "<"),
    "at_most": ("<=", ">"),
    "over": (">", "<="),
    "under": ("<", ">="),
}
"""How an order is said, and its opposite."""


def _group(op: Literal["and", "or"], items: Sequence[Body]) -> Body:
    """A group without groups of its own kind in it; one item stands for itself."""
    flat: list[Body] = []
    for item in items:
        flat += item.items if isinstance(item, Group) and item.op == op and item.items else (item,)
    return flat[0] if len(flat) == 1 else Group(op, tuple(flat))


def _has_empty(body: Body) -> bool:
    return isinstance(body, Group) and (not body.items or any(_has_empty(item) for item in body.items))


def _guardable(leaf: Leaf) -> bool:
    """Whether not knowing this leaf may stop an `unless`."""
    if isinstance(leaf, FieldTest):
        return leaf.field in CONTACT_GUARDS or leaf.field == "email"
    return isinstance(leaf, SinceTest) and leaf.what == "in_status"


def _always_guarded(leaf: FieldTest) -> bool:
    """Whether not knowing this leaf means not knowing a contact guard."""
    return leaf.field in CONTACT_GUARDS and bool(_texts(leaf))


def _limit(leaf: FieldTest) -> float | None:
    """The constant of a comparison of numbers; None when an engine should not see it."""
    number = as_number(leaf.values[0])
    if number is None or not sound(number):
        return None
    return float(number)


# -- values --------------------------------------------------------------------------------------------------------


def _texts(leaf: FieldTest) -> tuple[str, ...]:
    """The texts that the values of `in` and `not_in` stand for; empty when an engine should not see them."""
    if leaf.op not in ("in", "not_in") or any(as_period(value, _OFFICE) is not None for value in leaf.values):
        return ()
    texts = tuple(dict.fromkeys(text for value in leaf.values for text in _constant_texts(value)))
    return texts if len(texts) <= MAX_VALUES and all(sound(text) for text in texts) else ()


def _constant_texts(constant: Scalar) -> Iterator[str]:
    """Every text by which a field may say the same as this constant; `rules.compare.same` says what is the same."""
    yield f"t:{str(constant).casefold()}"
    for value in (True, False):
        if same(value, constant, _OFFICE):
            yield text_of(value)
    number = as_number(constant)
    if number is not None:
        yield text_of(number)
