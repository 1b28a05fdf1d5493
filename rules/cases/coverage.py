"""What a set of cases covers: rules that never fired or were never stopped, conditions never seen both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connector.domain.model import ActionKind, Decision
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
from rules.cases.result import Covered, Side
from rules.model import Condition, Rule, leaves

DEFAULTS = "defaults."
"""How the path of a condition begins that every rule of its file shares."""

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

    def see(self, decision: Decision) -> None:
        """What the rules said in one pass; conditions count once their rule is due."""
        for verdict in decision.verdicts:
            if verdict.outcome not in ("fires", "blocked"):
                continue
            seen = self._seen[verdict.rule]
            for reason in verdict.reasons:
                if reason.path in seen:
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
        own = [path for path in self._paths[rule.id] if not path.startswith(DEFAULTS)]
        return Covered(
            rule.id,
            rule.place.file,
            rule.place.line,
            fired=len(self._fired[rule.id]),
            stopped=len(self._stopped[rule.id]),
            guards=bool(own),
            sides=tuple(side for path in own for side in _sides(path, self._seen[rule.id][path])),
        )

    def shared(self) -> dict[str, tuple[Side, ...]]:
        """For each file the conditions of its defaults that no rule of it has seen both ways."""
        seen: dict[str, dict[str, set[bool | None]]] = {}
        for rule in self._rules.values():
            of_file = seen.setdefault(rule.place.file, {})
            for path, values in self._seen[rule.id].items():
                if path.startswith(DEFAULTS):
                    of_file.setdefault(path, set()).update(values)
        found = {
            file: tuple(side for path, values in paths.items() for side in _sides(path, values))
            for file, paths in seen.items()
        }
        return {file: sides for file, sides in found.items() if sides}


def _sides(path: str, seen: set[bool | None]) -> Iterator[Side]:
    yield from (Side(path, never=value) for value in (True, False) if value not in seen)


def _paths(rule: Rule) -> Iterator[str]:
    """The paths of a rule's conditions, those of a cadence's step included."""
    roots: list[Condition | None] = [rule.if_, rule.unless]
    if rule.step is not None:
        roots += [rule.step.if_, rule.step.unless, rule.step.stop]
    for root in roots:
        yield from (leaf.path for leaf in leaves(root)) if root is not None else ()
