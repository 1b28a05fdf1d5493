"""The nouns of deciding and writing: what a rule says, what is planned, what became of it. All frozen, as in model.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from connector.domain.model import Mark, Offer, Owner, RecordRef, RecordState, Value

ActionKind = Literal["task", "reassign", "enroll", "unenroll", "set", "note", "offer", "amend"]
Outcome = Literal["fires", "waits", "blocked", "done", "baseline", "held", "no"]


@dataclass(frozen=True, slots=True)
class Adoption:
    """When this workspace first met a rule, and whether what already matched then has been taken as baseline."""

    rule: str
    at: datetime
    baselined: bool


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of the fairness ledger: who got which record from which pool, when, by which rule, and why."""

    pool: str
    person: str
    ref: RecordRef
    rule: str
    at: datetime
    why: str
    shares: Mapping[str, float] = field(default_factory=dict)
    """Who could have got it just then, and which part of it was theirs by right; the parts add up to 1."""


EVERYTHING = ""
"""Stands in a pause in place of a rule's id when everything is paused."""


PAUSES_CHANGED = "pauses_changed"
"""The setting of the store that counts pauses and resumptions: deadlines worked out before the last one are not trusted."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A person stopped a rule, all steps of a cadence, or everything, at an instant, and may have said why."""

    rule: str
    at: datetime
    why: str = ""

    @property
    def told(self) -> str:
        """Since when, and why when that was said."""
        return f"paused since {self.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" + (f" ({self.why})" if self.why else "")


def pause_of(pauses: Mapping[str, Pause], rule: str) -> Pause | None:
    """What stops a rule just now: a pause of everything, of the rule, or of the cadence whose step it is."""
    return pauses.get(EVERYTHING) or pauses.get(rule) or pauses.get(rule.partition("/")[0])


def is_of(rule: str, named: str | None) -> bool:
    """Whether a rule is the one that somebody named, or a step of the cadence that they named; None names all."""
    return named in (None, rule, rule.partition("/")[0])


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything outside a record that a decision may depend on, so that deciding is a pure function.

    `backfilled` counts, per rule, what a spread backfill let go today; `assignments` is the ledger's tail, oldest first.
    `loads` is how many live records each owner has, `company_owners` who owns or owned records of a company (its name in
    small letters), most records first.
    """

    now: datetime
    crm: str
    owners: tuple[Owner, ...] = ()
    adoptions: Mapping[str, Adoption] = field(default_factory=dict)
    assignments: tuple[Assignment, ...] = ()
    backfilled: Mapping[str, int] = field(default_factory=dict)
    fired_today: Mapping[tuple[str, str], int] = field(default_factory=dict)
    population: Mapping[str, int] = field(default_factory=dict)
    loads: Mapping[str, int] = field(default_factory=dict)
    company_owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lately: Mapping[str, frozenset[RecordRef]] = field(default_factory=dict)
    """The records on which each rule fired by itself, or was held, within the hour before; for the breaker."""
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    """What a person stopped, by rule or cadence; `EVERYTHING` stands for all of them."""

    def pause_of(self, rule: str) -> Pause | None:
        """What stops a rule at this moment, None when nothing does."""
        return pause_of(self.pauses, rule) if self.pauses else None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a condition holds or not. `path` is its place in the rule file (`unless.attempts`), None is unknown.

    `value` is what was seen, `source` where it came from (the CRM's history of a field, a call, team.yaml ...) and `at` since
    when it stands or when it happened, as far as they are known.
    """

    path: str
    holds: bool | None
    text: str
    value: str = ""
    source: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """One write that a rule decided on. Data only; the sink alone acts.

    `key` is made of rule, record, occasion and position, so the same decision made twice has the same key. `fields` is
    what will be written in our names (see docs/contract.md per kind), `old` what stands there now. `saw` is what must
    still hold when the record is re-read just before the write.
    """

    key: str
    rule: str
    record: RecordRef
    kind: ActionKind
    fields: Mapping[str, Value]
    old: Mapping[str, Value]
    why: str
    occasion: str
    position: int
    saw: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """A rule fires on an occasion of a record: its actions stand or fall together in the plan."""

    rule: str
    record: RecordRef
    occasion: str
    scope: str
    due: datetime
    backfill: bool = False
    released: bool = False
    """Whether a person let it go after it was held: no breaker counts it again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one record: the outcome, every condition's reason, and when that could next change."""

    rule: str
    file: str
    line: int
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What all rules together say of one record, before caps and routing.

    `next_at` is the earliest future instant at which any rule could change its mind; None when only news can.
    """

    state: RecordState
    matches: tuple[Match, ...]
    marks: tuple[Mark, ...]
    next_at: datetime | None
    verdicts: tuple[Verdict, ...] = ()
    alarms: tuple[str, ...] = ()
    would: tuple[str, ...] = ()
    """The rules that would act now if what they match were not older than they are here (baseline)."""
    upkeep: bool = False
    """Whether offers or open tasks of ours on the record have to be seen to now, whatever the rules say."""


@dataclass(frozen=True, slots=True)
class HeldMatch:
    """A match that may not be carried out now: the rule, the record and one sentence why."""

    rule: str
    record: RecordRef
    why: str
    marked: bool = False
    """Whether its mark says `held`, so that it waits for a release and is not looked at again before."""


@dataclass(frozen=True, slots=True)
class HeldCount:
    """What a rule has waiting for a release: matches, the records they are about, and the actions they come to."""

    rule: str
    matches: int
    records: int
    actions: int


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What a pass commits for one record: its actions, its marks, its next deadline."""

    ref: RecordRef
    actions: tuple[PlannedAction, ...] = ()
    held: tuple[PlannedAction, ...] = ()
    marks: tuple[Mark, ...] = ()
    next_at: datetime | None = None
    reasons: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    offers: tuple[Offer, ...] = ()
    """New offers, and those that are settled now; each replaces the one of the same rule, occasion and round."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass would write, in the order it would write it, and what it holds back."""

    records: tuple[RecordPlan, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    held: tuple[HeldMatch, ...] = ()
    waiting: tuple[HeldMatch, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def actions(self) -> tuple[PlannedAction, ...]:
        """Every action that may be written now."""
        return tuple(action for record in self.records for action in record.actions)


ReceiptState = Literal["confirmed", "failed", "unknown", "dropped", "retry"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one action: `confirmed` with the CRM's id, `failed` for good, `retry` later, `unknown`: look it up.

    `already` is True when the effect was there before this call (a look-up or the CRM's own duplicate answer).
    """

    key: str
    state: ReceiptState
    crm_id: str | None = None
    code: str = ""
    message: str = ""
    already: bool = False


OutboxState = Literal["pending", "claimed", "confirmed", "failed", "unknown", "held", "dead", "dropped"]


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One action on its way: its state, how often it was tried and what was last said of it."""

    action: PlannedAction
    state: OutboxState
    run: str
    attempts: int = 0
    crm_id: str | None = None
    message: str = ""
    updated: datetime | None = None
    already: bool | None = None
    """Once it is confirmed: whether its effect may have been there before us; None where no receipt said so."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One pass in figures; `counts` has the keys of `run --json`."""

    id: str
    crm: str
    now: datetime
    command: str
    finished: datetime | None
    exit_code: int | None
    counts: Mapping[str, object] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: ok, warn or fail, what was looked at, and the cure when it is not ok."""

    level: Literal["ok", "warn", "fail"]
    subject: str
    text: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule as others need to know it: where it stands, and a fingerprint of all that its decisions depend on."""

    id: str
    why: str
    file: str
    line: int
    kind: str
    fingerprint: str = ""
    writes: tuple[ActionKind, ...] = ()
    """The kinds of action it plans for one match, in order."""
    reads: frozenset[str] = frozenset()
    """Our names of the fields that its conditions ask for."""
