"""Whether single conditions can all be met at once; if surely not, which two of them exclude each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rules.checks.logic import Alternative, Goal, Literal, meaning
from rules.model import Leaf
from rules.team import Team


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the single rule: the team, and the CRM's value (in small letters) of each status word."""

    team: Team = field(default_factory=Team)
    statuses: Mapping[str, str] = field(default_factory=dict)
    top_scores: Mapping[str, float] = field(default_factory=dict)
    """Per kind, the score that none can exceed; a kind without a bound is left out."""

    def status(self, word: object) -> str:
        """A status word, or a CRM's own value, as the CRM's value in small letters."""
        folded = str(word).casefold()
        return self.statuses.get(folded, folded)


@dataclass(frozen=True, slots=True)
class Clash:
    """Two conditions that nothing meets together; the same one twice when nothing meets it alone."""

    first: Leaf
    second: Leaf

    def __str__(self) -> str:
        names = list(dict.fromkeys(told(leaf) for leaf in (self.first, self.second)))
        return f"nothing passes both {names[0]} and {names[1]}" if len(names) > 1 else f"nothing passes {names[0]}"


def told(leaf: Leaf) -> str:
    """Where a condition stands, as a sentence names it."""
    return leaf.path if " " in leaf.path else f"`{leaf.path}`"


Check = Callable[[Alternative, Known], "Clash | None"]


def same_leaf(literals: Alternative, known: Known) -> Clash | None:
    """A condition that must be true and must not be."""
    seen: dict[object, Literal] = {}
    for literal in literals:
        other = seen.setdefault(meaning(literal.leaf), literal)
        if _exclude(literal.goal, other.goal):
            return Clash(other.leaf, literal.leaf)
    return None


def _exclude(one: Goal, other: Goal) -> bool:
    both = {one, other}
    return both in ({Goal.TRUE, Goal.FALSE}, {Goal.TRUE, Goal.NOT_TRUE}, {Goal.FALSE, Goal.NOT_FALSE})
