"""Undoing in tests: a pass that wrote one of each, undoing it, and what stands in the CRM before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from connector.domain.decision import PlannedAction, Receipt
from connector.run import Connection
from connector.undo_pass import UndoResult, plan_of_undo, undo_pass
from tests.company import Company

HOUR = timedelta(hours=1)

FOUR = """\
  - id: four
    why: What can be taken back
    when: {created: true}
    then:
      - task: {type: call, subject: "Call {lead.name}", body: "Ask: a < b & c?", due: 1 business day}
      - set: {status: qualified}
      - reassign: {to: ben}
      - enroll: {in: brochure}
    once: per lead
"""


def written(firm: Company, rules: str = FOUR, **fields: object) -> str:
    """A new lead of ana's that the pass of 9:00 wrote to."""
    firm.rules(rules)
    assert firm.run().problems == ()
    lead = firm.lead(**fields)  # type: ignore[arg-type]
    assert firm.run(HOUR).exit_code == 0
    return lead


def undo(
    firm: Company, at: datetime | timedelta | None = 2 * HOUR, run: str = "latest", rule: str | None = None
) -> UndoResult:
    """An undo, an hour after the pass of `written` unless another instant is given."""
    if at is not None:
        firm.at(at)
    with firm.connected() as connection:
        return undo_pass(connection, run, rule)


def undo_plan(firm: Company, run: str = "latest") -> UndoResult:
    """A dry run of an undo."""
    with firm.connected() as connection:
        return plan_of_undo(connection, run)


def stands(firm: Company, lead: str) -> tuple[str, str, list[str], list[str]]:
    """Whose the lead is and its status, in our words; the subjects of its open tasks; who is in the brochure."""
    fields = firm.org.fields_of(lead)
    owner = next(name for name, id_ in firm.people.items() if id_ == fields["owner"])
    word = next(word for word in ("new", "working", "interested", "qualified") if firm.status(word) == fields["status"])
    return owner, word, [task.subject for task in firm.tasks(lead)], list(firm.org.members(firm.brochure))


def kept(result: UndoResult) -> dict[str, str]:
    """Why what is left is left, by the kind of write."""
    return {left.entry.action.kind: left.why for left in result.left}


def edit_task(firm: Company, task: str, by: str = "ana", **changes: str) -> None:
    """A person edits a task's subject, text or owner in the CRM."""
    hubspot = {"subject": "hs_task_subject", "text": "hs_task_body", "owner": "hubspot_owner_id"}
    salesforce = {"subject": "Subject", "text": "Description", "owner": "OwnerId"}
    names = hubspot if firm.crm == "hubspot" else salesforce
    values = {names[name]: firm.people[value] if name == "owner" else value for name, value in changes.items()}
    if firm.crm == "hubspot":
        portal = firm.org.portal
        with portal.lock:
            tasks = portal.tables["tasks"]
            portal.update(tasks, portal.row(tasks, task), values, portal.person(firm.people[by]))
    else:
        firm.org._update("Task", task, values, firm.people[by])


@contextmanager
def meanwhile(connection: Connection, happens: Callable[[], object]) -> Iterator[None]:
    """Something happens in the CRM once, between the last look and the first write."""
    sink = connection.adapter.sink
    apply = sink.apply
    left = [happens]

    def later(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        while left:
            left.pop()()
        return apply(actions)

    sink.apply = later  # type: ignore[method-assign]
    yield


def member_by_somebody(firm: Company, connection: Connection, lead: str) -> None:
    """Somebody else puts a lead into the brochure."""
    fields = {"in": "brochure"}
    action = PlannedAction("person.1", "person", firm.ref(lead), "enroll", fields, {}, "", "", 0)
    apply = type(connection.adapter.sink).apply
    [receipt] = apply(connection.adapter.sink, [action])
    assert receipt.state == "confirmed"


class Died(BaseException):
    """The process is gone: nothing of it runs any more, no handler, no clean-up."""


@contextmanager
def dying(connection: Connection, after: int, *, answered: bool) -> Iterator[None]:
    """The process dies at its n-th write: when the CRM has it and before that is recorded, or before it is sent."""
    sink, store = connection.adapter.sink, connection.store
    begin, apply = store.begin, sink.apply
    sent = [0]

    def send(actions: Any) -> Any:
        sent[0] += 1
        if sent[0] < after:
            return apply(actions)
        if answered:
            apply(actions)
        raise Died

    def committed() -> Any:
        if sent[0] >= after:
            raise Died
        return begin()

    sink.apply, store.begin = send, committed  # type: ignore[method-assign]
    try:
        yield
    except Died:
        return
    finally:
        store.begin = begin  # type: ignore[method-assign]
    raise AssertionError("it was to die")
