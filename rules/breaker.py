"""The breaker: where so many records match at once that a person should look, nothing of it goes by itself.

A rule is counted with what it fired on in the hour before, so that a bulk edit that arrives in portions is one storm.
What a person let go is not counted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from connector.domain.decision import Moment
from connector.domain.model import RecordRef
from rules.model import Breaker, Threshold

FLOOR = 50
"""Records from which a percentage counts: below, the Monday morning of a small company would be a storm."""

SOME = 50
"""How many matches the example of the cure lets go."""


@dataclass(frozen=True, slots=True)
class Storm:
    """More matches than the breaker lets through: of one rule, or (`rule` is empty) of the whole pass."""

    rule: str
    rules: frozenset[str]
    told: str
    """How many of how many, and over which limit."""

    @property
    def why(self) -> str:
        """Why a match of the storm is held, for its trace."""
        return f"{self.told}; `followup release` lets go what should go"

    @property
    def line(self) -> str:
        """What a pass says of it."""
        which = f"--rule {self.rule} " if self.rule else ""
        whose = self.rule or f"all rules together ({', '.join(sorted(self.rules))})"
        return (
            f"breaker: {whose}: {self.told}: nothing of it is written, all of it is held; look at it, then "
            f"`followup release {which}--first {SOME}` lets some go, `followup release {which}--drop` discards it"
        )


def storms(setting: Breaker, matched: Mapping[str, Collection[RecordRef]], moment: Moment) -> Sequence[Storm]:
    """The storms among the records that each rule matches in a pass.

    What a rule's own storm holds is not counted for the pass, so that one rule's storm does not hold up the others.
    """
    found = []
    for rule, refs in sorted(matched.items()):
        told = _over(setting.per_rule, refs, moment.lately.get(rule, frozenset()), moment, "per_rule")
        if told:
            found.append(Storm(rule, frozenset((rule,)), told))
    held = {storm.rule for storm in found}
    rest = {rule: refs for rule, refs in matched.items() if rule not in held and refs}
    every = {ref for refs in rest.values() for ref in refs}
    lately = {ref for refs in moment.lately.values() for ref in refs}
    told = _over(setting.per_pass, every, lately, moment, "per_pass")
    if told:
        found.append(Storm("", frozenset(rest), told))
    return found


def _over(
    limit: Threshold, matched: Collection[RecordRef], lately: Collection[RecordRef], moment: Moment, word: str
) -> str:
    """How many records of how many are over which limit, empty when they are not; nothing matched is no storm."""
    now = set(matched)
    if not now:
        return ""
    both = now.union(lately)
    fresh = Counter(ref.kind for ref in now)
    since = f" (with {len(both) - len(now):,} of the last hour)" if len(both) > len(now) else ""
    for kind, count in sorted(Counter(ref.kind for ref in both).items()):
        live = moment.population.get(kind, 0)
        share = limit.percent
        if kind in fresh and share is not None and live and count >= FLOOR and 100 * count > share * live:
            return f"{count:,} of {live:,} {kind}s match{since}, over limits.breaker.{word}.percent: {share:g}"
    if limit.records is not None and len(both) > limit.records:
        live = sum(moment.population.get(kind, 0) for kind in fresh)
        kinds = " and ".join(f"{kind}s" for kind in sorted(fresh))
        return f"{len(both):,} of {live:,} {kinds} match{since}, over limits.breaker.{word}.records: {limit.records}"
    return ""
