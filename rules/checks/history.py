"""What can be said of a record's history: spans of time, counts of attempts, replies, and the next step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from rules.basics import Duration
from rules.checks.clash import Clash, Known
from rules.checks.lengths import not_shorter
from rules.checks.logic import Alternative, Literal
from rules.model import AttemptsTest, Leaf, NextStepTest, QuietTest, RepliedTest, SinceTest, TouchedTest


def history(literals: Alternative, known: Known) -> Clash | None:
    """Spans, counts or states that exclude each other."""
    return _spans(literals) or _attempts(literals, known) or _replies(literals) or _next_step(literals)


# -- spans of time -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bound:
    """So long after the beginning of a span, and the condition that says so."""

    duration: Duration
    leaf: Leaf


def _spans(literals: Alternative) -> Clash | None:
    """A span that must have lasted longer than it may last."""
    least: dict[object, list[_Bound]] = defaultdict(list)
    most: dict[object, list[_Bound]] = defaultdict(list)
    # A hidden status is in no status for any time; what must not be true counts once the status is surely seen.
    seen = any(_in_status(literal) and literal.decided for literal in literals)
    for literal in literals:
        for span, bound, is_least in _bounds(literal) if seen or not _in_status(literal) else ():
            (least if is_least else most)[span].append(bound)
    for span, lows in least.items():
        for low in lows:
            for high in most[span]:
                if not_shorter(low.duration, high.duration):
                    return Clash(low.leaf, high.leaf)
    return None


def _bounds(literal: Literal) -> Iterator[tuple[object, _Bound, bool]]:
    """The bounds that a condition sets on a span; what must not hold sets one when it has but one side."""
    leaf = literal.leaf
    if isinstance(leaf, QuietTest):
        quiet = leaf.quiet
        yield ("quiet", frozenset(quiet.counting), quiet.by), _Bound(quiet.duration, leaf), literal.holds
    elif isinstance(leaf, SinceTest):
        if leaf.over is not None and (literal.holds or leaf.up_to is None):
            yield leaf.what, _Bound(leaf.over, leaf), literal.holds
        if leaf.up_to is not None and (literal.holds or leaf.over is None):
            yield leaf.what, _Bound(leaf.up_to, leaf), not literal.holds


def _in_status(literal: Literal) -> bool:
    return isinstance(literal.leaf, SinceTest) and literal.leaf.what == "in_status"


# -- attempts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Count:
    """So many attempts of some types, by somebody, since an anchor."""

    types: frozenset[str]
    by: str
    since: str
    least: int
    most: int | None
    leaf: Leaf

    def within(self, other: _Count) -> bool:
        """Whether each attempt counted here is counted there as well."""
        return (
            self.since == other.since
            and self.types <= other.types
            and (self.by == other.by or (self.by == "owner" and other.by == "anyone"))
        )


def _attempts(literals: Alternative, known: Known) -> Clash | None:
    """More attempts of some types than there may be of those types and others."""
    counts = [count for literal in literals if (count := _count(literal, known)) is not None]
    for few in counts:
        for many in counts:
            if few.most is not None and many.least > few.most and many.within(few):
                return Clash(many.leaf, few.leaf)
    return None


def _count(literal: Literal, known: Known) -> _Count | None:
    leaf = literal.leaf
    if isinstance(leaf, TouchedTest) and leaf.by != "lead":
        least, most = (1, None) if literal.holds else (0, 0)
        return _Count(frozenset(known.team.attempt), leaf.by, "assigned", least, most, leaf)
    if not isinstance(leaf, AttemptsTest):
        return None
    types = frozenset(leaf.types or known.team.attempt)
    low, high = leaf.at_least or 0, leaf.at_most
    if literal.holds:
        return _Count(types, leaf.by, leaf.since, low, high, leaf)
    if high is None:
        return _Count(types, leaf.by, leaf.since, 0, low - 1, leaf)
    return _Count(types, leaf.by, leaf.since, high + 1, None, leaf) if low == 0 else None


# -- replies and the next step -------------------------------------------------------------------------------------


def _replies(literals: Alternative) -> Clash | None:
    """A reply that must have come and must not."""
    seen: dict[tuple[str, bool], Leaf] = {}
    for literal in literals:
        leaf = literal.leaf
        if isinstance(leaf, RepliedTest):
            since, replied = leaf.since, leaf.expected is literal.holds
        elif isinstance(leaf, TouchedTest) and leaf.by == "lead":
            since, replied = "assigned", literal.holds
        else:
            continue
        if (since, not replied) in seen:
            return Clash(seen[since, not replied], leaf)
        seen.setdefault((since, replied), leaf)
    return None


def _next_step(literals: Alternative) -> Clash | None:
    """A next step that must be there and must not."""
    some: Leaf | None = None
    none: Leaf | None = None
    for literal in literals:
        leaf = literal.leaf
        if not isinstance(leaf, NextStepTest):
            continue
        if leaf.how == "none":
            some, none = (some, leaf) if literal.holds else (leaf, none)
        elif literal.holds:
            some = leaf
    return Clash(none, some) if none is not None and some is not None else None
