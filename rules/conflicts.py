"""Rules that want the same thing of one record in one pass: who wins, and what the loser is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.actions import EnrollAction, ReassignAction, SetAction
from rules.basics import Scalar
from rules.model import Rule

OWNER = "owner"
ENROLMENT = "the enrolment"


@dataclass(frozen=True, slots=True)
class Loss:
    """`loser` gives way to `winner` because both want `over`."""

    loser: Rule
    winner: Rule
    over: str

    @property
    def reason(self) -> str:
        """What the loser says in `explain`."""
        return f"lost to {self.winner.id} over {self.over}"


def settle(rules: Iterable[Rule]) -> tuple[Sequence[Rule], Sequence[Loss]]:
    """The rules that may act on the record, and those that may not.

    The higher priority wins, then the file's name, then the line. A rule that lost takes nothing away from others.
    """
    kept: list[Rule] = []
    losses: list[Loss] = []
    taken: dict[str, tuple[Rule, Scalar | None]] = {}
    for rule in sorted(rules, key=rank):
        wants = _wants(rule)
        clash = next(
            (thing for thing, value in wants.items() if thing in taken and _clashes(value, taken[thing][1])), ""
        )
        if clash:
            losses.append(Loss(rule, taken[clash][0], clash))
            continue
        kept.append(rule)
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
        if isinstance(action, ReassignAction):
            wants[OWNER] = None
        elif isinstance(action, EnrollAction):
            wants[ENROLMENT] = None
        elif isinstance(action, SetAction):
            wants.update(action.values)
    return wants
