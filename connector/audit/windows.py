"""Windows of creation: calendar months, then days for the last two weeks, on the team's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from connector.audit.model import Window

DAYS = 14
"""How many of the last days are windows of their own."""


def windows(oldest: datetime, until: datetime, zone: ZoneInfo, since: datetime | None = None) -> list[Window]:
    """The windows up to `until`, the oldest first; before the month of the oldest record there is one for ever.

    With `since` nothing before that instant is in any of them.
    """
    start = since or _midnight(oldest.astimezone(zone).replace(day=1), zone)
    edges = [start, *(edge for edge in _edges(start, until, zone) if start < edge < until), until]
    found = [Window(begin, end) for begin, end in pairwise(edges) if begin < end]
    return found if since is not None else [Window(None, min(start, until)), *found]


def _edges(start: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Where months begin, and, behind two weeks ago, days."""
    days_from = _midnight(until.astimezone(zone) - timedelta(days=DAYS), zone)
    local = start.astimezone(zone).replace(day=1)
    while (month := _midnight(local, zone)) < days_from:
        yield month
        local = (local.replace(day=1) + timedelta(days=32)).replace(day=1)
    for day in range(DAYS + 2):
        yield _midnight(days_from.astimezone(zone) + timedelta(days=day), zone)


def _midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """The beginning of a local day as an instant of UTC."""
    return datetime(at.year, at.month, at.day, tzinfo=zone).astimezone(UTC)
