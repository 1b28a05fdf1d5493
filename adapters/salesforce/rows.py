"""Settles the rows of one call: every action gets one receipt, whatever Salesforce answered or failed to answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from adapters.salesforce.errors import first_error, refusal, row_state
from adapters.salesforce.json_values import switch
from adapters.salesforce.mapping import id18, id_in
from connector.domain.decision import PlannedAction, Receipt, ReceiptState
from connector.domain.errors import ConfigError, OutcomeUnknownError, PermanentError, QuotaSpentError, RetryableError

Judge = Callable[[PlannedAction, str, str], Receipt | None]
"""Looks at a refused row (action, code, message) first; None leaves it to the table of codes."""

_ID_IN_MESSAGE = re.compile(r"\bid: ?([A-Za-z0-9]{15,18})\b")


def no_judge(action: PlannedAction, code: str, message: str) -> Receipt | None:
    """No special cases."""
    return None


def already_there(action: PlannedAction, message: str) -> Receipt:
    """What was to be written is there; Salesforce's message may name its id."""
    found = _ID_IN_MESSAGE.search(message)
    return Receipt(action.key, "confirmed", id18(found[1]) if found else None, already=True)


def failed(action: PlannedAction, code: str, message: str) -> Receipt:
    """A final refusal with its one-line cure."""
    return Receipt(action.key, "failed", code=code, message=message)


def all_of(actions: Iterable[PlannedAction], state: ReceiptState, error: Exception) -> list[Receipt]:
    """The same receipt for every action of a call."""
    code = error.code if isinstance(error, PermanentError) else ""
    return [Receipt(action.key, state, code=code, message=str(error)) for action in actions]


def of_row(action: PlannedAction, row: object, judge: Judge = no_judge) -> Receipt:
    """One row of a collection's answer: `success` with an id, or `errors` with a status code."""
    told: Mapping[str, object] = row if isinstance(row, Mapping) else {}
    success, (code, message) = switch(told.get("success")), first_error(told.get("errors"))
    if success is None and not code:
        return Receipt(action.key, "unknown", message="Salesforce's answer for this row was unreadable")
    if success:
        return Receipt(action.key, "confirmed", id_in(told, "id"))
    special = judge(action, code, message)
    return special or Receipt(action.key, row_state(code), code=code, message=refusal(code))


def of_call(actions: Sequence[PlannedAction], call: Callable[[], object], judge: Judge = no_judge) -> list[Receipt]:
    """Send a collection and settle it row by row; results come in the order of the request.

    A lost or unreadable answer leaves every action unknown; a refusal of the whole call fails every action.
    """
    try:
        answer = call()
    except OutcomeUnknownError as error:
        return all_of(actions, "unknown", error)
    except PermanentError as error:
        return all_of(actions, "failed", error)
    if not isinstance(answer, list) or len(answer) != len(actions):
        lost = OutcomeUnknownError("Salesforce's answer does not cover the rows that were sent")
        return all_of(actions, "unknown", lost)
    return [of_row(action, row, judge) for action, row in zip(actions, answer, strict=True)]


def in_turn(
    calls: Sequence[tuple[Sequence[PlannedAction], Callable[[], list[Receipt]]]],
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Receipt]:
    """Several calls one after the other. Once one of them has written, a later one that cannot be made is no error
    any more: its actions and those behind it are to be retried."""
    done: list[Receipt] = []
    stopped: Exception | None = None
    for actions, call in calls:
        if stopped is None and done and should_stop():
            stopped = RetryableError("left for the next pass")
        if stopped is not None:
            done += all_of(actions, "retry", stopped)
            continue
        try:
            done += call()
        except OutcomeUnknownError as error:
            done += all_of(actions, "unknown", error)
        except PermanentError as error:
            done += all_of(actions, "failed", error)
        except (RetryableError, QuotaSpentError, ConfigError) as error:
            if not done:
                raise
            stopped = error
            done += all_of(actions, "retry", error)
    return done


def with_message(receipt: Receipt, message: str) -> Receipt:
    """The same receipt with a remark."""
    return replace(receipt, message=message)
