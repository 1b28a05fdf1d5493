"""Rules that want the same thing of one record in one pass: who wins, and what the loser is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.actions import EnrollAction, OfferAction, ReassignAction, SetAction
from rules.basics import Scalar
from rules.calendar import Clocks
from rules.contact import Room, is_limited, room, touches
from rules.facts import Facts
from rules.model import Rule

OWNER = "owner"
ENROLMENT = "the enrolment"


@dataclass(frozen=True, slots=True)
class Loss:
    """`loser` gives way to `winner` because both want `over`."""

    loser: Rule
    winner: Rule
    over: str
    waits: bool = False
    """Whether the loser only has to wait for its turn to contact the prospect; else its occasion is used up."""

    @property
    def reason(self) -> str:
        """What the loser says in `explain`."""
        return f"lost to {self.winner.id} over {self.over}"


def contest(rules: Sequence[Rule], facts: Facts, clocks: Clocks) -> Mapping[str, Loss]:
    """Which of the rules that match a record give way to another, by their ids."""
    left = None
    if sum(map(touches, rules)) > 1:
        left = room(facts, clocks.local(facts.zone)[rules[0].calendar])
    return {loss.loser.id: loss for loss in settle(rules, left)[1]}


def settle(rules: Iterable[Rule], left: Room | None = None) -> tuple[Sequence[Rule], Sequence[Loss]]:
    """The rules that may act on the record, and those that may not.

    The higher priority wins, then the file's name, then the line. A rule that lost takes nothing away from others.
    `left` is what the team's contact limits leave, None without any; rules that are always let through use it first.
    """
    ranked = sorted(rules, key=rank)
    touched = [rule for rule in ranked if touches(rule) and not is_limited(rule)]
    kept: list[Rule] = []
    losses: list[Loss] = []
    taken: dict[str, tuple[Rule, Scalar | None]] = {}
    for rule in ranked:
        wants = _wants(rule)
        clash = next(
            (thing for thing, value in wants.items() if thing in taken and _clashes(value, taken[thing][1])), ""
        )
        if clash:
            losses.append(Loss(rule, taken[clash][0], clash))
        elif left is not None and is_limited(rule) and touched and len(touched) >= left.left:
            losses.append(Loss(rule, touched[-1], left.over, waits=True))
        else:
            kept.append(rule)
            touched += [rule] if is_limited(rule) else []
            for thing, value in wants.items():
                taken.setdefault(thing, (rule, value))
    return kept, losses


def rank(rule: Rule) -> tuple[int, str, int, str]:
    """Sorts rules by who wins."""
    return (-rule.priority, rule.place.file, rule.place.line, rule.id)


def _clashes(value: Scalar | None, taken: Scalar | None) -> bool:
    """Whether two wishes for one thing exclude each other; the same value may be set by both."""
    return value is None or value != taken


def _wants(rule: Rule) -> Mapping[str, Scalar | None]:
    """What a rule's actions take: a value that others may set too when it is the same, None when it cannot be shared."""
    wants: dict[str, Scalar | None] = {}
    for action in rule.then:
        if isinstance(action, ReassignAction | OfferAction):
            wants[OWNER] = None
        elif isinstance(action, EnrollAction):
            wants[ENROLMENT] = None
        elif isinstance(action, SetAction):
            wants.update(action.values)
    return wants
