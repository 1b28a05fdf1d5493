"""Products that are broken on purpose, each in one place: the simulation has to notice every one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from adapters.hubspot.consent import Consent
from connector.dispatch import Dispatcher
from connector.domain.decision import PlannedAction, Receipt
from connector.store.outbox import Outbox
from connector.store.unit_of_work import SqlUnitOfWork
from rules import caps, guards


def _as_decided(_dispatcher: Dispatcher, actions: Sequence[PlannedAction]) -> list[PlannedAction]:
    return list(actions)


def _not_there(_dispatcher: Dispatcher, batch: Sequence[PlannedAction]) -> list[Receipt]:
    return [Receipt(action.key, "retry", message="not there") for action in batch]


def _all_done(settle: Callable[..., None]) -> Callable[..., None]:
    def hopeful(outbox: Outbox, receipts: Sequence[Receipt], now: Any) -> None:
        settle(outbox, [replace(receipt, state="confirmed") for receipt in receipts], now)

    return hopeful


BROKEN: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "no record is read again before a write": lambda: patch.object(Dispatcher, "_rechecked", _as_decided),
    "a write of unknown outcome is simply repeated": lambda: patch.object(Dispatcher, "_looked_up", _not_there),
    "an opt-out that cannot be seen is none": lambda: _no_consent(),
    "caps are ignored": lambda: patch.object(caps.Caps, "holds", lambda *_all: ""),
    "every answer counts as success": lambda: patch.object(SqlUnitOfWork, "settle", _all_done(SqlUnitOfWork.settle)),
}
"""What is broken, and how."""


class _no_consent:  # noqa: N801 - used as a context manager only
    def __init__(self) -> None:
        self._patches = [
            patch.object(guards, "opt_out", lambda _facts: None),
            patch.object(Consent, "refusal_of", lambda *_all: None),
        ]

    def __enter__(self) -> None:
        for each in self._patches:
            each.start()

    def __exit__(self, *_all: object) -> None:
        for each in self._patches:
            each.stop()
