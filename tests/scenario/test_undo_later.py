"""After an undo: what was put back starts no clock, what was closed is nobody's work, and whose turn it is stays fair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain.decision import Assignment
from connector.domain.model import Offer
from tests.company import START, Company, company
from tests.undoing import HOUR, kept, stands, undo, written

DAY = timedelta(days=1)

CALL = """\
  - {id: call, why: Call, when: {created: true}, once: per lead,
     then: [{task: {type: call, subject: "Call {lead.name}", due: 1 business day}}]}
"""
SET = """\
  - {id: set, why: Set, when: {created: true}, once: per lead,
     then: [{set: {status: qualified}}, {reassign: {to: ben}}]}
"""
LISTENERS = """\
  - {id: assigned, why: Who gets a lead, when: {assigned: true}, then: [{note: "Assigned"}]}
  - {id: changed, why: A status changed, when: {changes: status}, then: [{note: "Changed"}]}
  - {id: left, why: No longer qualified, when: {leaves: {status: qualified}}, then: [{note: "Left"}]}
"""
COUNTING = """\
  - {id: tried, why: Somebody tried, when: {attempts: {reach: 1}}, then: [{note: "Tried"}]}
  - {id: done, why: A task is done, when: {task: {completed: true}}, then: [{note: "Done"}]}
"""
OFFER = """\
  - {id: offer, why: A rep says whether they take it, when: {created: true}, once: per lead,
     then: [{offer: {pool: inbound, accept_within: 2 hours}}]}
  - {id: slow, why: Nobody took it, when: {offer: expired}, then: [{note: "Slow"}]}
"""
POOL = """\
  - {id: hand-out, why: Who is next, when: {created: true}, once: per lead, then: [{reassign: {pool: inbound}}]}
"""


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Company]:
    """A company on one CRM, for what does not depend on which."""
    with company("salesforce", tmp_path) as made:
        yield made


def _rules_that_wrote(firm: Company) -> set[str]:
    return {entry.action.rule for entry in firm.outbox()}


def _ledger(firm: Company) -> tuple[list[Assignment], list[Offer]]:
    with firm.connected() as connection, connection.store.begin() as uow:
        return list(uow.assignments()), list(uow.offers())


def test_putting_back_an_owner_and_a_status_is_nobodys_doing(firm: Company) -> None:
    firm.rules(SET + LISTENERS)
    assert firm.run().problems == ()
    firm.lead()
    firm.run(HOUR)
    wrote = _rules_that_wrote(firm)
    undo(firm)
    for hours in (3, 4, 50):
        assert firm.run(hours * HOUR).summary.counts["planned"] == 0
    assert _rules_that_wrote(firm) == wrote | {"undo"}


def test_the_clock_of_an_assignment_runs_on_as_if_it_had_never_been_stopped(one: Company) -> None:
    one.rules(
        SET + '  - {id: quiet, why: Quiet, when: {quiet: 2 days}, then: [{task: {type: todo, subject: "Ask"}}]}\n'
    )
    assert one.run().problems == ()
    lead = one.lead()
    one.run(HOUR)
    undo(one, 30 * HOUR)
    one.run(47 * HOUR)
    assert one.tasks(lead) == []
    one.run(49 * HOUR)
    assert [task.subject for task in one.tasks(lead)] == ["Ask"]


def test_a_call_that_was_undone_is_no_attempt_no_touch_and_nobodys_work(firm: Company) -> None:
    firm.write("team.yaml", (firm.folder / "team.yaml").read_text() + "contact: {min_gap: 5 days}\n")
    firm.rules(CALL + COUNTING)
    assert firm.run().problems == ()
    lead = firm.lead()
    firm.run(HOUR)
    undo(firm)
    mail = '  - {id: mail, why: Write, when: {becomes: {status: working}}, then: [{task: {type: email, subject: "Write"}}]}\n'
    firm.rules(CALL + COUNTING + mail)
    firm.run(3 * HOUR)
    firm.set(lead, status="working")
    firm.run(4 * HOUR)
    assert [task.subject for task in firm.tasks(lead)] == ["Write"], "no minimum gap after a call that was taken back"
    assert _rules_that_wrote(firm) == {"call", "undo", "mail"}


def test_a_lead_whose_only_task_was_undone_has_no_next_step_from_then_on(firm: Company) -> None:
    firm.rules(
        CALL + "  - {id: gap, why: A gap, when: {next_step: none}, wait: 1 day,"
        " then: [{task: {type: todo, subject: Plan}}]}\n"
    )
    assert firm.run().problems == ()
    lead = firm.lead()
    firm.run(HOUR)
    undo(firm, 30 * HOUR)
    firm.run(53 * HOUR)
    assert firm.tasks(lead) == []
    firm.run(55 * HOUR)
    assert [task.subject for task in firm.tasks(lead)] == ["Plan"]


def test_an_offer_that_was_undone_is_over_and_nobody_is_asked_next(firm: Company) -> None:
    lead = written(firm, OFFER)
    [line], [offer] = _ledger(firm)
    assert (line.person, offer.state) == (offer.person, "open")
    assert undo(firm, 1.5 * HOUR).exit_code == 0
    lines, [over] = _ledger(firm)
    assert (lines, over.state, over.withdrawn) == ([], "expired", True)
    for hours in (2, 4, 30):
        assert firm.run(hours * HOUR).summary.counts["planned"] == 0
    assert firm.tasks(lead) == []
    assert _rules_that_wrote(firm) == {"offer", "undo"}
    told = [reason.text for reason in firm.explain(lead)["offer"].reasons if reason.path == "then.offer"]
    assert [f"the offer to {offer.person} was withdrawn on" in text for text in told] == [True]


def test_an_offer_that_somebody_took_stays_taken(one: Company) -> None:
    lead = written(one, OFFER)
    [offer] = one.tasks(lead)
    one.at(1.2 * HOUR)
    one.org.complete_task(offer.id, by=offer.owner)
    assert kept(undo(one, 1.5 * HOUR)) == {"offer": "somebody completed the task"}
    one.run(2 * HOUR)
    assert one.org.fields_of(lead)["owner"] == offer.owner


def test_a_hand_over_that_was_undone_is_not_made_again_and_takes_no_turn(one: Company) -> None:
    lead = written(one, OFFER)
    [offer] = one.tasks(lead)
    one.at(1.2 * HOUR)
    one.org.complete_task(offer.id, by=offer.owner)
    one.run(1.5 * HOUR)
    assert one.org.fields_of(lead)["owner"] == offer.owner
    assert undo(one).exit_code == 0
    for hours in (3, 30):
        assert one.run(hours * HOUR).summary.counts["planned"] == 0
    assert stands(one, lead)[0] == "ana"
    assert _ledger(one)[0] == []


def test_who_lost_a_record_to_an_undo_is_next_again(one: Company) -> None:
    first = written(one, POOL, owner="eva")
    taker = one.org.fields_of(first)["owner"]
    undo(one)
    second = one.lead("Second", owner="eva")
    one.run(3 * HOUR)
    assert one.org.fields_of(second)["owner"] == taker
    assert len(_ledger(one)[0]) == 1


def test_a_lead_that_was_given_back_was_not_recycled_and_has_its_first_owner_in_the_report(one: Company) -> None:
    written(one, SET)
    undo(one)
    report = json.loads(one.cli("report", "--json").stdout)
    assert report["total"]["recycled"]["now"] == 0
    assert [row["name"] for row in report["owners"] if row["open"]["now"]] == ["Ana Ferreira"]


def test_a_replay_puts_an_undo_on_no_side(one: Company) -> None:
    written(one, CALL.replace("once:", "wait: 30 minutes, once:"))
    undo(one)
    one.run(30 * HOUR)
    replayed = json.loads(one.cli("replay", "--since", START.isoformat(), "--every", "runs", "--json").stdout)
    assert [(line["rule"], line["side"]) for line in replayed["lines"]] == [("call", "both")]


def test_what_upkeep_did_with_a_task_since_does_not_keep_it_from_being_undone(one: Company) -> None:
    away = "  ana: {crm: ana@example.com, cover: ben, away: [{from: 2026-03-03, to: 2026-03-20}]}\n"
    team = (one.folder / "team.yaml").read_text()
    one.write("team.yaml", team.replace("  ana: {crm: ana@example.com, manager: eva}\n", away))
    one.rules(CALL.replace("1 business day", "6 business days"))
    assert one.run().problems == ()
    lead = one.lead()
    one.run(HOUR)
    [first] = {entry.run for entry in one.outbox()}
    one.run(DAY)
    [task] = one.tasks(lead)
    assert task.owner == one.people["ben"]
    assert list(kept(undo(one, DAY + HOUR))) == ["amend"]
    assert undo(one, DAY + 2 * HOUR, run=first).exit_code == 0
    assert one.tasks(lead) == []
