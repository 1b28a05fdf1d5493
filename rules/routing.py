"""Who gets a record: people of the team as the CRM knows them, and pools that hand out in turn over a ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from connector.domain.model import Assignment, Owner, RecordState
from rules.binding import Binding
from rules.team import Pool

UTC = ZoneInfo("UTC")


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

    def absent(self, owner: Owner) -> bool:
        """Whether team.yaml has this person away today, in the person's zone (UTC where none is given)."""
        person = self._binding.persons.get(owner.id)
        if person is None:
            return False
        today = self._now.astimezone(ZoneInfo(person.zone) if person.zone else UTC).date()
        return any(absence.first <= today <= absence.last for absence in person.away)


def owner_chain(state: RecordState) -> Sequence[str]:
    """The ids of everybody who owned the record, first to last, its present owner included."""
    moves = sorted((change for change in state.changes if change.field == "owner"), key=lambda change: change.at)
    values = [value for change in moves for value in (change.old, change.new)] + [state.record.owner]
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))


class Ledger:
    """Whose turn it is: per pool the people who got a record, oldest first."""

    def __init__(self, assignments: Iterable[Assignment] = ()) -> None:
        self._served: dict[str, list[str]] = {}
        for assignment in assignments:
            self.add(assignment)

    def add(self, assignment: Assignment) -> None:
        """Somebody got a record."""
        self._served.setdefault(assignment.pool, []).append(assignment.person)

    def order(self, pool: Pool) -> Sequence[str]:
        """The members in the order of their turn: from the one after the last member who got a record.

        Somebody who has left the pool is passed over, so that the turn goes on where it was before them.
        """
        members = pool.members
        last = next((name for name in reversed(self._served.get(pool.name, ())) if name in members), None)
        start = members.index(last) + 1 if last is not None else 0
        return (*members[start:], *members[:start])


def next_in_turn(pool: Pool, ledger: Ledger, staff: Staff, barred: frozenset[str]) -> tuple[str, Owner] | None:
    """The member whose turn it is and their CRM user; None when nobody is left.

    Passed over: who is unknown to the CRM, inactive, away today, or whose CRM id is barred.
    """
    for name in ledger.order(pool):
        owner = staff.named(name)
        if owner is not None and staff.works(owner) and not staff.absent(owner) and owner.id not in barred:
            return name, owner
    return None
