"""Open leads that no rule will ever give a next step: status by status, by what the rules ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from connector.domain.errors import Problem
from rules.actions import OfferAction, TaskAction
from rules.basics import Place
from rules.checks.bench import clash, ways
from rules.checks.clash import Known
from rules.checks.findings import finding
from rules.checks.logic import Goal, Literal, conjuncts
from rules.checks.references import status_words
from rules.model import (
    Condition,
    Created,
    Every,
    FieldChange,
    FieldTest,
    NoNextStep,
    QuietFor,
    Rule,
    TaskCompleted,
    barring_of,
    leaves,
    wanted_of,
)

KIND = "lead"
"""`statuses` of followup.yaml speaks of leads."""

_FINAL = re.compile(
    r"convert|qualified|closed|lost|won\b|dead|junk|spam|duplicate|customer|invalid|archiv"
    r"|do.?not|dnc|never|not.?interest|no.?interest|opted|unsubscri|reject|declin|bad|wrong",
    re.IGNORECASE,
)
"""What a status is called, in our word or the CRM's, when nobody is to follow up: such a status is not asked about."""


def coverage(rules: Sequence[Rule], known: Known, places: Mapping[str, Place]) -> Iterator[Problem]:
    """The statuses that followup.yaml names, that no rule stops on, and that nothing gives a next step.

    `places` has each status word with its place. A workspace is asked when it looks after leads from the beginning, or gives
    next steps where there are none; one whose rules do something else altogether leaves that to others.
    """
    giving = [rule for rule in rules if rule.kind == KIND and _gives(rule)]
    if not any(isinstance(rule.when, Created | NoNextStep) for rule in giving):
        return
    final = {known.status(word) for rule in rules for word in _stopped(rule)}
    # What followup.yaml calls a status may be a stage of deals.
    final |= {known.status(word) for rule in rules if rule.kind != KIND for word, _ in status_words(rule)}
    net = [rule for rule in giving if isinstance(rule.when, NoNextStep)]
    for word, place in places.items():
        value = known.status(word)
        if value in final or _FINAL.search(word) or _FINAL.search(value):
            continue
        here = [rule for rule in giving if _may_act_in(value, rule, known)]
        if not here:
            yield finding("F601", place, f"no rule will ever give a lead in status `{word}` a next step")
        elif net and not any(_again(rule) for rule in here):
            yield _hole(word, place, net)


def _hole(word: str, place: Place, net: Sequence[Rule]) -> Problem:
    named = " or ".join(f"`{rule.id}`" for rule in net[:3])
    text = f"when the last next step of a lead in status `{word}` has ended, no rule gives it another, not even {named}"
    cure = f"name `{word}` in `if.status` of {net[0].id}, or in `unless` when the status is final"
    written = next((leaf.place for rule in net for leaf in conjuncts(rule.if_) if _is_status(leaf)), None)
    return finding("F602", written or place, text, net[0].id, cure)


def _gives(rule: Rule) -> bool:
    """Whether the rule makes something to do: a task, an offer."""
    return any(isinstance(action, TaskAction | OfferAction) for action in rule.then)


def _is_status(condition: Condition) -> bool:
    return isinstance(condition, FieldTest) and condition.field == "status"


def _stopped(rule: Rule) -> Iterator[str]:
    """The statuses in which the rule says that nothing is to happen."""
    for roots, op in ((barring_of(rule), "in"), (wanted_of(rule), "not_in")):
        for leaf in (leaf for root in roots for leaf in leaves(root)):
            if isinstance(leaf, FieldTest) and leaf.field == "status" and leaf.op == op:
                yield from map(str, leaf.values)


def _may_act_in(status: str, rule: Rule, known: Known) -> bool:
    """Whether the rule may act on a lead in this status."""
    when = rule.when
    if isinstance(when, FieldChange) and when.how == "becomes" and when.field == "status" and not rule.wait.amount:
        return status in map(known.status, when.values)
    found = ways(rule, known)
    here = Literal(FieldTest("status", "in", (status,), "status", rule.place), Goal.TRUE)
    return found is None or any(clash((*way, here), known) is None for way in found)


def _again(rule: Rule) -> bool:
    """Whether the rule acts whenever a next step is wanting, or when the lead gets the status."""
    return isinstance(rule.when, NoNextStep | QuietFor | Every | TaskCompleted | FieldChange)
