"""Rules that send something by themselves, and whether they look at what the prospect has refused."""

from __future__ import annotations

from collections.abc import Iterator

from connector.domain.errors import Problem
from rules.actions import EnrollAction
from rules.checks.bench import clash, conditions
from rules.checks.clash import Known
from rules.checks.findings import finding
from rules.checks.logic import Goal, Literal
from rules.model import FieldTest, Rule


def contact(rule: Rule, known: Known) -> Iterator[Problem]:
    """Mailings that would go to somebody who has opted out, were it not for the guard that no rule can switch off."""
    enrolls = next((action for action in rule.then if isinstance(action, EnrollAction)), None)
    if enrolls is None:
        return
    ways = conditions(rule)
    refused = Literal(FieldTest("opted_out", "in", (True,), "opted_out", rule.place), Goal.TRUE)
    if ways is not None and any(clash((*way, refused), known) is None for way in ways):
        text = f"this rule enrolls in `{enrolls.name}` and does not ask whether the prospect has opted out"
        yield finding("F501", enrolls.place, text, rule.written_id)
