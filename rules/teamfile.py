"""Reads team.yaml: people, pools, calendars, what counts as attempt and reply, how often a record may be contacted.

A person, pool or calendar with a mistake is left out by name, and only the rules that refer to it stop. A mistake
anywhere else could change what every rule does, so it stops them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from connector.domain.errors import Problem
from rules.basics import Place
from rules.calendar import OFFICE, WorkCalendar
from rules.references import Names
from rules.refusal import LEFT_OUT, SHAPE, YAML, code_of
from rules.schema.team import CalendarShape, PersonShape, PoolShape, TeamShape
from rules.shape import Shape
from rules.team import Absence, CalendarSpec, ContactLimits, Person, Pool, Team
from rules.vocabulary import RESERVED_NAMES
from rules.yamlfile import Loc, MapNode, Node, TextNode, locate, plain, read_yaml

FILE = "team.yaml"

_STOPS_ALL = "; no rule runs until this is mended"

S = TypeVar("S", bound=Shape)


@dataclass(slots=True)
class TeamFile:
    """What was read. `broken` are the names left out; `sound` is False when no rule may run."""

    team: Team = field(default_factory=lambda: Team(calendars={OFFICE.name: OFFICE}))
    problems: list[Problem] = field(default_factory=list)
    broken: frozenset[str] = frozenset()
    sound: bool = True


def load_team(folder: Path) -> TeamFile:
    """The team of a workspace; without a team.yaml nobody is known and the calendar `office` is the built-in one."""
    path = folder / FILE
    if not path.exists():
        return TeamFile()
    found = read_yaml(path)
    faults = [Problem(FILE, each.line, each.column, each.message + _STOPS_ALL, code=YAML) for each in found.faults]
    if not isinstance(found.root, MapNode):
        problem = Problem(FILE, 1, 1, "keys and values are expected, such as `people:`" + _STOPS_ALL, code=SHAPE)
        return TeamFile(problems=faults or [problem], sound=False)
    reader = _TeamReader(found.root, faults)
    team = reader.team()
    return TeamFile(team, reader.problems, frozenset(reader.broken), reader.sound and not found.faults)


def told(error: ValidationError, node: Node, file: str, loc: Loc = (), rule: str | None = None) -> Iterator[Problem]:
    """A failed validation as problems with their places; `loc` is where the validated part stands in the tree."""
    for detail in error.errors(include_url=False):
        line, column = locate(node, (*loc, *detail["loc"]), key=detail["type"] == "word")
        context = detail.get("ctx", {})
        raised = context.get("error") if detail["type"] == "value_error" else None
        said = detail["msg"] if raised is None else str(raised)
        yield Problem(file, line, column, said, rule, str(context.get("code") or code_of(raised)))


def _person(name: str, shape: PersonShape, place: Place) -> Person:
    return Person(
        name,
        shape.crm,
        shape.manager,
        shape.zone,
        tuple(Absence(absence.from_, absence.to) for absence in shape.away),
        place,
        tuple(shape.skills),
        shape.daily,
        float(shape.weight),
        shape.cover,
        shape.monthly_offers,
    )


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
                self.refuse(problem.line, problem.column, problem.message, problem.code)
            return TeamShape()

    def refuse(self, line: int, column: int, message: str, code: str = SHAPE) -> None:
        self.problems.append(Problem(FILE, line, column, message + _STOPS_ALL, code=code))
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
        self.problems.append(Problem(FILE, place.line, place.column, message, code=LEFT_OUT))

    def people(self) -> Iterator[tuple[str, Person]]:
        logins: dict[str, str] = {}
        for name, shape, place in self.items("people", PersonShape):
            other = logins.setdefault(shape.crm.lower(), name)
            if name in RESERVED_NAMES:
                self.leave_out(name, place, f"`{name}` means something else in rules; give the person another name")
            elif shape.cover == name:
                self.leave_out(name, place, f"`{name}` covers for themselves; name somebody else, or leave `cover` out")
            elif other != name:
                self.leave_out(name, place, f"`{name}` has the same `crm` as `{other}`; one person has one name")
            else:
                yield name, _person(name, shape, place)

    def pools(self, people: Mapping[str, Person]) -> Iterator[tuple[str, Pool]]:
        for name, shape, place in self.items("pools", PoolShape):
            missing = next((member for member in shape.members if member not in people), None)
            if missing is not None:
                self.leave_out(name, place, f"the member `{missing}` of the pool `{name}` has a mistake above")
            else:
                how = shape.how or ("match" if shape.match else "round_robin")
                pool = Pool(name, tuple(shape.members), place, how)
                yield name, replace(pool, match=tuple(shape.match)) if shape.match else pool

    def calendars(self) -> Iterator[tuple[str, CalendarSpec]]:
        for name, shape, place in self.items("calendars", CalendarShape):
            spec = CalendarSpec(name, shape.zone, shape.hours, shape.holidays, tuple(shape.closed), place)
            try:
                WorkCalendar(spec)
            except ValueError as error:
                self.leave_out(name, place, str(error))
            else:
                yield name, spec
