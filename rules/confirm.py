"""Two evaluators for every match: what one of them alone believes is not acted on."""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.model import Match
from rules.facts import Facts
from rules.judge import Judgement
from rules.model import Rule

DISAGREEMENT = "the two evaluators do not agree"


class Confirmation:
    def __init__(self, rules: Sequence[Rule], kind: str) -> None:
        self.rules = rules

    def __call__(self, judgements: Sequence[Judgement], facts: Facts) -> tuple[tuple[Match, ...], tuple[str, ...]]:
        return tuple(each.match for each in judgements if each.match is not None), ()
