"""Rules that can never act, or never change anything: what they ask for does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from connector.domain.errors import Problem
from rules.actions import EnrollAction, ReassignAction, RuleAction, SetAction
from rules.basics import Place
from rules.checks.bench import asked, clash, possible
from rules.checks.clash import Clash, Known
from rules.checks.findings import finding
from rules.checks.logic import Alternative, Goal, Literal
from rules.model import EnrolledTest, FieldChange, FieldTest, OwnerTest, Replied, RepliedTest, Rule, ScoreCrosses


def never(rule: Rule, known: Known) -> Iterator[Problem]:
    """What keeps the rule from ever acting, or from changing anything when it does."""
    top = known.top_scores.get(rule.kind, inf)
    if isinstance(rule.when, ScoreCrosses) and rule.when.points > top:
        text = (
            f"`when.score` waits for {rule.when.points:g} points, and the lines of `scores` add up to {top:g} at most"
        )
        yield finding("F401", rule.place, f"{text}: this rule can never act", rule.written_id)
        return
    every = asked(rule, known)
    if every is None:
        return
    ways = possible(every, known)
    if not ways:
        yield _impossible(rule, [found for way in every if (found := clash(way, known)) is not None])
        return
    if all(_changes_nothing(action, ways, known) for action in rule.then):
        text = "what this rule asks for is what it would write: it changes nothing"
        yield finding("F402", rule.then[0].place, text, rule.written_id)
    yield from _only_later(rule, ways, known)


def _impossible(rule: Rule, clashes: Sequence[Clash]) -> Problem:
    """The finding with up to two reasons: where there are several ways to act, each may fail for its own."""
    reasons = list(dict.fromkeys(str(found) for found in clashes))[:2] or ["nothing passes an empty `any`"]
    return finding("F401", _place(rule, clashes), f"{', and '.join(reasons)}: this rule can never act", rule.written_id)


def _place(rule: Rule, clashes: Sequence[Clash]) -> Place:
    """A condition that the author wrote, rather than the rule's own beginning."""
    found = (leaf.place for each in clashes for leaf in (each.first, each.second) if leaf.place != rule.place)
    return next(found, rule.place)


def _changes_nothing(action: RuleAction, ways: Sequence[Alternative], known: Known) -> bool:
    """Whether the action leaves everything as it is in each of the ways in which the rule acts."""
    missing = tuple(_missing(action))
    excluded = [clash((*way, literal), known) is not None for way in ways for literal in missing]
    return bool(missing) and all(excluded)


def _missing(action: RuleAction) -> Iterator[Literal]:
    """What is so as long as the action still has something to write; nothing where that is not known."""
    place = action.place
    match action:
        case SetAction():
            for name, value in action.values.items():
                yield Literal(FieldTest(name, "in", (value,), "then.set", place), Goal.NOT_TRUE)
        case EnrollAction():
            yield Literal(EnrolledTest(action.name, "then.enroll", place), Goal.NOT_TRUE)
        case ReassignAction(to=str() as to) if to not in ("manager", "source_rep"):
            yield Literal(OwnerTest("person", to, "then.reassign", place), Goal.NOT_TRUE)


def _only_later(rule: Rule, ways: Sequence[Alternative], known: Known) -> Iterator[Problem]:
    """Conditions that contradict what starts the clock, so that the rule acts only once that is over again."""
    literal = None if rule.wait.amount else _at_first(rule)
    if literal is None:
        return
    clashes = [clash((*way, literal), known) for way in ways]
    found = next((each for each in clashes if each is not None), None)
    if found is None or None in clashes:
        return
    if isinstance(rule.when, Replied):
        text = "the reply that starts this rule also stops it"
    else:
        text = f"{found}: this rule acts only after the field has changed once more"
    yield finding("F403", _place(rule, [found]), text, rule.written_id)


def _at_first(rule: Rule) -> Literal | None:
    """What holds at the moment when the clock starts, though not for ever."""
    match rule.when:
        case FieldChange("becomes" as how, field, values):
            return Literal(FieldTest(field, "in", values, f"when.{how}", rule.place), Goal.TRUE)
        case FieldChange("leaves" as how, field, values):
            return Literal(FieldTest(field, "in", values, f"when.{how}", rule.place), Goal.NOT_TRUE)
        case Replied():
            return Literal(RepliedTest(True, "created", "when.replied", rule.place), Goal.TRUE)
    return None
