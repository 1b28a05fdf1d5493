"""A scenario is data: an org, rules and steps, drawn from a seed up front, so that parts of it can be taken away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

Spec = Mapping[str, Any]
"""Plain values only, as in JSON: a lead, a rule or a step. Leads and people go by names, so that a missing one is no error."""


@dataclass(frozen=True)
class Scenario:
    """Everything a run of the simulation needs. Each step is independent of the others but for what the CRM has become."""

    seed: int
    crm: str
    options: Spec = field(default_factory=dict)
    leads: tuple[Spec, ...] = ()
    rules: tuple[Spec, ...] = ()
    cadences: tuple[Spec, ...] = ()
    scores: tuple[Spec, ...] = ()
    steps: tuple[Spec, ...] = ()

    def dump(self) -> str:
        """The scenario as text, one line per part: what a person reads after a failure, and what can be played again."""
        parts = asdict(self)
        lines = [f'"seed": {self.seed}', f'"crm": "{self.crm}"', f'"options": {json.dumps(parts["options"])}']
        for name in ("leads", "rules", "cadences", "scores", "steps"):
            rows = ",\n  ".join(json.dumps(row) for row in parts[name])
            lines.append(f'"{name}": [\n  {rows}]' if rows else f'"{name}": []')
        return "{" + ",\n ".join(lines) + "}"

    @classmethod
    def load(cls, text: str) -> Scenario:
        """A scenario from its text."""
        parts = json.loads(text)
        lists = {name: tuple(parts.pop(name, ())) for name in ("leads", "rules", "cadences", "scores", "steps")}
        return cls(**parts, **lists)

    def without(self, part: str, places: frozenset[int]) -> Scenario:
        """The scenario without some of its leads, rules, cadences, scores or steps."""
        kept = tuple(each for place, each in enumerate(getattr(self, part)) if place not in places)
        return replace(self, **{part: kept})


@dataclass(frozen=True)
class Violation:
    """A promise that was broken: which invariant, at which step, and what was seen."""

    invariant: str
    step: int
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} at step {self.step}: {self.text}"
