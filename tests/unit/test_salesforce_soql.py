"""SOQL is built from API names and escaped values only, and stays short enough for a URL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.salesforce import soql


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        (2.5, "2.5"),
        (date(2026, 5, 8), "2026-05-08"),
        ("O'Hara", r"'O\'Hara'"),
        ("back\\slash", r"'back\\slash'"),
        ("two\nlines", r"'two\nlines'"),
        ("' OR Name != '", r"'\' OR Name != \''"),
    ],
)
def test_values_are_written_as_soql_wants_them(value: object, text: str) -> None:
    assert soql.literal(value) == text  # type: ignore[arg-type]


NO_CHARACTERS = st.sampled_from(["\x00", "\ud800", "\udfff"])
"""NUL and half characters: nothing that a CRM sends holds them (adapters/answers.py), and no query may."""


@given(st.text(st.characters(exclude_characters="\x00")))
def test_no_text_breaks_out_of_its_quotes(text: str) -> None:
    inside = soql.literal(text)[1:-1]
    assert "'" not in inside.replace("\\\\", "").replace("\\'", "")
    assert not (len(inside) - len(inside.rstrip("\\"))) % 2


@given(st.text(), NO_CHARACTERS, st.text())
def test_what_is_no_character_has_no_place_in_a_query(before: str, odd: str, behind: str) -> None:
    with pytest.raises(ValueError, match="no place in a query"):
        soql.literal(before + odd + behind)


def test_instants_are_in_utc_and_rounded_down_to_milliseconds() -> None:
    instant = datetime(2026, 5, 4, 11, 0, 5, 678_999, timezone(timedelta(hours=2)))
    assert soql.instant(instant) == "2026-05-04T09:00:05.678Z"


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        soql.literal(datetime(2026, 5, 4, 9))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["Id FROM User", "Owner.Name", "", "1st", "Name--", "x" * 81])
def test_what_is_no_api_name_never_enters_a_query(text: str) -> None:
    with pytest.raises(ValueError, match="API name"):
        soql.select([text], "Lead")
    with pytest.raises(ValueError, match="API name"):
        soql.equals(text, 1)


def test_the_keyset_condition_takes_equal_stamps_by_id() -> None:
    stamp = datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert soql.after("SystemModstamp", stamp, "00Q1") == (
        "((SystemModstamp = 2026-05-04T09:00:00.000Z AND Id > '00Q1') OR SystemModstamp > 2026-05-04T09:00:00.000Z)"
    )


def test_an_empty_list_is_refused_because_it_would_match_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        soql.one_of("Id", [])


@given(st.lists(st.text(min_size=1, max_size=300), max_size=400))
def test_chunks_lose_nothing_and_fit(values: list[str]) -> None:
    rest = soql.select(["Id"], "Lead")
    found = list(soql.chunks(values, rest))
    assert [value for chunk in found for value in chunk] == values
    for chunk in found:
        query = soql.select(["Id"], "Lead", soql.one_of("Id", chunk))
        assert len(quote_plus(query)) <= soql.LONGEST_QUERY + 100
