"""What can be said of one field: which values, ranges and texts exclude each other, whatever type the CRM gives it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from rules.basics import Scalar
from rules.checks.clash import Clash, Known
from rules.checks.logic import Alternative, Goal
from rules.compare import as_number
from rules.model import FieldTest

_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_LOW = ("at_least", "over")
_HIGH = ("at_most", "under")
_OPPOSITE = {"at_least": "under", "over": "at_most", "at_most": "over", "under": "at_least"}
_SLACK = 2
"""Days by which the zones of an instant and of a day may shift them against each other."""


@dataclass(frozen=True, slots=True)
class _Test:
    """A test of the field and whether it must hold."""

    leaf: FieldTest
    goal: Goal
    values: tuple[Scalar, ...]

    @property
    def holds(self) -> bool:
        return self.goal in (Goal.TRUE, Goal.NOT_FALSE)


def fields(literals: Alternative, known: Known) -> Clash | None:
    """A field that would have to have two values, or a value and none."""
    of_field: dict[str, list[_Test]] = defaultdict(list)
    for literal in literals:
        leaf = literal.leaf
        if isinstance(leaf, FieldTest):
            of_field[leaf.field].append(_Test(leaf, literal.goal, _values(leaf, known)))
    return next((clash for tests in of_field.values() if (clash := _of_one(tests))), None)


def _values(leaf: FieldTest, known: Known) -> tuple[Scalar, ...]:
    return tuple(known.status(value) for value in leaf.values) if leaf.field == "status" else leaf.values


def _of_one(tests: Sequence[_Test]) -> Clash | None:
    empty = next((test for test in tests if _asks_empty(test)), None)
    there = next((test for test in tests if _asks_known(test)), None)
    if there is None:
        return None  # an unknown value is neither, so it passes everything that must not be true or must not be false
    if empty is not None:
        return Clash(there.leaf, empty.leaf)
    return _of_values(tests) or _of_numbers(tests) or _of_days(tests) or _of_texts(tests)


def _asks_known(test: _Test) -> bool:
    if test.leaf.op == "known":
        return (test.goal is Goal.TRUE) is bool(test.leaf.values[0]) and test.goal in (Goal.TRUE, Goal.FALSE)
    return test.goal in (Goal.TRUE, Goal.FALSE)


def _asks_empty(test: _Test) -> bool:
    """`known: true` must not hold, or `known: false` must."""
    if test.leaf.op != "known":
        return False
    return test.goal in ((Goal.FALSE, Goal.NOT_TRUE) if test.leaf.values[0] else (Goal.TRUE,))


# -- values --------------------------------------------------------------------------------------------------------


def _is_one_of(test: _Test) -> bool:
    return (test.leaf.op == "in" and test.holds) or (test.leaf.op == "not_in" and not test.holds)


def _is_none_of(test: _Test) -> bool:
    return (test.leaf.op == "not_in" and test.holds) or (test.leaf.op == "in" and not test.holds)


def _of_values(tests: Sequence[_Test]) -> Clash | None:
    """The values of the first list that pass everything else; a clash with what took the last one away."""
    lists = [test for test in tests if _is_one_of(test)]
    if not lists:
        return None
    left: Sequence[Scalar] = lists[0].values
    for test in tests:
        if test is lists[0]:
            continue
        left = [value for value in left if _passes(value, test)]
        if not left:
            return Clash(lists[0].leaf, test.leaf)
    return None if left else Clash(lists[0].leaf, lists[0].leaf)


def _passes(value: Scalar, test: _Test) -> bool:
    """Whether a field that equals `value` may pass a test."""
    if _is_one_of(test):
        return any(may_be_same(value, other) for other in test.values)
    if _is_none_of(test):
        return not any(_folded(value) == _folded(other) for other in test.values)
    op = test.leaf.op
    if op in (*_LOW, *_HIGH):
        return _passes_bound(value, test)
    if op in ("contains", "starts_with") and _is_plain_text(value):
        found = _holds_text(str(value).casefold(), test)
        return found is test.holds
    return True


def _passes_bound(value: Scalar, test: _Test) -> bool:
    number, limit = as_number(value), as_number(test.values[0])
    if number is None or limit is None:
        return test.goal not in (Goal.TRUE, Goal.FALSE)  # what is no number is neither over nor under
    op = test.leaf.op if test.holds else _OPPOSITE[test.leaf.op]
    return {"at_least": number >= limit, "over": number > limit, "at_most": number <= limit, "under": number < limit}[
        op
    ]


def may_be_same(one: Scalar, other: Scalar) -> bool:
    """Whether one value of a field, of whatever type, could equal both constants."""
    if _folded(one) == _folded(other):
        return True
    numbers = as_number(one), as_number(other)
    if None not in numbers and numbers[0] == numbers[1]:
        return True
    words = _word(one), _word(other)
    if None not in words and words[0] == words[1]:
        return True
    days = _day(one), _day(other)
    return days[0] is not None and days[1] is not None and abs((days[0] - days[1]).days) <= _SLACK


def _folded(value: Scalar) -> str:
    return str(value).casefold()


def _word(value: Scalar) -> bool | None:
    return value if isinstance(value, bool) else _WORDS.get(_folded(value))


def _day(value: Scalar) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        return None


def _is_plain_text(value: Scalar) -> bool:
    """Whether only a text can equal the constant."""
    return as_number(value) is None and _word(value) is None and _day(value) is None


# -- ranges --------------------------------------------------------------------------------------------------------


def _of_numbers(tests: Sequence[_Test]) -> Clash | None:
    """A lower bound above an upper one. Bounds that must merely not hold count once the field is surely a number."""
    bounds = [test for test in tests if test.leaf.op in _OPPOSITE and as_number(test.values[0]) is not None]
    if not any(test.goal in (Goal.TRUE, Goal.FALSE) for test in bounds):
        return None
    lows: list[tuple[float, bool, _Test]] = []
    highs: list[tuple[float, bool, _Test]] = []
    for test in bounds:
        op = test.leaf.op if test.holds else _OPPOSITE[test.leaf.op]
        limit = as_number(test.values[0]) or 0
        (lows if op in _LOW else highs).append((limit, op in ("over", "under"), test))
    for least, above, low in lows:
        for most, below, high in highs:
            if least > most or (least == most and (above or below)):
                return Clash(low.leaf, high.leaf)
    return None


def _of_days(tests: Sequence[_Test]) -> Clash | None:
    """A day after which no earlier than a day before which it must lie."""
    bounds = [test for test in tests if test.leaf.op in ("before", "after")]
    if not any(test.goal in (Goal.TRUE, Goal.FALSE) for test in bounds):
        return None
    afters: list[tuple[int, _Test]] = []
    befores: list[tuple[int, _Test]] = []
    for test in bounds:
        day = _day(test.values[0])
        if day is None:
            continue
        slack = 0 if test.holds and not isinstance(test.values[0], datetime) else _SLACK
        if (test.leaf.op == "after") is test.holds:
            afters.append((day.toordinal() - slack, test))
        else:
            befores.append((day.toordinal() + slack, test))
    for first, low in afters:
        for last, high in befores:
            if last <= first + 1:
                return Clash(low.leaf, high.leaf)
    return None


# -- texts ---------------------------------------------------------------------------------------------------------


def _holds_text(text: str, test: _Test) -> bool:
    parts = [_folded(part) for part in test.values]
    if test.leaf.op == "contains":
        return any(part in text for part in parts)
    return any(text.startswith(part) for part in parts)


def _of_texts(tests: Sequence[_Test]) -> Clash | None:
    """A beginning or a part that must be there and must not, or two beginnings of one text."""
    texts = [test for test in tests if test.leaf.op in ("contains", "starts_with")]
    for one in (test for test in texts if test.holds and test.goal is Goal.TRUE):
        for other in texts:
            if other is not one and _texts_clash(one, other):
                return Clash(one.leaf, other.leaf)
    return None


def _texts_clash(one: _Test, other: _Test) -> bool:
    mine, theirs = [_folded(part) for part in one.values], [_folded(part) for part in other.values]
    starts = one.leaf.op == "starts_with"
    if other.holds:
        both = starts and other.leaf.op == "starts_with" and other.goal is Goal.TRUE
        return both and not any(a.startswith(b) or b.startswith(a) for a in mine for b in theirs)
    if other.leaf.op == "contains":
        return all(any(part in text for part in theirs) for text in mine)
    return starts and all(any(text.startswith(part) for part in theirs) for text in mine)
