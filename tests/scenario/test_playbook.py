"""The shipped playbook, rule by rule, on both CRMs: when it acts, when it waits, and when it stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rules.playbooks import playbook_files
from tests.company import Company, company

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(params=["salesforce", "hubspot"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    """A company whose rules are the playbook's and whose first pass is made."""
    with company(request.param, tmp_path) as firm:
        (tmp_path / "rules" / "rules.yaml").unlink()
        for name, text in playbook_files("first-follow-up", request.param).items():
            if name.startswith("rules/"):
                firm.write(name, text)
        assert firm.run().problems == ()
        yield firm


def _subjects(firm: Company, lead: str) -> list[str]:
    return sorted(task.subject for task in firm.tasks(lead))


def test_a_new_lead_has_a_first_call_due_within_a_business_day(team: Company) -> None:
    lead = team.lead("Mara Weber")
    team.run(HOUR)
    [task] = team.tasks(lead)
    assert (task.type, task.subject) == ("call", "First call to Mara Weber")
    assert task.due.date() == (team.clock.peek() + DAY).date()


def test_a_lead_nobody_called_is_called_in_its_first_week(team: Company) -> None:
    lead = team.lead("Mara Weber")
    called = team.lead("Jonas Haas")
    team.run(HOUR)
    team.call(called)
    team.run(4 * DAY)
    assert "Call Mara Weber and qualify" not in _subjects(team, lead)
    team.run(8 * DAY)
    assert "Call Mara Weber and qualify" in _subjects(team, lead)
    assert "Call Jonas Haas and qualify" not in _subjects(team, called)


def test_after_six_attempts_without_a_reply_somebody_else_gets_the_lead(team: Company) -> None:
    lead, answered = team.lead("Mara Weber"), team.lead("Jonas Haas")
    for day in range(6):
        team.at(day * DAY + HOUR)
        team.call(lead)
        team.call(answered)
    team.org.log_email(answered, team.people["ana"], "inbound", "Re: your calls")
    team.run(6 * DAY)
    assert team.org.fields_of(lead)["owner"] == team.people["ana"], "two business days are not over"
    team.run(9 * DAY)
    fields = team.org.fields_of(lead)
    assert fields["owner"] in (team.people["ben"], team.people["cleo"])
    assert fields["status"] == team.status("recycled")
    assert team.org.fields_of(answered)["owner"] == team.people["ana"]


def test_who_becomes_interested_gets_the_brochure_once_and_never_after_opting_out(team: Company) -> None:
    lead, opted = team.lead("Mara Weber"), team.lead("Jonas Haas", opted_out=True)
    team.run(HOUR)
    team.set(lead, status="interested")
    team.set(opted, status="interested")
    team.run(2 * HOUR)
    team.run(3 * DAY)
    assert list(team.org.members(team.brochure)) == [lead]
    assert team.explain(opted)["interested-brochure"].outcome == "blocked"


def test_every_open_lead_has_a_next_step_again_a_business_day_after_the_last_one_ended(team: Company) -> None:
    lead = team.lead("Mara Weber")
    team.run(HOUR)
    [first] = team.tasks(lead)
    team.at(2 * HOUR)
    team.org.complete_task(first.id, by=team.people["ana"], outcome="no_answer")
    team.run(20 * HOUR)
    assert team.tasks(lead) == []
    team.run(DAY + 3 * HOUR)
    assert _subjects(team, lead) == ["Decide the next step for Mara Weber"]
    planned = team.lead("Jonas Haas")
    team.org.add_task(planned, team.people["ana"], "call", "In three months", team.clock.peek() + 90 * DAY)
    team.run(4 * DAY)
    assert "Decide the next step for Jonas Haas" not in _subjects(team, planned)


def test_never_again_is_final(team: Company) -> None:
    lead = team.lead("Mara Weber")
    team.run(HOUR)
    team.set(lead, status="interested")
    team.run(2 * HOUR)
    assert list(team.org.members(team.brochure)) == [lead]
    for task in team.tasks(lead):
        team.org.complete_task(task.id, by=team.people["ana"], outcome="connected")
    team.set(lead, status="do_not_contact")
    team.run(3 * HOUR)
    assert list(team.org.members(team.brochure)) == []
    for days in (1, 5, 12, 40):
        team.run(days * DAY)
    assert team.tasks(lead) == []
    assert team.explain(lead)["next-step"].outcome == "blocked"
