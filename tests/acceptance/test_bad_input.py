"""What can be wrong, one by one: one clear line that says what to do, the documented exit code, and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.sandbox.faults import Fault
from tests.company import CALL_WITHIN_A_DAY, Company

HOUR = timedelta(hours=1)
SECRETS = ("sandbox-secret", "sandbox-token", "wrong-secret")


def _line(firm: Company, *arguments: str, code: int, **more: str) -> str:
    done = firm.cli(*arguments, **more)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert not any(secret in text for secret in SECRETS)
    assert "example.org" not in text, "no prospect's address in a message"
    return text


def _due(firm: Company) -> str:
    firm.run()
    lead = firm.lead()
    firm.run()
    firm.at(2 * HOUR)
    return lead


def test_a_broken_rule_is_named_and_quarantined_while_the_rest_runs(firm: Company) -> None:
    lead = _due(firm)
    broken = "  - id: broken\n    why: x\n    when: {created: true}\n    then: [{tusk: {type: call}}]\n"
    firm.rules(CALL_WITHIN_A_DAY + broken)
    text = _line(firm, "check", code=2)
    assert "rules/rules.yaml:" in text
    assert "tusk" in text
    assert "task" in text
    text = _line(firm, "run", code=3)
    assert "tusk" in text
    assert len(firm.tasks(lead)) == 1


def test_a_file_without_one_sound_rule_is_a_configuration_error(firm: Company) -> None:
    firm.write("rules/rules.yaml", "version: 1\nrules: [}\n")
    assert "rules/rules.yaml:2:" in _line(firm, "run", code=2)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("if: {custom.nothing: x}", "custom.nothing"),
        ("if: {status: no_such_status}", "no_such_status"),
        ("if: {owner: {is: nobody_known}}", "nobody_known"),
    ],
)
def test_an_unknown_field_status_or_person_is_named(firm: Company, rule: str, said: str) -> None:
    lead = _due(firm)
    extra = f"  - id: odd\n    why: x\n    when: {{created: true}}\n    {rule}\n    then: [{{note: hello}}]\n"
    firm.rules(CALL_WITHIN_A_DAY + extra)
    assert said in _line(firm, "run", code=3)
    assert len(firm.tasks(lead)) == 1


def test_wrong_credentials_name_the_variable(firm: Company) -> None:
    wrong = {"FOLLOWUP_SALESFORCE__CLIENT_SECRET": "wrong-secret", "FOLLOWUP_HUBSPOT__ACCESS_TOKEN": "wrong-secret"}
    assert "FOLLOWUP_" in _line(firm, "run", code=2, **wrong)
    assert "FOLLOWUP_" in _line(firm, "doctor", code=1, **wrong)


def test_missing_settings_name_the_variable(firm: Company) -> None:
    missing = {"FOLLOWUP_SALESFORCE__CLIENT_SECRET": "", "FOLLOWUP_HUBSPOT__ACCESS_TOKEN": ""}
    assert "FOLLOWUP_" in _line(firm, "run", code=2, **missing)
    assert "FOLLOWUP_NOW" in _line(firm, "run", code=2, FOLLOWUP_NOW="2026-03-02T09:00:00")


def test_a_missing_permission_is_named(firm: Company) -> None:
    _due(firm)
    body = (
        [{"message": "insufficient access rights on object id", "errorCode": "INSUFFICIENT_ACCESS_OR_READONLY"}]
        if firm.crm == "salesforce"
        else {
            "status": "error",
            "category": "MISSING_SCOPES",
            "message": "This app hasn't been granted all required scopes",
        }
    )
    path = r"/query|/sobjects/Lead" if firm.crm == "salesforce" else r"/contacts/search"
    firm.server.faults.add(Fault("answer", path=path, status=403, body=body, times=None))
    text = _line(firm, "run", code=2)
    assert "grant" in text or "scope" in text


def test_a_crm_that_is_down_is_said_and_the_next_pass_goes_on(firm: Company) -> None:
    lead = _due(firm)
    down = "http://127.0.0.1:9"
    text = _line(firm, "run", code=1, FOLLOWUP_SALESFORCE__LOGIN_URL=down, FOLLOWUP_HUBSPOT__BASE_URL=down)
    assert firm.crm in text.lower()
    assert firm.run().writes.confirmed == 1
    assert len(firm.tasks(lead)) == 1


def test_a_spent_quota_stops_the_pass_and_the_next_one_picks_up(firm: Company) -> None:
    lead = _due(firm)
    body: object = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    status = 403
    if firm.crm == "hubspot":
        status = 429
        body = {"status": "error", "message": "You have reached your daily limit.", "policyName": "DAILY"}
    path = "/composite/sobjects" if firm.crm == "salesforce" else "/tasks/batch/create"
    firm.server.faults.add(Fault("answer", "POST|PATCH", path, status=status, body=body, times=None))
    assert "the next pass" in _line(firm, "run", code=3)
    document = json.loads(firm.cli("run", "--json").stdout)
    assert document["left_over"] == 1
    firm.server.faults.clear()
    assert firm.tasks(lead) == []
    assert firm.run().exit_code == 0
    assert len(firm.tasks(lead)) == 1


def test_a_quota_spent_while_reading_still_prints_the_one_document(firm: Company) -> None:
    lead = _due(firm)
    body: object = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    status = 403
    if firm.crm == "hubspot":
        status = 429
        body = {"status": "error", "message": "You have reached your daily limit.", "policyName": "DAILY"}
    firm.server.faults.add(Fault("answer", path="/query|/search", status=status, body=body, times=None))
    done = firm.cli("run", "--json")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert document["api_calls"] > 0
    assert document["error"]
    firm.server.faults.clear()
    assert firm.run().exit_code == 0
    assert len(firm.tasks(lead)) == 1


def test_a_field_that_disappears_quarantines_its_rules_only(firm: Company) -> None:
    tier = {"salesforce": "Tier__c", "hubspot": "tier"}[firm.crm]
    firm.write("followup.yaml", firm.config(fields={"custom.tier": tier}))
    extra = (
        "  - id: tiered\n    why: x\n    when: {created: true}\n    if: {custom.tier: A}\n    then: [{note: hello}]\n"
    )
    firm.rules(CALL_WITHIN_A_DAY + extra)
    lead = _due(firm)
    if firm.crm == "salesforce":
        firm.org.hide_field("Lead", "Tier__c")
    else:
        firm.org.hide_property("contacts", "tier")
    text = _line(firm, "run", code=3)
    assert "tiered" in text or "custom.tier" in text
    assert len(firm.tasks(lead)) == 1


def test_an_unreadable_state_file_is_said_and_left_as_it_is(firm: Company) -> None:
    _due(firm)
    state = firm.folder / ".followup" / "state.db"
    state.write_bytes(b"this is no database" * 100)
    assert "state" in _line(firm, "run", code=1)
    assert state.read_bytes().startswith(b"this is no database")


def test_a_full_disk_is_said_and_nothing_is_lost(firm: Company) -> None:
    lead = _due(firm)
    limited = firm.cli_limited(blocks=8)
    assert limited.returncode == 1, limited.stderr
    assert "Traceback" not in limited.stderr
    assert "disk" in limited.stderr or "state" in limited.stderr
    assert firm.run().exit_code == 0
    assert len(firm.tasks(lead)) == 1


SETTINGS: dict[str, tuple[Callable[[Company], None], str]] = {
    "misspelt": (lambda firm: firm.write("followup.yaml", "crm: salesforce\nstatusses: {}\n"), "statuses"),
    "no crm": (lambda firm: firm.write("followup.yaml", "limits: {per_rule_per_run: 5}\n"), "crm"),
    "odd crm": (lambda firm: firm.write("followup.yaml", "crm: pipedrive\n"), "pipedrive"),
    "twice": (lambda firm: firm.write("followup.yaml", "crm: salesforce\ncrm: hubspot\n"), "followup.yaml:2:"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_wrong_setting_is_named_with_its_place(firm: Company, what: str) -> None:
    spoil, said = SETTINGS[what]
    spoil(firm)
    assert said in _line(firm, "run", code=2)
