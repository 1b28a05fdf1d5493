"""What was planned for a record on a day of the past: tasks that were open then, meetings that were to come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.model import Activity
from rules.past import as_of
from tests.builders import at, call, facts, lead, meeting, note, state, task

THEN = "2026-03-05 12:00"


def then(*activities: Activity) -> list[tuple[str, bool]]:
    past = as_of(state(lead(), *activities), at(THEN))
    return [(each.type, each.done) for each in past.activities]


def made(activity: Activity, created: str) -> Activity:
    return replace(activity, created=at(created))


def test_a_task_that_was_made_before_and_is_due_later_was_open_then() -> None:
    assert then(made(task("2026-03-09 10:00", due="2026-03-09 10:00"), "2026-03-04 08:00")) == [("task", False)]


def test_a_task_that_was_made_later_was_not_there() -> None:
    assert then(made(task("2026-03-09 10:00", due="2026-03-09 10:00"), "2026-03-06 08:00")) == []


def test_a_call_task_that_was_completed_later_was_open_then_and_is_no_attempt() -> None:
    done_later = made(call("2026-03-06 10:00", task_type="call", due=at("2026-03-05 09:00")), "2026-03-04 08:00")
    past = as_of(state(lead(), done_later), at(THEN))
    told = facts(past, THEN)
    assert [each.done for each in told.open_tasks] == [False]
    assert told.attempts((), "anyone", past.record.created) == []


def test_a_task_with_its_completion_told_apart_is_done_from_its_completion_on() -> None:
    one = made(
        task("2026-03-04 10:00", due="2026-03-04 10:00", done=True, ended=at("2026-03-06 10:00")), "2026-03-03 08:00"
    )
    assert then(one) == [("task", False)]
    assert then(replace(one, ended=at("2026-03-05 11:59"))) == [("task", True)]


def test_a_task_that_was_done_before_its_due_was_done_then() -> None:
    early = made(
        task("2026-03-09 10:00", due="2026-03-09 10:00", done=True, ended=at("2026-03-05 09:00")), "2026-03-03 08:00"
    )
    assert then(early) == [("task", True)]


def test_a_meeting_that_was_booked_by_then_was_coming() -> None:
    booked = made(meeting("2026-03-06 10:00", "2026-03-06 11:00"), "2026-03-04 08:00")
    assert then(replace(booked, done=True)) == [("meeting", False)]
    assert then(made(meeting("2026-03-06 10:00", "2026-03-06 11:00"), "2026-03-05 13:00")) == []


@pytest.mark.parametrize("one", [call("2026-03-06 10:00"), note("2026-03-06 10:00")])
def test_what_was_only_logged_later_was_not_there_even_if_the_crm_made_it_before(one: Activity) -> None:
    assert then(made(one, "2026-03-04 08:00")) == []


def test_without_knowing_when_a_task_was_made_it_counts_from_its_due_on() -> None:
    assert then(task("2026-03-09 10:00", due="2026-03-09 10:00")) == []
    assert then(task("2026-03-04 10:00", due="2026-03-04 10:00")) == [("task", False)]
