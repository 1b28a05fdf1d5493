"""What can be said of the owner: nobody, a queue, or one person of the team."""

from __future__ import annotations

from itertools import permutations

from rules.checks.clash import Clash, Known
from rules.checks.logic import Alternative, Goal
from rules.model import OwnerTest


def owners(literals: Alternative, known: Known) -> Clash | None:
    """Two owners at once, or nobody and a queue doing what only people do."""
    wanted = [each.leaf for each in literals if isinstance(each.leaf, OwnerTest) and each.goal is Goal.TRUE]
    for one, other in permutations((leaf for leaf in wanted if leaf.value is not False), 2):
        if _differ(one, other, known):
            return Clash(one, other)
    return None


def _differ(one: OwnerTest, other: OwnerTest, known: Known) -> bool:
    match one.how, other.how:
        case "nobody", how:
            return how != "nobody"
        case "queue", "active" | "person":
            return True
        case "person", "person":
            return one.value != other.value
        case "person", "in_pool":
            return str(one.value) not in _members(other, known)
        case "in_pool", "in_pool":
            return not _members(one, known) & _members(other, known)
    return False


def _members(test: OwnerTest, known: Known) -> frozenset[str]:
    pool = known.team.pools.get(str(test.value))
    return frozenset(pool.members) if pool is not None else frozenset()
