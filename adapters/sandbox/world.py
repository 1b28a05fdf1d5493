"""A seeded sales team and its prospects, who live a working day at a time in either sandbox.

The same seed tells the same story to both CRMs: every choice hangs on the prospect's number and the day, never on an
id or on the order in which a CRM lists things. People work through the tasks they find; nobody here follows up unasked,
which is how it is.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.org import Org

Ending = Literal["interested", "not_now", "never_again", "silent"]

ZONE = ZoneInfo("Europe/Berlin")
"""Where the team works."""

REPS: Mapping[str, str] = {"ana": "Ana Ferreira", "ben": "Ben Okafor", "cleo": "Cleo Martin"}
MANAGER = ("eva", "Eva Lindqvist")
QUEUE = "Inbound"

_FIRST = ("Mara", "Jonas", "Aylin", "Piotr", "Lena", "Tomas", "Ines", "Karim", "Nora", "Emil", "Sofia", "Luca", "Hana")
_LAST = ("Becker", "Nowak", "Rossi", "Silva", "Weber", "Novak", "Jansen", "Moreau", "Keller", "Haas", "Lund", "Costa")
_FIRMS = ("Works", "Systems", "Logistics", "Foods", "Energy", "Textiles", "Optics", "Robotics", "Pharma", "Media")


@dataclass(frozen=True)
class Prospect:
    """Somebody who may buy: who they are, when they come, how many attempts they need, and what they then say."""

    number: int
    name: str
    company: str
    source: str
    country: str
    size: int
    arrives: int
    answers_at: int
    ending: Ending

    @property
    def email(self) -> str:
        """An address under a reserved domain."""
        return f"prospect{self.number}@example.org"


def prospects(seed: int, before: int, per_day: int, days: int) -> Sequence[Prospect]:
    """`before` leads that are there already, then `per_day` new ones on each working day."""
    dice = random.Random(seed)
    arrivals = [0] * before + [day for day in range(1, days + 1) for _ in range(per_day)]
    return [_prospect(number, arrives, dice) for number, arrives in enumerate(arrivals)]


def _prospect(number: int, arrives: int, dice: random.Random) -> Prospect:
    last = dice.choice(_LAST)
    endings: Sequence[Ending] = ("interested", "interested", "not_now", "never_again", "silent", "silent")
    return Prospect(
        number=number,
        name=f"{dice.choice(_FIRST)} {last}",
        company=f"{last} {dice.choice(_FIRMS)}",
        source=dice.choice(("Web", "Phone Inquiry", "Partner Referral", "Purchased List")),
        country=dice.choice(("DE", "AT", "CH", "FR")),
        size=dice.choice((8, 40, 120, 600, 2500)),
        arrives=arrives,
        answers_at=dice.choice((1, 2, 3, 5, 7)),
        ending=dice.choice(endings),
    )


@dataclass
class World:
    """The team and its prospects in one sandbox. `statuses` maps our words to the CRM's values."""

    org: Org
    clock: SandboxClock
    statuses: Mapping[str, str]
    seed: int = 7
    before: int = 60
    per_day: int = 3
    days: int = 15
    diligence: Mapping[str, float] = field(default_factory=lambda: {"ana": 0.9, "ben": 0.7, "cleo": 0.5})
    people: dict[str, str] = field(default_factory=dict)
    leads: dict[int, str] = field(default_factory=dict)
    targets: dict[str, Mapping[str, str]] = field(default_factory=dict)
    calls: dict[int, int] = field(default_factory=dict)
    over: set[int] = field(default_factory=set)
    queue: str | None = None
    closed: Sequence[str] = ("qualified", "do_not_contact", "unqualified")

    def settle_in(self) -> None:
        """The team, its queue, its brochure, and the leads that are there before anybody followed up."""
        for name, full in {**REPS, MANAGER[0]: MANAGER[1]}.items():
            self.people[name] = self.org.add_person(full, f"{name}@example.com")
        self.queue = self.org.add_queue(QUEUE)
        self.targets["brochure"] = self.org.add_enrollment_target("Brochure")
        self.cast = prospects(self.seed, self.before, self.per_day, self.days)
        for prospect in self.cast:
            if prospect.arrives == 0:
                self._arrive(prospect)
                self._was_tried(prospect)

    def _was_tried(self, prospect: Prospect) -> None:
        """The past of a lead that is there already: called a few times in the weeks before, then forgotten."""
        start = self.clock.peek()
        tries = (0, 1, 2, 4, 5)[prospect.number % 5]
        for number in range(tries):
            self.clock.move_to(start + timedelta(days=2 * number + 1, minutes=prospect.number))
            self.org.log_call(self.leads[prospect.number], self.people[self._owner(prospect)], "no_answer")
        if tries:
            self.calls[prospect.number] = tries
            self.org.set_fields(
                self.leads[prospect.number],
                {"status": self.statuses["working"]},
                by=self.people[self._owner(prospect)],
            )
        self.clock.move_to(start)

    @staticmethod
    def _owner(prospect: Prospect) -> str:
        return list(REPS)[prospect.number % len(REPS)]

    def _arrive(self, prospect: Prospect) -> None:
        self.leads[prospect.number] = self.org.add_lead(
            {
                "name": prospect.name,
                "company": prospect.company,
                "email": prospect.email,
                "phone": f"+49 30 555 {prospect.number:04d}",
                "source": prospect.source,
                "country": prospect.country,
                "size": prospect.size,
                "status": self.statuses["new"],
                "owner": self.people[self._owner(prospect)],
            }
        )

    def day(self, number: int, date: datetime) -> None:
        """One working day, 9:15 to 16:00: new leads come in, people do some of their tasks, prospects answer."""
        self._at(date, time(9, 15))
        for prospect in self.cast:
            if prospect.arrives == number:
                self._arrive(prospect)
        self._at(date, time(10, 0))
        for prospect in self.cast:
            if prospect.number in self.leads and prospect.number not in self.over:
                self._work(prospect, number)
        self._at(date, time(16, 0))

    def _work(self, prospect: Prospect, day: int) -> None:
        lead = self.leads[prospect.number]
        dice = random.Random(f"{self.seed}/{prospect.number}/{day}")
        names = {id_: name for name, id_ in self.people.items()}
        tomorrow = self.clock.now() + timedelta(days=1)
        for task in sorted(self.org.open_tasks(lead), key=lambda task: (task.due.date(), task.type, task.subject)):
            diligent = dice.random() <= self.diligence.get(names.get(task.owner, ""), 0.6)
            if not diligent or task.due.date() > tomorrow.date():
                continue
            self.clock.move_by(timedelta(seconds=90))
            if task.type == "call":
                self._call(prospect, lead, task.id, task.owner)
            else:
                # Deciding the next step is making one: the rep notes down when to call again.
                self.org.complete_task(task.id, by=task.owner)
                again = self.clock.now() + timedelta(days=2)
                self.org.add_task(lead, task.owner, "call", f"Call {prospect.name} again", again)
            if prospect.number in self.over:
                self._close(lead)
                return

    def _close(self, lead: str) -> None:
        """Whoever has the prospect's answer clears what is left to do about it."""
        for task in self.org.open_tasks(lead):
            self.org.complete_task(task.id, by=task.owner)

    def _call(self, prospect: Prospect, lead: str, task: str, by: str) -> None:
        count = self.calls[prospect.number] = self.calls.get(prospect.number, 0) + 1
        reached = prospect.ending != "silent" and count >= prospect.answers_at
        self.org.complete_task(task, by=by, outcome="connected" if reached else "no_answer")
        if not reached:
            if count == 1:
                self.org.set_fields(lead, {"status": self.statuses["working"]}, by=by)
            return
        if prospect.ending == "interested":
            self.org.set_fields(lead, {"status": self.statuses["interested"]}, by=by)
            self.org.log_email(lead, by, "inbound", "Re: our call")
        elif prospect.ending == "not_now":
            self.org.set_fields(lead, {"status": self.statuses["nurturing"]}, by=by)
        else:
            self.org.set_fields(lead, {"status": self.statuses["do_not_contact"], "opted_out": True}, by=by)
        if prospect.ending != "interested":
            self.over.add(prospect.number)

    def _at(self, date: datetime, hour: time) -> None:
        self.clock.move_to(datetime.combine(date.date(), hour, ZONE))
