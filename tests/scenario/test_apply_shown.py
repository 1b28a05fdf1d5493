"""`apply` writes what was shown to somebody, and only while the record is still as it was shown."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.company import Company

HOUR = timedelta(hours=1)

TWO_STEPS = """\
  - id: take-up
    why: New leads are taken up
    when: {created: true}
    wait: 1 hour
    then:
      - set: {status: working}
      - task: {type: call, subject: "Call {lead.name}", due: 1 business day}
"""


def _planned(firm: Company) -> str:
    firm.run()
    lead = firm.lead()
    firm.run()
    firm.at(2 * HOUR)
    assert firm.cli("plan", "--out", "plan.json").returncode == 0
    return lead


def _applied(firm: Company) -> tuple[int, int]:
    done = firm.cli("apply", "plan.json", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    return document["written"]["confirmed"], document["dropped"]


def test_a_lead_that_changed_hands_since_the_plan_gets_no_task_for_its_former_owner(firm: Company) -> None:
    lead = _planned(firm)
    firm.set(lead, owner="ben")
    assert _applied(firm) == (0, 1)
    assert firm.tasks(lead) == []
    firm.run(3 * HOUR)
    assert [task.owner for task in firm.tasks(lead)] == [firm.people["ben"]]


def test_a_value_that_somebody_changed_since_the_plan_is_left_alone_with_all_that_follows(firm: Company) -> None:
    firm.rules(TWO_STEPS)
    lead = _planned(firm)
    firm.set(lead, status="nurturing")
    assert _applied(firm) == (0, 2)
    assert firm.org.fields_of(lead)["status"] == firm.status("nurturing")
    assert firm.tasks(lead) == []


def test_a_record_nobody_touched_gets_exactly_what_was_shown(firm: Company) -> None:
    firm.rules(TWO_STEPS)
    lead = _planned(firm)
    assert _applied(firm) == (2, 0)
    assert firm.org.fields_of(lead)["status"] == firm.status("working")
    assert [task.owner for task in firm.tasks(lead)] == [firm.people["ana"]]
