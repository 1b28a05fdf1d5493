"""Laws of working time, mostly around the weeks in which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.basics import Duration, Unit
from rules.calendar import WorkCalendar
from rules.team import CalendarSpec

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
WEEK: dict[int, tuple[tuple[time, time], ...]] = {
    **{day: ((time(9), time(12)), (time(13), time(17, 30))) for day in range(4)},
    4: ((time(8), time(15)),),
}
NIGHTS = {day: ((time(22), time(6)),) for day in range(5)}
CALENDARS = tuple(
    WorkCalendar(CalendarSpec(zone, zone, hours, closed=(date(2026, 4, 6), date(2026, 10, 26))))
    for zone in ZONES
    for hours in (WEEK, NIGHTS)
)

# Both changes of 2026 in every zone above, and a week around each.
CHANGES = ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01")
MINUTES_AROUND = 8 * 24 * 60

calendars = st.sampled_from(CALENDARS)
instants = st.builds(
    lambda day, minutes: datetime.fromisoformat(f"{day}T12:00+00:00") + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-MINUTES_AROUND, MINUTES_AROUND),
)
wall_units: tuple[Unit, ...] = ("minutes", "hours", "days", "weeks")
work_units: tuple[Unit, ...] = ("business hours", "business days")


def durations(*units: Unit, most: int = 12) -> st.SearchStrategy[Duration]:
    return st.builds(Duration, st.integers(0, most), st.sampled_from(units))


@settings(max_examples=400, deadline=None)
@given(calendars, instants, st.integers(0, 3 * 24 * 60), durations(*wall_units, *work_units))
def test_a_deadline_never_moves_back_when_its_start_moves_forward(
    calendar: WorkCalendar, start: datetime, later: int, duration: Duration
) -> None:
    moved = start + timedelta(minutes=later)
    assert calendar.add(start, duration) <= calendar.add(moved, duration)
    assert calendar.subtract(start, duration) <= calendar.subtract(moved, duration)


@settings(max_examples=200, deadline=None)
@given(calendars, instants, st.integers(0, 40), st.integers(0, 14))
def test_months_never_move_a_deadline_to_an_earlier_day(
    calendar: WorkCalendar, start: datetime, days: int, months: int
) -> None:
    duration = Duration(months, "months")
    first, second = calendar.add(start, duration), calendar.add(start + timedelta(days=days), duration)
    assert calendar.local_date(first) <= calendar.local_date(second)


@settings(max_examples=300, deadline=None)
@given(calendars, instants, durations(*wall_units, *work_units, "months"))
def test_adding_never_goes_back_and_subtracting_never_forward(
    calendar: WorkCalendar, start: datetime, duration: Duration
) -> None:
    assert calendar.subtract(start, duration) <= start <= calendar.add(start, duration)


@settings(max_examples=300, deadline=None)
@given(calendars, instants, durations(*work_units))
def test_working_time_ends_in_open_time_or_at_closing(
    calendar: WorkCalendar, start: datetime, duration: Duration
) -> None:
    end = calendar.add(start, duration)
    assert calendar.is_open(end) or calendar.is_open(end - timedelta(microseconds=1))


@settings(max_examples=300, deadline=None)
@given(calendars, instants, st.integers(0, 60))
def test_as_much_working_time_passes_as_was_added(calendar: WorkCalendar, start: datetime, hours: int) -> None:
    end = calendar.add(start, Duration(hours, "business hours"))
    assert calendar.business_between(start, end) == timedelta(hours=hours)
    back = calendar.subtract(end, Duration(hours, "business hours"))
    assert calendar.business_between(back, end) == timedelta(hours=hours)
    # Nothing but closed time lies between where it began and where it comes back to.
    assert calendar.business_between(back, start) == timedelta()


@settings(max_examples=200, deadline=None)
@given(calendars, instants, st.integers(1, 30), st.integers(1, 30))
def test_working_hours_may_be_added_in_two_steps(
    calendar: WorkCalendar, start: datetime, first: int, second: int
) -> None:
    at_once = calendar.add(start, Duration(first + second, "business hours"))
    stepwise = calendar.add(calendar.add(start, Duration(first, "business hours")), Duration(second, "business hours"))
    assert at_once == stepwise


@settings(max_examples=200, deadline=None)
@given(calendars, instants, st.integers(0, 99))
def test_nothing_opens_or_closes_before_the_next_change(calendar: WorkCalendar, start: datetime, percent: int) -> None:
    change = calendar.next_change(start)
    assert change is not None
    assert change > start
    between = start + (change - start) * percent / 100
    assert calendar.is_open(between) == calendar.is_open(start)
    assert calendar.is_open(change) != calendar.is_open(start)


@settings(max_examples=200, deadline=None)
@given(calendars, instants)
def test_the_next_opening_is_open_and_nothing_before_it_is(calendar: WorkCalendar, start: datetime) -> None:
    opening = calendar.next_opening(start)
    assert opening >= start
    assert calendar.is_open(opening)
    assert calendar.business_between(start, opening) == timedelta()


@settings(max_examples=200, deadline=None)
@given(calendars, st.sampled_from(CHANGES), st.integers(-2 * 24 * 60, 2 * 24 * 60), st.integers(0, 240))
def test_clock_readings_in_order_are_instants_in_order(
    calendar: WorkCalendar, day: str, minutes: int, later: int
) -> None:
    reading = datetime.fromisoformat(f"{day}T12:00") + timedelta(minutes=minutes)
    first, second = calendar.from_clock(reading), calendar.from_clock(reading + timedelta(minutes=later))
    assert first <= second
    assert first.tzinfo is UTC
    shown = calendar.local(first).replace(tzinfo=None, fold=0)
    # A reading that exists is shown again; one that clocks skip becomes the change, so a later reading.
    assert shown >= reading
    assert shown - reading < timedelta(hours=1) or shown == reading
