"""Working time: the cases an author would look up."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.basics import Duration
from rules.calendar import FOREVER, OFFICE, WorkCalendar, calendars_of
from rules.team import CalendarSpec, Team
from tests.builders import BERLIN, at

OFFICE_CALENDAR = WorkCalendar(OFFICE)
IN_BERLIN = WorkCalendar(BERLIN)
NIGHTS = WorkCalendar(CalendarSpec("nights", "Europe/Berlin", {day: ((time(22), time(6)),) for day in range(5)}))
LUNCH = WorkCalendar(
    CalendarSpec("lunch", "UTC", {day: ((time(13), time(17)), (time(9), time(12))) for day in range(5)})
)
ALWAYS = WorkCalendar(CalendarSpec("always", "UTC", {day: ((time(0), time(0)),) for day in range(7)}))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


def added(calendar: WorkCalendar, start: str, amount: int, unit: str) -> str:
    found = calendar.add(at(start), Duration(amount, unit))  # type: ignore[arg-type]
    assert found.tzinfo is UTC
    return f"{found:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        ("2026-03-06 15:00", 5, "business days", "2026-03-13 15:00"),  # Friday to the next Friday
        ("2026-03-06 15:00", 1, "business days", "2026-03-09 15:00"),
        ("2026-03-07 12:00", 1, "business days", "2026-03-10 09:00"),  # Saturday counts from Monday's opening
        ("2026-03-06 18:00", 1, "business days", "2026-03-10 09:00"),  # so does Friday evening
        ("2026-03-09 07:00", 1, "business days", "2026-03-10 09:00"),
        ("2026-03-07 12:00", 0, "business days", "2026-03-09 09:00"),
        ("2026-03-06 17:00", 2, "business days", "2026-03-10 17:00"),  # closing still belongs to the day
        ("2026-03-06 16:00", 2, "business hours", "2026-03-09 10:00"),
        ("2026-03-06 16:00", 1, "business hours", "2026-03-06 17:00"),
        ("2026-03-06 16:00", 16, "business hours", "2026-03-10 16:00"),
        ("2026-03-07 12:00", 4, "business hours", "2026-03-09 13:00"),
        ("2026-03-06 15:00", 90, "minutes", "2026-03-06 16:30"),
        ("2026-03-06 23:00", 2, "hours", "2026-03-07 01:00"),  # wall clock ends where it ends
        ("2026-03-06 15:00", 2, "days", "2026-03-08 15:00"),
        ("2026-03-06 15:00", 2, "weeks", "2026-03-20 15:00"),
        ("2026-01-31 10:00", 1, "months", "2026-02-28 10:00"),
        ("2028-01-31 10:00", 1, "months", "2028-02-29 10:00"),
        ("2026-11-30 10:00", 3, "months", "2027-02-28 10:00"),
        ("2026-12-15 10:00", 1, "months", "2027-01-15 10:00"),
    ],
)
def test_a_duration_added_ends_where_an_author_expects(start: str, amount: int, unit: str, end: str) -> None:
    assert added(OFFICE_CALENDAR, start, amount, unit) == end


def test_holidays_of_a_country_and_of_its_regions_are_closed() -> None:
    # Good Friday 3 April and Easter Monday 6 April 2026 in all of Germany; Corpus Christi 4 June in Bavaria only.
    assert IN_BERLIN.next_opening(berlin("2026-04-02 18:30")) == berlin("2026-04-07 09:00")
    assert IN_BERLIN.add(berlin("2026-04-02 10:00"), Duration(1, "business days")) == berlin("2026-04-07 10:00")
    bavaria = WorkCalendar(CalendarSpec("b", "Europe/Berlin", BERLIN.hours, holidays="DE-BY"))
    assert IN_BERLIN.is_open(berlin("2026-06-04 10:00"))
    assert not bavaria.is_open(berlin("2026-06-04 10:00"))


def test_own_closed_days_are_closed() -> None:
    calendar = WorkCalendar(CalendarSpec("c", "UTC", OFFICE.hours, closed=(date(2026, 3, 9),)))
    assert added(calendar, "2026-03-06 15:00", 1, "business days") == "2026-03-10 15:00"


def test_a_clock_time_after_a_shorter_days_closing_ends_at_the_next_opening() -> None:
    # Thursday 17:00 plus one business day would be Friday 17:00, when it has closed at 16:00.
    assert IN_BERLIN.add(berlin("2026-03-05 17:00"), Duration(1, "business days")) == berlin("2026-03-09 09:00")


def test_an_attempt_at_fridays_closing_counts_from_friday() -> None:
    assert IN_BERLIN.add(berlin("2026-03-06 16:00"), Duration(2, "business days")) == berlin("2026-03-10 16:00")


def test_a_night_shift_belongs_to_the_day_it_began() -> None:
    assert NIGHTS.is_open(berlin("2026-03-03 02:00"))
    assert NIGHTS.is_open(berlin("2026-03-07 05:59"))  # Friday's night
    assert not NIGHTS.is_open(berlin("2026-03-08 02:00"))
    assert NIGHTS.add(berlin("2026-03-07 02:00"), Duration(1, "business days")) == berlin("2026-03-10 02:00")
    assert NIGHTS.add(berlin("2026-03-07 05:00"), Duration(2, "business hours")) == berlin("2026-03-09 23:00")


def test_a_lunch_break_is_closed_and_costs_no_working_time() -> None:
    assert not LUNCH.is_open(at("2026-03-03 12:30"))
    assert added(LUNCH, "2026-03-03 11:00", 2, "business hours") == "2026-03-03 14:00"
    assert LUNCH.business_between(at("2026-03-03 11:00"), at("2026-03-03 14:00")) == timedelta(hours=2)
    assert LUNCH.business_between(at("2026-03-03 14:00"), at("2026-03-03 11:00")) == timedelta(hours=-2)


def test_it_is_open_from_opening_up_to_closing() -> None:
    assert OFFICE_CALENDAR.is_open(at("2026-03-06 09:00"))
    assert not OFFICE_CALENDAR.is_open(at("2026-03-06 08:59"))
    assert OFFICE_CALENDAR.is_open(at("2026-03-06 16:59"))
    assert not OFFICE_CALENDAR.is_open(at("2026-03-06 17:00"))
    assert not OFFICE_CALENDAR.is_open(at("2026-03-07 12:00"))


def test_the_next_change_is_an_opening_or_a_closing() -> None:
    assert OFFICE_CALENDAR.next_change(at("2026-03-06 10:00")) == at("2026-03-06 17:00")
    assert OFFICE_CALENDAR.next_change(at("2026-03-06 17:00")) == at("2026-03-09 09:00")
    assert OFFICE_CALENDAR.next_change(at("2026-03-09 09:00")) == at("2026-03-09 17:00")
    assert LUNCH.next_change(at("2026-03-03 12:30")) == at("2026-03-03 13:00")
    assert ALWAYS.next_change(at("2026-03-03 12:30")) is None


def test_subtracting_gives_closed_time_to_the_last_closing() -> None:
    assert OFFICE_CALENDAR.subtract(at("2026-03-09 10:00"), Duration(2, "business hours")) == at("2026-03-06 16:00")
    assert OFFICE_CALENDAR.subtract(at("2026-03-09 10:00"), Duration(1, "business days")) == at("2026-03-06 10:00")
    assert OFFICE_CALENDAR.subtract(at("2026-03-08 10:00"), Duration(1, "business days")) == at("2026-03-05 17:00")
    assert OFFICE_CALENDAR.subtract(at("2026-03-31 10:00"), Duration(1, "months")) == at("2026-02-28 10:00")


def test_days_keep_the_clock_time_over_a_change_of_clocks_and_hours_do_not() -> None:
    # Berlin goes forward on 2026-03-29 at 02:00 and back on 2026-10-25 at 03:00.
    assert IN_BERLIN.add(berlin("2026-03-28 12:00"), Duration(1, "days")) == berlin("2026-03-29 12:00")
    assert IN_BERLIN.add(berlin("2026-03-28 12:00"), Duration(24, "hours")) == berlin("2026-03-29 13:00")
    assert IN_BERLIN.add(berlin("2026-10-24 12:00"), Duration(1, "days")) == berlin("2026-10-25 12:00")
    assert IN_BERLIN.add(berlin("2026-10-24 12:00"), Duration(24, "hours")) == berlin("2026-10-25 11:00")


def test_a_clock_time_that_is_skipped_means_the_change_itself() -> None:
    assert IN_BERLIN.add(berlin("2026-03-28 02:30"), Duration(1, "days")) == at("2026-03-29 01:00")
    assert IN_BERLIN.from_clock(datetime(2026, 3, 29, 2, 59)) == at("2026-03-29 01:00")  # noqa: DTZ001


def test_the_second_pass_of_a_repeated_hour_counts_as_its_end() -> None:
    first, second = at("2026-10-25 00:30"), at("2026-10-25 01:10")  # both read 02:.. in Berlin
    assert IN_BERLIN.add(first, Duration(1, "days")) == berlin("2026-10-26 02:30")
    assert IN_BERLIN.add(second, Duration(1, "days")) == berlin("2026-10-26 03:00")


def test_a_slot_is_taken_on_a_day_that_opens() -> None:
    slot = (time(16), time(17))
    assert OFFICE_CALENDAR.next_slot(at("2026-03-06 10:00"), *slot) == at("2026-03-06 16:00")
    assert OFFICE_CALENDAR.next_slot(at("2026-03-06 16:30"), *slot) == at("2026-03-06 16:30")
    assert OFFICE_CALENDAR.next_slot(at("2026-03-06 17:00"), *slot) == at("2026-03-09 16:00")
    assert OFFICE_CALENDAR.next_slot(at("2026-03-07 16:30"), *slot) == at("2026-03-09 16:00")


def test_what_lies_beyond_all_dates_never_comes() -> None:
    assert OFFICE_CALENDAR.add(at("2026-03-06 10:00"), Duration(99_999_999, "days")) == FOREVER
    assert OFFICE_CALENDAR.add(at("2026-03-06 10:00"), Duration(120_000, "months")) == FOREVER


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (CalendarSpec("c", "Mars/Olympus", OFFICE.hours), "calendar c: there is no time zone 'Mars/Olympus'"),
        (CalendarSpec("c", "UTC", {}), "calendar c is never open"),
        (CalendarSpec("c", "UTC", {0: ()}), "calendar c is never open"),
        (CalendarSpec("c", "UTC", OFFICE.hours, holidays="XX"), "no holidays are known for 'XX'"),
        (CalendarSpec("c", "UTC", OFFICE.hours, holidays="DE-QQ"), "regions are BB, BE"),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused_with_what_to_do(spec: CalendarSpec, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        WorkCalendar(spec)
    assert message in str(caught.value)


def test_office_is_built_in_until_the_team_defines_its_own() -> None:
    assert calendars_of(Team())["office"].is_open(at("2026-03-06 16:30"))
    own = CalendarSpec("office", "UTC", {0: ((time(9), time(12)),)})
    assert not calendars_of(Team(calendars={"office": own}))["office"].is_open(at("2026-03-06 16:30"))
