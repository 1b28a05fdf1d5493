"""What `followup check` finds beyond mistakes of writing: rules that are correct and still not what their author means.

Pure functions over the rules; they stop no rule. `docs/checks.md` lists every finding with an example.
"""

from __future__ import annotations

from collections.abc import Iterator

from connector.domain.errors import Problem
from rules.checks.clash import Known
from rules.checks.contact import contact
from rules.checks.coverage import coverage
from rules.checks.loops import loops
from rules.checks.never import never
from rules.checks.references import Config, Described, references
from rules.checks.scores import top_scores
from rules.checks.together import conflicts
from rules.model import RuleSet
from rules.refusal import NEVER

__all__ = ["Config", "Described", "look"]

_NOTHING = Config()


def look(ruleset: RuleSet, config: Config = _NOTHING) -> tuple[Problem, ...]:
    """Every finding about sound rules, in the order of file and line."""
    found = dict.fromkeys(_look(ruleset, config))
    return tuple(sorted(found, key=lambda each: (each.file, each.line, each.column)))


def _look(ruleset: RuleSet, config: Config) -> Iterator[Problem]:
    statuses = {word.casefold(): value.casefold() for word, value in config.statuses.items()}
    known = Known(ruleset.team, statuses, top_scores(ruleset))
    rules = ruleset.rules
    yield from references(ruleset, config)
    for rule in rules:
        found = list(never(rule, known))
        yield from found
        if not any(each.code == NEVER for each in found):  # of a rule that never acts nothing else is worth a word
            yield from contact(rule, known)
    yield from conflicts(rules, known)
    yield from loops(rules, known)
    yield from coverage(rules, known, config.places)
