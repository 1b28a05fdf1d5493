"""A finding as `check` prints it: its level and its cure come from the catalogue unless the check knows a better cure."""

from __future__ import annotations

from connector.domain.errors import Problem
from rules.basics import Place
from rules.checks.catalogue import entry


def finding(code: str, place: Place, message: str, rule: str | None = None, cure: str = "") -> Problem:
    """What was found, where, and what to do about it."""
    known = entry(code)
    return Problem(place.file, place.line, place.column, message, rule, code, cure or known.cure, known.level)
