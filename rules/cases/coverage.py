"""What a set of cases covers: rules that never fired or were never stopped, conditions never seen both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connector.domain.decision import ActionKind, Decision
from rules.actions import (
    EnrollAction,
    NoteAction,
    OfferAction,
    ReassignAction,
    RuleAction,
    SetAction,
    TaskAction,
    UnenrollAction,
)
from rules.cases.result import Covered, Shared, Side
from rules.model import Condition, Rule, leaves

_DEFAULTS = "defaults."
"""How the path of a condition begins that every rule of its file shares."""

_STOP = "stop"
"""How the path of what stops a cadence begins; that is looked at all the time, not only when a step is due."""

_KINDS: Mapping[type[RuleAction], ActionKind] = {
    TaskAction: "task",
    ReassignAction: "reassign",
    OfferAction: "offer",
    EnrollAction: "enroll",
    UnenrollAction: "unenroll",
    SetAction: "set",
    NoteAction: "note",
}


class Coverage:
    """Watches the passes of cases and remembers what they have seen of the rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = {rule.id: rule for rule in rules}
        self._paths = {rule.id: tuple(dict.fromkeys(_paths(rule))) for rule in rules}
        self._seen: dict[str, dict[str, set[bool | None]]] = {
            rule: {path: set() for path in paths} for rule, paths in self._paths.items()
        }
        self._fired: dict[str, set[int]] = {rule: set() for rule in self._rules}
        self._stopped: dict[str, set[int]] = {rule: set() for rule in self._rules}
        self._case = 0
        self._able = {
            kind: frozenset(rule.id for rule in rules if any(_KINDS[type(action)] == kind for action in rule.then))
            for kind in _KINDS.values()
        }

    def next_case(self) -> None:
        """What is seen from now on belongs to another case."""
        self._case += 1

    def add(self, other: Coverage) -> None:
        """Take in what another one has seen of the same rules, in other cases."""
        for rule, of_paths in other._seen.items():
            for path, values in of_paths.items():
                self._seen[rule][path] |= values
        for mine, others in ((self._fired, other._fired), (self._stopped, other._stopped)):
            for rule, cases in others.items():
                mine[rule] |= {self._case + case for case in cases}
        self._case += other._case

    def see(self, decision: Decision) -> None:
        """What the rules said in one pass; conditions count once their rule is due."""
        for verdict in decision.verdicts:
            due = verdict.outcome in ("fires", "blocked")
            seen = self._seen[verdict.rule]
            for reason in verdict.reasons:
                if reason.path in seen and (due or reason.path.startswith(_STOP)):
                    seen[reason.path].add(reason.holds)
            if verdict.outcome == "blocked":
                self._stopped[verdict.rule].add(self._case)
        for mark in decision.marks:
            if mark.kind in ("stopped", "skipped"):
                self._stopped[mark.rule].add(self._case)

    def fired(self, rule: str) -> None:
        """A rule acted."""
        if rule in self._fired:
            self._fired[rule].add(self._case)

    def rules_that(self, kind: ActionKind) -> frozenset[str]:
        """The rules that have an action of this kind."""
        return self._able.get(kind, frozenset())

    def rules(self) -> Sequence[Covered]:
        """What was seen of each rule, in the order of file and line."""
        return [self._covered(rule) for rule in self._rules.values()]

    def _covered(self, rule: Rule) -> Covered:
        own = [path for path in self._paths[rule.id] if _sharer(rule, path) is None]
        return Covered(
            rule.id,
            rule.place.file,
            rule.place.line,
            fired=len(self._fired[rule.id]),
            stopped=len(self._stopped[rule.id]),
            guards=bool(own),
            sides=tuple(side for path in own for side in _sides(path, self._seen[rule.id][path])),
        )

    def shared(self) -> Sequence[Shared]:
        """The conditions that several rules share, where no rule of them has seen one both ways."""
        seen: dict[tuple[str, str], dict[str, set[bool | None]]] = {}
        rules: dict[tuple[str, str], set[str]] = {}
        for rule in self._rules.values():
            for path, values in self._seen[rule.id].items():
                name = _sharer(rule, path)
                if name is not None:
                    key = (name, rule.place.file)
                    seen.setdefault(key, {}).setdefault(path, set()).update(values)
                    rules.setdefault(key, set()).add(rule.id)
        found = (
            Shared(*key, frozenset(rules[key]), tuple(side for path in paths for side in _sides(path, paths[path])))
            for key, paths in seen.items()
        )
        return [shared for shared in found if shared.sides]


def _sharer(rule: Rule, path: str) -> str | None:
    """Whose condition it is that others have, too; None for the rule's own."""
    if path.startswith(_DEFAULTS):
        return f"defaults of {rule.place.file}"
    step = rule.step
    if step is None or path in {
        leaf.path for root in (step.if_, step.unless) if root is not None for leaf in leaves(root)
    }:
        return None
    return f"cadence {step.cadence}"


def _sides(path: str, seen: set[bool | None]) -> Iterator[Side]:
    yield from (Side(path, never=value) for value in (True, False) if value not in seen)


def _paths(rule: Rule) -> Iterator[str]:
    """The paths of a rule's conditions, those of a cadence's step included."""
    roots: list[Condition | None] = [rule.if_, rule.unless]
    if rule.step is not None:
        roots += [rule.step.if_, rule.step.unless, rule.step.stop]
    for root in roots:
        yield from (leaf.path for leaf in leaves(root)) if root is not None else ()
