"""What followup wrote starts no clock, and still moves the instant at which a record is looked at again.

Nothing else happens to these leads: the very ones nobody looks after.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.company import START, TEAM, Company, company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

FIRST = """\
  - {id: first, why: The first call, when: {created: true}, wait: 1 hour, once: per lead,
     then: [{task: {type: call, subject: "Call {lead.name}", due: 2 business days}}]}
"""
LATE = """\
  - {id: late, why: A call is late, when: {task: {overdue: 1 business day, type: call}},
     then: [{task: {type: todo, subject: "Late {lead.name}", to: manager}}]}
"""


@pytest.fixture(params=["salesforce", "hubspot"])
def firm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    with company(request.param, tmp_path) as made:
        yield made


def test_a_task_of_ours_that_nobody_does_is_overdue_although_nothing_else_happens(firm: Company) -> None:
    firm.rules(FIRST + LATE)
    firm.run()
    lead = firm.lead("Mara Weber", owner="ana")
    for hours in (2, 4, 50, 60, 73):  # due on Wednesday at 11:00 in Berlin, a business day late on Thursday at 11:00
        firm.run(hours * HOUR)
    assert [task.subject for task in firm.tasks(lead)] == ["Call Mara Weber"]
    firm.run(74 * HOUR)
    assert sorted(task.subject for task in firm.tasks(lead)) == ["Call Mara Weber", "Late Mara Weber"]


def test_a_task_of_ours_moves_to_the_cover_on_the_first_day_away_although_nothing_else_happens(firm: Company) -> None:
    firm.write(
        "team.yaml",
        TEAM.replace("manager: eva}\n  ben", "cover: ben, away: [{from: 2026-03-04, to: 2026-03-10}]}\n  ben", 1),
    )
    firm.rules(FIRST)
    firm.run()
    lead = firm.lead("Mara Weber", owner="ana")
    firm.run(2 * HOUR)
    firm.run(DAY)
    assert [task.owner for task in firm.tasks(lead)] == [firm.people["ana"]]
    firm.run(2 * DAY)
    assert [task.owner for task in firm.tasks(lead)] == [firm.people["ben"]]


def test_the_pass_after_a_write_has_nothing_to_look_at_unless_something_is_due(firm: Company) -> None:
    firm.rules(FIRST)
    firm.run()
    firm.lead("Mara Weber", owner="ana")
    evaluated = [firm.run(hours * HOUR).summary.counts["evaluated"] for hours in (2, 3, 4)]
    assert evaluated == [1, 0, 0]


def test_a_replay_at_the_same_passes_finds_the_late_task_as_well(firm: Company) -> None:
    firm.rules(FIRST + LATE)
    firm.run()
    firm.lead("Mara Weber", owner="ana")
    for hours in (2, 4, 76, 78):
        firm.run(hours * HOUR)
    replayed = firm.cli("replay", "--since", START.isoformat(), "--every", "runs", "--json")
    sides = {line["rule"]: line["side"] for line in json.loads(replayed.stdout)["lines"]}
    assert sides == {"first": "both", "late": "both"}


WITHDRAWN = """\
  - {id: offered, why: Whoever takes it means it, when: {becomes: {status: interested}}, once: per lead,
     then: [{offer: {pool: inbound, accept_within: 4 hours}}]}
  - {id: slow, why: Somebody let it pass, when: {offer: expired}, then: [{note: "Nobody answered in time"}]}
"""


def test_an_offer_that_is_withdrawn_was_not_left_to_run_out(firm: Company) -> None:
    firm.rules(WITHDRAWN)
    firm.run()
    lead = firm.lead("Mara Weber", owner="eva")
    firm.run(HOUR / 2)
    firm.set(lead, status="interested")
    firm.run(HOUR)
    firm.at(HOUR * 3 / 2)
    [offered] = firm.tasks(lead)
    other = next(name for name in ("ana", "ben") if firm.people[name] != offered.owner)
    firm.set(lead, owner=other)
    for hours in (2, 3, 24):
        firm.run(hours * HOUR)
    assert firm.tasks(lead) == []
    assert [entry.action.kind for entry in firm.outbox()] == ["offer", "amend"]
    told = [reason.text for reason in firm.explain(lead)["offered"].reasons if reason.path == "then.offer"]
    assert [text for text in told if "withdrawn" in text] == told
