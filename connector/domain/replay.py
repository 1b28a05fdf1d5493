"""What a replay of the rules over the stored past comes to: what would have been done, and what is not known for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from connector.domain.decision import Assignment, Decision, PlannedAction, RecordPlan
from connector.domain.model import RecordRef


@dataclass(frozen=True, slots=True)
class Deed:
    """One write that the rules would have made at an instant; `held` names the cap that would have held it back.

    `owner` is the CRM id of whoever owned the record then, None for nobody.
    """

    at: datetime
    action: PlannedAction
    owner: str | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """A match that nobody could have carried out, or that a rule with too many matches kept back: since when, and why."""

    at: datetime
    rule: str
    record: RecordRef
    why: str


@dataclass(frozen=True, slots=True)
class Gap:
    """History that is not stored.

    `unknown`: records whose `field` is not known before they were first read, so that they are looked at only from then
    on; `until` is when the last of them begins. `assumed`: the field has no stored changes, so that today's value stands
    for all of the past. `ended`: enrolments that are over now, and nobody knows since when.
    """

    what: Literal["unknown", "assumed", "ended"]
    kind: str
    field: str
    records: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OurWrites:
    """What followup really wrote on one record: when each key was confirmed, and which enrolments it made and ended."""

    made: Mapping[str, datetime] = field(default_factory=dict)
    enrolled: Mapping[str, datetime] = field(default_factory=dict)
    unenrolled: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shift:
    """A record has another owner, or counts as open work or no longer does; what turns in a pool are weighed by."""

    ref: RecordRef
    company: str
    owner: str | None
    counts: bool


@dataclass(frozen=True, slots=True)
class Census:
    """The records of a replay: when each kind's records come in and go, and the history that is missing."""

    entered: Mapping[str, Sequence[datetime]]
    gone: Mapping[str, Sequence[datetime]]
    gaps: Sequence[Gap]
    first: int
    """The number of the first pass at which there is anything to look at."""


@dataclass(frozen=True, slots=True)
class Order:
    """Look at what is due at the pass of this number; before that, take the plans of the pass number `last`."""

    number: int
    last: int = 0
    plans: Sequence[RecordPlan] = ()
    backfilled: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one pass found: the decisions that have to be planned, how much was looked at, and when to come again."""

    decisions: Sequence[Decision]
    evaluated: int
    next: int
    baseline: Mapping[str, int]
    alarms: Sequence[str]
    shifts: Sequence[Shift]


@dataclass(slots=True)
class Played:
    """All that the rules would have done, in the order of time."""

    deeds: list[Deed] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    baseline: dict[str, int] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    gaps: Sequence[Gap] = ()
    records: int = 0
    evaluated: int = 0
    passes: int = 0
