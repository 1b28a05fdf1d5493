"""Both adapters, over HTTP: offers and changes of tasks are written once, and never over what a person did meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import hubspot_portal
import pytest
import salesforce_org

from adapters.sandbox.faults import Fault
from connector.domain.actions import TASK_DONE, TASK_GONE
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.model import Activity, Needs, RecordRef, Value
from connector.domain.ports import Adapter

HOUR = timedelta(hours=1)
START = salesforce_org.START
UPDATES = {"salesforce": ("PATCH", "composite/sobjects"), "hubspot": ("POST", "tasks/batch/update")}
CREATES = {"salesforce": ("POST", "composite/sobjects"), "hubspot": ("POST", "tasks/batch/create")}


@dataclass
class Crm:
    """One CRM with Ana, Ben and a lead, in words that fit either."""

    name: str
    world: Any
    org: Any
    ana: str
    ben: str
    lead: RecordRef

    def adapter(self) -> Adapter:
        return self.world.adapter()  # type: ignore[no-any-return]

    def action(self, kind: str, key: str, old: Mapping[str, Value] | None = None, **fields: Value) -> PlannedAction:
        return PlannedAction(f"rule.{key}", "rule", self.lead, kind, fields, old or {}, "why", "o", 0)  # type: ignore[arg-type]

    def offer(self, key: str = "offer", **fields: Value) -> PlannedAction:
        until = START + 4 * HOUR
        given: dict[str, Value] = {
            "type": "todo",
            "subject": "Take Lea?",
            "body": "Complete to take",
            "due": until,
            "due_date": until.date(),
            "priority": "high",
            "owner": self.ana,
            "pool": "inbound",
            "person": "ana",
            "until": until,
        }
        return self.action("offer", key, **{**given, **fields})

    def apply(self, *actions: PlannedAction) -> list[Receipt]:
        return list(self.adapter().sink.apply(actions))

    def made(self) -> str:
        """A task of ours that is there."""
        [receipt] = self.apply(self.offer())
        assert receipt.state == "confirmed"
        return str(receipt.crm_id)

    def read(self, stream: str = "task", opens: bool = False) -> Sequence[Activity]:
        needs = Needs(opens=opens)
        source = self.adapter().source
        streams = [one for one in source.streams(needs) if one in (stream, f"archived:{stream}")]
        found = {a.id: a for one in streams for page in source.read(one, None, needs) for a in page.activities}
        return list(found.values())

    def row(self, task: str) -> Mapping[str, object]:
        """The task as the CRM has it, under one set of names."""
        [row] = [row for row in self.org.tasks_of(self.lead.id) if row["id"] == task]
        names = {
            "owner": ("OwnerId", "hubspot_owner_id"),
            "subject": ("Subject", "hs_task_subject"),
            "status": ("Status", "hs_task_status"),
            "due": ("ActivityDate", "hs_timestamp"),
        }
        return {name: row.get(ours[0]) or row.get(ours[1]) for name, ours in names.items()}


@pytest.fixture(params=["salesforce", "hubspot"])
def crm(request: pytest.FixtureRequest) -> Iterator[Crm]:
    with ExitStack() as stack:
        if request.param == "salesforce":
            org = stack.enter_context(salesforce_org.world())
            ben = org.org.add_person("Ben Bauer", "ben@example.com")
            yield Crm("salesforce", org, org.org, org.ana, ben, org.lead())
        else:
            portal = stack.enter_context(hubspot_portal.world())
            lead = hubspot_portal.ref(portal.lead())
            yield Crm("hubspot", portal, portal.crm, portal.ana, portal.ben, lead)


# -- offers ------------------------------------------------------------------------------------------------------------


def test_an_offer_is_a_todo_task_that_carries_its_key(crm: Crm) -> None:
    task = crm.made()
    [read] = crm.read()
    assert (read.id, read.task_type, read.key, read.actor, read.due) == (
        task,
        "todo",
        "rule.offer",
        crm.ana,
        START + 4 * HOUR,
    )
    assert not (read.done)
    assert not (read.deferred)
    assert not (read.deleted)


@pytest.mark.parametrize("kind", ["drop_after", "garble_after"])
def test_an_offer_whose_answer_was_lost_is_found(crm: Crm, kind: str) -> None:
    method, path = CREATES[crm.name]
    crm.world.server.faults.add(Fault(kind, method, path))  # type: ignore[arg-type]
    [receipt] = crm.apply(crm.offer())
    assert receipt.state == "unknown"
    [found] = crm.adapter().sink.look_up([crm.offer()])
    assert (found.state, found.already) == ("confirmed", True)
    [missing] = crm.adapter().sink.look_up([crm.offer("other")])
    assert missing.state == "retry"


# -- what became of a task ---------------------------------------------------------------------------------------------


def test_a_task_that_is_done_tells_when(crm: Crm) -> None:
    task = crm.made()
    crm.world.time.move_to(START + 2 * HOUR)
    crm.org.complete_task(task, by=crm.ana)
    [read] = crm.read()
    assert read.done
    assert read.ended is not None
    assert abs(read.ended - (START + 2 * HOUR)) < timedelta(minutes=1)


def test_a_task_that_is_put_aside_is_deferred_and_not_done(crm: Crm) -> None:
    task = crm.made()
    crm.org.defer_task(task, by=crm.ana)
    [read] = crm.read()
    assert (read.deferred, read.done) == (True, False)


def test_a_deleted_task_is_told_as_deleted(crm: Crm) -> None:
    task = crm.made()
    crm.org.delete_task(task)
    assert [(read.id, read.deleted) for read in crm.read()] == [(task, True)]


# -- changes of a task -------------------------------------------------------------------------------------------------


def test_a_task_is_given_to_somebody_else_moved_and_renamed(crm: Crm) -> None:
    task = crm.made()
    due = START + timedelta(days=3)
    change = crm.action(
        "amend", "a", {"owner": crm.ana}, task=task, owner=crm.ben, subject="For Ana", due=due, due_date=due.date()
    )
    [receipt] = crm.apply(change)
    assert (receipt.state, receipt.crm_id) == ("confirmed", task)
    row = crm.row(task)
    assert (row["owner"], row["subject"]) == (crm.ben, "For Ana")
    assert str(row["due"]).startswith("2026-05-07")
    [found] = crm.adapter().sink.look_up([change])
    assert (found.state, found.already) == ("confirmed", True)


def test_a_task_is_closed(crm: Crm) -> None:
    task = crm.made()
    [receipt] = crm.apply(crm.action("amend", "a", task=task, done=True, subject="Not taken in time: Take Lea?"))
    assert receipt.state == "confirmed"
    assert str(crm.row(task)["status"]).upper() == "COMPLETED"
    [read] = crm.read()
    assert read.done
    assert read.subject.startswith("Not taken in time: ")


@pytest.mark.parametrize("what", ["complete", "delete", "give away"])
def test_what_a_person_did_with_the_task_meanwhile_stands(crm: Crm, what: str) -> None:
    task, other = crm.made(), str(crm.apply(crm.offer("other"))[0].crm_id)
    if what == "complete":
        crm.org.complete_task(task, by=crm.ana)
    elif what == "delete":
        crm.org.delete_task(task)
    else:
        crm.apply(crm.action("amend", "before", {"owner": crm.ana}, task=task, owner=crm.ben))
    changes = [
        crm.action("amend", "late", {"owner": crm.ana}, task=task, owner=crm.ben, subject="Changed"),
        crm.action("amend", "fine", {"owner": crm.ana}, task=other, owner=crm.ben, subject="Changed"),
    ]
    late, fine = sorted(crm.apply(*changes), key=lambda receipt: receipt.key, reverse=True)
    assert (late.state, fine.state) == ("dropped", "confirmed")
    assert "meanwhile" in late.message or "by now" in late.message
    assert late.code == {"complete": TASK_DONE, "delete": TASK_GONE, "give away": ""}[what]
    assert "Changed" not in [row["subject"] for row in map(crm.row, [task] if what != "delete" else [])]
    assert crm.row(other)["subject"] == "Changed"


def test_two_changes_of_one_task_are_written_one_after_the_other(crm: Crm) -> None:
    task = crm.made()
    renamed = crm.action("amend", "a", task=task, subject="For Ana")
    given = crm.action("amend", "b", {"owner": crm.ana}, task=task, owner=crm.ben)
    receipts = crm.apply(renamed, given)
    while waiting := [each for each in (renamed, given) for receipt in receipts
                      if receipt.key == each.key and receipt.state == "retry"]:  # fmt: skip
        assert len(waiting) == 1
        receipts = crm.apply(*waiting)
    row = crm.row(task)
    assert (row["owner"], row["subject"]) == (crm.ben, "For Ana")


@pytest.mark.parametrize(("kind", "state"), [("drop_after", "confirmed"), ("drop_before", "retry")])
def test_a_change_whose_answer_was_lost_is_looked_up(crm: Crm, kind: str, state: str) -> None:
    change = crm.action("amend", "a", {"owner": crm.ana}, task=crm.made(), owner=crm.ben)
    method, path = UPDATES[crm.name]
    crm.world.server.faults.add(Fault(kind, method, path))  # type: ignore[arg-type]
    [receipt] = crm.apply(change)
    assert receipt.state == "unknown"
    [found] = crm.adapter().sink.look_up([change])
    assert found.state == state


def test_a_lost_change_of_a_task_that_is_gone_is_dropped(crm: Crm) -> None:
    task = crm.made()
    crm.org.delete_task(task)
    [found] = crm.adapter().sink.look_up([crm.action("amend", "a", task=task, done=True)])
    assert (found.state, found.code) == ("dropped", TASK_GONE)


def test_two_changes_of_one_task_in_a_batch_are_settled_each(crm: Crm) -> None:
    task = crm.made()
    changes = [crm.action("amend", str(n), task=task, subject=f"Number {n}") for n in range(2)]
    states = {receipt.key: receipt.state for receipt in crm.apply(*changes)}
    assert states["rule.0"] == "confirmed"
    assert set(states) == {"rule.0", "rule.1"}


def test_an_inactive_owner_is_refused_for_good_and_the_others_are_changed(crm: Crm) -> None:
    gone = crm.org.add_person("Gus Gone", "gus@example.com", active=False)
    first, second = crm.made(), str(crm.apply(crm.offer("other"))[0].crm_id)
    receipts = crm.apply(
        crm.action("amend", "bad", task=first, owner=gone), crm.action("amend", "good", task=second, owner=crm.ben)
    )
    assert {receipt.key: receipt.state for receipt in receipts} == {"rule.bad": "failed", "rule.good": "confirmed"}


def test_what_this_user_may_not_write_of_a_task_is_told_and_nothing_is_written() -> None:
    with salesforce_org.world() as org:
        crm = Crm("salesforce", org, org.org, org.ana, org.ana, org.lead())
        task = crm.made()
        org.org.hide_field("Task", "Subject")
        [receipt] = crm.apply(crm.action("amend", "close", task=task, subject="Withdrawn: Take Lea?", done=True))
        assert (receipt.state, receipt.code) == ("failed", "READ_ONLY_FIELD")
        assert "Subject cannot be written" in receipt.message
        org.org.show_field("Task", "Subject")
        assert crm.row(task)["status"] != "Completed"


# -- mails that were opened --------------------------------------------------------------------------------------------


def test_an_opened_mail_tells_when_once_somebody_asks_for_it(crm: Crm) -> None:
    stream = "mail" if crm.name == "salesforce" else "email"
    mail = crm.org.log_email(crm.lead.id, crm.ana, "outbound", "Our offer")
    crm.world.time.move_to(START + HOUR)
    crm.org.open_email(mail, click=True)
    [read] = crm.read(stream, opens=True)
    assert read.opened is not None
    assert abs(read.opened - (START + HOUR)) < timedelta(minutes=1)
    assert (read.clicked is not None) == (crm.name == "hubspot"), "Salesforce tells no clicks"
    assert (read.type, read.direction, read.done) == ("email", "outbound", True)
    crm.world.time.move_to(START + 2 * HOUR)
    crm.org.open_email(mail)
    [again] = crm.read(stream, opens=True)
    assert again.opened is not None
    assert again.opened > read.opened
    assert again.version != read.version
    assert replace(again, version="", opened=None, created=None) == replace(read, version="", opened=None, created=None)


def test_a_mail_that_nobody_opened_tells_nothing(crm: Crm) -> None:
    crm.org.log_email(crm.lead.id, crm.ana, "outbound", "Our offer")
    read = crm.read("task" if crm.name == "salesforce" else "email", opens=True)
    assert [(each.opened, each.clicked) for each in read] == [(None, None)]
