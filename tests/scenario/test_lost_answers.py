"""A write whose answer is lost happens once: it is looked up before it is tried again, at every write, on both CRMs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.sandbox.faults import Fault
from connector.clock import SystemClock
from tests.company import Company

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
