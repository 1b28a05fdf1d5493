"""A rule on the bench: in which ways it can act, by all that its trigger, its conditions and the guards ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rules.actions import EnrollAction, TaskAction
from rules.checks.clash import Clash, Known, same_leaf
from rules.checks.fields import fields
from rules.checks.history import history
from rules.checks.logic import Alternative, Goal, Literal, alternatives
from rules.checks.owners import owners
from rules.model import (
    AttemptsReach,
    AttemptsTest,
    Created,
    FieldTest,
    NextStepTest,
    NoNextStep,
    QuietFor,
    QuietTest,
    Rule,
    SinceTest,
    TaskOverdue,
    barring_of,
    wanted_of,
)

_CHECKS = (same_leaf, fields, history, owners)

SCORES = "what the lines of `scores` add up to at most"


def clash(alternative: Alternative, known: Known) -> Clash | None:
    """Two conditions of an alternative that nothing meets together; None when it may be possible."""
    return next((found for check in _CHECKS if (found := check(alternative, known)) is not None), None)


def given(rule: Rule, known: Known) -> Alternative:
    """What surely holds when the rule acts, whatever its own conditions: its trigger, the guards, the scores say so."""
    top = known.top_scores.get(rule.kind)
    score = [] if top is None else [(FieldTest("score", "at_most", (top,), SCORES, rule.place), Goal.TRUE)]
    return tuple(Literal(leaf, goal) for leaf, goal in (*_by_trigger(rule), *_by_guards(rule), *score))


def _by_trigger(rule: Rule) -> Iterator[tuple[AttemptsTest | NextStepTest | QuietTest | SinceTest, Goal]]:
    place = rule.place
    match rule.when:
        case AttemptsReach(reach, types, by, since):
            yield AttemptsTest(reach, None, types, by, since, "when.attempts", place), Goal.TRUE
        case QuietFor():
            yield QuietTest(rule.when, "when.quiet", place), Goal.TRUE
        case NoNextStep():
            yield NextStepTest("none", None, "when.next_step", place), Goal.TRUE
        case TaskOverdue(by):
            yield NextStepTest("overdue", by, "when.task.overdue", place), Goal.TRUE
        case Created() if rule.wait.amount:
            yield SinceTest("age", rule.wait, None, "wait", place), Goal.TRUE


def _by_guards(rule: Rule) -> Iterator[tuple[FieldTest, Goal]]:
    if any(isinstance(action, EnrollAction) for action in rule.then):
        path = "the guard of `enroll` (nobody who has opted out is enrolled)"
        yield FieldTest("opted_out", "in", (False,), path, rule.place), Goal.TRUE
    if any(isinstance(action, TaskAction) and action.type == "call" for action in rule.then):
        path = "the guard of call tasks (nobody who has refused calls is called)"
        yield FieldTest("do_not_call", "in", (True,), path, rule.place), Goal.NOT_TRUE


def asked(rule: Rule, known: Known) -> Sequence[Alternative] | None:
    """Every way to meet the rule's own conditions, possible or not; None when there are too many."""
    found = conditions(rule)
    if found is None:
        return None
    always = given(rule, known)
    return [(*always, *alternative) for alternative in found]


def conditions(rule: Rule) -> Sequence[Alternative] | None:
    """Every way to meet what the rule's author wrote under `if`, `unless` and `stop`; None when there are too many."""
    wanted = ((condition, Goal.TRUE) for condition in wanted_of(rule))
    barring = ((condition, Goal.PASSES) for condition in barring_of(rule))
    return alternatives((*wanted, *barring))


def ways(rule: Rule, known: Known) -> Sequence[Alternative] | None:
    """The ways in which the rule may act; None when there are too many to look at."""
    found = asked(rule, known)
    return None if found is None else possible(found, known)


def possible(found: Iterable[Alternative], known: Known) -> Sequence[Alternative]:
    """The alternatives that do not contradict themselves."""
    return [alternative for alternative in found if clash(alternative, known) is None]


def together(one: Sequence[Alternative], other: Sequence[Alternative], known: Known) -> bool:
    """Whether something may meet an alternative of either side at once."""
    return any(clash((*a, *b), known) is None for a in one for b in other)
