"""What drafting and handing out need besides the match: the moment, the team, whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connector.domain.model import Moment
from rules.calendar import WorkCalendar
from rules.ledger import Ledger
from rules.staff import Staff
from rules.team import Team


@dataclass(frozen=True, slots=True)
class Desk:
    """The same for every match of a pass; the ledger grows with each turn that is taken."""

    moment: Moment
    team: Team
    staff: Staff
    ledger: Ledger
    calendars: Mapping[str, WorkCalendar]

    @property
    def now(self) -> datetime:
        return self.moment.now
