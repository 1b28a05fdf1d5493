"""What drafting and handing out need besides the match: the moment, the team, whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.domain.decision import Moment
from connector.domain.model import Record, RecordState
from rules.calendar import Clocks, WorkCalendar
from rules.facts import Facts
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
    calendars: Clocks

    def calendar(self, name: str, record: Record) -> WorkCalendar:
        """The calendar of that name by the clock that counts for a record: its own zone's, its owner's, the calendar's."""
        return self.calendars.local(self.staff.zone_of(record))[name]

    @property
    def now(self) -> datetime:
        """The instant of the pass."""
        return self.moment.now

    def facts(self, state: RecordState) -> Facts:
        """What a record looks like now."""
        return Facts(state, self.moment, self.team, self.staff.binding)
