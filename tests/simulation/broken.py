"""Products that are broken on purpose, each in one place: the simulation has to notice every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from adapters.hubspot.consent import Consent
from adapters.salesforce.client import Batch, Client
from connector import dispatch, echo, ingest
from connector.dispatch import Dispatcher
from connector.domain.decision import OutboxEntry, PlannedAction, Receipt, RecordPlan
from connector.store.outbox import Outbox
from connector.store.unit_of_work import SqlUnitOfWork
from rules import caps, guards, recheck
from rules.facts import Facts
from rules.judge import _Case

Break = Callable[[], AbstractContextManager[Any]]


def _all(*breaks: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    @contextmanager
    def entered() -> Iterator[None]:
        with ExitStack() as stack:
            for each in breaks:
                stack.enter_context(each)
            yield

    return entered()


def _as_decided(_dispatcher: Dispatcher, actions: Sequence[PlannedAction]) -> list[PlannedAction]:
    return list(actions)


def _not_there(_dispatcher: Dispatcher, batch: Sequence[PlannedAction]) -> list[Receipt]:
    return [Receipt(action.key, "retry", message="not there") for action in batch]


def _all_done() -> AbstractContextManager[Any]:
    settle = SqlUnitOfWork.settle

    def hopeful(outbox: Outbox, receipts: Sequence[Receipt], now: Any) -> None:
        settle(outbox, [replace(receipt, state="confirmed") for receipt in receipts], now)

    return patch.object(SqlUnitOfWork, "settle", hopeful)


def _no_deadline() -> AbstractContextManager[Any]:
    commit = SqlUnitOfWork.commit_plan

    def timeless(uow: SqlUnitOfWork, plan: RecordPlan, run: str, now: Any) -> None:
        commit(uow, replace(plan, next_at=None), run, now)

    return patch.object(SqlUnitOfWork, "commit_plan", timeless)


def _not_recorded() -> AbstractContextManager[Any]:
    """What is claimed stays pending in the state: it is sent before anything says so."""
    claim = SqlUnitOfWork.claim

    def forgotten(uow: SqlUnitOfWork, run: str, *rest: Any, **more: Any) -> Sequence[OutboxEntry]:
        claimed = claim(uow, run, *rest, **more)
        uow.put_back([entry.action.key for entry in claimed], "", rest[1])
        return claimed

    return patch.object(SqlUnitOfWork, "claim", forgotten)


def _by_position(batch: Sequence[PlannedAction], receipts: Any) -> Sequence[Receipt]:
    told = list(receipts)
    turned = [*told[1:], *told[:1]]  # what a CRM that answers in an order of its own makes of positions
    return [replace(one, key=action.key) for action, one in zip(batch, turned, strict=False)]


def _our_news() -> AbstractContextManager[Any]:
    """What we wrote comes back as somebody's work: nothing is put into the store when it is confirmed."""
    return _all(
        patch.object(ingest, "is_echo", lambda *_all: False),
        patch.object(echo, "after_our_write", lambda record, _values: record),
        patch.object(echo.Unsettled, "wrote", lambda *_all: False),
    )


def _first_page_only() -> AbstractContextManager[Any]:
    """Salesforce: what the server has more of is never asked for."""
    return patch.object(Client, "more", lambda _client, _more: Batch((), None))


BROKEN: Mapping[str, Break] = {
    "no record is read again before a write": lambda: patch.object(Dispatcher, "_rechecked", _as_decided),
    "a write of unknown outcome is simply repeated": lambda: patch.object(Dispatcher, "_looked_up", _not_there),
    "an opt-out that cannot be seen is none": lambda: _all(
        patch.object(guards, "opt_out", lambda _facts: None), patch.object(Consent, "refusal_of", lambda *_all: None)
    ),
    "caps are ignored": lambda: patch.object(caps.Caps, "holds", lambda *_all: ""),
    "every answer counts as success": _all_done,
    "what was dealt with is not known any more": lambda: patch.object(Facts, "marks_of", lambda *_all: ()),
    "once is ignored": lambda: patch.object(_Case, "used", lambda *_all: None),
    "our own writes are news": _our_news,
    "conditions are not looked at again": lambda: patch.object(recheck, "_barred", lambda *_all: None),
    "a change of owner or status is not noticed": lambda: patch.object(recheck, "_differs", lambda *_all: None),
    "the last look sees nothing": lambda: _all(
        *(patch.object(recheck, name, lambda *_all: None) for name in ("_barred", "_differs", "_refused", "_too_soon"))
    ),
    "what is older than a rule counts": lambda: patch.object(_Case, "takes_baseline", False),
    "no deadline is stored": _no_deadline,
    "Salesforce's first page is all": _first_page_only,
    "what is sent is not recorded before": _not_recorded,
    "receipts count by their position": lambda: patch.object(dispatch, "_one_each", _by_position),
}
"""What is broken, and how."""
