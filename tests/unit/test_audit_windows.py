"""The windows of an audit: months and days of the team's clock that touch and never overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.audit.windows import windows

BERLIN = ZoneInfo("Europe/Berlin")
INSTANTS = st.datetimes(datetime(2019, 1, 1), datetime(2029, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"]).map(
    ZoneInfo
)


def test_months_then_days_of_the_teams_clock() -> None:
    found = windows(datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 4, 2, 10, 30, tzinfo=UTC), BERLIN)
    starts = [None if one.since is None else one.since.astimezone(BERLIN).isoformat() for one in found]
    assert starts[:5] == [
        None, "2026-01-01T00:00:00+01:00", "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00",
        "2026-03-19T00:00:00+01:00",
    ]  # fmt: skip
    assert starts[-1] == "2026-04-02T00:00:00+02:00", "behind the change to summer time midnight is another instant"
    assert len(found) == 4 + 15
    assert found[-1].until == datetime(2026, 4, 2, 10, 30, tzinfo=UTC)


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=1500)), ZONES)
def test_every_instant_is_in_exactly_one_window(oldest: datetime, age: timedelta, zone: ZoneInfo) -> None:
    until = oldest + age
    found = windows(oldest, until, zone)
    assert all(one.until == other.since for one, other in pairwise(found))
    assert (found[0].since, found[-1].until) == (None, until)
    for at in (oldest, *(edge for one in found for edge in (one.until - timedelta(microseconds=1), one.since) if edge)):
        if at < until:
            assert sum(one.has(at) for one in found) == 1


def test_since_leaves_out_what_is_older() -> None:
    since = datetime(2026, 3, 10, tzinfo=UTC)
    found = windows(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC), ZoneInfo("UTC"), since)
    assert [(one.since, one.until) for one in found] == [
        (since + timedelta(days=day), since + timedelta(days=day + 1)) for day in range(2)
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC"])
def test_nothing_is_in_no_window(zone: str) -> None:
    at = datetime(2026, 3, 10, tzinfo=UTC)
    assert windows(at, at - timedelta(days=40), ZoneInfo(zone), at) == []
