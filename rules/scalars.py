"""Types the text of a rule file: `5 business days`, `16:00-17:00`, `2026-03-02`, `60`, `yes`.

Every function raises ValueError with one line that quotes the text and says what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import get_args

from rules.basics import Duration, Unit
from rules.model import Backfill, Every, Once
from rules.refusal import UNKNOWN, RefusalError
from rules.vocabulary import nearest, not_known
from rules.yamlfile import shown

UNITS: tuple[str, ...] = get_args(Unit)
MAX_AMOUNT = 10_000
"""The largest number a duration may have: 10,000 months still end in a year that a date can hold."""

_YES_NO = {"true": True, "yes": True, "false": False, "no": False}
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,9})?")


def quoted(text: str) -> str:
    """The text as a message shows it."""
    return f"`{shown(text)}`"


def yes_no(text: str) -> bool:
    """`true`, `yes`, `false` or `no`."""
    value = _YES_NO.get(text.lower())
    if value is None:
        raise ValueError(f"{quoted(text)} is neither `true` nor `false`")
    return value


def whole(text: str) -> int:
    """A whole number."""
    if not re.fullmatch(r"[+-]?\d{1,9}", text, re.ASCII):
        raise ValueError(f"{quoted(text)} is not a whole number such as 6")
    return int(text)


def number(text: str) -> int | float:
    """A number, with a point for decimals."""
    if not _NUMBER.fullmatch(text) or not text.isascii():
        raise ValueError(f"{quoted(text)} is not a number such as 60 or 2.5")
    return float(text) if "." in text else int(text)


def day(text: str) -> date:
    """A date as year-month-day."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{quoted(text)} is not a day of the calendar") from None
    raise ValueError(f"{quoted(text)} is not a date; write year-month-day, such as 2026-03-02")


def duration(text: str) -> Duration:
    """A number and its unit, such as `5 business days`."""
    found = re.fullmatch(r"(\d{1,9})(?!\d)\s*(\D*)", text.strip(), re.ASCII | re.DOTALL)
    if not found or found[2][:1] in (".", ","):
        raise ValueError(
            f"{quoted(text)} is not a duration; write a whole number and a unit, such as `5 business days`"
        )
    amount, word = int(found[1]), " ".join(found[2].lower().split())
    unit = next((unit for unit in UNITS if word in (unit, unit[:-1])), None)
    if unit is None:
        near = nearest(word, UNITS)
        hint = f"; did you mean `{amount} {near}`?" if near else ""
        problem = f"unit `{shown(word)}` is not known" if word else f"{quoted(text)} has no unit"
        raise ValueError(f"{problem}{hint or '.'} Units: {', '.join(UNITS)}")
    if not 1 <= amount <= MAX_AMOUNT:
        raise ValueError(f"{quoted(text)} is out of range: the number lies between 1 and {MAX_AMOUNT}")
    return Duration(amount, unit)  # type: ignore[arg-type]  # UNITS are the values of Unit


def clock_time(text: str) -> time:
    """A time of day, hours and minutes."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        raise ValueError(f"{quoted(text)} is not a time between 00:00 and 23:59, such as 09:00")
    return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone


def span(text: str) -> tuple[time, time]:
    """A stretch of a day, such as `16:00-17:00`; the end lies after the beginning."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not dash:
        raise ValueError(f"{quoted(text)} is not a span of time such as 16:00-17:00")
    begin, end = clock_time(first), clock_time(last)
    if begin >= end:
        raise ValueError(f"{quoted(text)} ends before it begins; a span stays within one day")
    return begin, end


WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS: Mapping[str, tuple[int, ...]] = {
    **{day: (number,) for number, day in enumerate(WEEK)},
    **{day[:3]: (number,) for number, day in enumerate(WEEK)},
    "weekday": (0, 1, 2, 3, 4),
    "day": (0, 1, 2, 3, 4, 5, 6),
}


def every(text: str) -> Every:
    """Days of the week and a time of day, such as `friday 16:00`, `weekday 07:00` or `monday and thursday 09:00`."""
    *names, clock = text.lower().replace(",", " ").split()
    names = [name for name in names if name != "and"]
    if not names or not clock[:1].isdigit():
        raise ValueError(f"{quoted(text)} is not a time of the week; write a day and a time, such as `friday 16:00`")
    unknown = next((name for name in names if name not in _DAYS), None)
    if unknown is not None:
        raise RefusalError(not_known(unknown, (*WEEK, "weekday", "day"), what="the day "), UNKNOWN)
    return Every(
        tuple(sorted({day for name in names for day in _DAYS[name]})),
        clock_time(clock.zfill(5) if ":" in clock else clock),
    )


_PERIODS = ("hour", "day", "week", "month", "business day")


def once(text: str, kind: str) -> Once:
    """`per lead`, `per owner`, `per status`, `per occasion` or `per 90 days`; `per contact` in a rule for contacts."""
    words = text.lower().split()
    rest = " ".join(words[1:])
    if words[:1] == ["per"]:
        if rest in ("lead", kind):
            return Once("lead")
        if rest in ("owner", "status", "occasion"):
            return Once(rest)  # type: ignore[arg-type]  # one of the literals just compared
        if rest[:1].isdigit():
            return Once("period", duration(rest))
        if rest in _PERIODS:
            raise ValueError(f"{quoted(text)} has no number; write `per 1 {rest}`")
    choices = (f"per {kind}", "per owner", "per status", "per 90 days", "per occasion")
    near = nearest(text, choices)
    hint = f"did you mean `{near}`? " if near else ""
    raise ValueError(f"{quoted(text)} is not known here; {hint}Allowed: {', '.join(choices)}")


def per_day(text: str) -> Backfill:
    """How many matches a backfill lets go, such as `20 per day`."""
    found = re.fullmatch(r"([1-9]\d{0,6}) per day", " ".join(text.split()), re.ASCII)
    if not found:
        raise ValueError(f"{quoted(text)} is not understood; write a number per day, such as `20 per day`")
    return Backfill("spread", int(found[1]))
