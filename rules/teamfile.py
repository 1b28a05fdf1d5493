"""Reads team.yaml: people, pools, calendars, what counts as attempt and reply, how often a record may be contacted.

A person, pool or calendar with a mistake is left out by name, and only the rules that refer to it stop. A mistake
anywhere else could change what every rule does, so it stops them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import Field, PlainValidator, ValidationError, model_validator

from connector.domain.errors import Problem
from rules import scalars
from rules.basics import Place
from rules.calendar import OFFICE, WorkCalendar
from rules.schema import PersonName, RoundRobin
from rules.shape import (
    Count,
    DateText,
    DurationText,
    Items,
    ListOf,
    Names,
    NumberText,
    Shape,
    Text,
    text_of,
    words_only,
)
from rules.team import Absence, CalendarSpec, ContactLimits, Person, Pool, Team
from rules.vocabulary import ATTEMPT_WORDS, REPLY_WORDS, RESERVED_NAMES, not_known
from rules.yamlfile import Loc, MapNode, Node, TextNode, locate, plain, read_yaml

FILE = "team.yaml"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_STOPS_ALL = "; no rule runs until this is mended"

S = TypeVar("S", bound=Shape)
Spans = tuple[tuple[time, time], ...]


@dataclass(slots=True)
class TeamFile:
    """What was read. `broken` are the names left out; `sound` is False when no rule may run."""

    team: Team = field(default_factory=lambda: Team(calendars={OFFICE.name: OFFICE}))
    problems: list[Problem] = field(default_factory=list)
    broken: frozenset[str] = frozenset()
    sound: bool = True


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(value: object) -> str:
    name = text_of(value)
    if name not in _zones():
        near = [zone for zone in sorted(_zones()) if zone.rpartition("/")[2].lower() == name.rpartition("/")[2].lower()]
        hint = f"; did you mean `{near[0]}`?" if near else "; write one such as Europe/Berlin"
        raise ValueError(f"the time zone {scalars.quoted(name)} is not known{hint}")
    return name


def _hours(value: object) -> Mapping[int, Spans]:
    """Validates `{mon-thu: "09:00-18:00", fri: ["09:00-12:00", "13:00-16:00"]}`."""
    if not isinstance(value, dict) or not value:
        raise ValueError('days and their hours are expected, such as `{mon-fri: "09:00-17:00"}`')
    hours: dict[int, Spans] = {}
    for key, raw in value.items():
        spans = sorted(scalars.span(text_of(item)) for item in (raw if isinstance(raw, list) else [raw]))
        if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
            raise ValueError(f"the hours of {scalars.quoted(key)} overlap")
        for day in _days(key):
            if day in hours:
                raise ValueError(f"the hours of {DAYS[day]} are given twice")
            hours[day] = tuple(spans)
    return hours


def _days(key: str) -> range:
    first, dash, last = key.lower().partition("-")
    for name in (first, last) if dash else (first,):
        if name not in DAYS:
            raise ValueError(not_known(name, DAYS, what="the day "))
    begin, end = DAYS.index(first), DAYS.index(last if dash else first)
    if begin > end:
        raise ValueError(f"{scalars.quoted(key)} runs backwards; a week begins on monday")
    return range(begin, end + 1)


Zone = Annotated[str, PlainValidator(_zone)]


class Away(Shape):
    where: ClassVar[str] = "an absence"
    from_: DateText = Field(alias="from")
    to: DateText

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to < self.from_:
            raise ValueError(f"an absence ends ({self.to}) before it begins ({self.from_})")
        return self


class PersonShape(Shape):
    where: ClassVar[str] = "a person"
    crm: Text
    manager: PersonName | None = None
    zone: Zone | None = None
    away: Items[Away] = Field(default_factory=list)
    skills: ListOf[Text] = Field(default_factory=list)
    daily: Count | None = None
    weight: NumberText | None = None


class PoolShape(Shape):
    where: ClassVar[str] = "a pool"
    members: ListOf[PersonName]
    how: RoundRobin = "round_robin"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = next((name for name in self.members if self.members.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{scalars.quoted(twice)} is a member twice")
        return self


class CalendarShape(Shape):
    where: ClassVar[str] = "a calendar"
    zone: Zone
    hours: Annotated[Mapping[int, Spans], PlainValidator(_hours)]
    holidays: Text | None = None
    closed: ListOf[DateText] = Field(default_factory=list)


class CountsShape(Shape):
    where: ClassVar[str] = "counts"
    may_be_empty: ClassVar[bool] = True
    attempt: ListOf[Annotated[str, words_only(*ATTEMPT_WORDS)]] = Field(default_factory=lambda: list(ATTEMPT_WORDS))
    reply: ListOf[Annotated[str, words_only(*REPLY_WORDS)]] = Field(default_factory=lambda: list(REPLY_WORDS))


class ContactShape(Shape):
    where: ClassVar[str] = "contact"
    may_be_empty: ClassVar[bool] = True
    min_gap: DurationText | None = None
    max_per_week: Count | None = None


class TeamShape(Shape):
    """The top of team.yaml; its people, pools and calendars are validated one by one."""

    where: ClassVar[str] = "team.yaml"
    may_be_empty: ClassVar[bool] = True
    people: object = None
    pools: object = None
    calendars: object = None
    counts: CountsShape = Field(default_factory=CountsShape)
    contact: ContactShape = Field(default_factory=ContactShape)


def load_team(folder: Path) -> TeamFile:
    """The team of a workspace; without a team.yaml nobody is known and the calendar `office` is the built-in one."""
    path = folder / FILE
    if not path.exists():
        return TeamFile()
    found = read_yaml(path)
    faults = [Problem(FILE, fault.line, fault.column, fault.message + _STOPS_ALL) for fault in found.faults]
    if not isinstance(found.root, MapNode):
        problem = Problem(FILE, 1, 1, "keys and values are expected, such as `people:`" + _STOPS_ALL)
        return TeamFile(problems=faults or [problem], sound=False)
    reader = _TeamReader(found.root, faults)
    team = reader.team()
    return TeamFile(team, reader.problems, frozenset(reader.broken), reader.sound and not found.faults)


def told(error: ValidationError, node: Node, file: str, loc: Loc = (), rule: str | None = None) -> Iterator[Problem]:
    """A failed validation as problems with their places; `loc` is where the validated part stands in the tree."""
    for detail in error.errors(include_url=False):
        line, column = locate(node, (*loc, *detail["loc"]), key=detail["type"] == "word")
        said = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else detail["msg"]
        yield Problem(file, line, column, said, rule)


class _TeamReader:
    """Reads one team.yaml and keeps what is wrong with it."""

    def __init__(self, root: MapNode, faults: list[Problem]) -> None:
        self.root = root
        self.problems = faults
        self.broken: set[str] = set()
        self.sound = True
        self.names = Names(people=tuple(self.section("people")))

    def team(self) -> Team:
        shape = self.top()
        people = dict(self.people())
        pools = dict(self.pools(people))
        calendars = dict(self.calendars()) if "calendars" in self.root.entries else {OFFICE.name: OFFICE}
        limits = ContactLimits(shape.contact.min_gap, shape.contact.max_per_week)
        return Team(people, pools, calendars, tuple(shape.counts.attempt), tuple(shape.counts.reply), limits)

    def top(self) -> TeamShape:
        """The sections that are not read item by item."""
        value = {key: plain(entry.value) for key, entry in self.root.entries.items()}
        try:
            return TeamShape.model_validate(value, context=self.names)
        except ValidationError as error:
            for problem in told(error, self.root, FILE):
                self.refuse(problem.line, problem.column, problem.message)
            return TeamShape()

    def refuse(self, line: int, column: int, message: str) -> None:
        self.problems.append(Problem(FILE, line, column, message + _STOPS_ALL))
        self.sound = False

    def section(self, name: str) -> Mapping[str, tuple[Node, Place]]:
        """The items of a section with the places of their names."""
        entry = self.root.entries.get(name)
        if entry is None:
            return {}
        if isinstance(entry.value, TextNode) and not entry.value.text:
            return {}  # the name of a section whose items are all commented out
        if not isinstance(entry.value, MapNode):
            self.refuse(entry.value.line, entry.value.column, f"`{name}`: names are expected, each with its keys")
            return {}
        items = entry.value.entries
        return {key: (item.value, Place(FILE, item.line, item.column)) for key, item in items.items()}

    def items(self, section: str, kind: type[S]) -> Iterator[tuple[str, S, Place]]:
        """The valid items of a section; a broken one is noted by name."""
        for name, (node, place) in self.section(section).items():
            try:
                yield name, kind.model_validate(plain(node), context=self.names), place
            except ValidationError as error:
                self.broken.add(name)
                self.problems += told(error, self.root, FILE, (section, name))

    def leave_out(self, name: str, place: Place, message: str) -> None:
        self.broken.add(name)
        self.problems.append(Problem(FILE, place.line, place.column, message))

    def people(self) -> Iterator[tuple[str, Person]]:
        logins: dict[str, str] = {}
        for name, shape, place in self.items("people", PersonShape):
            other = logins.setdefault(shape.crm.lower(), name)
            if name in RESERVED_NAMES:
                self.leave_out(name, place, f"`{name}` means something else in rules; give the person another name")
            elif other != name:
                self.leave_out(name, place, f"`{name}` has the same `crm` as `{other}`; one person has one name")
            else:
                away = tuple(Absence(absence.from_, absence.to) for absence in shape.away)
                yield name, Person(name, shape.crm, shape.manager, shape.zone, away, place)

    def pools(self, people: Mapping[str, Person]) -> Iterator[tuple[str, Pool]]:
        for name, shape, place in self.items("pools", PoolShape):
            missing = next((member for member in shape.members if member not in people), None)
            if missing is not None:
                self.leave_out(name, place, f"the member `{missing}` of the pool `{name}` has a mistake above")
            else:
                yield name, Pool(name, tuple(shape.members), place)

    def calendars(self) -> Iterator[tuple[str, CalendarSpec]]:
        for name, shape, place in self.items("calendars", CalendarShape):
            spec = CalendarSpec(name, shape.zone, shape.hours, shape.holidays, tuple(shape.closed), place)
            try:
                WorkCalendar(spec)
            except ValueError as error:
                self.leave_out(name, place, str(error))
            else:
                yield name, spec
