"""Writes that only a person can settle: refused, given up, or of an outcome that the CRM does not tell.

A pass looks an unknown write up again each time and never repeats it unasked, so what the CRM cannot tell stays unknown, and
every pass ends with 3, until somebody has looked. What they say is recorded as a receipt would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from connector.domain.decision import OutboxEntry, OutboxState, Receipt
from connector.domain.errors import ConfigError
from connector.domain.storage import Store, UnitOfWork
from connector.echo import remember

Word = Literal["landed", "again", "drop"]
"""What a person says of a write: it is in the CRM; send it once more; leave it."""

OPEN: tuple[OutboxState, ...] = ("unknown", "dead", "failed")
"""The states in which a write waits for a person."""

DROPPED = "dropped by a person"


def waiting(uow: UnitOfWork) -> Sequence[OutboxEntry]:
    """The writes that wait for a person, in the order they were planned."""
    return uow.outbox(OPEN)


def refused(uow: UnitOfWork) -> int:
    """How many writes were refused or given up and are not made anew by a pass itself, as offers and their upkeep are."""
    return sum(entry.action.kind not in ("offer", "amend") for entry in uow.outbox(("failed", "dead")))


def settle(store: Store, keys: Sequence[str], word: Word, now: datetime) -> Sequence[OutboxEntry]:
    """Record what a person says of these writes; which they were. All of them, or none.

    ConfigError names the first key that is not waiting, or of which that cannot be said: a refused write did not land,
    and an offer that was not made is made anew by the next pass.
    """
    with store.begin() as uow:
        known = {entry.action.key: entry for entry in waiting(uow)}
        for key in keys:
            _allowed(key, known.get(key), word)
        chosen = [known[key] for key in dict.fromkeys(keys)]
        if word == "again":
            uow.try_again([entry.action.key for entry in chosen], now)
            return chosen
        for entry in chosen:
            action = entry.action
            if word == "drop":
                uow.settle([Receipt(action.key, "dropped", message=f"{DROPPED}; before: {entry.message}")], now)
            else:
                receipt = Receipt(action.key, "confirmed", entry.crm_id, message="told by a person", already=True)
                uow.settle([receipt], now)
                remember(uow, action, receipt, now)
            uow.mark_due(sorted(uow.records([action.record])), now)
        return chosen


def _allowed(key: str, entry: OutboxEntry | None, word: Word) -> None:
    if entry is None:
        raise ConfigError(f"no write {key} waits for a person; `followup settle` lists those that do")
    if word == "landed" and entry.state == "failed":
        raise ConfigError(f"{key} was refused by the CRM, so it did not land; say --again, or --drop")
    if word == "again" and entry.action.kind == "offer":
        raise ConfigError(f"{key} is an offer: a pass makes it anew by itself, to whoever is next; say --drop")
