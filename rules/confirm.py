"""Two evaluators for every match: what one of them alone believes is not acted on.

`judge.py` decides a rule with reasons; the engine (durable_rules, or the plain one where that cannot be had) matches the
same conditions, compiled to flat tests, on its own. They must agree on every rule whose conditions were reached, on those
that hold and on those that do not.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.decision import Match
from rules.calendar import Clocks
from rules.compiler import compile_rules
from rules.engine import EngineKind, make_engine
from rules.facts import Facts
from rules.flat import flat_facts
from rules.judge import Judgement
from rules.model import Rule

DISAGREEMENT = "the two evaluators do not agree, so nothing is done"


class Confirmation:
    """Asks the engine about what the judgements say; raises ConfigError when the engine cannot be had."""

    def __init__(self, rules: Sequence[Rule], kind: EngineKind, clocks: Clocks) -> None:
        self._program = compile_rules(rules)
        self._engine = make_engine(self._program, kind)
        self._clocks = clocks

    def confirmed(self, judgements: Sequence[Judgement], facts: Facts) -> tuple[tuple[Match, ...], tuple[str, ...]]:
        """The matches on which both agree, and one line for every rule on which they do not."""
        reached = {each.verdict.rule: each.match is not None for each in judgements if _conditions_decided(each)}
        if not reached:
            return (), ()
        flat = flat_facts(self._program, facts, frozenset(reached), self._clocks)
        found = self._engine.evaluate(flat)
        odd = [rule for rule, matches in reached.items() if (rule in found) is not matches]
        matches = tuple(each.match for each in judgements if each.match is not None and each.match.rule not in odd)
        return matches, tuple(f"{rule} on {facts.record.ref}: {DISAGREEMENT}" for rule in odd)


def _conditions_decided(judgement: Judgement) -> bool:
    """Whether it was the rule's conditions that let it act or stopped it, and not a guard beside them."""
    if judgement.verdict.outcome != "blocked":
        return judgement.match is not None
    return not any(reason.path.startswith("guard.") for reason in judgement.verdict.reasons)
