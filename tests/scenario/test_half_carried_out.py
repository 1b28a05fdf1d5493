"""Of a match one step was carried out and the next one dropped: what was done counts for `once`, what was not may follow."""

from __future__ import annotations

from datetime import timedelta

from tests.company import Company

HOUR = timedelta(hours=1)

BROCHURE_AND_CALL = """\
  - id: brochure-and-call
    why: Whoever is interested gets the brochure, once, and a call
    when: {becomes: {status: interested}}
    if: {status: interested}
    then:
      - enroll: {in: brochure}
      - task: {type: call, subject: "Call {lead.name}", due: 1 business day}
    once: per lead
"""


def _interrupted(firm: Company, **change: str) -> str:
    """A lead that got the brochure; before the call could be planned for it, a person changed something."""
    firm.rules(BROCHURE_AND_CALL)
    firm.run()
    lead = firm.lead(opted_out=False)
    firm.run(HOUR)
    firm.set(lead, status="interested")
    seen = []

    def after_the_first_write(stage: str, count: int) -> None:
        if stage == "write" and count and not seen:
            seen.append(count)
            firm.set(lead, by="eva", **change)

    firm.run(2 * HOUR, after_the_first_write)
    assert [entry.state for entry in firm.outbox()] == ["confirmed", "dropped"]
    return lead


def _enrolments(firm: Company) -> int:
    return sum(entry.action.kind == "enroll" for entry in firm.outbox())


def test_a_prospect_who_got_the_brochure_does_not_get_it_again_because_the_call_was_dropped(firm: Company) -> None:
    lead = _interrupted(firm, status="working")
    firm.run(3 * HOUR)
    firm.at(4 * HOUR)
    firm.set(lead, status="interested")
    assert firm.run(5 * HOUR).summary.counts["planned"] == 0
    assert _enrolments(firm) == 1
    assert firm.explain(lead)["brochure-and-call"].outcome == "done"


def test_what_was_dropped_follows_on_the_same_occasion_without_what_was_done(firm: Company) -> None:
    lead = _interrupted(firm, owner="ben")
    assert firm.run(3 * HOUR).summary.counts["planned"] == 1
    [task] = firm.tasks(lead)
    assert task.owner == firm.people["ben"]
    assert _enrolments(firm) == 1
    assert firm.run(4 * HOUR).summary.counts["planned"] == 0
