"""What an audit compares: what is stored, told by when the CRM made it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored record or activity: its id, its creation in the CRM, and what became of it, or of the records it is on.

    `lives` holds `live`, `converted` (a converted record is there as well as a live one) and `gone`.
    """

    id: str
    created: datetime
    lives: frozenset[str]
