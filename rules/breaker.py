"""The breaker: where so many records match at once that a person should look, nothing of it goes by itself.

A rule is counted with what it fired on, or held, in the hour before, so that a bulk edit that arrives in portions is one storm.
What a person let go is not counted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from connector.domain.decision import Moment
from connector.domain.model import RecordRef
from rules.model import Breaker, Threshold

USUAL = 100
"""How many records a rule's limit lets go in one pass where nobody says otherwise."""

FLOOR = USUAL
"""Records above which a percentage counts: else the Monday morning of a small company, or the list from its trade fair,
would be a storm."""

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
        return f"{self.told}: held as a whole, `followup release` lets it go"

    @property
    def line(self) -> str:
        """What a pass says of it."""
        which = f"--rule {self.rule} " if self.rule else ""
        whose = self.rule or f"all rules together ({', '.join(sorted(self.rules))})"
        return (
            f"breaker: {whose}: {self.told}: all of it is held, nothing of it is written; `followup show` of that pass "
            f"lists it, `followup release {which}--first {SOME}` lets some go, `followup release {which}--drop` discards it"
        )


def storms(
    setting: Breaker,
    matched: Mapping[str, Collection[RecordRef]],
    moment: Moment,
    per_run: Mapping[str, int] | None = None,
) -> Sequence[Storm]:
    """The storms among the records that each rule matches in a pass; `per_run` are the rules' limits of a pass.

    What is a storm of one rule is not counted for the pass, so that it does not hold up the others. A limit that somebody
    raised above the usual says how many records the rule may act on at once: what it lets go whole is no storm.
    """
    found: list[Storm] = []
    now: dict[str, Collection[RecordRef]] = {}
    every: set[RecordRef] = set()
    for rule in sorted({*matched, *moment.lately}):
        refs = matched.get(rule, ())
        both = {*refs, *moment.lately.get(rule, ())}
        raised = (per_run or {}).get(rule, 0)
        if raised > USUAL and len(both) <= raised:
            continue
        told = _over(setting.per_rule, refs, both, moment, "per_rule")
        if told and refs:
            found.append(Storm(rule, frozenset((rule,)), told))
        if not told:
            every |= both
            now |= {rule: refs} if refs else {}
    told = _over(setting.per_pass, {ref for refs in now.values() for ref in refs}, every, moment, "per_pass")
    if told and now:
        found.append(Storm("", frozenset(now), told))
    return found


def _over(limit: Threshold, now: Collection[RecordRef], both: Collection[RecordRef], moment: Moment, word: str) -> str:
    """How many records of how many are over which limit, empty when they are not; `both` has those of the hour before."""
    since = f", {len(both) - len(now):,} of them within the hour before" if len(both) > len(now) else ""
    kinds = Counter(ref.kind for ref in both)
    for kind, count in sorted(kinds.items()):
        live, share = moment.population.get(kind, 0), limit.percent
        if share is not None and live and count > FLOOR and 100 * count > share * live:
            return f"{count:,} of {live:,} {kind}s match{since}, more than limits.breaker.{word}.percent ({share:g}) allows"
    if limit.records is not None and len(both) > limit.records:
        live = sum(moment.population.get(kind, 0) for kind in kinds)
        what = " and ".join(f"{kind}s" for kind in sorted(kinds))
        most = f"limits.breaker.{word}.records ({limit.records})"
        return f"{len(both):,} of {live:,} {what} match{since}, more than {most} allows"
    return ""
