"""Comparing what a CRM holds with what a rule says: text in any capitals, numbers as numbers, dates in a zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from math import isfinite

from connector.domain.model import Value
from rules.basics import Scalar
from rules.calendar import DAY, WorkCalendar

_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def same(value: Value, constant: Scalar, calendar: WorkCalendar) -> bool:
    """Whether a field's value is the constant; text compares in any capitals, a day holds every instant in it."""
    if isinstance(value, bool):
        return value is (constant if isinstance(constant, bool) else _WORDS.get(str(constant).casefold()))
    if isinstance(value, int | float):
        return value == as_number(constant)
    if isinstance(value, date):
        mine, other = as_period(value, calendar), as_period(constant, calendar)
        if mine is None or other is None:
            return False
        return mine[0] == other[0] or other[0] <= mine[0] < other[1]
    return value is not None and str(value).casefold() == str(constant).casefold()


def any_same(value: Value, constants: Iterable[Scalar], calendar: WorkCalendar) -> bool:
    """Whether a field's value is one of the constants."""
    if type(value) is str:
        # What `same` comes to for text, which most fields hold, without asking it for each constant.
        folded = value.casefold()
        return any(folded == str(constant).casefold() for constant in constants)
    return any(same(value, constant, calendar) for constant in constants)


def as_number(value: Value) -> float | int | None:
    """A number, also one written as text; None for anything else, `nan` and `inf` included."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return number if isfinite(number) else None


def as_period(value: Value, calendar: WorkCalendar) -> tuple[datetime, datetime] | None:
    """From when to when a moment lasts: a day in the calendar's zone, an instant no time; None for anything else."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, datetime):
        at = calendar.from_clock(value)
        return at, at
    if isinstance(value, date):
        return calendar.day_start(value), calendar.day_start(value + DAY)
    return None


def _parsed(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text) if len(text) > len("2026-03-02") else date.fromisoformat(text)
    except ValueError:
        return None


def shown(value: Value, calendar: WorkCalendar | None = None) -> str:
    """A value as a reason tells it: yes and no, clock times in the calendar's zone (UTC without one)."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{calendar.local(value) if calendar else value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)
