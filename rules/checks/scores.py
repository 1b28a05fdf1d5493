"""The highest score that the lines of `scores` can add up to, where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from rules.model import RuleSet, ScoreLine
from rules.points import whole


def top_scores(ruleset: RuleSet) -> Mapping[str, float]:
    """Per kind of record that has lines, the score that no record of the kind can exceed."""
    tops: dict[str, float] = {}
    for line in ruleset.scores:
        tops[line.kind] = tops.get(line.kind, 0) + _most(line)
    return {kind: whole(top) for kind, top in tops.items() if top < inf}


def _most(line: ScoreLine) -> float:
    """The most that a line can add."""
    if line.points <= 0:
        return 0
    counts = line.activity is not None or line.per_value is not None
    most = inf if counts else line.points
    return most if line.at_most is None else min(most, line.at_most)
