"""Working time the world over: any zone's clocks, several countries' holidays, night shifts; forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.model import Activity
from rules.basics import NO_WAIT, Duration, Unit
from rules.calendar import Clocks, WorkCalendar
from rules.model import Every, QuietFor
from rules.team import CalendarSpec
from tests.builders import call, judged, lead, moment, rule, state, team

# Clocks that change in spring and in autumn of either hemisphere, by an hour and by half of one, at midnight and at two;
# that stand a half or a quarter of an hour beside the others; that skipped a whole day (Apia, 2011-12-30).
ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Santiago", "America/Havana",
    "America/Sao_Paulo", "America/St_Johns", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland",
    "Pacific/Chatham", "Pacific/Apia", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Africa/Casablanca",
    "Africa/Cairo", "Asia/Beirut", "UTC",
)  # fmt: skip
COUNTRIES = (None, "DE", "DE-BY", "US", "GB", "JP", "BR", "IN", "NZ", "IL")
Hours = tuple[tuple[time, time], ...]
OFFICE: Hours = ((time(9), time(17)),)
SPLIT: Hours = ((time(8, 30), time(12)), (time(13, 15), time(18)))
NIGHT: Hours = ((time(22), time(6)),)
EARLY: Hours = ((time(0), time(3)),)
LATE: Hours = ((time(20), time(0)),)

years = st.sampled_from((2011, 2018, 2025, 2026, 2027))
days = st.builds(lambda year, day: date(year, 1, 1) + timedelta(days=day), years, st.integers(0, 364))
weeks = st.dictionaries(
    st.integers(0, 6), st.sampled_from((OFFICE, SPLIT, NIGHT, EARLY, LATE, (*EARLY, *OFFICE))), min_size=1
)
_MADE: dict[object, WorkCalendar] = {}


@st.composite
def calendars(draw: st.DrawFn, alike: bool = False) -> WorkCalendar:
    """A calendar of any zone, week and country, with the same hours on all its days where they are to be alike.

    The same one again is not made twice, for its holidays take time.
    """
    zone, country = draw(st.sampled_from(ZONES)), draw(st.sampled_from(COUNTRIES))
    week = draw(weeks)
    if alike:
        week = dict.fromkeys(week, next(iter(week.values())))
    key = (zone, country, tuple(sorted(week.items())))
    if key not in _MADE:
        _MADE[key] = WorkCalendar(CalendarSpec("office", zone, week, holidays=country, closed=(date(2026, 6, 1),)))
    return _MADE[key]


@st.composite
def instants(draw: st.DrawFn, alike: bool = False) -> tuple[WorkCalendar, datetime]:
    """A calendar and an instant, half of the time within a day of a change of its clocks."""
    calendar, day = draw(calendars(alike)), draw(days)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if draw(st.booleans()):
        start = next(_changes(calendar, day), start)
    return calendar, start + timedelta(minutes=draw(st.integers(-36 * 60, 36 * 60)))


def _changes(calendar: WorkCalendar, day: date) -> Iterator[datetime]:
    """The days on which the calendar's clocks change in the year from a day on, at noon UTC."""
    noons = [datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=each) for each in range(365)]
    for before, after in pairwise(noons):
        if before.astimezone(calendar.zone).utcoffset() != after.astimezone(calendar.zone).utcoffset():
            yield after - timedelta(hours=12)


wall: tuple[Unit, ...] = ("minutes", "hours", "days", "weeks")
work: tuple[Unit, ...] = ("business hours", "business days")


def durations(*units: Unit, least: int = 0, most: int = 12) -> st.SearchStrategy[Duration]:
    return st.builds(Duration, st.integers(least, most), st.sampled_from(units))


WORLD = settings(max_examples=250, deadline=None)


# -- a deadline and what it is counted from ------------------------------------------------------------------------


@WORLD
@given(instants(), st.integers(0, 4 * 24 * 60), durations(*wall, *work))
def test_a_deadline_never_moves_back_when_its_start_moves_forward(
    drawn: tuple[WorkCalendar, datetime], minutes: int, duration: Duration
) -> None:
    calendar, start = drawn
    later = start + timedelta(minutes=minutes)
    assert calendar.add(start, duration) <= calendar.add(later, duration)
    assert calendar.subtract(start, duration) <= calendar.subtract(later, duration)
    assert calendar.next_opening(start) <= calendar.next_opening(later)
    assert calendar.next_slot(start, time(2, 30), time(3)) <= calendar.next_slot(later, time(2, 30), time(3))


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(ZONES),
    weeks,
    st.integers(0, 20 * 24 * 60),
    st.integers(0, 5 * 24 * 60),
    durations(*wall, *work, least=1),
    st.just(NO_WAIT) | durations(*wall, *work),
)
def test_a_rules_deadline_never_moves_back_when_the_last_activity_moves_forward(
    zone: str, week: dict[int, Hours], minutes: int, later: int, silence: Duration, wait: Duration
) -> None:
    spec = CalendarSpec("office", "Europe/Berlin", week, holidays="DE")
    quiet = rule(QuietFor(silence, ("call",), "anyone"), wait=wait)

    def deadline(after: int) -> datetime:
        of: Activity = call((datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=after)).isoformat())
        now = moment((of.at + timedelta(seconds=1)).isoformat())
        found = judged(quiet, state(lead("2026-03-01 09:00", zone=zone), of), now, team(calendars=(spec,)))
        assert found.verdict.outcome == "waits"
        assert found.next_at is not None
        return found.next_at

    assert deadline(minutes) <= deadline(minutes + later)


# -- open time -----------------------------------------------------------------------------------------------------


@WORLD
@given(instants(), durations(*work))
def test_a_wait_in_working_time_ends_in_working_time(drawn: tuple[WorkCalendar, datetime], duration: Duration) -> None:
    calendar, start = drawn
    end = calendar.add(start, duration)
    # The instant of closing still belongs to the time that was worked.
    assert calendar.is_open(end) or calendar.is_open(end - timedelta(microseconds=1))
    begin = calendar.subtract(start, duration)
    assert calendar.is_open(begin) or calendar.is_open(begin - timedelta(microseconds=1))


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(ZONES), weeks, st.integers(0, 30 * 24 * 60), durations(*wall, "months", least=1))
def test_a_rules_wait_by_the_clock_on_the_wall_ends_in_open_time(
    zone: str, week: dict[int, Hours], minutes: int, wait: Duration
) -> None:
    on = team(calendars=(CalendarSpec("office", "Europe/Berlin", week, holidays="DE"),))
    born = (datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=minutes)).isoformat()
    found = judged(rule(wait=wait), state(lead(born, zone=zone)), born, on)
    due = found.next_at
    assert due is not None
    assert Clocks(on.calendars).local(zone)["office"].is_open(due)


# -- forwards and backwards ----------------------------------------------------------------------------------------


@WORLD
@given(instants(), st.integers(0, 60))
def test_adding_working_hours_and_taking_them_away_agree(drawn: tuple[WorkCalendar, datetime], hours: int) -> None:
    calendar, start = drawn
    some = Duration(hours, "business hours")
    end = calendar.add(start, some)
    assert calendar.business_between(start, end) == timedelta(hours=hours)
    assert calendar.business_between(end, start) == -timedelta(hours=hours)
    # What lies between the start and the way back is closed time.
    assert calendar.business_between(calendar.subtract(end, some), start) == timedelta()
    begin = calendar.subtract(start, some)
    assert calendar.business_between(begin, start) == timedelta(hours=hours)
    assert calendar.business_between(calendar.add(begin, some), start) == timedelta()


@WORLD
@given(instants(alike=True), st.integers(0, 10))
def test_working_days_there_and_back_end_where_they_began(drawn: tuple[WorkCalendar, datetime], count: int) -> None:
    calendar, start = drawn
    some = Duration(count, "business days")
    there, back = calendar.subtract(calendar.add(start, some), some), calendar.add(calendar.subtract(start, some), some)
    for again in (there, back):
        # But for closed time in between, and for the hour that a night loses or has twice where clocks change.
        assert abs(calendar.business_between(start, again)) <= timedelta(hours=1)
        if not _has_change(calendar, start, some):
            assert calendar.business_between(start, again) == timedelta()


def _has_change(calendar: WorkCalendar, start: datetime, some: Duration) -> bool:
    """Whether the clocks change somewhere on the way there or back."""
    first = calendar.subtract(start, some) - timedelta(days=2)
    last = calendar.add(start, some) + timedelta(days=2)
    offsets = {
        (first + timedelta(hours=each)).astimezone(calendar.zone).utcoffset()
        for each in range(0, int((last - first) / timedelta(hours=1)) + 1)
    }
    return len(offsets) > 1


@WORLD
@given(instants(), st.integers(0, 30), st.integers(0, 30))
def test_working_time_adds_up(drawn: tuple[WorkCalendar, datetime], first: int, second: int) -> None:
    calendar, start = drawn
    middle = start + timedelta(hours=first)
    end = middle + timedelta(hours=second)
    whole = calendar.business_between(start, end)
    assert whole == calendar.business_between(start, middle) + calendar.business_between(middle, end)
    assert timedelta() <= whole <= end - start


# -- clocks --------------------------------------------------------------------------------------------------------


@WORLD
@given(instants())
def test_opening_and_closing_are_where_the_calendar_says(drawn: tuple[WorkCalendar, datetime]) -> None:
    calendar, start = drawn
    opening = calendar.next_opening(start)
    assert calendar.is_open(opening)
    assert calendar.business_between(start, opening) == timedelta()
    change = calendar.next_change(start)
    if change is not None:
        assert change > start
        assert calendar.is_open(change) is not calendar.is_open(start)


@WORLD
@given(instants(), st.sets(st.integers(0, 6), min_size=1), st.integers(0, 23))
def test_times_of_the_week_come_in_order_and_none_is_missed(
    drawn: tuple[WorkCalendar, datetime], weekdays: set[int], hour: int
) -> None:
    calendar, start = drawn
    every = rule(Every(tuple(sorted(weekdays)), time(hour, 30)))
    spec = calendar_spec(calendar)
    on = team(calendars=(spec,))
    born = (start - timedelta(days=30)).isoformat()
    at = start
    seen = []
    for _ in range(4):
        upcoming = judged(every, state(lead(born)), at.isoformat(), on).next_at
        assert upcoming is not None
        assert upcoming > at
        seen.append(upcoming)
        at = upcoming
    for slot in seen:
        found = judged(every, state(lead(born)), slot.isoformat(), on)
        assert found.match is not None
        assert found.match.due == slot
        local = calendar.local(slot)
        assert calendar.has_slots(local.date())
        # A reading that the clocks skip is the instant of the change.
        assert (local.weekday() in weekdays and (local.hour, local.minute) >= (hour, 30)) or local.hour == 0
    between = {calendar.local_date(seen[0]) + timedelta(days=each) for each in range((seen[-1] - seen[0]).days + 1)}
    slots = [day for day in between if day.weekday() in weekdays and calendar.has_slots(day)]
    assert abs(len(slots) - len(seen)) <= 1


def calendar_spec(calendar: WorkCalendar) -> CalendarSpec:
    """The same zone and holidays with hours of every day: times of the week exist in closed hours, too."""
    found = next(key for key, made in _MADE.items() if made is calendar)
    assert isinstance(found, tuple)
    return CalendarSpec("office", found[0], dict(found[2]), holidays=found[1], closed=(date(2026, 6, 1),))
