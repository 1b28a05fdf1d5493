"""The team's people as the CRM knows them: who can act, who is away and until when, and who does their tasks then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from connector.domain.model import Owner, Record, RecordState
from connector.domain.undone import without_undone
from rules.binding import Binding
from rules.team import Absence, Person

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cover:
    """Who does a task of somebody who is away, and the absent person's first and last day away."""

    owner: Owner
    absent: Owner
    first: date
    last: date

    @property
    def words(self) -> str:
        """For whom, and until when: the line that the task's text says it with."""
        return f"For {self.absent.name}, who is away until {self.last}."


class Staff:
    """The team's people and the CRM's users and queues, put together for one instant."""

    def __init__(self, binding: Binding, now: datetime) -> None:
        self._binding = binding
        self._now = now

    def owner(self, owner_id: str | None) -> Owner | None:
        """The user or queue with this id."""
        return self._binding.owners.get(owner_id) if owner_id else None

    def name(self, owner_id: str) -> str | None:
        """What people call this user or queue."""
        owner = self._binding.owners.get(owner_id)
        return owner.name if owner else None

    def named(self, person: str) -> Owner | None:
        """The user whom team.yaml calls by this name."""
        return self._binding.people.get(person)

    @property
    def binding(self) -> Binding:
        """Whom the CRM knows, and which rules run on it."""
        return self._binding

    def person(self, owner: Owner) -> Person | None:
        """What team.yaml says of this user."""
        return self._binding.persons.get(owner.id)

    def zone_of(self, record: Record) -> str | None:
        """The zone of the rules' clocks on a record; None: each calendar's own."""
        return self._binding.zone_of(record)

    def queue(self, name: str) -> Owner | None:
        """The queue of that name or id."""
        return self._binding.queue(name)

    def manager(self, owner_id: str) -> Owner | None:
        """The owner's manager: as team.yaml says, else as the CRM says."""
        person = self._binding.persons.get(owner_id)
        if person is not None and person.manager is not None:
            return self.named(person.manager)
        owner = self.owner(owner_id)
        return self.owner(owner.manager) if owner else None

    def source_rep(self, state: RecordState) -> Owner | None:
        """Who brought the record in: the first person in its history of owners."""
        return next((who for who in map(self.owner, owner_chain(state)) if who is not None and not who.queue), None)

    def works(self, owner: Owner) -> bool:
        """Whether this is a person who can act in the CRM."""
        return owner.active and not owner.queue

    # -- days and absences -----------------------------------------------------------------------------------------

    def zone(self, owner: Owner) -> tzinfo:
        """The person's time zone; UTC where team.yaml gives none."""
        person = self.person(owner)
        return ZoneInfo(person.zone) if person is not None and person.zone else UTC

    def today(self, owner: Owner) -> date:
        """The person's date."""
        return self._now.astimezone(self.zone(owner)).date()

    def absent(self, owner: Owner) -> bool:
        """Whether team.yaml has this person away today, in the person's zone."""
        return self.away(owner) is not None

    def away(self, owner: Owner) -> Absence | None:
        """The absence of today, together with those that follow it without a day between; None for who is there."""
        person = self.person(owner)
        if person is None or not person.away:
            return None
        today = self.today(owner)
        found: Absence | None = None
        for absence in sorted(person.away, key=lambda each: each.first):
            if found is not None and absence.first <= found.last + DAY:
                found = Absence(found.first, max(found.last, absence.last))
            elif absence.first <= today <= absence.last:
                found = absence
        return found

    def back(self, owner: Owner) -> datetime | None:
        """The first instant at which a person who is away now is there again; None for who is there."""
        away = self.away(owner)
        return None if away is None else self._midnight(owner, away.last + DAY)

    def leaves(self, owner: Owner) -> datetime | None:
        """The first instant of the person's next absence; None when team.yaml has none to come."""
        person = self.person(owner)
        today = self.today(owner)
        coming = [absence.first for absence in (person.away if person else ()) if absence.first > today]
        return self._midnight(owner, min(coming)) if coming else None

    def _midnight(self, owner: Owner, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone(owner)).astimezone(UTC)


def cover_for(staff: Staff, owner: Owner, due: datetime) -> Cover | None:
    """Who does a task that is due while its owner is away: their cover, else their manager.

    None when the owner is there or back in time, or when neither of the two is there to do it.
    """
    away, back = staff.away(owner), staff.back(owner)
    if away is None or back is None or due >= back:
        return None
    for taker in _covers(staff, owner):
        if not staff.absent(taker):
            return Cover(taker, owner, away.first, away.last)
    return None


def cover_back(staff: Staff, owner: Owner, due: datetime) -> datetime | None:
    """The first instant at which somebody is back who could do a task that nobody does while its owner is away."""
    back = staff.back(owner)
    if back is None or due >= back or cover_for(staff, owner, due) is not None:
        return None
    return min((at for taker in _covers(staff, owner) if (at := staff.back(taker)) is not None), default=None)


def _covers(staff: Staff, owner: Owner) -> Sequence[Owner]:
    """Who may do a person's tasks for them, the first first: their cover, their manager."""
    person = staff.person(owner)
    named = staff.named(person.cover) if person is not None and person.cover is not None else None
    found = (named, staff.manager(owner.id))
    return [taker for taker in found if taker is not None and taker.id != owner.id and staff.works(taker)]


def owner_chain(state: RecordState) -> Sequence[str]:
    """The ids of everybody who owned the record, first to last, its present owner included; an undone turn is none."""
    moves = without_undone([change for change in state.changes if change.field == "owner"])
    values = [value for change in moves for value in (change.old, change.new)] + [state.record.owner]
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))
