"""Time zones: finding one by its name, and what its clocks show. Every instant that comes out is in UTC.

Where clocks change, order is kept by two rules: a clock reading that a change skips means the instant of the change, and
the second pass of a repeated hour counts as its end.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

SECOND = timedelta(seconds=1)


class ZoneClock:
    """The clock on the wall in one zone; raises ValueError when there is no such zone."""

    def __init__(self, name: str) -> None:
        try:
            self.zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        self._is_utc = name in ("UTC", "Etc/UTC")

    def local(self, at: datetime) -> datetime:
        """The instant as this clock shows it."""
        return at.astimezone(self.zone)

    def reading(self, at: datetime) -> datetime:
        """What the clock shows, without a zone; the second pass of a repeated hour counts as its end."""
        local = at.astimezone(self.zone)
        reading = local.replace(tzinfo=None, fold=0)
        if not local.fold:
            return reading
        first, second = self._both(reading)
        return self._change_between(first, second).astimezone(UTC).replace(tzinfo=None) + self._offset(first)

    def instant(self, reading: datetime) -> datetime:
        """The instant of a clock reading: the first of two, and the change itself for a reading it skips."""
        if self._is_utc:
            return reading.replace(tzinfo=UTC, fold=0)
        first, second = self._both(reading)
        if first <= second:
            return first
        return self._change_between(second, first)

    def day_start(self, day: date) -> datetime:
        """The first instant of a date."""
        return self.instant(datetime.combine(day, time()))

    def _both(self, reading: datetime) -> tuple[datetime, datetime]:
        """The reading taken with the offset before and after a change; the same instant twice where there is none."""
        before = reading.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
        after = reading.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        return before, after

    def _offset(self, at: datetime) -> timedelta:
        return at.astimezone(self.zone).utcoffset() or timedelta()

    def _change_between(self, low: datetime, high: datetime) -> datetime:
        """The instant after `low`, at most `high`, at which the zone takes the offset it has at `high`."""
        offset = self._offset(high)
        seconds = range(int((high - low) / SECOND) + 1)
        begin = low.replace(microsecond=0)
        # The offsets in between are the old one, then the new one; a change falls on a whole second.
        found = bisect_right(seconds, False, key=lambda second: self._offset(begin + second * SECOND) == offset)
        return begin + found * SECOND


@lru_cache(maxsize=4096)
def zone_name(text: str) -> str | None:
    """The zone a CRM's text names, in any capitals (`Europe/Berlin`); None for an empty or unknown one.

    HubSpot's own time zone property spells the signs out: `america_slash_new_york`.
    """
    folded = text.strip().casefold().replace("_slash_", "/").replace("_hyphen_", "-")
    return _zones().get(folded)


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}
