"""A given/when/then case as plain frozen data: a record, what happens to it, and what is expected of the rules when.

People and queues are meant by their names, fields by our words; every instant is aware. Read by `reader.py` from the
section `tests:` of a rule file, played by `play.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from connector.domain.decision import ActionKind
from connector.domain.model import Kind, Value
from rules.basics import Place, Scalar
from rules.team import Absence

NOBODY = "nobody"
SOMEBODY = "somebody"
"""Who owns a record where team.yaml names no people."""
QUEUE = "queue "
"""Before a queue's name where an owner stands: `queue Recycling`."""

Happening = Literal[
    "call",
    "call_inbound",
    "email_sent",
    "email_received",
    "email_opened",
    "email_clicked",
    "meeting",
    "meeting_booked",
    "note",
    "task",
    "offer",
    "status",
    "set",
    "owner",
    "enrolled",
    "unenrolled",
    "converted",
    "opted_out",
    "deleted",
]


@dataclass(frozen=True, slots=True)
class Subject:
    """The record of a case, as it is when the case begins."""

    kind: Kind
    created: datetime
    owners: tuple[tuple[datetime, str], ...]
    """Who owned it from when on, the first from its creation; the last one is the owner at the beginning."""
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    """Fields that the CRM does not show us."""
    enrolled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens: a word, its value (an outcome, a subject, a person ...), and what else is said of it."""

    at: datetime
    what: Happening
    value: str
    text: str
    """As the timeline shows it."""
    place: Place
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    by: str | None = None
    subject: str = ""
    outcome: str | None = None
    type: str | None = None
    due: datetime | None = None
    """When a task is due, or a meeting begins."""
    auto_reply: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is expected.

    An action of `kind` whose fields are these: a text has to contain what is written, `from` is the owner before, `pool`
    who hands out. Without a kind: that nothing was done, that something was held, or that the rule is stopped.
    """

    what: Literal["action", "nothing", "held", "blocked"]
    text: str
    place: Place
    kind: ActionKind | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of `rule` (None: of any rule) between the expectation before this one and its instant."""

    at: datetime
    checks: tuple[Check, ...]
    place: Place
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a rule file, in the order of time; `rule` is a rule's or a cadence's id."""

    place: Place
    subject: Subject
    expectations: tuple[Expectation, ...]
    zone: ZoneInfo
    """In which the case's clock times are written and shown: that of the rule's calendar."""
    events: tuple[Event, ...] = ()
    rule: str | None = None
    name: str = ""
    away: Mapping[str, tuple[Absence, ...]] = field(default_factory=dict)
    """Absences in place of those of team.yaml."""
    inactive: frozenset[str] = frozenset()
    """People who cannot log in to the CRM any more."""
    loads: Mapping[str, int] = field(default_factory=dict)
    """How many open records people have besides this one."""
    rules: Literal["file", "all"] = "file"
    """Which rules act: those of the case's file and of its rule's, or all of the workspace; scores are always all there."""

    @property
    def title(self) -> str:
        """How a report names the case."""
        words = " ".join(word for word in (self.rule or "", f'"{self.name}"' if self.name else "") if word)
        return f"{self.place.file}:{self.place.line} {words}".rstrip()
