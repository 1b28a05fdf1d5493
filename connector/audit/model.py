"""The nouns of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connector.domain.model import Value


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of creation: from `since` (None: ever) to before `until`, so that neighbours share no row."""

    since: datetime | None
    until: datetime

    def has(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return at < self.until and (self.since is None or self.since <= at)


@dataclass(frozen=True, slots=True)
class Counted:
    """What the CRM and the store have of a stream in a window.

    `missing` are ids that only the CRM has, `extra` those that only the store has; of these `newer` were changed since the
    last reading, and `forgotten` are not stored on purpose: neither is counted among the other two.
    """

    stream: str
    window: Window
    crm: int
    store: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    newer: int = 0
    forgotten: int = 0

    @property
    def differs(self) -> bool:
        """Whether something is missing, or there too much."""
        return bool(self.missing or self.extra)


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not in the store as it is in the CRM.

    `what` is the record (`lead:00Q...`) or our write (`task of first-call on lead:00Q...`), `field` what differs. The two
    values are told for owner, status, yes/no, dates and numbers only (`shown`); texts are a person's.
    """

    what: str
    field: str
    stored: Value = None
    crm: Value = None
    shown: bool = False


@dataclass(slots=True)
class Repaired:
    """What `--repair` brought into the store, and which streams the next pass reads again, from when on."""

    records: int = 0
    activities: int = 0
    streams: Mapping[str, datetime | None] = field(default_factory=dict)


@dataclass(slots=True)
class Audit:
    """What an audit found."""

    crm: str
    now: datetime
    since: datetime | None
    until: datetime
    seed: str
    windows: list[Counted] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    newer: int = 0
    records: int = 0
    writes: int = 0
    unanswered: int = 0
    not_counted: tuple[str, ...] = ()
    left_out: int = 0
    calls: int = 0
    repaired: Repaired | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not self.drift and not any(counted.differs for counted in self.windows)
