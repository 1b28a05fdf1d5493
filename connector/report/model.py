"""The report as data: its period, the figures of each owner, and the leads that need somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Literal

from connector.domain.model import RecordRef

MOST_ATTEMPTS = 8
"""Leads with this many attempts or more are counted together."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

SPEED_BOUNDS: Sequence[timedelta] = (HOUR, DAY, 3 * DAY)
"""Where the first touches are divided: up to an hour, a day, three days, later; then those that wait still."""

CLOCK = (
    "from the moment a lead came in or got its present owner, whichever is later, to the first attempt by anybody; "
    "nights and weekends count. A lead that nobody has tried yet counts as slower than all others."
)
"""What the speed to first touch measures, as the report tells it."""

OwnerKind = Literal["person", "inactive", "queue", "nobody", "unknown"]
"""Who a row stands for; `unknown` is an owner whom the CRM does not list."""


@dataclass(frozen=True, slots=True)
class Period:
    """What came after `since`, up to `until`; the period before is as long, and ends at `since`."""

    since: datetime
    until: datetime

    @property
    def before(self) -> datetime:
        """When the period before began: it is just as long."""
        return self.since - (self.until - self.since)

    def has(self, at: datetime) -> bool:
        """Whether an instant is in the period."""
        return self.since < at <= self.until

    def had(self, at: datetime) -> bool:
        """Whether an instant is in the period before."""
        return self.before < at <= self.since


@dataclass(slots=True)
class Speed:
    """How soon leads were tried: the time of each that was, and how long each has waited that was not."""

    touched: list[timedelta] = field(default_factory=list)
    waiting: list[timedelta] = field(default_factory=list)
    unknown: int = 0
    """Converted leads of which no activity is known; they are in no other figure."""

    @property
    def leads(self) -> int:
        """The leads that count: touched, and waiting still."""
        return len(self.touched) + len(self.waiting)

    def quantile(self, part: float) -> timedelta | None:
        """The time within which that part of the leads was tried; None when it has not come to so many, or no lead."""
        rank = ceil(part * self.leads)
        return sorted(self.touched)[rank - 1] if 0 < rank <= len(self.touched) else None

    def within(self, limit: timedelta) -> float | None:
        """The share that was tried within a time, of the leads that were or have had so long; None when there is none."""
        soon = sum(each <= limit for each in self.touched)
        whole = len(self.touched) + sum(each >= limit for each in self.waiting)
        return soon / whole if whole else None

    def shape(self) -> tuple[int, ...]:
        """How many leads were tried between the bounds of SPEED_BOUNDS, later, and not yet."""
        edges = (timedelta(), *SPEED_BOUNDS)
        up_to = [sum(each <= edge for each in self.touched) if edge else 0 for edge in edges]
        counts = [high - low for low, high in pairwise(up_to)]
        return (*counts, len(self.touched) - up_to[-1], len(self.waiting))


@dataclass(slots=True)
class Figures:
    """One owner's figures, or everybody's, at the end of a period. None is not known."""

    open: int = 0
    without_next_step: int = 0
    overdue: int = 0
    untouched: int = 0
    attempts: list[int] = field(default_factory=lambda: [0] * (MOST_ATTEMPTS + 1))
    speed: Speed = field(default_factory=Speed)
    accepted: int = 0
    recycled: int = 0
    held: int | None = 0

    @property
    def covered(self) -> int:
        """Open leads with a next step that is not late."""
        return self.open - self.without_next_step - self.overdue


@dataclass(slots=True)
class Row:
    """An owner, or the total: the figures of the period, those of the period before, and the month's offers."""

    id: str
    name: str
    kind: OwnerKind = "person"
    now: Figures = field(default_factory=Figures)
    before: Figures = field(default_factory=Figures)
    month: int = 0
    minimum: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A lead that needs somebody, and since when; `day` is what to show where the CRM names no more than a day."""

    ref: RecordRef
    name: str
    owner: str
    since: datetime
    url: str | None
    day: date | None = None


@dataclass(slots=True)
class Report:
    """All that the report tells. `read_at` is when the CRM was last read, `notes` what is not known and why."""

    crm: str
    period: Period
    read_at: datetime | None
    month: datetime
    total: Row
    rows: list[Row] = field(default_factory=list)
    without_next_step: list[Listed] = field(default_factory=list)
    overdue: list[Listed] = field(default_factory=list)
    untouched: list[Listed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
