"""Comparing durations of different units: what one lasts at least, and another at most."""

from __future__ import annotations

from math import inf

from rules.basics import Duration, Unit

_CHANGE = 2.0
"""Hours by which changes of the clock may shorten or lengthen days; no zone has changed its clock by more at once
but for a change of date (which is left to `_ZONE`)."""

_ZONE = 24.0
"""Hours that a country loses or gains when it changes the side of the date line."""

_LEAST: dict[Unit, float] = {
    "minutes": 1 / 60, "hours": 1, "days": 24, "weeks": 168, "months": 28 * 24, "business hours": 1, "business days": 24,
}  # fmt: skip
_MOST: dict[Unit, float] = {
    "minutes": 1 / 60, "hours": 1, "days": 24, "weeks": 168, "months": 31 * 24, "business hours": inf, "business days": inf,
}  # fmt: skip
_EXACT = ("minutes", "hours", "business hours")


def not_shorter(long: Duration, short: Duration) -> bool:
    """Whether from one instant `long` surely ends no earlier than `short`, on any calendar in any zone."""
    if long.unit == short.unit:
        return long.amount >= short.amount
    return _least(long) >= _most(short)


def _least(duration: Duration) -> float:
    """The hours it lasts at least."""
    slack = 0 if duration.unit in _EXACT or not duration.amount else _CHANGE + _ZONE
    return duration.amount * _LEAST[duration.unit] - slack


def _most(duration: Duration) -> float:
    """The hours it lasts at most."""
    if not duration.amount:
        return inf if duration.unit.startswith("business") else 0
    slack = 0 if duration.unit in _EXACT else _CHANGE + _ZONE
    return duration.amount * _MOST[duration.unit] + slack
