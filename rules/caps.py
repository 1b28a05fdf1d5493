"""How much one rule may do in one pass: per run, as a share of the records, and per owner and day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from connector.domain.decision import Moment
from rules.model import Limit, Rule


@dataclass(frozen=True, slots=True)
class Bound:
    """The records a rule may act on in one pass, and the words for it."""

    count: int
    words: str


def limit_of(rule: Rule, default: Limit) -> Limit:
    """The rule's own limit; where it says nothing about a whole pass, the workspace's count holds as well."""
    if rule.limit is None:
        return default
    if rule.limit.per_run is None and rule.limit.percent is None:
        return replace(rule.limit, per_run=default.per_run, percent=default.percent)
    return rule.limit


def bound_of(limit: Limit, population: int) -> Bound | None:
    """The smaller of the count and the share; a share is rounded down but never below one record."""
    bounds = []
    if limit.per_run is not None:
        bounds.append(Bound(limit.per_run, f"limit of {limit.per_run} per run"))
    if limit.percent is not None:
        count = max(1, int(population * limit.percent / 100))
        bounds.append(Bound(count, f"limit of {limit.percent:g} percent, {count} of {population} records"))
    return min(bounds, key=lambda bound: bound.count, default=None)


class Caps:
    """Counts what the rules do in one pass against their limits.

    `owner` is the CRM id of the record's owner; a record of nobody (an empty id) counts for no owner's day.
    """

    def __init__(self, default: Limit, moment: Moment) -> None:
        self._default = default
        self._population: Mapping[str, int] = moment.population
        self._per_rule: Counter[str] = Counter()
        self._per_owner: Counter[tuple[str, str]] = Counter(moment.fired_today)

    def stops(self, rule: Rule, owner: str, matched: int, matched_of_owner: int) -> str:
        """Why none of the rule's matches may go (a rule that stops when there are too many), empty when they may."""
        limit = limit_of(rule, self._default)
        if limit.on_exceed != "stop":
            return ""
        bound = bound_of(limit, self._population.get(rule.kind, 0))
        if bound is not None and matched > bound.count:
            return f"{rule.id} stops: {matched} records match, {bound.words}; look at them, then raise the limit"
        of_day = self._per_owner[rule.id, owner] + matched_of_owner
        if owner and limit.per_owner_day is not None and of_day > limit.per_owner_day:
            return f"{rule.id} stops for this owner: {of_day} records today, limit of {limit.per_owner_day} per day"
        return ""

    def holds(self, rule: Rule, owner: str) -> str:
        """Why one more match of the rule has to be held, empty when it may go."""
        limit = limit_of(rule, self._default)
        bound = bound_of(limit, self._population.get(rule.kind, 0))
        if bound is not None and self._per_rule[rule.id] >= bound.count:
            return f"{bound.words} of {rule.id} is reached; `followup release` lets the rest go"
        of_day = self._per_owner[rule.id, owner]
        if owner and limit.per_owner_day is not None and of_day >= limit.per_owner_day:
            words = f"limit of {limit.per_owner_day} per owner and day"
            return f"{words} of {rule.id} is reached; `followup release` lets the rest go"
        return ""

    def take(self, rule: Rule, owner: str) -> None:
        """One match of the rule goes, on a record of this owner."""
        self._per_rule[rule.id] += 1
        self._per_owner[rule.id, owner] += 1
