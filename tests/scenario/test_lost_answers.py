"""A write whose answer is lost happens once: it is looked up before it is tried again, at every write, on both CRMs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sandbox.faults import Fault
from connector.clock import SystemClock
from tests.company import Company, company

HOUR = timedelta(hours=1)

EVERYTHING = """\
  - id: everything
    why: One of each
    when: {becomes: {status: interested}}
    then:
      - task: {type: call, subject: "Call {lead.name}", due: 1 business day}
      - set: {status: qualified}
      - reassign: {to: ben}
      - enroll: {in: brochure}
      - note: "Handed over"
    once: per lead
"""

WRITES = {
    "salesforce": ("POST|PATCH", r"/composite/sobjects"),
    "hubspot": ("POST|PUT", r"/batch/(create|update)|/memberships/add"),
}


@pytest.fixture(autouse=True)
def _no_real_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a refused call waits before it is tried again is tested by itself; here only what comes of it counts."""
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)


def _effects(firm: Company, lead: str) -> tuple[int, object, object, int]:
    fields = firm.org.fields_of(lead)
    calls = [task for task in firm.tasks(lead) if task.subject.startswith("Call ")]
    return len(calls), fields["status"], fields["owner"], len(list(firm.org.members(firm.brochure)))


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "garble_after", "answer_after"])
@pytest.mark.parametrize("nth", range(5))
def test_an_answer_lost_at_the_nth_write_leaves_exactly_one_effect(firm: Company, kind: str, nth: int) -> None:
    firm.rules(EVERYTHING)
    firm.run()
    lead = firm.lead()
    firm.run(HOUR)
    firm.set(lead, status="interested")
    method, path = WRITES[firm.crm]
    fault = Fault(kind, method, path, skip=nth, status=502, body="<html>bad gateway</html>")  # type: ignore[arg-type]
    firm.server.faults.add(fault)
    firm.run(2 * HOUR)
    assert firm.server.faults.struck, "the fault must have struck"
    for hours in (3, 4, 5):
        firm.run(hours * HOUR)
    assert _effects(firm, lead) == (1, firm.status("qualified"), firm.people["ben"], 1)
    states = {entry.state for entry in firm.outbox()}
    assert states == {"confirmed"}


def test_a_pass_that_finds_the_crm_down_fails_in_one_line_and_the_next_one_goes_on(firm: Company) -> None:
    firm.run()
    lead = firm.lead()
    firm.run()
    firm.at(2 * HOUR)
    firm.server.faults.add(Fault("answer", path="token|search|query", status=503, body="<html>down</html>", times=None))
    done = firm.cli("run", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    firm.server.faults.clear()
    assert firm.run().exit_code == 0
    assert len(firm.tasks(lead)) == 1


ONE_TASK = """\
  - id: due
    why: A call
    when: {becomes: {status: interested}}
    then:
      - task: {type: call, subject: "Call {lead.name}", due: 1 business day}
    once: per lead
"""
KEY_FIELDS = {"salesforce": "FollowupKey__c", "hubspot": "followup_key"}
KEYS = {"salesforce": "task_key_field", "hubspot": "task_key_property"}


def _lose(firm: Company, kind: str = "answer_after", times: int = 1) -> None:
    method, path = WRITES[firm.crm]
    firm.server.faults.add(Fault(kind, method, path, times=times, status=502, body="<html>bad gateway</html>"))  # type: ignore[arg-type]


def _about_to_lose(firm: Company, rules: str) -> str:
    """A lead for which the next pass has something to write, whose answer will be lost."""
    firm.rules(rules)
    firm.run()
    lead = firm.lead()
    firm.run(HOUR)
    firm.set(lead, status="interested")
    _lose(firm)
    return lead


@pytest.mark.parametrize("keyed", [True, False], ids=["key field", "line in the text"])
@pytest.mark.parametrize("since", ["deleted", "merged", "converted"])
@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_lost_task_is_found_whatever_people_did_before_the_look_up(
    crm: str, since: str, keyed: bool, tmp_path: Path
) -> None:
    with company(
        crm, tmp_path, **({KEYS[crm]: True if crm == "salesforce" else KEY_FIELDS[crm]} if keyed else {})
    ) as firm:
        firm.write("followup.yaml", firm.config(**({"task_key_field": KEY_FIELDS[crm]} if keyed else {})))
        lead, other = _about_to_lose(firm, ONE_TASK), firm.lead("Somebody Else")
        firm.run(2 * HOUR)
        assert [entry.state for entry in firm.outbox()] == ["unknown"]
        (made,) = [task for task in firm.tasks() if task.subject.startswith("Call ")]
        if since == "deleted":
            firm.org.delete_task(made.id)
        elif since == "merged":
            firm.org.merge(other, lead)
        else:
            firm.org.convert(lead)
        for hours in (3, 4):
            firm.run(hours * HOUR)
        calls = [task for task in firm.tasks() if task.subject.startswith("Call ")]
        assert len(calls) == (0 if since == "deleted" else 1)
        assert [(entry.state, entry.already) for entry in firm.outbox()] == [("confirmed", True)]


IN_AND_OUT = """\
  - id: in
    why: Into the campaign
    when: {becomes: {status: interested}}
    then:
      - enroll: {in: brochure}
    once: per lead
  - id: out
    why: And out of it, as another rule has it
    when: {becomes: {status: interested}}
    then:
      - unenroll: {from: brochure}
    once: per lead
"""


def test_nobody_touches_what_a_write_of_unknown_outcome_may_have_changed_until_that_is_known(tmp_path: Path) -> None:
    with company("salesforce", tmp_path) as firm:
        lead = _about_to_lose(firm, IN_AND_OUT)
        assert firm.run(2 * HOUR).exit_code == 3
        waits = {entry.action.kind: (entry.state, "looked up" in entry.message) for entry in firm.outbox()}
        assert waits == {"enroll": ("unknown", True), "unenroll": ("pending", True)}
        assert list(firm.org.members(firm.brochure)) == [lead]
        for hours in (3, 4):
            firm.run(hours * HOUR)
        states = {entry.action.kind: (entry.state, bool(entry.already)) for entry in firm.outbox()}
        assert states == {"enroll": ("confirmed", True), "unenroll": ("confirmed", False)}
        assert not list(firm.org.members(firm.brochure)), "in once, and out"


FEEDS = """\
  - id: sets
    why: Somebody is working on it
    when: {becomes: {status: interested}}
    then:
      - set: {status: working}
    once: per occasion
  - id: lives
    why: Looks after what is worked on
    when: {becomes: {status: working}}
    then:
      - task: {type: todo, subject: "Look after {lead.name}", due: 1 business day}
"""


@pytest.mark.parametrize("back", [True, False], ids=["put back", "changed"])
def test_a_lost_value_that_somebody_changed_since_is_known_by_the_history_and_feeds_no_rule(
    firm: Company, back: bool
) -> None:
    lead = _about_to_lose(firm, FEEDS)
    firm.run(2 * HOUR)
    assert firm.org.fields_of(lead)["status"] == firm.status("working")
    firm.at(2 * HOUR + timedelta(minutes=1))
    firm.set(lead, status="interested" if back else "qualified")
    for hours in (3, 4, 30):
        firm.run(hours * HOUR)
    (sets, *more) = [entry for entry in firm.outbox() if entry.action.rule == "sets"]
    assert (sets.state, sets.already) == ("confirmed", True)
    assert "changed it since" in sets.message
    # To be interested anew is a new occasion, on which the rule acts anew.
    assert [entry.state for entry in more] == (["confirmed"] if back else [])
    assert firm.org.fields_of(lead)["status"] == firm.status("working" if back else "qualified")
    assert [entry for entry in firm.outbox() if entry.action.rule == "lives"] == []
    assert firm.tasks(lead) == []


def test_an_earlier_write_of_the_same_value_does_not_tell_that_the_lost_one_landed(firm: Company) -> None:
    firm.rules(FEEDS)
    firm.run()
    lead = firm.lead()
    firm.run(HOUR)
    firm.set(lead, status="interested")
    firm.run(2 * HOUR)
    firm.at(2 * HOUR + timedelta(minutes=2))
    firm.set(lead, status="interested")
    _lose(firm, "drop_before")
    firm.run(2 * HOUR + timedelta(minutes=4))
    assert sorted(entry.state for entry in firm.outbox()) == ["confirmed", "unknown"]
    assert firm.org.fields_of(lead)["status"] == firm.status("interested"), "it did not land"
    firm.run(3 * HOUR)
    assert [entry.state for entry in firm.outbox()] == ["confirmed"] * 2
    assert firm.org.fields_of(lead)["status"] == firm.status("working")
