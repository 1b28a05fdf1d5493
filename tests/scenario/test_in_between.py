"""What happens to a lead after the decision and before the write: the write is dropped, and the reason is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.company import Company

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

BROCHURE = """\
  - id: brochure
    why: Interested prospects get the brochure
    when: {becomes: {status: interested}}
    wait: 1 hour
    then: [{enroll: {in: brochure}}]
    once: per 90 days
"""


def _decided_then(firm: Company, change: Callable[[], object]) -> Callable[[str, int], None]:
    """Let somebody act at the moment after the decision: the pass's own progress tells when that is."""
    acted: list[bool] = []

    def watch(stage: str, _count: int) -> None:
        if stage == "evaluate" and not acted:
            acted.append(True)
            change()

    return watch


def _merge(firm: Company, lead: str) -> None:
    firm.org.merge(firm.lead("Winner"), lead)


CHANGES: dict[str, Callable[[Company, str], object]] = {
    "status": lambda firm, lead: firm.set(lead, status="unqualified"),
    "owner": lambda firm, lead: firm.set(lead, owner="ben"),
    "opt-out": lambda firm, lead: firm.set(lead, opted_out=True),
    "converted": lambda firm, lead: firm.org.convert(lead),
    "deleted": lambda firm, lead: firm.org.delete(lead),
    "merged": _merge,
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_the_rule_saw_no_longer_holds_so_the_write_is_dropped(firm: Company, what: str) -> None:
    firm.rules(BROCHURE)
    firm.run()
    lead = firm.lead()
    firm.at(HOUR)
    firm.set(lead, status="interested")
    firm.run(HOUR)
    firm.at(3 * HOUR)
    result = firm.run(progress=_decided_then(firm, lambda: CHANGES[what](firm, lead)))
    assert result.writes.confirmed == 0
    assert result.writes.dropped == 1
    assert list(firm.org.members(firm.brochure)) == []
    [entry] = [entry for entry in firm.outbox() if entry.action.kind == "enroll"]
    assert entry.state == "dropped"
    assert entry.message


def test_a_lead_that_changed_hands_gets_its_task_for_the_new_owner_in_the_next_pass(firm: Company) -> None:
    firm.run()
    lead = firm.lead()
    firm.run()
    firm.at(2 * HOUR)
    first = firm.run(progress=_decided_then(firm, lambda: firm.set(lead, owner="ben")))
    assert (first.writes.confirmed, first.writes.dropped) == (0, 1)
    assert firm.run(3 * HOUR).writes.confirmed == 1
    assert [task.owner for task in firm.tasks(lead)] == [firm.people["ben"]]


def test_our_own_writes_start_nothing(firm: Company) -> None:
    firm.rules(
        """\
  - id: mark
    why: New leads are taken up
    when: {created: true}
    then: [{set: {status: working}}, {note: "Taken up"}]
  - id: chase
    why: Who works a lead gets a task
    when: {becomes: {status: working}}
    then: [{task: {type: todo, subject: Chase, due: 1 business day}}]
  - id: handed
    why: A new owner says hello
    when: {assigned: true}
    wait: 1 day
    then: [{task: {type: email, subject: Hello, due: 1 business day}}]
"""
    )
    firm.run()
    lead = firm.lead()
    firm.run(HOUR)
    assert firm.org.fields_of(lead)["status"] == firm.status("working")
    for hours in (2, 3, 26, 50):
        firm.run(hours * HOUR)
    subjects = [task.subject for task in firm.tasks(lead)]
    assert subjects == ["Hello"], "the first owner's task is due to the creation, the status of ours to nothing"


def test_an_opt_out_that_cannot_be_seen_stops_enrolment(firm: Company) -> None:
    firm.rules(BROCHURE)
    if firm.crm == "salesforce":
        firm.org.hide_field("Lead", "HasOptedOutOfEmail")
    else:
        firm.org.hide_property("contacts", "hs_email_optout")
    firm.run()
    lead = firm.lead()
    firm.run(HOUR)
    firm.set(lead, status="interested")
    firm.run(4 * HOUR)
    assert list(firm.org.members(firm.brochure)) == []
    verdict = firm.explain(lead)["brochure"]
    assert verdict.outcome == "blocked"
    assert any("opt" in reason.text for reason in verdict.reasons if reason.holds is not True)
