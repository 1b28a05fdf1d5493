"""The pass that is killed: a small firm of which one pass has every kind of write to do, and news in several streams."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.salesforce import SandboxSalesforce
from adapters.sandbox.server import SandboxServer
from tests.company import START, Company

HOUR = timedelta(hours=1)

CRMS = ("salesforce", "hubspot")

FLAVOURS = ("marker", "key_field")
"""Where a task carries its key: as a line of its text, or in a unique field of its own."""

KEY_FIELD = {"salesforce": "FollowupKey__c", "hubspot": "followup_key"}

AT = START + 6 * HOUR
"""When the pass runs that is killed: Monday, 15:00 in Berlin."""

RULES = """\
version: 1
rules:
  - id: first-call
    why: Every new lead is called within a day
    when: {created: true}
    unless: {status: [qualified, unqualified]}
    then: [{task: {type: call, subject: "Call {lead.name}", due: 1 business day}}]
    once: per lead
  - id: everything
    why: One of each for who is interested
    when: {becomes: {status: interested}}
    then:
      - task: {type: call, subject: "Show {lead.name} round", due: 1 business day}
      - set: {status: working}
      - reassign: {to: ben, note: "{lead.name} wants to be shown round"}
      - enroll: {in: brochure}
      - note: "Interested"
    once: per lead
  - id: leave
    why: Who is not interested gets no more paper
    when: {becomes: {status: unqualified}}
    then: [{unenroll: {from: brochure}}, {note: "Taken off"}]
    once: per occasion
  - id: offer
    why: A rep says whether they take it
    when: {becomes: {status: qualified}}
    then: [{offer: {pool: inbound, accept_within: 2 business hours, note: "Taken over by offer"}}]
    once: per lead
  - id: answer
    why: A reply is answered the same day
    when: {replied: true}
    then: [{task: {type: email, subject: "Answer {lead.name}", due: 4 business hours}}]
    once: per occasion
"""

LEADS = ("Showy", "Leaver", "Asked", "Accepted", "Late", "Writer", "Called")
"""One lead for each thing that happens, and `Newcomer`, who is created last."""


def build(crm: str, flavour: str, folder: Path) -> Company:
    """The firm up to the moment before the pass; its server is bound, and not started."""
    clock = SandboxClock(START)
    key_field = flavour == "key_field"
    if crm == "salesforce":
        app: Any = SandboxSalesforce(clock, task_key_field=key_field)
    else:
        app = SandboxHubSpot(clock, burst_limit=None, task_key_property=KEY_FIELD[crm] if key_field else None)
    with SandboxServer(app) as server:
        firm = Company(crm, folder, clock, app, server)
        firm.write("followup.yaml", firm.config(**({"task_key_field": KEY_FIELD[crm]} if key_field else {})))
        firm.rules(RULES)
        leads = _prelude(firm)
    firm.server = SandboxServer(app)
    _news(firm, leads)
    return firm


def _prelude(firm: Company) -> Mapping[str, str]:
    """The morning: the rules are met, leads come in, two are offered to somebody, one is sent the brochure."""
    firm.run()
    leads = {name: firm.lead(name, owner="eva" if name in ("Asked", "Accepted", "Late") else "ana") for name in LEADS}
    firm.run(HOUR)
    firm.at(HOUR + HOUR / 2)
    firm.set(leads["Leaver"], status="interested")
    for name in ("Accepted", "Late"):
        firm.set(leads[name], by="eva", status="qualified")
    firm.run(2 * HOUR)
    return leads


def _news(firm: Company, leads: Mapping[str, str]) -> None:
    """What people did since: all of it is read, decided and written in the one pass."""
    firm.at(3 * HOUR)
    [offered] = [task for task in firm.tasks(leads["Accepted"]) if task.subject.startswith("Take ")]
    firm.org.complete_task(offered.id, by=offered.owner)
    firm.set(leads["Showy"], status="interested")
    firm.at(4 * HOUR)
    firm.set(leads["Leaver"], status="unqualified")
    firm.set(leads["Asked"], by="eva", status="qualified")
    firm.org.log_email(leads["Writer"], firm.people["ana"], "inbound", "A question")
    firm.call(leads["Called"])
    firm.lead("Newcomer")
    firm.at(AT)
