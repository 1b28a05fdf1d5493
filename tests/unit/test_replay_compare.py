"""What the rules would have done beside what was done: writes of that time only, on the days of a zone."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from connector.domain.decision import OutboxEntry, PlannedAction
from connector.domain.replay import Deed, Played
from connector.replay.compare import Replay, compare
from tests.builders import REF, at

SINCE, UNTIL = at("2026-03-02 00:00"), at("2026-03-09 00:00")
HOUR = timedelta(hours=1)


def write(key: str) -> PlannedAction:
    return PlannedAction(key, "r", REF, "note", {"text": "x"}, {}, "why", key, 0)


def beside(would: dict[str, str], did: dict[str, str]) -> Replay:
    played = Played([Deed(at(when), write(key)) for key, when in would.items()])
    done = [OutboxEntry(write(key), "confirmed", "run", updated=at(when)) for key, when in did.items()]
    return compare(played, done, ["r"], (SINCE, UNTIL), ZoneInfo("Europe/Berlin"), "hour")


def test_a_write_is_on_both_sides_or_on_one() -> None:
    found = beside(
        {"a": "2026-03-03 09:00", "b": "2026-03-03 10:00"}, {"b": "2026-03-04 10:00", "c": "2026-03-05 10:00"}
    )
    assert [(line.action.key, line.side) for line in found.lines] == [("a", "would"), ("b", "both"), ("c", "did")]
    tally = found.rules["r"]
    assert (tally.would, tally.did, tally.both) == (2, 2, 1)


def test_what_was_done_before_or_after_the_time_is_left_out() -> None:
    assert beside({}, {"a": "2026-03-01 23:59", "b": "2026-03-09 00:01"}).lines == []


def test_a_day_is_the_calendars() -> None:
    assert list(beside({"a": "2026-03-03 23:30"}, {}).days) == [date(2026, 3, 4)]
