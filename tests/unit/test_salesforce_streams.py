"""Where the next pass starts: behind every row that nothing late can come before, and never far behind the last one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapters.salesforce.streams import LATE, OVERLAP_ROWS, Cursor, Position, Tail

START = datetime(2026, 5, 4, 9, tzinfo=UTC)


def _tail(seconds: list[int], start: Position = Position()) -> Tail:  # noqa: B008 - frozen
    tail = Tail(start)
    for number, second in enumerate(sorted(seconds)):
        tail.add(Position(START + timedelta(seconds=second), f"{number:06d}"))
    return tail


@given(st.lists(st.integers(0, 3600), max_size=80), st.integers(0, 4000))
def test_the_start_is_the_last_row_older_than_the_margin(seconds: list[int], now: int) -> None:
    crm_now = START + timedelta(seconds=now)
    safe = _tail(seconds).safe(crm_now)
    old = [second for second in seconds if START + timedelta(seconds=second) <= crm_now - LATE]
    assert safe.stamp == (START + timedelta(seconds=max(old)) if old else None)


def test_a_bulk_load_within_the_margin_is_not_read_again_as_a_whole() -> None:
    tail = _tail([0] * (OVERLAP_ROWS + 500))
    assert tail.safe(START) == Position(START, f"{500:06d}")


def test_rows_within_the_margin_keep_the_start_where_it_was() -> None:
    before = Position(START - timedelta(days=1), "000001")
    assert _tail([0, 1, 2], before).safe(START) == before
    assert _tail([], before).safe(START + timedelta(days=9)) == before


def test_a_cursor_is_saved_and_loaded_whole() -> None:
    cursor = Cursor(Position(START + timedelta(milliseconds=123), "00Q1"), frozenset({"Status", "Name"}))
    assert Cursor.load(cursor.dump()) == cursor
    assert Cursor.load(Cursor(Position(), frozenset({"Name"})).dump()).position == Position()
