"""What every part of a rule file is made of: a place in a file, a stretch of time, a text with holes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Unit = Literal["minutes", "hours", "days", "weeks", "months", "business hours", "business days"]
Anchor = Literal["created", "assigned", "status"]
Who = Literal["owner", "lead", "anyone"]
Scalar = str | int | float | bool | date


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Duration:
    """A stretch of time with its unit; the business units are working time on a calendar, the others wall clock."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        unit = self.unit[:-1] if self.amount == 1 else self.unit
        return f"{self.amount} {unit}"


NO_WAIT = Duration(0, "minutes")


TAKER = "person"
"""In a hand-over note, the hole for who gets the record; no field of a record is called so."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{lead.name}` holes: literal parts and field names in turn, beginning with a literal part."""

    parts: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The record's fields that the text mentions, in our names."""
        return tuple(name for name in self.parts[1::2] if name != TAKER)
