"""What a report counts of one lead: worked out by the rules' notion of attempt, touch and next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from connector.domain.model import RecordRef


@dataclass(frozen=True, slots=True)
class LeadFigures:
    """One lead at one instant.

    `assigned` is when its owner got it (creation, when it never changed hands), `first_touch` the first attempt after
    that by anybody. `late_since` is when the first of its open tasks became overdue, `late_day` the day that task was due
    when the CRM names no more than a day. `idle_since` is when its last
    next step ended (its assignment, when it never had one); it means something only while `next_step` is False.
    """

    ref: RecordRef
    name: str
    owner: str | None
    open: bool
    next_step: bool
    late_since: datetime | None
    idle_since: datetime
    assigned: datetime
    first_touch: datetime | None
    attempts: int
    late_day: date | None = None
    touch_known: bool = True
    """False where nobody can tell whether it was touched: a converted lead's activities went to its contact."""

    @property
    def untouched(self) -> bool:
        """Whether nobody tried to reach it since its owner got it."""
        return self.first_touch is None
