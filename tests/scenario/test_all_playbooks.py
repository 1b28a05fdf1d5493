"""All playbooks together on either CRM: five weeks of a small team, over HTTP."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from rules.playbooks import PROCEDURES, Crm, workspace_files
from tests.company import Company, company

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PASSES = (0, 2, 4)
"""The weekdays with a pass."""
REASON = {"salesforce": "Title", "hubspot": "jobtitle"}
"""The text field that stands for the reason a lead gave; the sandbox has no field of its own for it."""


def _open_shop(firm: Company, crm: Crm) -> None:
    """The workspace with every playbook, bound to what the sandbox has."""
    (firm.folder / "rules" / "rules.yaml").unlink()
    files = dict(workspace_files(PROCEDURES, crm))
    settings = yaml.safe_load(files.pop("followup.yaml"))
    enrollments = {name: dict(firm.org.add_enrollment_target(name)) for name in settings["enrollments"]}
    for name, full in {"dan": "Dan Reyes", "fay": "Fay Osei", "gus": "Gus Lindholm"}.items():
        firm.people[name] = firm.org.add_person(full, f"{name}@example.com")
    firm.write("followup.yaml", firm.config(enrollments=enrollments, fields={"reason": REASON[crm]}))
    for name, text in files.items():
        firm.write(name, text)


def _weeks(firm: Company) -> Counter[str]:
    """What happens, day by day; how often each rule, or cadence, wrote something."""
    assert firm.run().problems == ()
    fresh = firm.lead("Mara Weber")
    refused = firm.lead("Jonas Haas", opted_out=True)
    interested = firm.lead("Lea Braun")
    unreachable = firm.lead("Nils Voss")
    outbound = firm.lead("Ida Kern", owner="dan")
    later = firm.lead("Tom Ried", title="timing")
    firm.run(HOUR)
    for day in range(1, 36):
        firm.at(day * DAY + 2 * HOUR)
        if day == 2:
            firm.set(interested, status="interested")
            firm.set(later, status="nurturing")
        if 2 <= day <= 8:
            firm.call(unreachable)
        if day == 9:
            firm.set(fresh, status="qualified")
        if day == 10:
            for task in firm.tasks(refused):
                firm.org.complete_task(task.id, by=firm.people["ana"])
        if firm.clock.peek().weekday() in PASSES:
            result = firm.run()
            assert (result.problems, result.writes.failed) == ((), 0)
    outbox = firm.outbox()
    assert {entry.state for entry in outbox} <= {"confirmed", "dropped", "held"}
    mailed = {
        entry.action.record.id for entry in outbox if entry.action.kind == "enroll" and entry.state == "confirmed"
    }
    assert refused not in mailed
    assert {fresh, interested, outbound} <= mailed
    return Counter(entry.action.rule.partition("/")[0] for entry in outbox if entry.state == "confirmed")


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_five_weeks_with_every_playbook(tmp_path: Path, crm: Crm) -> None:
    with company(crm, tmp_path) as firm:
        _open_shop(firm, crm)
        acted = _weeks(firm)
    assert set(acted) >= {
        "new-lead-thanks",
        "new-lead-call",
        "week-one-call",
        "week-one-benefits",
        "month-one-deadline",
        "call-overdue",
        "call-overdue-manager",
        "interested-brochure",
        "recycle-after-6",
        "inbound",
        "outbound",
        "hand-over",
        "friday-overdue",
        "next-step",
    }
