"""Whoever reads what a pass says, or the log, learns of what waits for a person, and is told nothing wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.sandbox.faults import Fault
from connector.clock import SystemClock
from tests.company import Company

HOUR = timedelta(hours=1)

CALL = """\
  - id: call
    why: Somebody calls
    when: {becomes: {status: interested}}
    then: [{task: {type: call, subject: "Call {lead.name}", due: 1 business day}}]
"""
MAIL = """\
  - id: mail
    why: The brochure goes out
    when: {becomes: {status: interested}}
    then: [{enroll: {in: brochure}}]
"""
REFUSAL = {
    "salesforce": {
        "status": 200,
        "body": [{"success": False, "errors": [{"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no"}]}],
    },
    "hubspot": {"status": 400, "body": {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}},
}
TASKS = {"salesforce": r"/composite/sobjects", "hubspot": r"/objects/tasks/batch/create"}


@pytest.fixture(autouse=True)
def _no_real_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)


def _refused(firm: Company) -> None:
    """A call task that the CRM refused for good."""
    firm.rules(CALL)
    firm.run()
    lead = firm.lead()
    firm.run(HOUR)
    firm.set(lead, status="interested")
    firm.server.faults.add(Fault("answer", "POST", TASKS[firm.crm], times=None, **REFUSAL[firm.crm]))
    firm.run(2 * HOUR)
    firm.server.faults.clear()


def test_every_pass_says_what_the_crm_refused_until_somebody_settles_it(firm: Company) -> None:
    _refused(firm)
    told = "1 write that the CRM refused waits for a person: `followup settle` lists it"
    for later in (3, 4):
        found = firm.run(later * HOUR)
        assert (found.notices, found.exit_code) == ((told,), 3), "whoever watches exit codes learns of it, too"
    [key] = [entry.action.key for entry in firm.outbox()]
    assert firm.cli("settle", key, "--drop").returncode == 0
    found = firm.run(5 * HOUR)
    assert (found.notices, found.exit_code) == ((), 0)


def test_only_one_thing_can_be_said_of_a_write(firm: Company) -> None:
    _refused(firm)
    [key] = [entry.action.key for entry in firm.outbox()]
    for words in (("--again", "--drop"), ("--drop", "--again"), ("--landed", "--drop")):
        answer = firm.cli("settle", key, *words)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert "say one of --landed, --again and --drop" in answer.stderr
    assert [entry.state for entry in firm.outbox()] == ["failed"]


def test_the_log_does_not_say_that_a_pass_that_was_killed_did_nothing(firm: Company) -> None:
    _refused(firm)
    with firm.connected() as connection, connection.store.begin() as uow:
        killed = uow.runs(1)[0]
        uow.start_run(replace(killed, finished=None, exit_code=None, counts={}))
    line = next(line for line in firm.cli("log").stdout.splitlines() if killed.id in line)
    assert "not ended" in line
    assert "nothing done" not in line
    assert f"`followup show {killed.id}`" in line


def test_every_pass_says_that_the_opt_out_cannot_be_seen_and_ends_with_3_where_a_rule_stops_for_it(
    firm: Company,
) -> None:
    firm.rules(CALL)
    assert firm.run().notices == ()
    if firm.crm == "salesforce":
        firm.org.hide_field("Lead", "HasOptedOutOfEmail")
    else:
        firm.org.hide_property("contacts", "hs_email_optout")
    asking = CALL.replace("    then:", "    unless: {opted_out: true}\n    then:")
    mailing = CALL + MAIL
    for later, rules, code in ((1, CALL, 0), (2, CALL, 0), (3, asking, 3), (4, asking, 3), (5, mailing, 3)):
        firm.rules(rules)
        found = firm.run(later * HOUR)
        assert "the opt-out of a lead cannot be seen: nobody is enrolled" in found.notices[0]
        assert found.exit_code == code, "a call needs no opt-out"


def test_an_undo_of_a_pass_that_wrote_nothing_says_so_and_where_the_others_are(firm: Company) -> None:
    firm.rules(CALL)
    firm.run()
    lead = firm.lead()
    firm.run(HOUR)
    firm.set(lead, status="interested")
    firm.run(2 * HOUR)
    firm.run(3 * HOUR)
    told = firm.cli("undo", "latest", "--dry-run")
    assert told.returncode == 0
    assert "nothing of that pass is to be taken back; `followup log` lists the passes" in told.stdout
    assert len(firm.tasks(lead)) == 1
