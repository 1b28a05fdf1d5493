"""What a HubSpot search is asked for: ranges of stamps, overlap, the second reading after an hour, many rows of one stamp."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from adapters.hubspot.windows import CEILING, LIMIT, OVERLAP_MS, OVERLAP_ROWS, Found, Group, Hit, Position, Reader
from connector.domain.errors import RetryableError

HOUR = 3_600_000
STAMP = "lastmodifieddate"
T0 = 1_772_442_000_000


@dataclass
class Index:
    """A search index in memory: rows by id with their stamps, pages of HubSpot's size, every call counted."""

    rows: dict[int, int] = field(default_factory=dict)
    limit: int = LIMIT
    calls: int = 0
    knows_ids: bool = True
    sorts: bool = True
    pager_ends: bool = True
    on_call: dict[int, dict[int, int]] = field(default_factory=dict)

    def search(self, groups: Sequence[Group], sort: str, descending: bool, after: str | None) -> Found:
        self.calls += 1
        self.rows.update(self.on_call.pop(self.calls, {}))
        bounds = [self._bounds(group) for group in groups]
        found = [
            (stamp, id_)
            for id_, stamp in self.rows.items()
            if any(low <= stamp < high and id_ > beyond for low, high, beyond in bounds)
        ]
        if self.sorts and sort == "hs_object_id" and self.knows_ids:
            found.sort(key=lambda row: row[1])
        elif self.sorts:
            found.sort(key=lambda row: (row[0], row[1] * 7919 % 1009), reverse=descending)
        limit, start = (1 if descending else self.limit), int(after or 0)
        if start + limit > CEILING:
            raise AssertionError("HubSpot answers 400 beyond 10,000 results")
        page = tuple(Hit(id_, stamp, {"id": id_}) for stamp, id_ in found[start : start + limit])
        more = start + limit < len(found)
        following = str(start + limit) if self.pager_ends else "200"
        return Found(page, following if more else None, len(found))

    def _bounds(self, group: Group) -> tuple[int, int, int]:
        """From, before, and ids beyond, of one filter group."""
        said = {(one["propertyName"], one["operator"]): int(one["value"]) for one in _filters(group)}
        beyond = said.pop(("hs_object_id", "GT"), 0) if self.knows_ids else 0
        return said[STAMP, "GTE"], said.get((STAMP, "LT"), 2**62), beyond


def _filters(group: Group) -> list[dict[str, str]]:
    found = group["filters"]
    assert isinstance(found, list)
    return found


def _read(index: Index, cursor: str | None, now: int) -> tuple[list[Hit], str]:
    reader = Reader(Position.of(cursor, ("a",)), STAMP, now - HOUR, index.search)
    hits = [hit for page in reader.pages() for hit in page]
    return hits, reader.position.text()


def test_a_first_read_sees_every_row_once_and_costs_a_page_per_two_hundred() -> None:
    index = Index({id_: T0 + id_ * 1_000 for id_ in range(1, 1_001)})
    hits, _ = _read(index, None, T0 + 10 * HOUR)
    assert sorted(hit.id for hit in hits) == list(range(1, 1_001))
    assert index.calls == 6


def test_a_quiet_pass_costs_one_search_and_hands_nothing_on() -> None:
    index = Index({id_: T0 + id_ * 1_000 for id_ in range(1, 301)})
    now = T0 + 301_000
    _, cursor = _read(index, None, now)
    index.calls = 0
    hits, cursor = _read(index, cursor, now + 60_000)
    assert (hits, index.calls) == ([], 1)
    hits, _ = _read(index, cursor, now + 120_000)
    assert (hits, index.calls) == ([], 2)


def test_the_position_is_that_of_a_row_and_never_of_the_clock() -> None:
    index = Index({1: T0})
    _, cursor = _read(index, None, T0 + 1_000 * HOUR)
    data = json.loads(cursor)
    assert (data["fast"], data["trail"]) == (T0, T0)
    _, empty = _read(Index(), None, T0)
    assert json.loads(empty)["fast"] == 0


def test_a_row_that_is_indexed_late_but_near_the_newest_is_seen_by_the_next_pass() -> None:
    index = Index({1: T0 + 5_000})
    _, cursor = _read(index, None, T0 + 6_000)
    index.rows[2] = T0 + 4_000
    hits, _ = _read(index, cursor, T0 + 7_000)
    assert [hit.id for hit in hits] == [2]


def test_a_row_far_behind_the_newest_is_seen_once_its_stamp_is_an_hour_old() -> None:
    index = Index({id_: T0 + id_ * 10 for id_ in range(1, 1_001)})
    _, cursor = _read(index, None, T0 + 10_000)
    index.rows[5_000] = T0 + 50
    hits, cursor = _read(index, cursor, T0 + 20_000)
    assert hits == []
    hits, cursor = _read(index, cursor, T0 + HOUR + 20_000)
    assert [hit.id for hit in hits] == [5_000]
    index.calls = 0
    assert (_read(index, cursor, T0 + 2 * HOUR)[0], index.calls) == ([], 1)


def test_the_second_reading_and_the_fast_one_share_a_request() -> None:
    index = Index({1: T0, 2: T0 + 2 * HOUR})
    _, cursor = _read(index, None, T0 + 60_000)
    index.calls = 0
    index.rows[3] = T0 - 1
    hits, _ = _read(index, cursor, T0 + 2 * HOUR + 1)
    assert ([hit.id for hit in hits], index.calls) == ([3], 1)


def test_the_overlap_never_rereads_a_bulk_load() -> None:
    index = Index(dict.fromkeys(range(1, 1_001), T0))
    _, cursor = _read(index, None, T0 + 1_000)
    assert json.loads(cursor)["back"] == T0 + 1
    index.calls = 0
    index.rows[2_000] = T0
    hits, _ = _read(index, cursor, T0 + 2_000)
    assert ([hit.id for hit in hits], index.calls) == ([2_000], 1)


def test_the_overlap_is_ten_minutes_where_little_happens() -> None:
    index = Index({1: T0, 2: T0 + OVERLAP_MS + 5, 3: T0 + OVERLAP_MS + 10})
    _, cursor = _read(index, None, T0 + OVERLAP_MS + 10)
    assert json.loads(cursor)["back"] == T0 + 10
    assert OVERLAP_ROWS < LIMIT


def test_more_rows_in_one_millisecond_than_the_ceiling_are_read_in_a_bounded_number_of_calls() -> None:
    count = 10_001
    index = Index(dict.fromkeys(range(1, count + 1), T0))
    hits, cursor = _read(index, None, T0 + 10 * HOUR)
    assert {hit.id for hit in hits} == set(range(1, count + 1))
    assert len(hits) == count
    assert index.calls <= count // LIMIT + 5
    index.calls = 0
    assert (_read(index, cursor, T0 + 11 * HOUR)[0], index.calls) == ([], 1)


def test_batches_of_equal_stamps_cost_hardly_more_than_their_pages() -> None:
    index = Index({id_: T0 + id_ // 100 for id_ in range(1, 2_001)})
    hits, _ = _read(index, None, T0 + 10 * HOUR)
    assert len({hit.id for hit in hits}) == 2_000
    assert index.calls <= 2_000 // LIMIT + 4


def test_a_row_that_moves_while_we_page_pushes_none_out_of_sight() -> None:
    index = Index({id_: T0 + id_ // 50 for id_ in range(1, 1_001)})
    index.on_call = {call: {call * 3: T0 + 5_000 + call} for call in range(2, 9)}
    hits, _ = _read(index, None, T0 + 10 * HOUR)
    assert {hit.id for hit in hits} == set(range(1, 1_001))


def test_a_sweep_by_id_goes_on_where_it_was_interrupted() -> None:
    index = Index(dict.fromkeys(range(1, 2_001), T0))
    reader = Reader(Position.of(None, ("a",)), STAMP, T0 + HOUR, index.search)
    seen: set[int] = set()
    for number, page in enumerate(reader.pages()):
        seen.update(hit.id for hit in page)
        if number == 4:
            break
    index.calls = 0
    hits, _ = _read(index, reader.position.text(), T0 + 2 * HOUR)
    assert seen | {hit.id for hit in hits} == set(range(1, 2_001))
    assert index.calls <= 8


def test_an_interrupted_read_goes_on_from_its_last_page() -> None:
    index = Index({id_: T0 + id_ * 1_000 for id_ in range(1, 1_001)})
    reader = Reader(Position.of(None, ("a",)), STAMP, T0 + HOUR, index.search)
    pages = reader.pages()
    seen = {hit.id for hit in next(pages)} | {hit.id for hit in next(pages)}
    index.calls = 0
    hits, _ = _read(index, reader.position.text(), T0 + 2 * HOUR)
    assert seen | {hit.id for hit in hits} == set(range(1, 1_001))
    assert index.calls <= 4


def test_a_search_without_an_order_by_id_is_paged_by_offset() -> None:
    index = Index(dict.fromkeys(range(1, 701), T0), knows_ids=False)
    hits, _ = _read(index, None, T0 + 10 * HOUR)
    assert {hit.id for hit in hits} == set(range(1, 701))


def test_a_search_that_does_not_sort_is_paged_by_offset() -> None:
    index = Index({id_: T0 + 1_000 - id_ for id_ in range(1, 701)}, sorts=False)
    hits, cursor = _read(index, None, T0 + 10 * HOUR)
    assert {hit.id for hit in hits} == set(range(1, 701))
    assert json.loads(cursor)["fast"] == T0 + 999


def test_a_pager_that_repeats_itself_is_noticed() -> None:
    index = Index(dict.fromkeys(range(1, 701), T0), knows_ids=False, pager_ends=False)
    with pytest.raises(RetryableError, match="same page"):
        _read(index, None, T0 + 10 * HOUR)
    assert index.calls < 10


def test_small_pages_full_of_one_stamp_do_not_loop() -> None:
    index = Index(dict.fromkeys(range(1, 40), T0), limit=5)
    hits, _ = _read(index, None, T0 + 10 * HOUR)
    assert {hit.id for hit in hits} == set(range(1, 40))


def test_a_property_that_was_not_read_so_far_starts_the_stream_over_and_one_less_does_not() -> None:
    cursor = Position.of(None, ("a", "b")).text()
    moved = json.dumps({**json.loads(cursor), "fast": 5, "trail": 5})
    assert Position.of(moved, ("a", "b", "c")).fast == 0
    assert Position.of(moved, ("a",)).fast == 5
    assert Position.of("not json", ("a",)).fast == 0


def test_a_clock_that_is_days_ahead_does_not_end_the_overlap() -> None:
    index = Index({1: T0 + 5_000})
    _, cursor = _read(index, None, T0 + 100 * HOUR)
    index.rows[2] = T0 + 4_000
    hits, _ = _read(index, cursor, T0 + 101 * HOUR)
    assert [hit.id for hit in hits] == [2]


def test_a_cursor_stays_small_whatever_was_read() -> None:
    index = Index({id_: T0 + id_ for id_ in range(1, 12_001)})
    reader = Reader(Position.of(None, ("a",)), STAMP, T0 + HOUR, index.search)
    assert max(len(reader.position.text()) for _ in reader.pages()) < 2_000
    reader = Reader(Position.of(None, ("a",)), STAMP, T0 - HOUR, index.search)
    assert max(len(reader.position.text()) for _ in reader.pages()) < 41_000


def test_a_row_that_was_not_complete_is_handed_on_again() -> None:
    index = Index({1: T0})
    reader = Reader(Position.of(None, ("a",)), STAMP, T0 - HOUR, index.search)
    for page in reader.pages():
        for hit in page:
            reader.forget(hit)
    hits, cursor = _read(index, reader.position.text(), T0 + 60_000)
    assert [hit.id for hit in hits] == [1]
    assert _read(index, cursor, T0 + 2 * HOUR)[0] == []


@pytest.mark.parametrize("apart", [0, 0.01, 1, 700])
def test_the_second_reading_of_a_thousand_rows_costs_their_pages_and_one_more_whatever_stamps_they_share(
    apart: float,
) -> None:
    index = Index({id_: T0 + int(id_ * apart) for id_ in range(1, 1_001)})
    _, cursor = _read(index, None, T0 + 750_000)
    del index.rows[500]
    index.rows[5_000] = T0
    index.calls = 0
    hits, cursor = _read(index, cursor, T0 + 2 * HOUR)
    assert ([hit.id for hit in hits], index.calls) == ([5_000], 1_000 // LIMIT + 1)
    index.calls = 0
    assert (_read(index, cursor, T0 + 3 * HOUR)[0], index.calls) == ([], 1)


def test_versions_that_were_followed_by_others_are_forgotten_with_their_hour() -> None:
    index = Index({id_: T0 + id_ for id_ in range(1, 101)})
    _, cursor = _read(index, None, T0 + 1_000)
    index.rows = {id_: T0 + 2_000 + id_ for id_ in range(1, 101)}
    _, cursor = _read(index, cursor, T0 + 3_000)
    assert len(json.loads(cursor)["seen"]) == 200 * 8
    _, cursor = _read(index, cursor, T0 + 2 * HOUR)
    assert len(json.loads(cursor)["seen"]) == 100 * 8
    assert _read(index, cursor, T0 + 3 * HOUR)[0] == []


@pytest.mark.parametrize("apart", [0, 0.01, 1, 7])
def test_up_to_five_thousand_young_rows_are_handed_on_only_once(apart: float) -> None:
    index = Index({id_: T0 + int(id_ * apart) for id_ in range(1, 5_001)})
    _, cursor = _read(index, None, T0 + 36_000)
    for now in (T0 + 37_000, T0 + 2 * HOUR, T0 + 3 * HOUR):
        hits, cursor = _read(index, cursor, now)
        assert hits == []


def test_what_is_beyond_five_thousand_young_rows_is_handed_on_twice_and_the_rest_is_not() -> None:
    index = Index({id_: T0 + id_ for id_ in range(1, 6_001)})
    _, cursor = _read(index, None, T0 + 36_000)
    hits, cursor = _read(index, cursor, T0 + 2 * HOUR)
    assert {hit.id for hit in hits} == set(range(1, 1_001))
    assert _read(index, cursor, T0 + 3 * HOUR)[0] == []
