"""What is on its way to the CRM: claimed under a lease, settled by receipts, never forgotten in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, or_, select, update

from connector.domain.decision import ActionKind, OutboxEntry, OutboxState, PlannedAction, Receipt
from connector.domain.model import RecordRef
from connector.domain.undone import UNDO
from connector.store.codec import instant, micros, payload_of, ref_of, ref_text
from connector.store.pauses import is_paused
from connector.store.statements import Part, chunks
from connector.store.tables import assignments, offers, outbox

MAX_ATTEMPTS = 8
"""After so many tries an action is dead and waits for a person."""

_UNSETTLED = ("pending", "claimed", "unknown", "held")
_EARLIER_FAILED = "an earlier step of this rule did not go through"


class Outbox(Part):
    """Claims, receipts, and the views on them."""

    def claim(
        self, run: str, limit: int, now: datetime, lease_until: datetime, *, undo: bool = False
    ) -> Sequence[OutboxEntry]:
        """Take pending entries, and claimed ones whose lease ran out (those come as `unknown`), by position, then key.

        An entry waits until the earlier positions of its match are settled, so that a match is written in its order. What is
        paused is not taken, unless its answer was lost: looking that up writes nothing.
        With `undo` only what takes writes back is taken, else all but that; no pause stands in its way.
        """
        earlier = outbox.alias("earlier")
        blocked = (
            exists()
            .where(_same_match(earlier.c, outbox.c), earlier.c.position < outbox.c.position)
            .where(earlier.c.state.in_(_UNSETTLED))
        )
        lost = and_(outbox.c.state == "claimed", outbox.c.lease_until <= micros(now))
        wanted_back = outbox.c.rule == UNDO
        wanted = wanted_back if undo else ~wanted_back
        query = (
            select(outbox)
            .where(or_(and_(outbox.c.state == "pending", or_(wanted_back, ~is_paused())), lost), ~blocked, wanted)
            .order_by(outbox.c.position, outbox.c.key)
            .limit(limit)
        )
        rows = self._connection.execute(query).all()
        taken = {"state": "claimed", "run": run, "lease_until": micros(lease_until), "updated": micros(now)}
        for some in chunks([row.key for row in rows]):
            self._connection.execute(update(outbox).where(outbox.c.key.in_(some)).values(taken))
        return [_entry(row, "claimed" if row.state == "pending" else "unknown", run) for row in rows]

    def settle(self, receipts: Sequence[Receipt], now: datetime) -> None:
        """Record outcomes: `retry` goes back to pending (dead after 8 attempts), the others stay as they are.

        What is confirmed stays confirmed. When a step fails for good the later steps of its match are dropped.
        """
        stored = self._rows([receipt.key for receipt in receipts])
        for receipt in receipts:
            row = stored.get(receipt.key)
            if row is None or row.state == "confirmed":
                continue
            attempts = row.attempts + (receipt.state == "retry")
            state = receipt.state if receipt.state != "retry" else "dead" if attempts >= MAX_ATTEMPTS else "pending"
            values = {
                "state": state,
                "attempts": attempts,
                "crm_id": receipt.crm_id or row.crm_id,
                "message": receipt.message or receipt.code,
                "updated": micros(now),
                "lease_until": None,
                "already": receipt.already if state == "confirmed" else None,
            }
            self._connection.execute(update(outbox).where(outbox.c.key == receipt.key).values(values))
            if state in ("failed", "dropped", "dead"):
                self._drop_later(row, now)
            if state in ("failed", "dead") and row.kind == "offer":
                # Nobody was asked: the next in turn may be.
                ran_out = {"state": "expired", "settled": micros(now)}
                self._connection.execute(update(offers).where(offers.c.key == receipt.key).values(ran_out))

    def put_back(self, keys: Sequence[str], why: str, now: datetime) -> None:
        """Claimed entries back to pending without counting an attempt; `why` is kept as their message."""
        values = {"state": "pending", "message": why, "updated": micros(now), "lease_until": None}
        for some in chunks(keys):
            claimed = (outbox.c.key.in_(some), outbox.c.state == "claimed")
            self._connection.execute(update(outbox).where(*claimed).values(values))

    def try_again(self, keys: Sequence[str], now: datetime) -> None:
        """Entries that were refused, given up or of unknown outcome back to pending, as if never tried.

        The later steps that were dropped with them follow, but offers: who is asked is decided anew.
        """
        afresh = {"state": "pending", "attempts": 0, "message": "", "updated": micros(now), "lease_until": None}
        for row in self._rows(keys).values():
            self._connection.execute(update(outbox).where(outbox.c.key == row.key).values(afresh))
            dropped = (outbox.c.state == "dropped", outbox.c.message == _EARLIER_FAILED, outbox.c.kind != "offer")
            later = (_same_match(outbox.c, row), outbox.c.position > row.position)
            self._connection.execute(update(outbox).where(*later, *dropped).values(afresh))

    def take_back(self, key: str, now: datetime) -> None:
        """The write with this key was undone: its turn in a pool is given back, and its offer, if open, has run out.

        The turn of a record that was handed over after an offer is the offer's.
        """
        row = self._rows([key]).get(key)
        if row is None:
            return
        ran_out = {"state": "expired", "settled": micros(now)}
        self._connection.execute(update(offers).where(offers.c.key == key, offers.c.state == "open").values(ran_out))
        offered = self._rows([row.occasion.partition("@")[2]])
        for one in (row, *offered.values()):
            if one.kind in ("reassign", "offer") and one.record == row.record:
                line = (assignments.c.record == one.record, assignments.c.rule == one.rule)
                self._connection.execute(delete(assignments).where(*line, assignments.c.at == one.created))

    def _drop_later(self, row: Row[tuple[object, ...]], now: datetime) -> None:
        later = and_(
            outbox.c.record == row.record,
            outbox.c.rule == row.rule,
            outbox.c.occasion == row.occasion,
            outbox.c.position > row.position,
            outbox.c.state.in_(("pending", "held")),
        )
        values = {"state": "dropped", "message": _EARLIER_FAILED, "updated": micros(now)}
        asked = select(outbox.c.key, outbox.c.created).where(later, outbox.c.kind == "offer")
        never_made = self._connection.execute(asked).all()
        self._connection.execute(update(outbox).where(later).values(values))
        for key, created in never_made:  # nobody was asked, and nobody's turn is taken
            self._connection.execute(delete(offers).where(offers.c.key == key))
            line = (assignments.c.record == row.record, assignments.c.rule == row.rule, assignments.c.at == created)
            self._connection.execute(delete(assignments).where(*line))

    def outbox(self, states: Sequence[OutboxState] = (), run: str | None = None) -> Sequence[OutboxEntry]:
        """The entries in these states (all when none is named), of one run when given, in the order they were planned.

        An entry belongs to the run that took it last, else to the one that planned it.
        """
        query = select(outbox).order_by(outbox.c.created, outbox.c.position, outbox.c.key)
        if states:
            query = query.where(outbox.c.state.in_(states))
        if run is not None:
            query = query.where(outbox.c.run == run)
        return [_entry(row) for row in self._connection.execute(query)]

    def outbox_counts(self) -> Mapping[str, int]:
        """How many entries are in each state."""
        query = select(outbox.c.state, func.count()).group_by(outbox.c.state)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def entries(self, keys: Sequence[str]) -> Mapping[str, OutboxEntry]:
        """The entries with these keys."""
        stored = self._rows(keys)
        return {key: _entry(stored[key]) for key in keys if key in stored}

    def our_writes(self, ref: RecordRef) -> Sequence[OutboxEntry]:
        """Every write that was planned on a record, whatever became of it, the oldest first."""
        query = select(outbox).where(outbox.c.record == ref_text(ref))
        return [_entry(row) for row in self._connection.execute(query.order_by(outbox.c.updated, outbox.c.key))]

    def _rows(self, keys: Sequence[str]) -> Mapping[str, Row[tuple[object, ...]]]:
        found = {}
        for some in chunks(keys):
            for row in self._connection.execute(select(outbox).where(outbox.c.key.in_(some))):
                found[row.key] = row
        return found


def _same_match(one: object, other: object) -> ColumnElement[bool]:
    names = ("record", "rule", "occasion")
    return and_(*(getattr(one, name) == getattr(other, name) for name in names))


def _entry(row: Row[tuple[object, ...]], state: OutboxState | None = None, run: str | None = None) -> OutboxEntry:
    fields, old, saw = payload_of(row.payload)
    action = PlannedAction(
        key=row.key,
        rule=row.rule,
        record=ref_of(row.record),
        kind=cast(ActionKind, row.kind),
        fields=fields,
        old=old,
        why=row.why,
        occasion=row.occasion,
        position=row.position,
        saw=saw,
    )
    return OutboxEntry(
        action=action,
        state=state or cast(OutboxState, row.state),
        run=run or row.run,
        attempts=row.attempts,
        crm_id=row.crm_id,
        message=row.message,
        updated=instant(row.updated),
        already=row.already,
    )
