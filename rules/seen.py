"""What looking at one condition of a rule came to."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Seen(NamedTuple):
    """What one leaf came to; `guard` says that not knowing it stops an `unless`."""

    holds: bool | None
    text: str
    flips_at: datetime | None = None
    guard: bool = False
