"""One clock for waits, dues, slots and opening hours: the record's zone, else its owner's, else the calendar's."""

from __future__ import annotations

from datetime import date, time

import pytest

from connector.domain.model import RecordState
from rules.actions import TaskAction
from rules.basics import Duration
from rules.model import DuringTest, Every, QuietFor, QuietTest
from rules.rulebook import FileRulebook
from tests.builders import (
    ANA,
    OWNERS,
    PLACE,
    at,
    call_task,
    facts,
    field_is,
    judged,
    lead,
    moment,
    person,
    rule,
    ruleset,
    schema,
    span,
    state,
    team,
    text,
)

# 2026-03-06 is a Friday, 2026-03-09 a Monday; New York is 5 hours behind UTC until 2026-03-08, then 4, Tokyo 9 ahead.
NEW_YORK, TOKYO = "America/New_York", "Asia/Tokyo"
ANA_IN_TOKYO = team(person("ana", zone=TOKYO))


def zone(of: RecordState, on: object = None) -> str | None:
    return facts(of, "2026-03-06 12:00", on=on or team()).zone  # type: ignore[arg-type]


def test_the_records_zone_counts_before_the_owners_and_that_before_the_calendars() -> None:
    assert zone(state(lead(zone=NEW_YORK)), ANA_IN_TOKYO) == NEW_YORK
    assert zone(state(lead()), ANA_IN_TOKYO) == TOKYO
    assert zone(state(lead())) is None
    assert zone(state(lead(owner=None)), ANA_IN_TOKYO) is None


@pytest.mark.parametrize("odd", ["Mars/Olympus", "../../etc/passwd", "", " ", 5, "Europe", "a" * 9999])
def test_a_zone_that_does_not_exist_is_as_good_as_none(odd: str | int) -> None:
    assert zone(state(lead(zone=odd)), ANA_IN_TOKYO) == TOKYO


def test_a_zone_is_known_in_any_capitals_and_a_hidden_one_is_not() -> None:
    assert zone(state(lead(zone=" america/new_york "))) == NEW_YORK
    assert zone(state(lead(zone="america_slash_port_hyphen_au_hyphen_prince"))) == "America/Port-au-Prince"
    assert zone(state(lead(zone=NEW_YORK, hidden=["zone"]))) is None


def test_a_wait_in_working_time_runs_by_the_clock_of_the_record() -> None:
    # 15:00 UTC on Friday is 10:00 in New York, so within the office's hours of 09:00 to 17:00.
    there = state(lead("2026-03-06 15:00", zone=NEW_YORK))
    waiting = rule(wait=span(8, "business hours"))
    assert judged(waiting, there, "2026-03-06 16:00").next_at == at("2026-03-09 14:00")
    assert judged(waiting, state(lead("2026-03-06 15:00")), "2026-03-06 16:00").next_at == at("2026-03-09 15:00")
    of_ana = judged(waiting, state(lead("2026-03-06 15:00")), "2026-03-06 16:00", ANA_IN_TOKYO)
    assert of_ana.next_at == at("2026-03-09 08:00")
    assert of_ana.verdict.reasons[-1].text == "8 business hours after 2026-03-07 00:00 end on 2026-03-09 17:00"


def test_office_hours_and_silences_go_by_the_clock_of_the_record() -> None:
    open_now = rule(if_=DuringTest("office", "if.during", PLACE))
    there = state(lead("2026-03-06 08:00", zone=NEW_YORK))
    assert judged(open_now, there, "2026-03-06 13:00").verdict.outcome == "blocked"
    assert judged(open_now, there, "2026-03-06 13:00").next_at == at("2026-03-06 14:00")
    assert judged(open_now, there, "2026-03-06 14:00").verdict.outcome == "fires"
    silent = QuietTest(QuietFor(span(1, "business days"), ("call",), "anyone"), "if.quiet", PLACE)
    assert judged(rule(if_=silent), there, "2026-03-06 13:00").next_at == at("2026-03-09 13:00")


def test_a_time_of_the_week_is_the_records_own() -> None:
    fridays = rule(Every((4,), time(16)))
    there = state(lead("2026-03-02 09:00", zone=NEW_YORK))
    assert judged(fridays, there, "2026-03-05 09:00").next_at == at("2026-03-06 21:00")
    assert judged(fridays, there, "2026-03-12 09:00").next_at == at("2026-03-13 20:00")


def test_a_day_begins_at_midnight_where_the_record_is() -> None:
    today = rule(if_=field_is("renewal", "2026-03-06", op="after"))
    there = state(lead(zone=TOKYO, renewal=at("2026-03-06 15:30")))
    assert judged(today, there, "2026-03-06 18:00").verdict.outcome == "fires"
    assert judged(today, state(lead(renewal=at("2026-03-06 15:30"))), "2026-03-06 18:00").verdict.outcome == "blocked"


@pytest.mark.parametrize("engine", ["plain", "auto"])
def test_tasks_are_due_and_slotted_by_the_clock_of_the_record_under_both_engines(engine: str) -> None:
    slotted = TaskAction(
        "todo", text("Ask"), None, Duration(1, "hours"), (time(16), time(17)), "normal", "owner", PLACE
    )
    book = FileRulebook(
        ruleset(rule(if_=DuringTest("office", "if.during", PLACE), then=(call_task(), slotted))), engine=engine
    )
    assert book.bind(schema(), OWNERS) == ()
    when = moment("2026-03-06 15:00")
    decisions = book.evaluate([state(lead(zone=NEW_YORK))], when)
    assert decisions[0].alarms == ()
    dues = [action.fields["due"] for action in book.plan(decisions, when).actions]
    assert dues == [at("2026-03-09 14:00"), at("2026-03-06 21:00")]
    days = [action.fields["due_date"] for action in book.plan(decisions, when).actions]
    assert days == [date(2026, 3, 9), date(2026, 3, 6)]
    closed = moment("2026-03-06 13:00")
    assert book.plan(book.evaluate([state(lead(zone=NEW_YORK))], closed), closed).actions == ()


def test_the_day_of_a_task_is_the_one_where_the_record_is() -> None:
    soon = TaskAction("todo", text("Ask"), None, Duration(1, "hours"), None, "normal", "owner", PLACE)
    book = FileRulebook(ruleset(rule(then=(soon,))))
    assert book.bind(schema(), OWNERS) == ()
    when = moment("2026-03-09 20:00")
    days = {}
    for zone in (TOKYO, NEW_YORK):
        decisions = book.evaluate([state(lead("2026-03-02 09:00", zone=zone))], when)
        (action,) = book.plan(decisions, when).actions
        assert action.fields["due"] == at("2026-03-09 21:00")
        days[zone] = action.fields["due_date"]
    assert days == {TOKYO: date(2026, 3, 10), NEW_YORK: date(2026, 3, 9)}


def test_an_action_is_looked_at_again_by_the_same_clock() -> None:
    book = FileRulebook(ruleset(rule(if_=DuringTest("office", "if.during", PLACE))))
    assert book.bind(schema(), OWNERS) == ()
    of, when = state(lead(zone=NEW_YORK)), moment("2026-03-06 21:30")
    (action,) = book.plan(book.evaluate([of], when), when).actions
    assert book.recheck(action, of, when) is None
    later = book.recheck(action, of, moment("2026-03-06 22:00"))
    assert later is not None
    assert later.text == "office is closed now"
    assert ANA.id == action.fields["owner"]
