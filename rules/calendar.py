"""Working time: when a calendar is open, and what a duration comes to on it. Every result is an instant in UTC.

A deadline never moves back when its start moves forward, also where clocks change (see zones.py).
The instant of closing still belongs to working time when something is added to it or ends there.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import holidays

from rules.basics import Duration
from rules.team import CalendarSpec, Team
from rules.zones import ZoneClock

DAY = timedelta(days=1)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for an instant that never comes: beyond a century of closed days, or beyond the years a date can have."""

_PAST = datetime(1, 1, 2, tzinfo=UTC)
_SUMS = 20_000
"""Sums a calendar remembers: the same instants are asked for again whenever a record is looked at."""

_CENTURY = 36_525
"""Days after which the search for open time ends."""
_YEAR = 366

_WALL = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1)}
_DAYS = {"days": 1, "weeks": 7}

_Interval = tuple[datetime, datetime]

OFFICE = CalendarSpec("office", "UTC", {day: ((time(9), time(17)),) for day in range(5)})
"""The calendar of that name when team.yaml has none: Monday to Friday, 09:00 to 17:00 UTC."""


class WorkCalendar:
    """Opening hours in a time zone, with holidays; raises ValueError when the specification makes no sense."""

    def __init__(self, spec: CalendarSpec) -> None:
        self.name = spec.name
        try:
            self._clock = ZoneClock(spec.zone)
        except ValueError as error:
            raise ValueError(f"calendar {spec.name}: {error}") from error
        self.zone = self._clock.zone
        if not any(spec.hours.values()):
            raise ValueError(f"calendar {spec.name} is never open; give hours for at least one weekday")
        self._hours: Mapping[int, tuple[tuple[time, time], ...]] = spec.hours
        self._closed = frozenset(spec.closed)
        self._country, self._region = _country(spec)
        self._holidays: dict[int, frozenset[date]] = {}
        self._sums: dict[tuple[datetime, Duration], datetime] = {}
        self._days: dict[date, tuple[_Interval, ...]] = {}
        self._own: dict[date, tuple[_Interval, ...]] = {}

    # -- open or not -----------------------------------------------------------------------------------------------

    def is_open(self, at: datetime) -> bool:
        """Whether work is done at this instant; from opening up to, not including, closing."""
        day = self.local_date(at)
        return any(start <= at < end for near in (day, day - DAY) for start, end in self._day(near))

    def next_opening(self, at: datetime) -> datetime:
        """The instant itself when open, else the next opening."""
        return next((max(start, at) for start, end in self._from(at) if end > at), FOREVER).astimezone(UTC)

    def next_change(self, at: datetime) -> datetime | None:
        """The next instant at which it opens or closes; None when it does neither within a year."""
        limit = at + _YEAR * DAY
        closing: datetime | None = None
        for start, end in self._from(at):
            if closing is not None and start > closing:
                return closing
            if start > at and closing is None:
                return start
            if start > limit:
                return None
            if end > at:
                closing = end
        return closing

    def business_between(self, start: datetime, end: datetime) -> timedelta:
        """The working time from start to end; negative when the end comes first."""
        if end < start:
            return -self.business_between(end, start)
        total = timedelta()
        for opening, closing in self._from(start):
            if opening >= end:
                break
            total += max(min(closing, end) - max(opening, start), timedelta())
        return total

    # -- adding ----------------------------------------------------------------------------------------------------

    def add(self, at: datetime, duration: Duration) -> datetime:
        """The instant a duration later.

        Minutes and hours are elapsed time; days, weeks and months keep the clock time in the calendar's zone, months
        clip to the month's end. Business hours are open time; business days keep the clock time and count days that
        open. A business duration that starts or ends in closed time ends at (or counts from) the next opening.
        """
        key = (at, duration)
        found = self._sums.get(key)
        if found is None:
            if len(self._sums) >= _SUMS:
                self._sums.clear()
            found = self._sums[key] = self._moved(at.astimezone(UTC), duration, 1)
        return found

    def subtract(self, at: datetime, duration: Duration) -> datetime:
        """The instant a duration earlier; the mirror of `add`, closed time gives way to the last closing."""
        return self._moved(at.astimezone(UTC), duration, -1)

    def _moved(self, at: datetime, duration: Duration, sign: int) -> datetime:
        amount = duration.amount * sign
        try:
            if duration.unit in _WALL:
                return at + amount * _WALL[duration.unit]
            if duration.unit == "business hours":
                return self._work(at, timedelta(hours=duration.amount), sign)
            if duration.unit == "business days":
                return self._work_days(at, duration.amount, sign)
            if amount == 0:
                return at
            clock = self._clock.reading(at)
            moved = (
                _months_later(clock, amount)
                if duration.unit == "months"
                else clock + _DAYS[duration.unit] * amount * DAY
            )
            return self._clock.instant(moved)
        except (OverflowError, ValueError):
            return FOREVER if sign > 0 else _PAST

    def _work(self, at: datetime, left: timedelta, sign: int) -> datetime:
        """So much open time later or earlier."""
        at = self._settled(at, sign)
        for start, end in self._from(at) if sign > 0 else self._before(at):
            room = end - max(start, at) if sign > 0 else min(end, at) - start
            if left <= room:
                return max(start, at) + left if sign > 0 else min(end, at) - left
            left -= room
        return FOREVER if sign > 0 else _PAST

    def _work_days(self, at: datetime, count: int, sign: int) -> datetime:
        """The same clock time so many working days later or earlier; a night shift belongs to the day it began."""
        at = self._settled(at, sign)
        clock = self._clock.reading(at)
        here = self.local_date(at)
        base = here if any(start <= at <= end for start, end in self._day(here)) else here - DAY
        day, steps = base, 0
        while count:
            day += sign * DAY
            steps += 1
            if self._day(day):
                count -= 1
            elif steps > _CENTURY:
                return FOREVER if sign > 0 else _PAST
        return self._settled(self._clock.instant(clock + (day - base)), sign)

    def _settled(self, at: datetime, sign: int) -> datetime:
        """The instant itself in working time (closing included), else the next opening or the last closing."""
        if sign > 0:
            return next((max(start, at) for start, end in self._from(at)), FOREVER)
        return next((min(end, at) for start, end in self._before(at)), _PAST)

    def next_slot(self, at: datetime, first: time, last: time) -> datetime:
        """The instant itself within a slot (two clock times) of a day that opens, else the start of the next slot."""
        day = self.local_date(at)
        for _ in range(_CENTURY):
            if self._day(day):
                start = self._clock.instant(datetime.combine(day, first))
                end = self._clock.instant(datetime.combine(day, last))
                if at <= start:
                    return start
                if at < end:
                    return at.astimezone(UTC)
            day += DAY
        return FOREVER

    # -- days and clocks -------------------------------------------------------------------------------------------

    def local(self, at: datetime) -> datetime:
        """The instant as this calendar's clock shows it."""
        return at.astimezone(self.zone)

    def local_date(self, at: datetime) -> date:
        """The date of an instant in the calendar's zone."""
        return at.astimezone(self.zone).date()

    def day_start(self, day: date) -> datetime:
        """The first instant of a date in the calendar's zone."""
        return self._clock.day_start(day)

    def has_slots(self, day: date) -> bool:
        """Whether times of the week exist on a date: neither a holiday nor closed by name, whatever the hours say."""
        return day not in self._closed and day not in self._holidays_of(day.year)

    def from_clock(self, reading: datetime) -> datetime:
        """The instant of a clock reading in the calendar's zone; one that has a zone of its own is taken as it is."""
        return self._clock.instant(reading) if reading.tzinfo is None else reading.astimezone(UTC)

    def _day(self, day: date) -> tuple[_Interval, ...]:
        """The open intervals that begin on a date, in UTC; what a night shift of the day before covers is that day's."""
        known = self._days.get(day)
        if known is None:
            found, before = self._shifts(day), self._shifts(day - DAY)
            if found and before and before[-1][1] > found[0][0]:
                taken = before[-1][1]
                found = tuple((max(start, taken), end) for start, end in found if end > taken)
            known = self._days[day] = found
        return known

    def _shifts(self, day: date) -> tuple[_Interval, ...]:
        """The intervals of a date's own hours, in UTC."""
        known = self._own.get(day)
        if known is None:
            known = self._own[day] = self._open_on(day)
        return known

    def _open_on(self, day: date) -> tuple[_Interval, ...]:
        hours = self._hours.get(day.weekday(), ())
        if not hours or day in self._closed or day in self._holidays_of(day.year):
            return ()
        found: list[_Interval] = []
        for first, last in sorted(hours):
            start = self._clock.instant(datetime.combine(day, first))
            end = self._clock.instant(datetime.combine(day if last > first else day + DAY, last))
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], end))
            elif start < end:
                found.append((start, end))
        return tuple(found)

    def _holidays_of(self, year: int) -> frozenset[date]:
        if self._country is None:
            return frozenset()
        known = self._holidays.get(year)
        if known is None:
            found = holidays.country_holidays(self._country, subdiv=self._region, years=year)
            known = self._holidays[year] = frozenset(day for day in found if isinstance(day, date))
        return known

    def _from(self, at: datetime) -> Iterator[_Interval]:
        """Open intervals in order, from the first that does not end before `at`."""
        day = self.local_date(at) - DAY
        idle = 0
        while idle < _CENTURY and day.year < FOREVER.year - 1:
            intervals = self._day(day)
            idle = 0 if intervals else idle + 1
            for interval in intervals:
                if interval[1] >= at:
                    yield interval
            day += DAY

    def _before(self, at: datetime) -> Iterator[_Interval]:
        """Open intervals backwards, from the last that does not begin after `at`."""
        day = self.local_date(at) + DAY
        idle = 0
        while idle < _CENTURY and day.year > _PAST.year + 1:
            intervals = self._day(day)
            idle = 0 if intervals else idle + 1
            for interval in reversed(intervals):
                if interval[0] <= at:
                    yield interval
            day -= DAY


class Clocks(Mapping[str, WorkCalendar]):
    """Calendars by name, all in their own zones, or all in one zone: `local` gives the same calendars elsewhere."""

    def __init__(self, specs: Mapping[str, CalendarSpec], base: Clocks | None = None, zone: str | None = None) -> None:
        self._specs = specs
        self._base = base or self
        self._elsewhere: dict[str, Clocks] = {}
        self._calendars = {
            name: WorkCalendar(spec if zone is None else replace(spec, zone=zone)) for name, spec in specs.items()
        }

    def __getitem__(self, name: str) -> WorkCalendar:
        return self._calendars[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._calendars)

    def __len__(self) -> int:
        return len(self._calendars)

    def local(self, zone: str | None) -> Clocks:
        """The same hours and holidays by the clocks of a zone; None: by those of the calendars' own zones."""
        if zone is None:
            return self._base
        known = self._base._elsewhere.get(zone)
        if known is None:
            known = self._base._elsewhere[zone] = Clocks(self._specs, self._base, zone)
        return known


def calendars_of(team: Team) -> Clocks:
    """The team's calendars by name, with the built-in `office` when the team has none of that name."""
    return Clocks({OFFICE.name: OFFICE, **team.calendars})


def _country(spec: CalendarSpec) -> tuple[str | None, str | None]:
    """The country and region whose holidays close the calendar."""
    if spec.holidays is None:
        return None, None
    country, _, region = spec.holidays.partition("-")
    known = holidays.list_supported_countries()
    if country not in known:
        raise ValueError(
            f"calendar {spec.name}: no holidays are known for {spec.holidays!r}; give a country such as DE"
        )
    if region and region not in known[country]:
        raise ValueError(
            f"calendar {spec.name}: no holidays are known for {spec.holidays!r}; regions are {', '.join(known[country])}"
        )
    return country, region or None


def _months_later(reading: datetime, months: int) -> datetime:
    """The same day so many months later, or that month's last day when it has no such day."""
    year, month = divmod(reading.year * 12 + reading.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return reading.replace(year=year, month=month + 1, day=min(reading.day, last))
