"""What the CRM refuses, or never tells of, waits for a person; what they say is what holds from then on."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from adapters.sandbox.faults import Fault
from connector.clock import SystemClock
from connector.deadletters import settle, waiting
from connector.domain.decision import OutboxEntry
from connector.domain.errors import ConfigError
from tests.company import Company

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

CALL_AND_NOTE = """\
  - id: call-and-note
    why: Somebody calls, and the record says so
    when: {becomes: {status: interested}}
    then:
      - task: {type: call, subject: "Call {lead.name}", due: 1 business day}
      - note: "Was asked to be called"
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


def _interested(firm: Company) -> str:
    firm.rules(CALL_AND_NOTE)
    firm.run()
    lead = firm.lead()
    firm.run(HOUR)
    firm.set(lead, status="interested")
    return lead


def _refused(firm: Company) -> str:
    """A lead whose call task the CRM refused for good."""
    lead = _interested(firm)
    firm.server.faults.add(Fault("answer", "POST", TASKS[firm.crm], times=None, **REFUSAL[firm.crm]))
    assert firm.run(2 * HOUR).summary.exit_code == 3
    firm.server.faults.clear()
    return lead


def _unknown(firm: Company) -> str:
    """A lead whose call task may or may not be there: no look-up has been made yet."""
    lead = _interested(firm)
    firm.server.faults.add(Fault("drop_before", "POST", TASKS[firm.crm], times=None))
    firm.run(2 * HOUR)
    firm.server.faults.clear()
    return lead


def _waiting(firm: Company) -> list[OutboxEntry]:
    with firm.connected() as connection, connection.store.begin() as uow:
        return list(waiting(uow))


def _say(firm: Company, word: str, *keys: str) -> None:
    with firm.connected() as connection:
        settle(connection.store, keys, word, firm.clock.peek())  # type: ignore[arg-type]


def _states(firm: Company) -> list[str]:
    return [entry.state for entry in firm.outbox()]


def test_a_refused_write_is_sent_once_more_with_the_steps_that_fell_with_it(firm: Company) -> None:
    lead = _refused(firm)
    assert _states(firm) == ["failed", "dropped"]
    assert firm.run(3 * HOUR).summary.counts["planned"] == 0
    [entry] = _waiting(firm)
    _say(firm, "again", entry.action.key)
    firm.run(4 * HOUR)
    assert len(firm.tasks(lead)) == 1
    assert _states(firm) == ["confirmed", "confirmed"]
    assert _waiting(firm) == []
    assert firm.run(5 * HOUR).summary.counts["planned"] == 0


def test_a_write_that_was_dropped_by_a_person_stays_undone(firm: Company) -> None:
    lead = _refused(firm)
    [entry] = _waiting(firm)
    _say(firm, "drop", entry.action.key)
    assert firm.run(3 * HOUR).summary.exit_code == 0
    assert firm.run(3 * DAY).summary.exit_code == 0
    assert firm.tasks(lead) == []
    assert _waiting(firm) == []
    assert "dropped by a person; before: " in firm.outbox()[0].message


def test_a_write_that_a_person_saw_landed_is_not_sent_and_its_next_steps_go_on(firm: Company) -> None:
    lead = _unknown(firm)
    [entry] = _waiting(firm)
    _say(firm, "landed", entry.action.key)
    firm.run(3 * HOUR)
    assert firm.tasks(lead) == []
    assert _states(firm) == ["confirmed", "confirmed"]


def test_what_cannot_be_said_is_refused_and_nothing_is_settled(firm: Company) -> None:
    _refused(firm)
    [entry] = _waiting(firm)
    with pytest.raises(ConfigError, match="so it did not land"):
        _say(firm, "landed", entry.action.key)
    with pytest.raises(ConfigError, match=r"no write call-and-note\.0 waits for a person"):
        _say(firm, "drop", entry.action.key, "call-and-note.0")
    assert _states(firm) == ["failed", "dropped"]


def test_the_command_lists_what_waits_and_takes_the_answer(firm: Company) -> None:
    _refused(firm)
    listed = firm.cli("settle")
    [entry] = _waiting(firm)
    assert listed.returncode == 0
    assert entry.action.key in listed.stdout
    assert "failed" in listed.stdout
    [write] = json.loads(firm.cli("settle", "--json").stdout)["writes"]
    assert (write["key"], write["state"]) == (entry.action.key, "failed")
    for wrong in (("--again",), (entry.action.key, "--rule", "call-and-note", "--again"), ("nothing.0", "--again")):
        refused = firm.cli("settle", *wrong)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.count("\n") == 1
    answered = firm.cli("settle", "--rule", "call-and-note", "--again")
    assert (answered.returncode, answered.stdout) == (0, "1 write sent once more by the next `followup run`\n")
    assert "nothing waits for a person" in firm.cli("settle").stdout


def test_a_cadence_means_the_writes_of_all_its_steps_and_a_rule_that_is_not_there_is_told(firm: Company) -> None:
    step = '{after: 1 hour, task: {type: call, subject: "Call {lead.name}"}}'
    firm.rules(f"version: 1\ncadences:\n  - {{id: inbound, why: Calls, start: {{created: true}}, steps: [{step}]}}\n")
    firm.run()
    firm.lead()
    firm.run()
    firm.server.faults.add(Fault("answer", "POST", TASKS[firm.crm], times=None, **REFUSAL[firm.crm]))
    firm.run(2 * HOUR)
    wrong = firm.cli("settle", "--rule", "inbond", "--drop")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "there is no rule `inbond`; did you mean `inbound`?" in wrong.stderr
    dropped = firm.cli("settle", "--rule", "inbound", "--drop")
    assert (dropped.returncode, dropped.stdout) == (0, "1 write dropped\n")
    assert _waiting(firm) == []
