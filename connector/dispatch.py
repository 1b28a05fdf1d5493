"""Writing: the outbox is worked off in batches, each record re-read just before its write, each action settled by key.

claim (T3) -> re-read and check -> Sink.apply, never inside a transaction -> confirm (T4). What a dead run left claimed,
and every write whose answer was lost, is looked up in the CRM before it may be tried again. Once a write is confirmed
the store is brought to what it did, so that reading it back is an echo and no news.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from connector.domain.errors import (
    FollowupError,
    MissingFieldError,
    OutcomeUnknownError,
    PermanentError,
    QuotaSpentError,
    RetryableError,
)
from connector.domain.model import (
    Activity,
    Change,
    Enrollment,
    Moment,
    Needs,
    OutboxEntry,
    PlannedAction,
    Receipt,
    Record,
    RecordRef,
    RecordState,
)
from connector.domain.ports import Adapter, Rulebook, Store, UnitOfWork
from connector.echo import OURS, after_our_write

CLAIM = 400
"""Actions claimed, and re-read, at a time: two full Salesforce batches, four of HubSpot's."""

LEASE = timedelta(minutes=10)
"""How long a claim is good for; a later run that holds the lock takes it over in any case."""


@dataclass(slots=True)
class WriteCounts:
    """What became of the writes of a pass, and why some stopped early."""

    calls: int = 0
    confirmed: int = 0
    failed: int = 0
    unknown: int = 0
    dropped: int = 0
    stopped: str = ""
    by_kind: Counter[str] = field(default_factory=Counter)


class Dispatcher:
    """Works off the outbox of one pass."""

    def __init__(
        self,
        store: Store,
        adapter: Adapter,
        rulebook: Rulebook,
        needs: Needs,
        moment: Moment,
        run: str,
        should_stop: Callable[[], bool],
        progress: Callable[[str, int], None] = lambda _s, _n: None,
    ) -> None:
        self._store = store
        self._adapter = adapter
        self._rulebook = rulebook
        self._needs = needs
        self._moment = moment
        self._run = run
        self._should_stop = should_stop
        self._progress = progress
        self.counts = WriteCounts()
        self._tried: set[str] = set()

    def recover(self) -> None:
        """Look up what earlier runs left without an answer; nothing new is written."""
        with self._store.begin() as uow:
            left = uow.outbox(("claimed", "unknown"))
        for batch in self._batches([entry.action for entry in left]):
            self._settle(batch, self._looked_up(batch))

    def work(self) -> WriteCounts:
        """Write everything that is pending; stops early, keeping the rest, on a spent quota, an outage or a stop."""
        while not self.counts.stopped and not self._should_stop():
            with self._store.begin() as uow:
                claimed = uow.claim(self._run, CLAIM, self._moment.now, self._moment.now + LEASE)
            again = [entry.action for entry in claimed if entry.action.key in self._tried]
            self._put_back(again, "tried once in this pass already")
            fresh = [entry for entry in claimed if entry.action.key not in self._tried]
            if not fresh:
                break
            self._tried.update(entry.action.key for entry in fresh)
            self._wave(fresh)
        if self._should_stop() and not self.counts.stopped:
            self.counts.stopped = "asked to stop: the call in flight was finished, the rest is left for the next pass"
        return self.counts

    def _wave(self, claimed: Sequence[OutboxEntry]) -> None:
        for batch in self._batches([entry.action for entry in claimed if entry.state == "unknown"]):
            self._settle(batch, self._looked_up(batch))
        fresh = [entry.action for entry in claimed if entry.state != "unknown"]
        try:
            good = self._rechecked(fresh)
        except FollowupError as error:
            self._give_up(fresh, error)
            return
        for batch in self._batches(good):
            if self.counts.stopped or self._should_stop():
                self._put_back(batch, "left for the next pass")
            else:
                self._apply(batch)

    def _apply(self, batch: Sequence[PlannedAction]) -> None:
        self.counts.calls += 1
        try:
            receipts = list(self._adapter.sink.apply(batch))
        except OutcomeUnknownError as error:
            receipts = [Receipt(action.key, "unknown", message=str(error)) for action in batch]
        except FollowupError as error:
            self._give_up(batch, error)
            return
        answered = {receipt.key for receipt in receipts}
        receipts += [
            Receipt(action.key, "unknown", message="the CRM's answer did not mention this row")
            for action in batch
            if action.key not in answered
        ]
        self._settle(batch, receipts)

    def _give_up(self, batch: Sequence[PlannedAction], error: FollowupError) -> None:
        """Nothing of this batch was written. What time may mend waits for the next pass; a refusal is final."""
        if isinstance(error, QuotaSpentError | RetryableError):
            self._put_back(batch, str(error))
            self.counts.stopped = str(error)
        elif isinstance(error, PermanentError) and not isinstance(error, MissingFieldError):
            self._settle(batch, [Receipt(action.key, "failed", None, error.code, str(error)) for action in batch])
        else:
            self._put_back(batch, str(error))
            raise error

    def _put_back(self, batch: Sequence[PlannedAction], why: str) -> None:
        if batch:
            with self._store.begin() as uow:
                uow.put_back([action.key for action in batch], why, self._moment.now)

    def _looked_up(self, batch: Sequence[PlannedAction]) -> Sequence[Receipt]:
        try:
            return self._adapter.sink.look_up(batch)
        except (RetryableError, QuotaSpentError, OutcomeUnknownError) as error:
            self.counts.stopped = str(error)
            return [Receipt(action.key, "unknown", message=str(error)) for action in batch]

    def _rechecked(self, actions: Sequence[PlannedAction]) -> list[PlannedAction]:
        """The actions whose record, read again this moment, is still what the rule saw; the others are dropped."""
        refs = sorted({action.record for action in actions})
        if not refs:
            return []
        fresh = self._adapter.source.reread(refs, self._needs)
        with self._store.begin() as uow:
            states = {state.record.ref: state for state in uow.states(refs)}
        good, drops = [], []
        for action in actions:
            reason = self._reason_to_drop(action, states.get(action.record), fresh.get(action.record))
            if reason is None:
                good.append(action)
            else:
                drops.append(Receipt(action.key, "dropped", message=reason))
        self._settle(actions, drops)
        return good

    def _reason_to_drop(self, action: PlannedAction, state: RecordState | None, fresh: Record | None) -> str | None:
        if fresh is None or state is None:
            return f"{action.record.kind} is no longer in the CRM"
        reason = self._rulebook.recheck(action, replace(state, record=fresh), self._moment)
        return None if reason is None else reason.text

    def _batches(self, actions: Sequence[PlannedAction]) -> Iterator[list[PlannedAction]]:
        """Batches of one action kind and one record kind, each as large as one call of the CRM allows."""
        groups: dict[tuple[int, str, str], list[PlannedAction]] = defaultdict(list)
        for action in actions:
            groups[(action.position, action.kind, action.record.kind)].append(action)
        for (_, kind, _), group in sorted(groups.items()):
            size = max(1, self._adapter.sink.batch_size(kind))
            for start in range(0, len(group), size):
                yield group[start : start + size]

    def _settle(self, batch: Sequence[PlannedAction], receipts: Sequence[Receipt]) -> None:
        if not receipts:
            return
        now = self._moment.now
        actions = {action.key: action for action in batch}
        with self._store.begin() as uow:
            uow.settle(receipts, now)
            for receipt in receipts:
                action = actions[receipt.key]
                if receipt.state == "confirmed":
                    remember(uow, action, receipt, now)
                elif receipt.state == "dropped":
                    # The decision was undone, not made: the next evaluation decides anew on what is true by then.
                    uow.remove_marks(action.record, action.rule, action.occasion)
                    uow.mark_due([action.record], now)
        self._count(receipts, actions)

    def _count(self, receipts: Iterable[Receipt], actions: Mapping[str, PlannedAction]) -> None:
        for receipt in receipts:
            if receipt.state == "confirmed":
                self.counts.confirmed += 1
                self.counts.by_kind[actions[receipt.key].kind] += 1
            elif receipt.state == "failed":
                self.counts.failed += 1
            elif receipt.state == "unknown":
                self.counts.unknown += 1
            elif receipt.state == "dropped":
                self.counts.dropped += 1
        self._progress("write", self.counts.confirmed)


def remember(uow: UnitOfWork, action: PlannedAction, receipt: Receipt, now: datetime) -> None:
    """Bring the store to what a confirmed write did: the fields it set, the task or note it made, the enrolment."""
    if action.kind in ("set", "reassign"):
        _remember_fields(uow, action, now)
    elif action.kind in ("task", "note") and receipt.crm_id:
        uow.save_activities([_activity(action, receipt.crm_id, now)])
    elif action.kind in ("enroll", "unenroll"):
        name = str(action.fields.get("in") or action.fields.get("from"))
        uow.save_enrollments([Enrollment(action.record, name, now, active=action.kind == "enroll")])


def _remember_fields(uow: UnitOfWork, action: PlannedAction, now: datetime) -> None:
    record = uow.records([action.record]).get(action.record)
    if record is None:
        return
    names = ("owner",) if action.kind == "reassign" else tuple(action.fields)
    values = {name: action.fields[name] for name in names if name in action.fields}
    uow.save_records([after_our_write(record, values)], now)
    changes = [
        Change(
            id=f"{action.key}#{name}",
            ref=action.record,
            field=name,
            old=record.fields.get(name),
            new=value,
            at=now,
            origin="us",
            exact=False,
        )
        for name, value in values.items()
        if record.fields.get(name) != value
    ]
    uow.save_changes(changes)


def _activity(action: PlannedAction, crm_id: str, now: datetime) -> Activity:
    due = action.fields.get("due")
    when = due if isinstance(due, datetime) else now
    is_note = action.kind == "note"
    owner: RecordRef | str | None = None if is_note else str(action.fields.get("owner") or "") or None
    return Activity(
        id=crm_id,
        type="note" if is_note else "task",
        refs=(action.record,),
        at=now if is_note else when,
        version=OURS,
        direction=None,
        actor=owner if isinstance(owner, str) else None,
        subject=str(action.fields.get("subject") or ""),
        done=is_note,
        due=due if isinstance(due, datetime | date) else None,
        task_type=None if is_note else str(action.fields.get("type") or "todo"),
        key=action.key,
    )
