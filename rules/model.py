"""A rule file's meaning as plain frozen data: what the loader makes and everything else in `rules` reads.

Words are resolved against the file and the team only; `binding.py` resolves them against a CRM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Literal

Unit = Literal["minutes", "hours", "days", "weeks", "months", "business hours", "business days"]
Anchor = Literal["created", "assigned", "status"]
Who = Literal["owner", "lead", "anyone"]
Scalar = str | int | float | bool | date


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Duration:
    """A stretch of time with its unit; the business units are working time on a calendar, the others wall clock."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        unit = self.unit[:-1] if self.amount == 1 else self.unit
        return f"{self.amount} {unit}"


NO_WAIT = Duration(0, "minutes")


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{lead.name}` holes: literal parts and field names in turn, beginning with a literal part."""

    parts: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields the text mentions, in our names."""
        return self.parts[1::2]


# -- when: what starts the clock -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Created:
    """The record was created."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field took one of `values` (becomes), lost one of them (leaves), or took any other value (changes)."""

    how: Literal["becomes", "leaves", "changes"]
    field: str
    values: tuple[Scalar, ...] = ()
    origins: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class Assigned:
    """A person became the owner."""


@dataclass(frozen=True, slots=True)
class QuietFor:
    """Nothing counted happened for a time, since the last counted activity, else since assignment or creation."""

    duration: Duration
    counting: tuple[str, ...]
    by: Who


@dataclass(frozen=True, slots=True)
class AttemptsReach:
    """The n-th attempt since an anchor; `types` are the words of `team.yaml` counts.attempt."""

    reach: int
    types: tuple[str, ...]
    by: Who
    since: Anchor


@dataclass(frozen=True, slots=True)
class Replied:
    """The prospect answered: one of the words of `team.yaml` counts.reply."""


@dataclass(frozen=True, slots=True)
class NoNextStep:
    """The last open task or coming meeting ended, and there is none."""


Trigger = Created | FieldChange | Assigned | QuietFor | AttemptsReach | Replied | NoNextStep


# -- if / unless ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllOf:
    items: tuple[Condition, ...]
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class AnyOf:
    items: tuple[Condition, ...]
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class Not:
    item: Condition
    path: str
    place: Place


FieldOp = Literal[
    "in",
    "not_in",
    "at_least",
    "at_most",
    "over",
    "under",
    "known",
    "contains",
    "starts_with",
    "before",
    "after",
    "within",
]


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A field compared with constants. `in` / `not_in` use `values`; the others use `values[0]`, `within` a duration."""

    field: str
    op: FieldOp
    values: tuple[Scalar, ...]
    path: str
    place: Place
    duration: Duration | None = None


@dataclass(frozen=True, slots=True)
class QuietTest:
    """Nothing counted happened for at least this long."""

    quiet: QuietFor
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class AttemptsTest:
    """The number of attempts since an anchor lies within bounds."""

    at_least: int | None
    at_most: int | None
    types: tuple[str, ...]
    by: Who
    since: Anchor
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class RepliedTest:
    """Whether the prospect answered since an anchor."""

    expected: bool
    since: Anchor
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class TouchedTest:
    """Whether somebody (the owner, or anyone) made an attempt since the assignment."""

    by: Who
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class NextStepTest:
    """`none`: no open task and no coming meeting; `due_within`: one is due by then; `overdue`: one is late by that."""

    how: Literal["none", "due_within", "overdue"]
    duration: Duration | None
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class SinceTest:
    """How long the record is in its status, or how old it is: `over` and `up_to` a duration."""

    what: Literal["in_status", "age"]
    over: Duration | None
    up_to: Duration | None
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class EnrolledTest:
    """Whether the record is enrolled in NAME now."""

    name: str
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class OwnerTest:
    """What the owner is: active, absent today, a member of a pool, a queue, nobody, or a person of team.yaml."""

    how: Literal["active", "absent", "in_pool", "queue", "nobody", "person"]
    value: str | bool
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class DuringTest:
    """Whether the calendar is open now."""

    calendar: str
    path: str
    place: Place


Leaf = (
    FieldTest
    | QuietTest
    | AttemptsTest
    | RepliedTest
    | TouchedTest
    | NextStepTest
    | SinceTest
    | EnrolledTest
    | OwnerTest
    | DuringTest
)
Condition = AllOf | AnyOf | Not | Leaf


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Every leaf of a condition, left to right."""
    if isinstance(condition, (AllOf, AnyOf)):
        for item in condition.items:
            yield from leaves(item)
    elif isinstance(condition, Not):
        yield from leaves(condition.item)
    else:
        yield condition


# -- then ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskAction:
    """A task for a person. `to` is owner, manager, source_rep or a person of team.yaml."""

    type: Literal["call", "email", "todo"]
    subject: Template
    body: Template | None
    due: Duration
    slot: tuple[time, time] | None
    priority: Literal["low", "normal", "high"]
    to: str
    place: Place


@dataclass(frozen=True, slots=True)
class ReassignAction:
    """Another owner: `to` a person (or manager, source_rep), or from a pool in turn."""

    to: str | None
    pool: str | None
    except_previous: bool
    if_nobody: str
    """`hold`, or the name of a queue of the CRM."""
    note: Template | None
    place: Place


@dataclass(frozen=True, slots=True)
class EnrollAction:
    name: str
    sender: Literal["owner"] | None
    place: Place


@dataclass(frozen=True, slots=True)
class UnenrollAction:
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class SetAction:
    values: Mapping[str, Scalar]
    place: Place


@dataclass(frozen=True, slots=True)
class NoteAction:
    text: Template
    place: Place


RuleAction = TaskAction | ReassignAction | EnrollAction | UnenrollAction | SetAction | NoteAction


# -- a rule --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Once:
    """What a rule fires once for; `period` is set for `per 90 days`."""

    per: Literal["lead", "owner", "status", "period", "occasion"]
    period: Duration | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many in one pass, as a count, as a share of the kind's records, or per owner and day."""

    per_run: int | None = None
    percent: float | None = None
    per_owner_day: int | None = None
    on_exceed: Literal["hold", "stop"] = "hold"


@dataclass(frozen=True, slots=True)
class Backfill:
    """What happens to matches older than the rule: none (baseline), all, or so many per day."""

    how: Literal["none", "all", "spread"] = "none"
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file, with everything its file's defaults add."""

    id: str
    why: str
    kind: str
    when: Trigger
    wait: Duration
    calendar: str
    then: tuple[RuleAction, ...]
    once: Once
    place: Place
    if_: Condition | None = None
    unless: Condition | None = None
    """The rule's own `unless` and its file's defaults.unless, joined by any-of."""
    limit: Limit | None = None
    backfill: Backfill = Backfill()
    priority: int = 0


# -- team.yaml -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Absence:
    """Away from the first to the last day, both included, in the person's zone."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the team; `crm` is the e-mail address or id by which the CRM knows them."""

    name: str
    crm: str
    manager: str | None = None
    zone: str | None = None
    away: tuple[Absence, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """People who take records in turn."""

    name: str
    members: tuple[str, ...]
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """Working hours: per weekday (0 = Monday) the open intervals, a zone, and days that are closed."""

    name: str
    zone: str
    hours: Mapping[int, tuple[tuple[time, time], ...]]
    holidays: str | None = None
    """A country, or country and region such as `DE-BY`, for the holidays library."""
    closed: tuple[date, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ContactLimits:
    """How often a record may be contacted by what goes out by itself (enrolments)."""

    min_gap: Duration | None = None
    max_per_week: int | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """What team.yaml says. `attempt` and `reply` are the words that count as such."""

    people: Mapping[str, Person] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    calendars: Mapping[str, CalendarSpec] = field(default_factory=dict)
    attempt: tuple[str, ...] = ("call", "email_sent", "meeting")
    reply: tuple[str, ...] = ("email_received", "call_inbound", "meeting_booked")
    contact: ContactLimits = ContactLimits()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything the files say: the sound rules in the order of file and line, and the team."""

    rules: tuple[Rule, ...]
    team: Team
    default_limit: Limit = Limit(per_run=100)
