"""Writing: the outbox is worked off in batches, each record re-read just before its write, each action settled by key.

claim (T3) -> re-read and check -> Sink.apply, never inside a transaction -> confirm (T4). What a dead run left claimed,
and every write whose answer was lost, is looked up in the CRM before it may be tried again. Once a write is confirmed
the store is brought to what it did, so that reading it back is an echo and no news.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from connector.domain.actions import TASK_DONE, TASK_GONE
from connector.domain.decision import Moment, OutboxEntry, PlannedAction, Reason, Receipt, pause_of
from connector.domain.errors import (
    ConflictError,
    FollowupError,
    MissingFieldError,
    OutcomeUnknownError,
    PermanentError,
    QuotaSpentError,
    RetryableError,
    StoreError,
)
from connector.domain.model import Needs, Record, RecordRef, RecordState
from connector.domain.ports import Adapter
from connector.domain.storage import Store, UnitOfWork
from connector.domain.undone import UNDO
from connector.echo import came_back, end_task, remember, take_records

CLAIM = 400
"""Actions claimed, and re-read, at a time: two full Salesforce batches, four of HubSpot's."""

LEASE = timedelta(minutes=10)
"""How long a claim is good for; a later run that holds the lock takes it over in any case."""

ABSENT_FOR = timedelta(days=1)
"""When a record that the CRM did not show is looked at again: most are deleted, and the next reading says so."""

FRESH_SECONDS = 15.0
"""How old the last look at a record may be when its batch goes out; an older one is had again. Only the batch in flight,
and a wait that the CRM asks for in it, can make it older."""

LEFT = "left for the next pass"

OVERWRITTEN = "it was there, and somebody has changed it since"

IN_DOUBT = "waits for the next pass: first it is looked up what became of another write to the same thing"


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


class LastLook(Protocol):
    """Says of a record that was read this moment whether what is to be written to it still holds."""

    def recheck(self, action: PlannedAction, state: RecordState, moment: Moment) -> Reason | None:
        """None when it does, else the reason to drop it."""
        ...


class Dispatcher:
    """Works off the outbox of one pass."""

    def __init__(
        self,
        store: Store,
        adapter: Adapter,
        last_look: LastLook,
        needs: Needs,
        moment: Moment,
        run: str,
        should_stop: Callable[[], bool],
        progress: Callable[[str, int], None] = lambda _s, _n: None,
    ) -> None:
        self._store = store
        self._adapter = adapter
        self._last_look = last_look
        self._needs = needs
        self._moment = moment
        self._run = run
        self._should_stop = should_stop
        self._progress = progress
        self.counts = WriteCounts()
        self._tried: set[str] = set()
        self._unsent: set[str] = set()
        self._claimed: set[str] = set()
        self._in_doubt: set[tuple[RecordRef, str]] = set()
        self._looked_at = 0.0

    def recover(self) -> Sequence[Receipt]:
        """Look up what earlier runs left without an answer; nothing new is written.

        What is given back are owners and values that do not stand there: the history that is read next may tell that they
        did, and that somebody changed them since. `conclude` takes them up then.
        """
        doubtful: list[Receipt] = []
        with self._store.begin() as uow:
            left = uow.outbox(("claimed", "unknown"))
        self._claimed = {entry.action.key for entry in left if entry.state == "claimed"}
        for batch in self._batches([entry.action for entry in left]):
            if self.counts.stopped or self._should_stop():
                break
            receipts = self._looked_up(batch)
            if batch[0].kind in ("set", "reassign"):
                doubtful += [receipt for receipt in receipts if receipt.state == "retry"]
                receipts = [receipt for receipt in receipts if receipt.state != "retry"]
            self._not_there(batch, receipts)
        return doubtful

    def conclude(self, doubtful: Sequence[Receipt]) -> None:
        """Settle what a look-up did not find by what was read since: in the history it may be, and then it landed."""
        if not doubtful:
            return
        now = self._moment.now
        with self._store.begin() as uow:
            entries = uow.entries([receipt.key for receipt in doubtful])
            landed = [entry.action for entry in entries.values() if came_back(uow, entry)]
            uow.settle([Receipt(one.key, "confirmed", message=OVERWRITTEN, already=True) for one in landed], now)
            uow.mark_due([one.record for one in landed], now)
            for one in landed:  # what it wrote is not remembered: something else stands there by now
                if one.rule == UNDO:
                    uow.take_back(one.occasion, now)
        self.counts.confirmed += len(landed)
        self.counts.by_kind.update(one.kind for one in landed)
        keys = {one.key for one in landed}
        rest = [receipt for receipt in doubtful if receipt.key in entries and receipt.key not in keys]
        self._not_there([entries[receipt.key].action for receipt in rest], rest)

    def _not_there(self, batch: Sequence[PlannedAction], receipts: Sequence[Receipt]) -> None:
        # What was only claimed was perhaps never sent: that it is not there is no attempt that failed.
        unsent = {receipt.key for receipt in receipts if receipt.state == "retry"} & self._claimed
        self._settle(batch, [receipt for receipt in receipts if receipt.key not in unsent])
        self._put_back([action for action in batch if action.key in unsent], "a run ended before it was sent")

    def work(self, only: Set[str] | None = None, *, undo: bool = False) -> WriteCounts:
        """Write everything that is pending, or of it only these keys, each at most once; with `undo` what takes back.

        Stops early, keeping the rest, on a spent quota, an outage or a stop.
        """
        aside: list[OutboxEntry] = []
        try:
            while not self.counts.stopped and not self._should_stop():
                with self._store.begin() as uow:
                    claimed = uow.claim(self._run, CLAIM, self._moment.now, self._moment.now + LEASE, undo=undo)
                if not claimed:
                    break
                wanted = [entry for entry in claimed if self._is_wanted(entry.action.key, only)]
                keys = {entry.action.key for entry in wanted}
                aside += [entry for entry in claimed if entry.action.key not in keys]
                self._tried |= keys
                self._wave(wanted)
        finally:
            self._give_back(aside)
        if self._should_stop() and not self.counts.stopped:
            self.counts.stopped = "asked to stop: the call in flight was finished, the rest is left for the next pass"
        return self.counts

    def _is_wanted(self, key: str, only: Set[str] | None) -> bool:
        return key not in self._tried and (only is None or key in only)

    def _give_back(self, aside: Sequence[OutboxEntry]) -> None:
        """What was claimed and is not for this pass waits on, with what was last said of it.

        It stays claimed until the end, so that it does not come again and again before what has not been tried.
        """
        by_message: dict[str, list[PlannedAction]] = defaultdict(list)
        for entry in aside:
            if entry.state == "claimed":  # an unknown one has to be looked up first: that is for the next pass
                by_message[entry.message].append(entry.action)
        with suppress(StoreError):  # then it stays claimed, and is looked up by the next pass
            for message, actions in by_message.items():
                self._put_back(actions, message)

    def _wave(self, claimed: Sequence[OutboxEntry]) -> None:
        lost = [entry.action for entry in claimed if entry.state == "unknown"]
        fresh = [entry.action for entry in claimed if entry.state != "unknown"]
        self._unsent = {action.key for action in fresh}
        try:
            for batch in self._batches(lost):
                self._settle(batch, self._looked_up(batch))
            for batch in self._batches(self._rechecked(fresh)):
                if self.counts.stopped or self._should_stop():
                    break
                fresh_enough = monotonic() - self._looked_at <= FRESH_SECONDS
                checked = batch if fresh_enough else self._rechecked(batch)
                going = self._tellable(self._unpaused(checked))  # last, since the CRM may let a look wait for minutes
                if going:
                    self._apply(going)
        except (
            QuotaSpentError,
            RetryableError,
            OutcomeUnknownError,
        ) as error:  # of the re-reading: nothing was written
            self.counts.stopped = str(error)
        finally:
            left = [action for action in fresh if action.key in self._unsent]
            with suppress(StoreError):  # then they stay claimed, and are looked up by the next pass
                self._put_back(left, self.counts.stopped or LEFT)

    def _unpaused(self, batch: Sequence[PlannedAction]) -> list[PlannedAction]:
        """The actions of rules that nobody has paused since they were claimed; the others wait on."""
        with self._store.begin() as uow:
            pauses = uow.pauses()
        return [action for action in batch if action.rule == UNDO or pause_of(pauses, action.rule) is None]

    def _tellable(self, batch: Sequence[PlannedAction]) -> list[PlannedAction]:
        """The actions that do not touch what a write of unknown outcome of this pass may have changed; the others wait.

        Whether that one landed is seen by how the thing is now: nobody could tell any more once it was changed again.
        """
        waiting = [action for action in batch if _thing(action) in self._in_doubt]
        self._put_back(waiting, IN_DOUBT)
        self._unsent.difference_update(action.key for action in waiting)
        return [action for action in batch if action not in waiting]

    def _apply(self, batch: Sequence[PlannedAction]) -> None:
        self.counts.calls += 1
        self._unsent.difference_update(action.key for action in batch)
        try:
            receipts = self._adapter.sink.apply(batch)
        except OutcomeUnknownError as error:
            receipts = [Receipt(action.key, "unknown", message=str(error)) for action in batch]
        except FollowupError as error:
            self._give_up(batch, error)
            return
        self._settle(batch, _one_each(batch, receipts))

    def _give_up(self, batch: Sequence[PlannedAction], error: FollowupError) -> None:
        """Nothing of this batch was written. What time may mend waits for the next pass; a refusal is final."""
        if isinstance(error, QuotaSpentError | RetryableError):
            self._put_back(batch, str(error))
            self.counts.stopped = str(error)
        elif isinstance(error, ConflictError):
            self._settle(batch, [Receipt(action.key, "dropped", message=str(error)) for action in batch])
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
            return _one_each(batch, self._adapter.sink.look_up(batch))
        except (RetryableError, QuotaSpentError, OutcomeUnknownError) as error:
            self.counts.stopped = str(error)
            return [Receipt(action.key, "unknown", message=str(error)) for action in batch]
        except PermanentError as error:  # it cannot be told, so it is not repeated; everything else goes on
            return [Receipt(action.key, "unknown", None, error.code, str(error)) for action in batch]

    def _rechecked(self, actions: Sequence[PlannedAction]) -> list[PlannedAction]:
        """The actions whose record, read again this moment, is still what the rule saw; the others are dropped.

        What was read is stored as in any reading, so that the next decision is made on it and not on what it was before.
        """
        refs = sorted({action.record for action in actions})
        if not refs:
            return []
        self._looked_at = monotonic()
        fresh = self._adapter.source.reread(refs, self._needs)
        now = self._moment.now
        with self._store.begin() as uow:
            news = take_records(uow, [fresh[ref] for ref in refs if ref in fresh], self._needs, now)
            uow.mark_due(sorted(uow.records(sorted(news.changed | news.survivors))), now)
            states = {state.record.ref: state for state in uow.states(refs)}
        good, drops, absent = [], [], []
        for action in actions:
            state, record = states.get(action.record), fresh.get(action.record)
            if state is None or record is None:
                absent.append(Receipt(action.key, "dropped", message=f"{action.record.kind} is no longer in the CRM"))
                continue
            reason = self._reason_to_drop(action, state, record)
            if reason is None:
                good.append(action)
            else:
                drops.append(Receipt(action.key, "dropped", message=reason))
        self._settle(actions, drops)
        self._settle(actions, absent, again=now + ABSENT_FOR)
        self._unsent.difference_update(receipt.key for receipt in (*drops, *absent))
        return good

    def _reason_to_drop(self, action: PlannedAction, state: RecordState, fresh: Record) -> str | None:
        reason = self._last_look.recheck(action, replace(state, record=fresh), self._moment)
        return None if reason is None else reason.text

    def _batches(self, actions: Sequence[PlannedAction]) -> Iterator[list[PlannedAction]]:
        """Batches of one action kind and one record kind, each as large as one call of the CRM allows.

        What changes the same thing goes in one call after the other: of one call's answer both might be lost at once.
        """
        groups: dict[tuple[int, str, str, int], list[PlannedAction]] = defaultdict(list)
        times: Counter[tuple[int, RecordRef, str]] = Counter()
        for action in actions:
            same = (action.position, *_thing(action))
            groups[(action.position, action.kind, action.record.kind, times[same])].append(action)
            times[same] += 1
        for (_, kind, *_), group in sorted(groups.items()):
            size = max(1, self._adapter.sink.batch_size(kind))
            for start in range(0, len(group), size):
                yield group[start : start + size]

    def _settle(
        self, batch: Sequence[PlannedAction], receipts: Sequence[Receipt], again: datetime | None = None
    ) -> None:
        """Record what became of these actions; a record whose action was dropped is due `again`, now unless given."""
        if not receipts:
            return
        now = self._moment.now
        actions = {action.key: action for action in batch}
        with self._store.begin() as uow:
            before = uow.outbox_counts()
            uow.settle(receipts, now)
            for receipt in receipts:
                action = actions[receipt.key]
                if receipt.state == "confirmed":
                    remember(uow, action, receipt, now)
                    uow.mark_due([action.record], now)  # its deadline was worked out without what stands there now
                elif receipt.state == "dropped":
                    if receipt.code in (TASK_GONE, TASK_DONE):
                        end_task(uow, action, now, deleted=receipt.code == TASK_GONE)
                    _undo(uow, action, again or now)
                elif receipt.state == "unknown":
                    self._in_doubt.add(_thing(action))
                elif receipt.state in ("failed", "retry") and action.kind in ("offer", "amend"):
                    uow.mark_due([action.record], now)  # somebody else has to be asked
            after = uow.outbox_counts()
        # With a step that does not go through its later steps are dropped, and a retry too many is a failure.
        self.counts.dropped += after.get("dropped", 0) - before.get("dropped", 0)
        self.counts.failed += after.get("dead", 0) - before.get("dead", 0)
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
        self._progress("write", self.counts.confirmed)


def _one_each(batch: Sequence[PlannedAction], receipts: Iterable[Receipt]) -> Sequence[Receipt]:
    """Exactly one receipt for every action, matched by key; what is not told, or told twice unlike, is unknown."""
    told: dict[str, Receipt] = {}
    for receipt in receipts:
        other = told.get(receipt.key)
        same = other is None or other.state == receipt.state
        unlike = Receipt(receipt.key, "unknown", message="the CRM's answer told this row twice, differently")
        told[receipt.key] = receipt if same else unlike
    silent = "the CRM's answer did not mention this row"
    return [told.get(action.key) or Receipt(action.key, "unknown", message=silent) for action in batch]


def _thing(action: PlannedAction) -> tuple[RecordRef, str]:
    """What a write changes, as far as its look-up goes by it; a task or note is found by its own key."""
    if action.kind in ("enroll", "unenroll"):
        return action.record, str(action.fields.get("in") or action.fields.get("from"))
    if action.kind == "amend":
        return action.record, str(action.fields.get("task"))
    if action.kind == "set":
        return action.record, " ".join(sorted(action.fields))
    own = action.kind in ("task", "note", "offer")
    return action.record, action.key if own else action.kind


def _undo(uow: UnitOfWork, action: PlannedAction, again: datetime) -> None:
    """The decision was undone, not made: the next evaluation decides anew on what is true by then.

    Not so when the same match has handed the record over already: it would hand it over once more.
    """
    match = (action.rule, action.occasion)
    done = [entry.action for entry in uow.our_writes(action.record) if entry.state == "confirmed"]
    kinds = {one.kind for one in done if (one.rule, one.occasion) == match}
    if "reassign" not in kinds:
        uow.remove_marks(action.record, action.rule, action.occasion, begun=bool(kinds))
    uow.mark_due([action.record], again)
