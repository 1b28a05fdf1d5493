"""Deals and contacts are followed up like leads, on both CRMs: every trigger and action on them, planned, run, explained."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector.domain.decision import Verdict
from connector.domain.model import RecordRef
from connector.evaluate import moment_of
from tests.company import Company

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

STAGES = {
    "salesforce": {"early": "Prospecting", "offer": "Proposal/Price Quote", "won": "Closed Won", "lost": "Closed Lost"},
    "hubspot": {"early": "appointmentscheduled", "offer": "contractsent", "won": "closedwon", "lost": "closedlost"},
}

DEALS = """\
version: 1
defaults: {for: deal}
rules:
  - id: welcome
    why: Every new deal has a next step
    when: {created: true}
    wait: 1 hour
    unless: {next_step: {due_within: 30 days}}
    then: [{task: {type: todo, subject: "Plan {deal.name}", due: 1 business day}}]
  - id: quoted
    why: A quote is followed by a call, and the manager knows
    when: {becomes: {status: "OFFER"}}
    wait: 1 day
    then:
      - task: {type: call, subject: "Ask about the quote for {deal.name}", due: 4 business hours}
      - note: "The quote is a day old"
  - id: silent
    why: A deal nobody touched for ten days goes to somebody else
    when: {quiet: 10 days}
    then:
      - reassign: {to: ben, note: "Ten days of silence"}
    once: per owner
  - id: tried
    why: Two calls without a word
    when: {attempts: {reach: 2, type: call}}
    then:
      - set: {status: "OFFER"}
  - id: stuck
    why: No deal is without a next step
    when: {next_step: none}
    wait: 20 days
    then: [{task: {type: todo, subject: "What next with {deal.name}?", due: 1 day}}]
    once: per 30 days
  - id: win-back
    why: A lost deal is looked at again
    when: {becomes: {status: "LOST"}}
    wait: 30 days
    then: [{task: {type: todo, subject: "Win back {deal.name}", due: 1 day}}]
"""

CONTACTS = """\
version: 1
defaults: {for: contact}
rules:
  - id: greet
    why: A new contact is called
    when: {created: true}
    wait: 1 hour
    then:
      - task: {type: call, subject: "Call {contact.name}", due: 1 day}
      - note: "New here"
  - id: brochure
    why: Two calls, then the brochure and somebody else
    when: {attempts: {reach: 2}}
    then:
      - enroll: {in: brochure}
      - reassign: {to: ben}
    once: per contact
  - id: quiet
    why: Nobody is forgotten
    when: {quiet: 5 days}
    then: [{task: {type: todo, subject: "Write to {contact.name}", due: 1 day}}]
    once: per owner
"""


class Deals:
    """Deals of a company, in the sandbox's words and in the product's."""

    def __init__(self, firm: Company) -> None:
        self.firm = firm

    def rules(self, text: str) -> None:
        for word in ("offer", "lost"):
            text = text.replace(f'"{word.upper()}"', f'"{STAGES[self.firm.crm][word]}"')
        self.firm.write("rules/rules.yaml", text)

    def add(self, name: str = "Weber renewal") -> RecordRef:
        fields = {"name": name, "owner": self.firm.people["ana"], "status": STAGES[self.firm.crm]["early"]}
        return RecordRef(self.firm.crm, "deal", str(self.firm.org.add_deal(fields)))

    def named(self, deal: RecordRef) -> str:
        """How the sandbox is told which deal: HubSpot's ids repeat between types."""
        return f"deal:{deal.id}" if self.firm.crm == "hubspot" else deal.id

    def set(self, deal: RecordRef, **fields: object) -> None:
        if "status" in fields:
            fields["status"] = STAGES[self.firm.crm][str(fields["status"])]
        self.firm.org.set_fields(self.named(deal), fields, by=self.firm.people["ana"])

    def stored(self, deal: RecordRef) -> Any:
        with self.firm.connected() as connection, connection.store.begin() as uow:
            [state] = uow.states([deal])
        return state

    def subjects(self, deal: RecordRef) -> list[str]:
        return sorted(task.subject for task in self.firm.tasks(self.named(deal)))


def _explain(firm: Company, ref: RecordRef) -> dict[str, Verdict]:
    rulebook = firm.workspace().rulebook()
    with firm.connected() as connection, connection.store.begin() as uow:
        schema = uow.schema()
        assert schema is not None
        rulebook.bind(schema, uow.owners())
        [state] = uow.states([ref])
        moment = moment_of(uow, firm.crm, firm.clock.peek(), uow.owners())
        return {verdict.rule: verdict for verdict in rulebook.explain(state, moment)}


@pytest.fixture
def deals(firm: Company) -> Deals:
    made = Deals(firm)
    made.rules(DEALS)
    assert firm.run().exit_code == 0
    return made


def test_a_new_deal_gets_its_task_on_the_deal_and_no_second_one(deals: Deals) -> None:
    firm, deal = deals.firm, deals.add()
    assert firm.run(HOUR / 2).exit_code == 0
    assert _explain(firm, deal)["welcome"].outcome == "waits"
    [action] = firm.plan(2 * HOUR).plan.actions
    assert (action.kind, action.record) == ("task", deal)
    assert firm.run(2 * HOUR).exit_code == 0
    assert deals.subjects(deal) == ["Plan Weber renewal"]
    assert firm.run(3 * HOUR).writes.confirmed == 0
    assert _explain(firm, deal)["welcome"].outcome == "done"


def test_a_stage_starts_the_clock_and_its_task_and_note_hang_on_the_deal(deals: Deals) -> None:
    firm, deal = deals.firm, deals.add()
    firm.run(2 * HOUR)
    deals.set(deal, status="offer")
    firm.run(3 * HOUR)
    assert _explain(firm, deal)["quoted"].outcome == "waits"
    firm.run(DAY + 4 * HOUR)
    assert "Ask about the quote for Weber renewal" in deals.subjects(deal)
    assert firm.run(DAY + 5 * HOUR).writes.confirmed == 0
    assert {entry.state for entry in firm.outbox()} == {"confirmed"}


def test_calls_on_a_deal_are_attempts_and_its_stage_can_be_set(deals: Deals) -> None:
    firm, deal = deals.firm, deals.add()
    firm.run(2 * HOUR)
    for hours in (3, 4):
        firm.at(hours * HOUR)
        firm.org.log_call(deals.named(deal), firm.people["ana"], "no_answer")
    firm.run(5 * HOUR)
    assert deals.stored(deal).record.status == STAGES[firm.crm]["offer"]
    firm.run(5 * DAY)
    assert "Ask about the quote for Weber renewal" not in deals.subjects(deal), "our own change of a stage is no news"


def test_a_silent_deal_changes_hands_with_a_note_once(deals: Deals) -> None:
    firm, deal = deals.firm, deals.add()
    firm.run(2 * HOUR)
    firm.run(10 * DAY + HOUR)
    assert deals.stored(deal).record.owner == firm.people["ben"]
    firm.run(10 * DAY + 2 * HOUR)
    assert _explain(firm, deal)["silent"].outcome in ("done", "waits")
    assert sum(entry.action.kind == "reassign" for entry in firm.outbox()) == 1


def test_a_deal_without_a_next_step_gets_one(deals: Deals) -> None:
    firm, deal = deals.firm, deals.add()
    firm.run(2 * HOUR)
    [task] = firm.tasks(deals.named(deal))
    firm.at(DAY)
    firm.org.complete_task(task.id, by=firm.people["ana"])
    firm.run(DAY + HOUR)
    assert _explain(firm, deal)["stuck"].outcome == "waits"
    firm.run(21 * DAY + HOUR)
    assert "What next with Weber renewal?" in deals.subjects(deal)


def test_a_closed_deal_is_left_alone_except_by_a_rule_that_is_meant_for_it(deals: Deals) -> None:
    firm, won, lost = deals.firm, deals.add("Won"), deals.add("Lost")
    firm.run(HOUR / 2)
    deals.set(won, status="won")
    deals.set(lost, status="lost")
    for days in (1, 12, 25):
        assert firm.run(days * DAY).writes.confirmed == 0
    verdict = _explain(firm, won)["welcome"]
    assert (verdict.outcome, verdict.reasons[-1].path) == ("blocked", "guard.closed")
    firm.run(32 * DAY)
    assert (deals.subjects(won), deals.subjects(lost)) == ([], ["Win back Lost"])


def test_a_contact_is_followed_up_like_a_lead(firm: Company) -> None:
    firm.write("rules/rules.yaml", CONTACTS)
    firm.run()
    fields = {"name": "Mara Weber", "email": "mara@example.org", "owner": firm.people["ana"]}
    contact = RecordRef(firm.crm, "contact", str(firm.org.add_contact(fields)))
    firm.run(HOUR / 2)
    assert _explain(firm, contact)["greet"].outcome == "waits"
    assert firm.run(2 * HOUR).exit_code == 0
    assert [task.subject for task in firm.tasks(contact.id)] == ["Call Mara Weber"]
    for hours in (3, 4):
        firm.at(hours * HOUR)
        firm.org.log_call(contact.id, firm.people["ana"], "no_answer")
    firm.run(5 * HOUR)
    assert list(firm.org.members(firm.brochure)) == [contact.id]
    assert firm.org.fields_of(contact.id)["owner"] == firm.people["ben"]
    firm.run(6 * DAY)
    assert "Write to Mara Weber" in [task.subject for task in firm.tasks(contact.id)]
    assert {entry.state for entry in firm.outbox()} == {"confirmed"}
