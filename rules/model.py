"""A rule file's meaning as plain frozen data: what the loader makes and everything else in `rules` reads.

Words are resolved against the file and the team only; `binding.py` resolves them against a CRM.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from typing import Literal

from rules.actions import RuleAction
from rules.basics import Anchor, Duration, Place, Scalar, Who
from rules.team import Team

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


@dataclass(frozen=True, slots=True)
class ActivityIs:
    """An activity of one of `types` happened; empty `outcomes` and `subject_contains` ask for nothing.

    The words of `types` are those of `ACTIVITY_WORDS` in vocabulary.py: attempts, replies, notes, and what a mail met with.
    """

    types: tuple[str, ...]
    outcomes: tuple[str, ...] = ()
    subject_contains: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreCrosses:
    """The score rose to this many points, or beyond, from below."""

    points: float


@dataclass(frozen=True, slots=True)
class TaskOverdue:
    """An open task, ours or a person's, is late by this long."""

    by: Duration
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    """A person completed a task; empty `types` (call, email, todo) and `outcomes` ask for nothing."""

    types: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferSettled:
    """An offer of the record was accepted or rejected by a person, or ran out."""

    how: Literal["accepted", "rejected", "expired"]


@dataclass(frozen=True, slots=True)
class Every:
    """A time of the week: on these weekdays (0 = Monday) at this time on the rule's calendar, not on its holidays."""

    days: tuple[int, ...]
    at: time


@dataclass(frozen=True, slots=True)
class StepDone:
    """The cadence's step before this one, `rule`, was carried out or passed over."""

    rule: str


Trigger = (
    Created
    | FieldChange
    | Assigned
    | QuietFor
    | AttemptsReach
    | Replied
    | NoNextStep
    | ActivityIs
    | ScoreCrosses
    | TaskOverdue
    | TaskCompleted
    | OfferSettled
    | Every
    | StepDone
)


# -- if / unless ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds when all of these conditions hold."""

    items: tuple[Condition, ...]
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when at least one of these conditions holds."""

    items: tuple[Condition, ...]
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when this condition does not; unknown stays unknown."""

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
    first: Literal["oldest", "score", "value"] = "oldest"
    """Who is served first where there are more: who waits longest, or who has the highest score or value."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Records above which matches are a storm: a count, and a percentage of the live records of their kind; None: neither."""

    records: int | None = None
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """What tells a bulk edit from a busy morning: above these nothing goes by itself."""

    per_rule: Threshold = Threshold(500, 25.0)
    per_pass: Threshold = Threshold(1000, 50.0)


@dataclass(frozen=True, slots=True)
class Backfill:
    """What happens to matches older than the rule: none (baseline), all, or so many per day."""

    how: Literal["none", "all", "spread"] = "none"
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """Which step of which cadence a rule is (`number` counts from 1), and what stops the cadence for good.

    The rule's own `if_` and `unless` are the cadence's: while they do not hold the step is blocked. `if_` and `unless` here are
    the step's own: when they do not hold as the step falls due, it is passed over.
    """

    cadence: str
    number: int
    of: int
    stop: Condition | None = None
    if_: Condition | None = None
    unless: Condition | None = None


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
    contact: Literal["within_limits", "always"] = "within_limits"
    """`always`: the rule answers the prospect, so the team's contact limits do not hold it back."""
    step: Step | None = None
    """Set when the rule is a step of a cadence."""

    @property
    def written_id(self) -> str:
        """The id under which it stands in its file: a step stands under its cadence's."""
        return self.step.cadence if self.step is not None else self.id


def wanted_of(rule: Rule) -> tuple[Condition, ...]:
    """What must hold for the rule to act: its `if`, and that of the step it is."""
    found = (rule.if_, rule.step.if_ if rule.step is not None else None)
    return tuple(each for each in found if each is not None)


def barring_of(rule: Rule) -> tuple[Condition, ...]:
    """What keeps the rule from acting: its `unless`, and the `unless` and `stop` of the step it is."""
    step = rule.step
    found = (rule.unless, step.unless if step is not None else None, step.stop if step is not None else None)
    return tuple(each for each in found if each is not None)


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """Points for what a record is (`if_`), for each activity of a word (`activity`), or per `per_value` of its value.

    Points of activities halve every `half_life`; `at_most` bounds what the line gives altogether.
    """

    kind: str
    points: float
    why: str
    place: Place
    if_: Condition | None = None
    activity: str | None = None
    per_value: float | None = None
    at_most: float | None = None
    half_life: Duration | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything the files say: the sound rules in the order of file and line, and the team."""

    rules: tuple[Rule, ...]
    team: Team
    default_limit: Limit = Limit(per_run=100)
    scores: tuple[ScoreLine, ...] = ()
    """In the order of file and line; a kind with lines here has its score from them and not from the CRM."""
    breaker: Breaker = Breaker()
