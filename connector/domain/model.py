"""The nouns: what was read from the CRM, what was decided, and what came of it. All frozen, all aware of time zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import blake2b
from typing import Literal

Value = str | int | float | bool | datetime | date | None
"""What a field can hold. Instants are aware datetimes; a plain date has no zone; None is empty."""

Kind = Literal["lead", "contact", "deal"]
KINDS: tuple[Kind, ...] = ("lead", "contact", "deal")

ENDED_STATUSES = frozenset({"converted", "unqualified", "disqualified", "won", "lost", "do_not_contact"})
"""Status words that end a record's way: such a record is nobody's open work."""

ActivityType = Literal["call", "email", "meeting", "note", "task"]
Direction = Literal["outbound", "inbound"]
MarkKind = Literal["fired", "begun", "baseline", "held", "lost", "skipped", "stopped"]
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


LONGEST_IN_ID = 60
"""Characters of a value that stand in a change's id. An id is a key of the store, and no database takes a megabyte there."""


def change_id(field: str, at: datetime, value: Value) -> str:
    """The id of a change that the CRM gives none: what changed when to what; a long value is named by its digest."""
    text = "" if value is None else str(value)
    if len(text) > LONGEST_IN_ID:
        text = f"~{blake2b(text.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"
    return f"{field}@{at.isoformat()}@{text}"


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
    released: bool = False
    """Whether a person let it go: a match that was `held` without being drafted is then decided anew, and goes."""


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
