"""Slips in durations and times, as authors make them: what is told does not mislead."""

from __future__ import annotations

import pytest

from rules.scalars import duration, every, once


@pytest.mark.parametrize("text", ["1.5 days", "1,5 days", "1 day 2 hours", "1d2h"])
def test_a_duration_that_is_not_one_whole_number_and_one_unit_is_shown_whole(text: str) -> None:
    with pytest.raises(ValueError, match=r"write a whole number and a unit") as told:
        duration(text)
    assert f"`{text}`" in str(told.value)
    assert "did you mean" not in str(told.value)


@pytest.mark.parametrize("clock", ["4pm", "16", "7.30"])
def test_a_time_of_day_is_shown_as_it_was_written(clock: str) -> None:
    with pytest.raises(ValueError, match="such as 09:00") as told:
        every(f"friday {clock}")
    assert f"`{clock}`" in str(told.value)


def test_hours_may_have_one_digit() -> None:
    assert every("friday 9:00").at.hour == 9


@pytest.mark.parametrize("period", ["week", "month", "business day"])
def test_a_period_without_a_number_is_told_how_it_is_written(period: str) -> None:
    with pytest.raises(ValueError, match=f"write `per 1 {period}`"):
        once(f"per {period}", "lead")
