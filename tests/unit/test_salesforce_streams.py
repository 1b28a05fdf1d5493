"""Where the next pass starts: behind every row that nothing late can come before, and never far behind the last one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapters.salesforce.streams import LATE, OVERLAP_ROWS, Cursor, Position, Tail

START = datetime(2026, 5, 4, 9, tzinfo=UTC)


SHAPE = frozenset({"Status"})


def _next(seconds: list[int], crm_now: datetime, start: Cursor = Cursor()) -> Cursor:  # noqa: B008 - frozen
    tail = Tail(start)
    for number, second in enumerate(sorted(seconds)):
        tail.add(Position(START + timedelta(seconds=second), f"{number:06d}"), crm_now)
    return tail.cursor(SHAPE)


@given(st.lists(st.integers(0, 3600), max_size=80), st.integers(0, 4000))
def test_the_start_is_the_last_row_older_than_the_margin(seconds: list[int], now: int) -> None:
    crm_now = START + timedelta(seconds=now)
    cursor = _next(seconds, crm_now)
    old = [second for second in seconds if START + timedelta(seconds=second) <= crm_now - LATE]
    assert cursor.position.stamp == (START + timedelta(seconds=max(old)) if old else None)
    assert cursor.trail is None


def test_a_bulk_load_within_the_margin_is_not_read_again_as_a_whole_until_the_margin_is_over() -> None:
    cursor = _next([0] * (OVERLAP_ROWS + 500), START)
    assert cursor == Cursor(Position(START, f"{500:06d}"), SHAPE, trail=Position())
    assert cursor.start(SHAPE, START + LATE - timedelta(seconds=1)) == cursor
    again = cursor.start(SHAPE, START + LATE)
    assert again == Cursor(Position(), SHAPE), "what lay between is read once more, for what came late"
    settled = _next([0] * (OVERLAP_ROWS + 501), START + LATE, again)
    assert settled == Cursor(Position(START, f"{OVERLAP_ROWS + 500:06d}"), SHAPE)


def test_what_is_still_to_be_read_again_is_not_forgotten_by_passes_in_between() -> None:
    first = _next([0] * (OVERLAP_ROWS + 500), START)
    second = _next([], START + timedelta(seconds=10), first)
    third = _next([20] * (OVERLAP_ROWS + 1), START + timedelta(seconds=20), second)
    assert second == first
    assert third.trail == Position()


def test_rows_within_the_margin_keep_the_start_where_it_was() -> None:
    before = Cursor(Position(START - timedelta(days=1), "000001"), SHAPE)
    assert _next([0, 1, 2], START, before) == before
    assert _next([], START + timedelta(days=9), before) == before


def test_a_column_that_was_never_read_begins_again() -> None:
    before = Cursor(Position(START, "000001"), SHAPE, Position())
    assert before.start(SHAPE | {"Tier__c"}, START) == Cursor()


def test_a_cursor_is_saved_and_loaded_whole() -> None:
    cursor = Cursor(Position(START + timedelta(milliseconds=123), "00Q1"), frozenset({"Status", "Name"}))
    assert Cursor.load(cursor.dump()) == cursor
    trailing = Cursor(cursor.position, cursor.columns, Position(START, "00Q0"))
    assert Cursor.load(trailing.dump()) == trailing
    assert Cursor.load(Cursor(Position(), frozenset({"Name"})).dump()).position == Position()
