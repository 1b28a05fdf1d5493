"""The seams: what the application asks of a CRM, of the rules, of the store and of the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from connector.domain.errors import Problem
from connector.domain.model import (
    Activity,
    Adoption,
    Assignment,
    Change,
    CrmSchema,
    Decision,
    Enrollment,
    Finding,
    Moment,
    Needs,
    Offer,
    OutboxEntry,
    OutboxState,
    Owner,
    Page,
    Plan,
    PlannedAction,
    Reason,
    Receipt,
    Record,
    RecordPlan,
    RecordRef,
    RecordState,
    RuleInfo,
    RunSummary,
    Value,
    Verdict,
)


class Clock(Protocol):
    """What time it is, and how to wait; tests and `FOLLOWUP_NOW` replace it."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds, or less when the process is asked to stop."""
        ...


class Source(Protocol):
    """Reads one CRM. Every method raises only the errors of `connector.domain.errors`."""

    def describe(self, needs: Needs) -> CrmSchema:
        """The visible fields, picklists and statuses for what the rules need; a hidden field is listed, not fatal."""
        ...

    def owners(self) -> Sequence[Owner]:
        """Every user and queue that can own a record, inactive ones included."""
        ...

    def streams(self, needs: Needs) -> Sequence[str]:
        """The names of the streams to read for these needs, in reading order: records first."""
        ...

    def read(self, stream: str, cursor: str | None, needs: Needs) -> Iterator[Page]:
        """Pages of a stream from a saved cursor (None: from the beginning), overlapping what may still be late.

        A row may come twice; `version` says whether it is news. Reading ends with a page whose cursor is where the
        next pass starts. An error in the middle leaves the pages before it usable.
        """
        ...

    def reread(self, refs: Sequence[RecordRef], needs: Needs) -> Mapping[RecordRef, Record]:
        """The records as they are now, from primary data; one that is gone is absent, a merged one names its survivor."""
        ...


class Sink(Protocol):
    """Writes to one CRM. It decides nothing: it settles every action it is given with exactly one receipt."""

    def batch_size(self, kind: str) -> int:
        """How many actions of this kind fit in one call of the CRM."""
        ...

    def apply(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        """Write these actions (all of one kind, at most one batch) and say what became of each, matched by key.

        Raises only ThrottledError / QuotaSpentError / RetryableError / ConfigError, and only when nothing was written.
        """
        ...

    def look_up(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        """For writes of unknown outcome: `confirmed` (already) when the effect is there, `retry` when surely not."""
        ...


class Adapter(Protocol):
    """A CRM connection: its source, its sink, and what it costs."""

    name: str
    source: Source
    sink: Sink

    @property
    def api_calls(self) -> int:
        """How many HTTP requests were sent to the CRM so far, those for tokens included."""
        ...

    def doctor(self, needs: Needs) -> Iterable[Finding]:
        """Connection, permissions, fields, quotas, clock and opt-out visibility, each with its cure."""
        ...

    def close(self) -> None:
        """Give back the connections."""
        ...


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """What an adapter is built from; plain data. `connection` holds the credentials and is never shown (repr=False)."""

    crm: str
    connection: Mapping[str, str] = field(repr=False)
    clock: Clock = field(repr=False)
    records: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    enrollments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    task_key_field: str | None = None
    api_calls_share: float = 0.2
    calls_before: int = 0
    """How many calls earlier processes of ours made on this day, so that our share holds for the day and not per pass."""
    client_name: str = "followup"
    should_stop: Callable[[], bool] = field(default=lambda: False, repr=False)


class RuleEngine(Protocol):
    """The matcher: which of the loaded rules hold on one record's facts."""

    def evaluate(self, facts: Mapping[str, str | int | float | bool]) -> frozenset[str]:
        """The ids of the rules whose conditions hold on these flat facts; an absent fact is unknown."""
        ...


class Rulebook(Protocol):
    """The loaded rules, bound to a CRM: pure functions of what is stored and of the moment."""

    @property
    def rules(self) -> Sequence[RuleInfo]:
        """The rules that run."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """Why other rules do not run; each names the rule it quarantines, if any."""
        ...

    def needs(self) -> Needs:
        """What to read for these rules."""
        ...

    def bind(self, schema: CrmSchema, owners: Sequence[Owner]) -> Sequence[Problem]:
        """Resolve statuses, fields, people and enrolments against the CRM; quarantines, by name, rules that cannot be."""
        ...

    def evaluate(self, states: Sequence[RecordState], moment: Moment) -> Sequence[Decision]:
        """What the rules say of each record, before caps and routing; in the order of `states`."""
        ...

    def plan(self, decisions: Sequence[Decision], moment: Moment) -> Plan:
        """Conflicts, caps and routing over all matches of a pass; a RecordPlan for every decision."""
        ...

    def recheck(self, action: PlannedAction, state: RecordState, moment: Moment) -> Reason | None:
        """None when the action still holds on the freshly read record, else the reason to drop it."""
        ...

    def explain(self, state: RecordState, moment: Moment) -> Sequence[Verdict]:
        """Why, why not and when next, for every rule of the record's kind."""
        ...


class UnitOfWork(Protocol):
    """One transaction on the store. Leaving the `with` block commits; an exception rolls back."""

    # -- what was read -------------------------------------------------------------------------------------------
    def cursor(self, stream: str) -> str | None: ...
    def save_cursor(self, stream: str, cursor: str) -> None: ...
    def records(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, Record]: ...
    def save_records(self, records: Sequence[Record], seen: datetime) -> None:
        """Insert or replace; `first_seen` is kept from the first time."""
        ...

    def find(self, text: str) -> Sequence[RecordRef]:
        """Records whose id is `text`, with or without `kind:` before it."""
        ...

    def refs(self, kind: str, limit: int, after: RecordRef | None = None, *, gone: bool = False) -> Sequence[RecordRef]:
        """The records of a kind in the order of their refs, beyond `after`; with `gone` also deleted and merged ones."""
        ...

    def activity_versions(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The stored version of each of these activities."""
        ...

    def activity_refs(self, ids: Sequence[str]) -> Mapping[str, Sequence[RecordRef]]:
        """The records on which each of these activities is stored; one that is not stored is left out."""
        ...

    def save_activities(self, activities: Sequence[Activity]) -> None:
        """Insert or replace; one marked deleted is removed, but a task of ours stays and is marked deleted."""
        ...

    def save_changes(self, changes: Sequence[Change]) -> frozenset[RecordRef]:
        """Store those not yet known by (record, id); the records for which something was new.

        An exact change refines a stored inexact one of the same field and new value: that keeps its id and origin.
        """
        ...

    def save_enrollments(self, enrollments: Sequence[Enrollment]) -> frozenset[RecordRef]: ...
    def move_history(self, old: RecordRef, new: RecordRef) -> None:
        """After a merge: activities, enrolments, marks and open actions of the loser now belong to the survivor."""
        ...

    def save_schema(self, schema: CrmSchema) -> None: ...
    def schema(self) -> CrmSchema | None: ...
    def save_owners(self, owners: Sequence[Owner]) -> bool:
        """True when an owner appeared, went or changed since the last time."""
        ...

    def owners(self) -> Sequence[Owner]: ...

    # -- what is due ---------------------------------------------------------------------------------------------
    def mark_due(self, refs: Iterable[RecordRef], at: datetime) -> None:
        """Lower the deadline of these records to `at`."""
        ...

    def mark_all_due(self, kind: str, at: datetime) -> int: ...
    def due(self, now: datetime, limit: int, after: RecordRef | None = None) -> Sequence[RecordRef]:
        """Records whose deadline has come, in the order of their refs, beyond `after`."""
        ...

    def states(self, refs: Sequence[RecordRef]) -> Sequence[RecordState]: ...
    def population(self) -> Mapping[str, int]:
        """How many live records of each kind are stored."""
        ...

    # -- what was decided ----------------------------------------------------------------------------------------
    def adoptions(self) -> Mapping[str, Adoption]: ...
    def adopt(self, adoptions: Sequence[Adoption]) -> None:
        """Insert or replace."""
        ...

    def commit_plan(self, plan: RecordPlan, run: str, now: datetime) -> None:
        """Outbox entries (pending or held), marks, the next deadline (None clears it) and the trace of one record.

        An action whose key is already there and neither `dropped` nor new is left as it is.
        """
        ...

    def save_assignments(self, assignments: Sequence[Assignment]) -> None: ...
    def assignments(self, since: datetime | None = None) -> Sequence[Assignment]: ...
    def offers(self, since: datetime | None = None) -> Sequence[Offer]:
        """Every offer that was made, or was settled, from an instant on, the oldest first."""
        ...

    def loads(self) -> Mapping[str, int]:
        """How many open records each owner has."""
        ...

    def company_owners(self, companies: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Who owns or owned records of these companies (names in small letters), most records first."""
        ...

    def fired_counts(self, since: datetime) -> Mapping[tuple[str, str], int]:
        """Per (rule, owner the record had) how many matches fired since an instant; ('rule','') is the rule's total."""
        ...

    def remove_marks(self, ref: RecordRef, rule: str, occasion: str) -> None:
        """Let a rule fire on this occasion again: its dropped reassignments and offers took no turn and were never made."""
        ...

    def trace(self, key: str) -> Sequence[Reason]: ...

    # -- what is on its way --------------------------------------------------------------------------------------
    def claim(self, run: str, limit: int, now: datetime, lease_until: datetime) -> Sequence[OutboxEntry]:
        """Take pending entries, and claimed ones whose lease ran out (those come as `unknown`), in the order of their
        position, then key."""
        ...

    def settle(self, receipts: Sequence[Receipt], now: datetime) -> None:
        """Record outcomes: `retry` goes back to pending (dead after 8 attempts), the others stay as they are."""
        ...

    def put_back(self, keys: Sequence[str], why: str, now: datetime) -> None:
        """Claimed entries back to pending without counting an attempt; `why` is kept as their message."""
        ...

    def prune(self, traces_before: datetime, snapshots_before: datetime) -> int:
        """Forget traces, and deleted records with their history, that are older; how many rows went."""
        ...

    def outbox(self, states: Sequence[OutboxState] = (), run: str | None = None) -> Sequence[OutboxEntry]: ...
    def outbox_counts(self) -> Mapping[str, int]: ...
    def entries(self, keys: Sequence[str]) -> Mapping[str, OutboxEntry]: ...
    def our_writes(self, ref: RecordRef) -> Sequence[OutboxEntry]:
        """Every write that was planned on a record, whatever became of it, the oldest first."""
        ...

    def release(self, rule: str | None, first: int | None, now: datetime) -> int:
        """Held entries back to pending, oldest first; how many."""
        ...

    # -- runs ----------------------------------------------------------------------------------------------------
    def start_run(self, run: RunSummary) -> None: ...
    def finish_run(self, run: RunSummary) -> None: ...
    def runs(self, limit: int) -> Sequence[RunSummary]: ...
    def setting(self, name: str) -> Value: ...
    def save_setting(self, name: str, value: Value) -> None: ...


class Store(Protocol):
    """Durable state with one writer."""

    def begin(self) -> AbstractContextManager[UnitOfWork]:
        """A transaction; raises StoreError when the state cannot be read or written."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """The pass's exclusive lock; raises BusyError at once when another process holds it."""
        ...

    def close(self) -> None: ...
