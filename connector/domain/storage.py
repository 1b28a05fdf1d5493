"""The seam to durable state: everything a pass keeps, in transactions, behind one writer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from connector.domain.audited import Stored
from connector.domain.decision import (
    Adoption,
    Assignment,
    HeldCount,
    OutboxEntry,
    OutboxState,
    Pause,
    Reason,
    Receipt,
    RecordPlan,
    RunSummary,
)
from connector.domain.model import (
    Activity,
    Change,
    CrmSchema,
    Enrollment,
    Offer,
    Owner,
    Record,
    RecordRef,
    RecordState,
    Value,
)
from connector.domain.tombstones import Tombstones


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

    def activities(self, ids: Sequence[str]) -> Mapping[str, Activity]:
        """These activities as they are stored; one that is not stored is left out."""
        ...

    def activity_refs(self, ids: Sequence[str]) -> Mapping[str, Sequence[RecordRef]]:
        """The records on which each of these activities is stored; one that is not stored is left out."""
        ...

    def save_activities(self, activities: Sequence[Activity]) -> None:
        """Insert or replace; one marked deleted is removed, but a task of ours stays and is marked deleted."""
        ...

    def save_changes(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Store those not yet known by (record, id); which of them were news.

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

    def matched_lately(self, since: datetime) -> Mapping[str, frozenset[RecordRef]]:
        """The records on which each rule fired, or was held, since an instant, but for what a person released."""
        ...

    def remove_marks(self, ref: RecordRef, rule: str, occasion: str, *, begun: bool = False) -> None:
        """Let a rule fire on this occasion again: its dropped reassignments and offers took no turn and were never made.

        With `begun` its marks stay as such, since some of it was carried out: for any other occasion `once` is used up.
        """
        ...

    def trace(self, key: str) -> Sequence[Reason]: ...

    # -- what is on its way --------------------------------------------------------------------------------------
    def claim(
        self, run: str, limit: int, now: datetime, lease_until: datetime, *, undo: bool = False
    ) -> Sequence[OutboxEntry]:
        """Take pending entries, and claimed ones whose lease ran out (those come as `unknown`), in the order of their
        position, then key; with `undo` only those that take writes back, else all others."""
        ...

    def settle(self, receipts: Sequence[Receipt], now: datetime) -> None:
        """Record outcomes: `retry` goes back to pending (dead after 8 attempts), the others stay as they are."""
        ...

    def put_back(self, keys: Sequence[str], why: str, now: datetime) -> None:
        """Claimed entries back to pending without counting an attempt; `why` is kept as their message."""
        ...

    def try_again(self, keys: Sequence[str], now: datetime) -> None:
        """Entries that failed, are dead or unknown back to pending, as if never tried, with the later steps of their match."""
        ...

    def take_back(self, key: str, now: datetime) -> None:
        """The write with this key was undone: its turn in a pool is given back, and its offer, if open, has run out."""
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

    def held(self) -> Sequence[HeldCount]:
        """What waits for a release, by rule."""
        ...

    def held_records(self) -> frozenset[RecordRef]:
        """The records with anything that waits for a release."""
        ...

    def release(self, rule: str | None, first: int | None, now: datetime) -> int:
        """Let `first` held matches of a rule or cadence go, oldest first (None: all); how many actions. Paused ones stay."""
        ...

    def discard(self, rule: str | None, first: int | None, now: datetime) -> int:
        """Drop `first` held matches (None: all): their rules do not act on these occasions; how many actions."""
        ...

    # -- what a person stopped -----------------------------------------------------------------------------------
    def pauses(self) -> Mapping[str, Pause]:
        """What is paused, by rule or cadence; `EVERYTHING` stands for all of them."""
        ...

    def pause(self, pause: Pause) -> bool:
        """Stop a rule, or everything; False when it was paused already, which then stays as it is."""
        ...

    def resume(self, rule: str) -> bool:
        """Let a rule, or everything, go on; False when it was not paused."""
        ...

    # -- what there is, for an audit ------------------------------------------------------------------------------
    def record_stock(self, kind: str, after: str) -> tuple[Sequence[Stored], str | None]:
        """Some stored records of a kind behind `after` (empty: from the first), and behind what to go on; None at the end."""
        ...

    def activity_stock(self, after: str) -> tuple[Sequence[Stored], str | None]:
        """The same of the activities that are not deleted and whose creation is known."""
        ...

    # -- what was forgotten --------------------------------------------------------------------------------------
    def tombstones(self) -> Tombstones:
        """What was forgotten so far; none of it may be stored again."""
        ...

    def forgotten_counts(self) -> Mapping[str, int]:
        """How many records of each kind were forgotten, and under `activity` how many activities went with them."""
        ...

    def merged_with(self, ref: RecordRef) -> Sequence[RecordRef]:
        """The record that this one has become in the end, then everything that was merged into it."""
        ...

    def footprint(self, refs: Sequence[RecordRef]) -> Mapping[str, int]:
        """How much is stored about these records, by sort; what there is none of is left out."""
        ...

    def forget(self, refs: Sequence[RecordRef], now: datetime) -> None:
        """Take away everything about these records and leave tombstones; `Store.scrub` makes it unreadable."""
        ...

    def drop_activities(self, ids: Sequence[str], now: datetime) -> None:
        """Take these activities away and leave tombstones: they belonged to forgotten records only."""
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

    def scrub(self) -> bool:
        """Rewrite the state so that nothing deleted can be read in it; False where a database's admin has to do that."""
        ...

    def close(self) -> None: ...
