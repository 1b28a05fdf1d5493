"""What came of playing cases, as plain data for whoever shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connector.domain.decision import Outcome, Reason
from rules.cases.expected import Deed
from rules.cases.model import Case, Check


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a case's timeline: what happened, what a rule did or held, what was expected and met or not."""

    at: datetime
    what: Literal["event", "done", "held", "notice", "alarm", "met", "failed"]
    text: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a rule did not act: its outcome, and the first condition that stood in the way."""

    rule: str
    outcome: Outcome
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met: what was done instead, and what stood in the way.

    `problem` is set when the case itself could not go on: something cannot happen, the rules do not come to rest.
    """

    at: datetime
    check: Check
    instead: tuple[Deed, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Played:
    """A case and what came of it."""

    case: Case
    failures: tuple[Failure, ...]
    entries: tuple[Entry, ...]

    @property
    def passed(self) -> bool:
        """Whether everything that was expected is what happened, and nothing disturbed it."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class Side:
    """A condition that no case has seen both ways: `path` was never true, or never false."""

    path: str
    never: bool


@dataclass(frozen=True, slots=True)
class Covered:
    """What the cases say of one rule; `guards` is whether it has a condition of its own that could stop it."""

    rule: str
    file: str
    line: int
    fired: int
    stopped: int
    guards: bool
    sides: tuple[Side, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """Conditions that several rules share, a file's by its defaults or a cadence's steps, seen one way only by all of them."""

    name: str
    file: str
    rules: frozenset[str]
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All cases, and what they cover."""

    cases: Sequence[Played]
    rules: Sequence[Covered]
    shared: Sequence[Shared] = ()

    @property
    def failed(self) -> Sequence[Played]:
        """The cases that did not go as expected."""
        return [played for played in self.cases if not played.passed]
