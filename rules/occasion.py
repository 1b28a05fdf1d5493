"""What a rule fires once for: an occasion, and what a trigger found of them on one record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

PASSED = "every"
"""The occasion of the mark for what was passed over last: a time of the week, or what came too soon. Its scope says which."""


class Occasion(NamedTuple):
    """What a rule fires once for: its id, the instant it started, and one sentence on what happened."""

    id: str
    start: datetime
    text: str


class Occasions(NamedTuple):
    """Every occasion of a trigger in the order of time.

    `none` says why there is none; `changes_at` is the next instant at which time alone may add or move one.
    """

    path: str
    found: tuple[Occasion, ...] = ()
    none: str = ""
    changes_at: datetime | None = None


def stamp(at: datetime) -> str:
    """An instant as it stands in an occasion's id."""
    return at.astimezone(UTC).isoformat()


def attempts_text(count: int, types: Sequence[str], since: str, anchor: str) -> str:
    """A count of attempts as a reason tells it."""
    kind = f"{types[0].replace('_', ' ')} " if len(types) == 1 else ""
    return f"{count} {kind}{'attempt' if count == 1 else 'attempts'} since {since} on {anchor}"


def count_of(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def one_of(words: Sequence[str]) -> str:
    """Words as alternatives: `call, email sent or note`."""
    told = [word.replace("_", " ") for word in words]
    return " or ".join(part for part in (", ".join(told[:-1]), told[-1] if told else "") if part)
