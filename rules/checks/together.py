"""Two rules that act on the same record at the same time and want different things; a rule that another one always beats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice

from connector.domain.errors import Problem
from rules.actions import EnrollAction, OfferAction, ReassignAction, SetAction, TaskAction
from rules.checks.bench import together, ways
from rules.checks.clash import Known
from rules.checks.findings import finding
from rules.checks.logic import Alternative, Goal, alternatives
from rules.conflicts import rank
from rules.model import Every, FieldChange, Rule, StepDone, TaskCompleted, Trigger, barring_of, wanted_of

MOST_PAIRS = 3_000
"""Pairs of rules that are looked into; in a workspace with more, nothing is said of the others."""

MOST_WAYS = 24
"""Ways of two rules together beyond which nothing is said of them."""


def conflicts(rules: Sequence[Rule], known: Known) -> Iterator[Problem]:
    """Pairs of rules that start on the same occasion, may both act on it, and want different things."""
    acting = {rule.id: ways(rule, known) for rule in rules}
    for one, other, over in islice(_pairs(rules), MOST_PAIRS):
        mine, theirs = acting[one.id], acting[other.id]
        if mine is None or theirs is None or not _few(mine, theirs) or not together(mine, theirs, known):
            continue
        first, second = sorted((one, other), key=rank)
        if _always_beaten(second, first, known):
            text = f"{first.id} takes {over} whenever this rule would act: this rule always loses to it"
            yield finding("F412", second.place, text, second.written_id)
        elif first.priority == second.priority:
            text = f"{second.id} and {first.id} can act on the same occasion and want {over} differently"
            yield finding("F411", second.place, f"{text}; {first.id} wins because it stands first", second.written_id)


def _few(one: Sequence[Alternative], other: Sequence[Alternative]) -> bool:
    return len(one) * len(other) <= MOST_WAYS


def _pairs(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Rule, str]]:
    """Rules whose clocks start, and run out, at the same moment, and what both want."""
    groups: dict[object, list[Rule]] = {}
    for rule in rules:
        if not isinstance(rule.when, StepDone):
            calendar = rule.calendar if rule.wait.amount else ""
            groups.setdefault((rule.kind, type(rule.when), rule.wait, calendar), []).append(rule)
    for group in groups.values():
        wants = {rule.id: _wants(rule) for rule in group}
        for one, other in combinations((rule for rule in group if wants[rule.id]), 2):
            over = _over(wants[one.id], wants[other.id])
            if over and _same_occasion(one.when, other.when):
                yield one, other, over


def _same_occasion(one: Trigger, other: Trigger) -> bool:
    """Whether something that starts one rule surely or possibly starts the other at the same moment."""
    if isinstance(one, FieldChange) and isinstance(other, FieldChange):
        same = one.how == other.how and one.field == other.field
        return same and _meet(one.values, other.values) and _meet(one.origins, other.origins)
    if isinstance(one, TaskCompleted) and isinstance(other, TaskCompleted):
        return _meet(one.types, other.types) and _meet(one.outcomes, other.outcomes)
    if isinstance(one, Every) and isinstance(other, Every):
        return one.at == other.at and bool(set(one.days) & set(other.days))
    return one == other


def _meet(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether two lists have something in common; an empty one asks for nothing."""
    folded = [{str(value).casefold() for value in values} for values in (one, other)]
    return not one or not other or bool(folded[0] & folded[1])


# -- what they want ------------------------------------------------------------------------------------------------


def _over(mine: Mapping[str, object], theirs: Mapping[str, object]) -> str:
    """What both rules want and cannot both have; empty when there is no such thing."""
    return next((thing for thing, value in mine.items() if thing in theirs and theirs[thing] != value), "")


def _wants(rule: Rule) -> Mapping[str, object]:
    wants: dict[str, object] = {}
    for action in rule.then:
        match action:
            case ReassignAction():
                wants["the owner"] = ("reassign", action.to, action.pool)
            case OfferAction():
                wants["the owner"] = ("offer", action.pool)
            case EnrollAction():
                wants["the enrolment"] = action.name
            case SetAction():
                wants.update({f"the field {name}": str(value).casefold() for name, value in action.values.items()})
    return wants


def _always_beaten(loser: Rule, winner: Rule, known: Known) -> bool:
    """Whether the winner surely acts whenever the loser would: it asks for nothing more, and nothing else stops it."""
    if (loser.when, loser.once) != (winner.when, winner.once) or winner.step is not None:
        return False
    if any(isinstance(action, TaskAction | OfferAction) for action in winner.then):
        return False  # a task of its own that is still open stops it, and so lets the loser act
    if _enrolls(winner) and not (_enrolls(loser) and loser.contact == winner.contact):
        return False  # what was refused, or the contact limits, may stop it alone
    mine = ways(loser, known)
    wanted = ((condition, Goal.NOT_TRUE) for condition in wanted_of(winner))
    barring = ((condition, Goal.STOPS) for condition in barring_of(winner))
    stopped = [alternatives((part,)) for part in (*wanted, *barring)]
    if mine is None or None in stopped:
        return False
    return not any(together(mine, each, known) for each in stopped if each is not None)


def _enrolls(rule: Rule) -> bool:
    return any(isinstance(action, EnrollAction) for action in rule.then)
