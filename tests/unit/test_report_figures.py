"""What a report counts of one lead, by the rules' own notion of attempt, touch and next step."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from connector.domain.figures import LeadFigures
from connector.domain.model import Activity, Change, Record
from rules.rulebook import FileRulebook
from tests.builders import (
    ANA,
    BEN,
    OWNERS,
    QUEUE,
    assigned,
    at,
    call,
    email,
    lead,
    meeting,
    moment,
    person,
    ruleset,
    schema,
    state,
    task,
    team,
)

NOW = "2026-03-10 12:00"


def figures(*parts: Record | Activity | Change, now: str = NOW) -> LeadFigures:
    book = FileRulebook(ruleset(of=team()), (), "plain")
    book.bind(schema(statuses={"new": "Open - Not Contacted", "unqualified": "Junk"}), OWNERS)
    return book.figures(state(*parts), moment(now))


def test_a_new_lead_is_open_untouched_and_without_a_next_step_since_it_came_in() -> None:
    told = figures(lead("2026-03-02 09:00"))
    assert (told.open, told.untouched, told.next_step, told.attempts) == (True, True, False, 0)
    assert told.assigned == told.idle_since == at("2026-03-02 09:00")
    assert (told.name, told.owner) == ("Pat Prospect", ANA.id)


@pytest.mark.parametrize(
    "record",
    [
        lead(converted=True),
        lead(deleted=True),
        lead(status="Junk"),
        lead(status="junk"),
    ],
)
def test_what_nobody_works_on_any_more_is_not_open(record: Record) -> None:
    assert not figures(record).open


def test_a_lead_without_a_status_is_open() -> None:
    assert figures(lead(status=None)).open


def test_a_touch_before_the_assignment_is_an_attempt_but_not_the_owners_first_touch() -> None:
    told = figures(lead(), call("2026-03-03 09:00", BEN), assigned(ANA, "2026-03-04 09:00", BEN))
    assert (told.attempts, told.untouched, told.assigned) == (1, True, at("2026-03-04 09:00"))


def test_anybodys_attempt_touches_and_the_first_one_counts() -> None:
    told = figures(lead(), email("2026-03-04 11:00", BEN), call("2026-03-05 09:00"))
    assert (told.first_touch, told.attempts) == (at("2026-03-04 11:00"), 2)


def test_a_reply_or_a_call_that_was_taken_is_no_attempt() -> None:
    assert figures(lead(), email("2026-03-04 11:00", None), call("2026-03-05 09:00", direction="inbound")).untouched


def test_an_open_task_is_a_next_step_and_overdue_once_its_due_has_passed() -> None:
    late = figures(lead(), task("2026-03-09 12:00", due="2026-03-09 12:00"))
    assert (late.next_step, late.late_since, late.late_day) == (True, at("2026-03-09 12:00"), None)
    assert figures(lead(), task("2026-03-10 13:00", due="2026-03-10 13:00")).late_since is None


def test_a_task_that_is_due_on_a_day_is_overdue_when_that_day_is_over_in_the_teams_zone() -> None:
    of_today = task("2026-03-10 00:00", due=date(2026, 3, 10))
    assert figures(lead(), of_today).late_since is None
    told = figures(lead(), of_today, now="2026-03-10 23:00")
    assert (told.late_since, told.late_day) == (at("2026-03-10 23:00"), date(2026, 3, 10))


def test_of_two_late_tasks_the_one_that_is_late_for_longer_counts() -> None:
    told = figures(
        lead(), task("2026-03-09 12:00", due="2026-03-09 12:00"), task("2026-03-06 12:00", due="2026-03-06 12:00")
    )
    assert told.late_since == at("2026-03-06 12:00")


def test_a_coming_meeting_is_a_next_step_and_one_that_is_over_is_not() -> None:
    assert figures(lead(), meeting("2026-03-11 09:00", "2026-03-11 10:00")).next_step
    over = figures(lead(), meeting("2026-03-09 09:00", "2026-03-09 10:00"))
    assert (over.next_step, over.idle_since) == (False, at("2026-03-09 10:00"))


def test_a_converted_leads_touch_is_not_known_when_its_activities_went_away() -> None:
    assert not figures(lead(converted=True)).touch_known
    assert figures(lead(converted=True), call("2026-03-03 09:00")).touch_known


def test_a_queues_lead_belongs_to_the_queue() -> None:
    assert figures(lead(owner=QUEUE.id)).owner == QUEUE.id


def test_the_monthly_minimum_is_told_of_people_who_have_one_and_whom_the_crm_knows() -> None:
    people = (person("ana", monthly_offers=8), person("ben"), person("nina", monthly_offers=3))
    book = FileRulebook(ruleset(of=team(*people)), (), "plain")
    book.bind(schema(), OWNERS)
    assert book.offer_minimums() == {ANA.id: 8}


def test_figures_of_the_past_are_those_of_the_moment_asked_for() -> None:
    later = replace(call("2026-03-12 09:00"), id="later")
    assert figures(lead(), later, now="2026-03-12 10:00").attempts == 1
    assert figures(lead(), meeting("2026-03-12 09:00", "2026-03-12 10:00"), now="2026-03-11 10:00").attempts == 0
