"""The nouns: what was read from the CRM, what was decided, and what came of it. All frozen, all aware of time zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Value = str | int | float | bool | datetime | date | None
"""What a field can hold. Instants are aware datetimes; a plain date has no zone; None is empty."""

Kind = Literal["lead", "contact", "deal"]
KINDS: tuple[Kind, ...] = ("lead", "contact", "deal")

ENDED_STATUSES = frozenset({"converted", "unqualified", "disqualified", "won", "lost", "do_not_contact"})
"""Status words that end a record's way: such a record is nobody's open work."""

ActivityType = Literal["call", "email", "meeting", "note", "task"]
Direction = Literal["outbound", "inbound"]
ActionKind = Literal["task", "reassign", "enroll", "unenroll", "set", "note", "offer", "amend"]
Outcome = Literal["fires", "waits", "blocked", "done", "baseline", "held", "no"]
MarkKind = Literal["fired", "baseline", "held", "lost", "skipped", "stopped"]
OfferState = Literal["open", "accepted", "rejected", "expired"]


@dataclass(frozen=True, slots=True, order=True)
class RecordRef:
    """Which record is meant: the CRM, our word for its kind, and the CRM's id (Salesforce ids with 18 characters)."""

    crm: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Record:
    """A lead, contact or deal as it was read. `fields` has our names.

    A field the CRM does not show is in `hidden` and absent from `fields`; a field that is empty is there with None.
    `version` changes with every change of the record (the CRM's modification stamp as text) and serves to drop what was
    read before. `converted` and `deleted` records get no writes; `merged_into` names the survivor of a merge.
    """

    ref: RecordRef
    fields: Mapping[str, Value]
    created: datetime
    modified: datetime
    version: str
    hidden: frozenset[str] = frozenset()
    deleted: bool = False
    converted: bool = False
    merged_into: RecordRef | None = None

    @property
    def owner(self) -> str | None:
        """The CRM id of the owner, None when nobody owns the record."""
        value = self.fields.get("owner")
        return value if isinstance(value, str) and value else None

    @property
    def status(self) -> str | None:
        """The status in the CRM's own spelling."""
        value = self.fields.get("status")
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Activity:
    """A call, e-mail, meeting, note or task of one or more records.

    `at` is when it happened (a task: when it is due, else when it was made); `done` is False for an open task or a
    meeting that has not ended. `actor` is the CRM id of the user who did it, None for the prospect. `automated` marks
    auto-replies and mass mail, which are neither attempts nor replies. `key` is ours when we wrote it. A task that a
    person put aside without doing it is `deferred`. `opened` and `clicked` are when the prospect last opened an e-mail
    of ours, or followed a link in it. `created` is when it was entered in the CRM, None where that is not known.
    """

    id: str
    type: ActivityType
    refs: tuple[RecordRef, ...]
    at: datetime
    version: str
    direction: Direction | None = None
    actor: str | None = None
    outcome: str | None = None
    subject: str = ""
    done: bool = True
    due: datetime | date | None = None
    ended: datetime | None = None
    task_type: str | None = None
    automated: bool = False
    key: str | None = None
    deleted: bool = False
    deferred: bool = False
    opened: datetime | None = None
    clicked: datetime | None = None
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A field of a record went from `old` to `new` at an instant.

    `origin` is `us` when our own confirmed write caused it. `exact` is True when the CRM's history gave the instant,
    False when only two readings differed (then `at` is the later reading's modification stamp). `id` is unique per
    record: the CRM's history id, or one made of field, instant and value.
    """

    id: str
    ref: RecordRef
    field: str
    old: Value
    new: Value
    at: datetime
    origin: Literal["crm", "us"] = "crm"
    exact: bool = True
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A record is (or was) a member of a campaign, list, sequence or cadence that `followup.yaml` gives a NAME."""

    ref: RecordRef
    name: str
    since: datetime | None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Owner:
    """A user or queue of the CRM. `user_id` is set where the CRM has a second id for the same person (HubSpot)."""

    id: str
    name: str
    email: str | None = None
    active: bool = True
    queue: bool = False
    manager: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What the CRM's description says of a field. `values` are the active picklist values, empty for any other type."""

    name: str
    api_name: str
    type: Literal["text", "number", "boolean", "datetime", "date", "picklist"]
    writable: bool = True
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CrmSchema:
    """The last description of the CRM: per kind the visible fields, and the words the workspace gives its statuses."""

    crm: str
    fields: Mapping[str, Mapping[str, FieldInfo]]
    statuses: Mapping[str, str] = field(default_factory=dict)
    enrollments: tuple[str, ...] = ()
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    """Per kind the address of a record's page in the CRM, with `{id}` where the record's id belongs; none if unknown."""

    @property
    def ended(self) -> frozenset[str]:
        """The values, in small letters, of the status words after which nobody works on a record any more."""
        return frozenset(self.statuses.get(word, word).casefold() for word in ENDED_STATUSES)

    @property
    def stray_statuses(self) -> Mapping[str, str]:
        """The status words that are mapped to a value no lead can have (a retired one, a misspelling): they match nothing."""
        described = self.fields.get("lead", {}).get("status")
        there = {value.casefold() for value in described.values} if described is not None else set()
        return {word: value for word, value in self.statuses.items() if there and value.casefold() not in there}


@dataclass(frozen=True, slots=True)
class Needs:
    """What the loaded rules want to know, so that a pass reads no more than that."""

    kinds: frozenset[str] = frozenset({"lead"})
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    history: Mapping[str, frozenset[str]] = field(default_factory=dict)
    activities: frozenset[str] = frozenset({"call", "email", "meeting", "note", "task"})
    enrollments: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    written_fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    opens: bool = False
    """Whether mails that the prospect opened, or followed a link in, count for anything."""
    loads: bool = False
    """Whether a pool hands out by how many open records its members have."""
    companies: bool = False
    """Whether a pool hands out by who knows the record's company."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a stream. `cursor` is safe to save once everything in the page is stored."""

    stream: str
    cursor: str
    records: tuple[Record, ...] = ()
    activities: tuple[Activity, ...] = ()
    changes: tuple[Change, ...] = ()
    enrollments: tuple[Enrollment, ...] = ()
    crm_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A rule has dealt with an occasion of a record. `scope` is what `once` compares (see docs/rules.md)."""

    rule: str
    occasion: str
    scope: str
    at: datetime
    kind: MarkKind


@dataclass(frozen=True, slots=True)
class Offer:
    """A member of a pool was asked to take a record, by a task whose key is `key`.

    An occasion's offers are numbered from 1 (`round`); `person` is the name in team.yaml, `owner` the CRM id. Once it is
    not `open` any more, `settled` is the instant at which it was accepted, rejected or ran out.
    """

    ref: RecordRef
    rule: str
    occasion: str
    round: int
    pool: str
    person: str
    owner: str
    at: datetime
    until: datetime
    key: str
    state: OfferState = "open"
    settled: datetime | None = None

    @property
    def withdrawn(self) -> bool:
        """Whether it ended before its time without an answer, because the record went elsewhere: nobody let it run out."""
        return self.state == "expired" and self.settled is not None and self.settled < self.until


@dataclass(frozen=True, slots=True)
class RecordState:
    """All that is stored about one record: what a rule is evaluated on. Sequences are in the order of time."""

    record: Record
    first_seen: datetime
    activities: tuple[Activity, ...] = ()
    changes: tuple[Change, ...] = ()
    enrollments: tuple[Enrollment, ...] = ()
    marks: tuple[Mark, ...] = ()
    offers: tuple[Offer, ...] = ()


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
    upkeep: bool = False
    """Whether offers or open tasks of ours on the record have to be seen to now, whatever the rules say."""


@dataclass(frozen=True, slots=True)
class HeldMatch:
    """A match that may not be carried out now: the rule, the record and one sentence why."""

    rule: str
    record: RecordRef
    why: str


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
