"""The company that fuzz targets play with: leads that rules concern, a liar in front of the CRM, and what must hold."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from connector.cli import main as console
from connector.clock import SystemClock
from connector.domain.errors import FollowupError
from tests.company import Company, company
from tests.fuzz.lies import PERMISSIVE, Liar
from tests.fuzz.target import Case, told_in_one_line

HOUR = timedelta(hours=1)

KEY_FIELDS = {
    "salesforce": ("task_key_field", "FollowupKey__c"),
    "hubspot": ("task_key_property", "followup_key"),
}
"""What makes a sandbox have a field for our keys, and its name."""

RULES = """\
version: 1
rules:
  - id: first-call
    why: Every new lead is called
    when: {created: true}
    unless: {any: [{attempts: {at_least: 1}}, {status: [converted, do_not_contact]}]}
    then: [{task: {type: call, subject: "Call {lead.name}", body: "{lead.company}", due: 1 business day}}]
    once: per lead
  - id: brochure
    why: Who is interested gets the brochure
    when: {becomes: {status: interested}}
    unless: {enrolled: {in: brochure}}
    then: [{enroll: {in: brochure}}]
    once: per lead
  - id: hand-out
    why: Somebody of inbound takes what Eva gets
    when: {created: true}
    if: {owner: eva}
    then: [{reassign: {pool: inbound, note: "From {lead.owner}"}}]
    once: per lead
  - id: recycle
    why: After two calls it is recycled
    when: {created: true}
    if: {attempts: {at_least: 2}}
    then: [{set: {status: recycled}}]
    once: per lead
"""


@contextmanager
def staged(case: Case) -> Iterator[tuple[Company, Liar, dict[str, str]]]:
    """A company after its first pass, with leads that rules concern; every answer goes past a liar."""
    option, key = KEY_FIELDS[case["crm"]]
    options = {} if case["marker"] else {option: key}
    with (
        tempfile.TemporaryDirectory(prefix="followup-fuzz-") as folder,
        patch.object(SystemClock, "sleep", lambda _clock, _seconds: None),
        company(case["crm"], Path(folder), **options) as firm,
    ):
        liar = Liar(firm.org)
        firm.server._server.app = liar
        if not case["marker"]:
            firm.write("followup.yaml", firm.config(task_key_field=key))
        firm.write("rules/rules.yaml", RULES)
        leads = {
            "out": firm.lead(name="Otto Out", opted_out=True),
            "keen": firm.lead(name="Kira Keen", opted_out=False),
            "sold": firm.lead(name="Sara Sold", status="converted"),
        }
        problems = firm.run().problems
        assert not problems, f"every rule of the stage runs: {problems}"
        firm.at(HOUR)
        leads |= {
            "new": firm.lead(name="Nora New", opted_out=False),
            "eva": firm.lead(name="Emil Eva", owner="eva"),
            "tried": firm.lead(name="Tina Tried"),
        }
        firm.call(leads["tried"])
        firm.call(leads["tried"], by="ben")
        for name in ("out", "keen"):
            firm.set(leads[name], status="interested")
        firm.at(6 * HOUR)
        yield firm, liar, leads


def one_pass(firm: Company) -> str:
    """One pass; the line it ended with. Anything but a documented error goes up."""
    try:
        firm.run()
    except FollowupError as error:
        told_in_one_line(error)
        return str(error)
    return ""


def nothing_wrong(firm: Company, leads: dict[str, str], ops: set[str]) -> None:
    """In the CRM: no task twice, no mail to who opted out, nothing on a converted lead."""
    subjects = Counter((task.lead, task.subject) for task in firm.tasks())
    assert all(count == 1 for count in subjects.values()), f"twice: {subjects}"
    if not ops & {*PERMISSIVE, "swap", "double"}:
        assert leads["out"] not in firm.org.members(firm.brochure), "mailed in spite of the opt-out"
        assert leads["sold"] not in {task.lead for task in firm.tasks()}, "a converted lead is left alone"


def written_rightly(firm: Company, leads: dict[str, str], lies: list[Case]) -> None:
    """Nothing was written twice or without a decision, and no record was passed over."""
    ops = {lie["op"] for lie in lies}
    nothing_wrong(firm, leads, ops)
    entries = firm.outbox()
    decided = {(entry.action.record.id, entry.action.kind) for entry in entries}
    assert {task.lead for task in firm.tasks()} <= {id_ for id_, kind in decided if kind == "task"}, (
        "nobody decided that"
    )
    assert len({entry.action.key for entry in entries}) == len(entries)
    twice = Counter((entry.action.record, entry.action.rule) for entry in entries if entry.state == "confirmed")
    assert all(count == 1 for count in twice.values()), f"one occasion, two writes: {twice}"
    if not ops & {"drop", "list", "swap", "double", "object", "rename", "404", "empty", "null"}:
        with firm.connected() as connection, connection.store.begin() as uow:
            known = uow.records([firm.ref(lead) for lead in leads.values()])
        missing = [name for name, lead in leads.items() if firm.ref(lead) not in known]
        assert not missing, f"passed over: {missing}"


def said(firm: Company, *arguments: str) -> str:
    """What a command of the console prints, in this process. Raises when followup itself is at fault."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, firm.environment(), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        console._outcome(list(arguments))
    told = out.getvalue() + err.getvalue()
    assert "fault of followup itself" not in told, told
    return told
