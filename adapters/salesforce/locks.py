"""Rows that somebody else holds are tried again at once: most locks last less than a second."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import ConfigError, QuotaSpentError, RetryableError
from connector.domain.ports import AdapterConfig

Send = Callable[[Sequence[PlannedAction]], list[Receipt]]
"""Sends a collection of these actions and settles each."""

LOCKED = "UNABLE_TO_LOCK_ROW"

TRIES = ((0.3, 50), (0.9, 20))
"""Seconds to wait before each further try, and how many rows go into one call of it."""


def until_unlocked(actions: Sequence[PlannedAction], send: Send, config: AdapterConfig) -> list[Receipt]:
    """Send the actions, and the locked ones among them twice more; those still locked are for the next pass.

    A further try that cannot be made is no error: the first one may have written, and the locked rows stay as they are.
    """
    settled = {receipt.key: receipt for receipt in send(actions)}
    for seconds, size in TRIES:
        locked = [action for action in actions if settled[action.key].code == LOCKED]
        if not locked or config.should_stop():
            break
        config.clock.sleep(seconds * random.uniform(0.7, 1.3))  # noqa: S311 - so that two writers do not keep step
        try:
            for call in _calls(locked, size):
                if config.should_stop():
                    break
                settled |= {receipt.key: receipt for receipt in send(call)}
        except (RetryableError, QuotaSpentError, ConfigError):
            break
    return [settled[action.key] for action in actions]


def _calls(actions: Sequence[PlannedAction], size: int) -> Iterator[list[PlannedAction]]:
    """About `size` actions at a time, those of one record together, so that no call waits for another's lock."""
    call: list[PlannedAction] = []
    for _, group in groupby(sorted(actions, key=lambda action: action.record), key=lambda action: action.record):
        together = list(group)
        if call and len(call) + len(together) > size:
            yield call
            call = []
        call += together
    if call:
        yield call
