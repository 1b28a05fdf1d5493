"""Reads one rule file: its rules, cadences, score lines and cases, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar, get_args

from pydantic import ValidationError

from connector.domain.errors import Problem
from connector.domain.model import Kind
from rules import schema as shapes
from rules.basics import NO_WAIT, Duration, Place
from rules.meaning import Reader, durations, limit
from rules.model import AnyOf, Condition, Rule, ScoreLine, Step, StepDone
from rules.references import Names
from rules.refusal import CALENDAR, ONCE, SHAPE, YAML
from rules.schema.actions import Doing
from rules.scorelines import score_line
from rules.shape import Shape
from rules.teamfile import TeamFile, told
from rules.vocabulary import not_known
from rules.yamlfile import Entry, ListNode, MapNode, Node, TextNode, YamlFile, plain

MAX_RULES = 2_000
DEFAULT_CALENDAR = "office"

_STOPS_FILE = "; no rule of this file runs until this is mended"
_NEED_ONCE = ("reassign", "offer", "enroll")
_OWN = ("rules", "cadences")
"""The sections in which a fault of YAML stops one item by its id, and no other."""

S = TypeVar("S", bound=Shape)


@dataclass(frozen=True, slots=True)
class Found:
    """A rule or a cadence that stands in a file: its id, where that is written, and its rules unless it is broken."""

    id: str
    place: Place
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class CaseList:
    """The `tests` of a file, as they are written; `names` has what they may refer to, and the kind of record."""

    file: str
    node: ListNode
    names: Names


class RuleFile:
    """Reads one rule file and keeps what is wrong with it. `room` is how many rules the workspace may still have."""

    def __init__(
        self, file: str, source: YamlFile, team: TeamFile, enrollments: frozenset[str] | None, room: int
    ) -> None:
        self.file = file
        self.source = source
        self.room = room
        self.problems: list[Problem] = []
        self.sound = True
        self.scores: list[ScoreLine] = []
        self.doubtful: set[str] = set()
        """The kinds of records whose score nobody can tell, because a line of theirs has a mistake."""
        self.tests: CaseList | None = None
        self.defaults = shapes.Defaults.model_validate({}, context=Names())
        self.default_unless: Condition | None = None
        known = team.team
        self.names = Names(
            people=tuple(known.people),
            pools=tuple(known.pools),
            calendars=tuple(known.calendars),
            attempts=known.attempt,
            enrollments=enrollments,
            broken=team.broken,
        )
        self.reader = Reader(file, known.attempt)

    def read(self) -> list[Found]:
        """Every rule and cadence of the file that has an id."""
        root = self.source.root
        self.faults(root)
        if not isinstance(root, MapNode):
            self.doubtful |= set(get_args(Kind))
            if not self.problems:
                self.refuse(1, 1, "keys and values are expected: `version: 1`, then `rules:` with a list of rules")
            return []
        self.top(root)
        self.read_defaults(root)
        both = (*self.rules(root), *self.cadences(root))
        found = sorted((each for each in both if each.id), key=lambda each: (each.place.line, each.place.column))
        self.read_scores(root)
        tests = root.entries.get("tests")
        if tests is not None and isinstance(tests.value, ListNode):
            self.tests = CaseList(self.file, tests.value, replace(self.names, kind=self.defaults.for_))
        return found if self.sound else [replace(each, rules=()) for each in found]

    # -- the file as a whole -----------------------------------------------------------------------------------------

    def refuse(self, line: int, column: int, message: str, code: str = SHAPE) -> None:
        """A mistake that concerns every rule of the file."""
        self.problems.append(Problem(self.file, line, column, message + _STOPS_FILE, code=code))
        self.sound = False

    def faults(self, root: Node | None) -> None:
        """What YAML has against the file: one rule stops when the fault is inside it, else the file."""
        for fault in self.source.faults:
            section = fault.loc[0] if fault.loc else None
            if section == "tests" and len(fault.loc) > 1:
                self.problems.append(Problem(self.file, fault.line, fault.column, fault.message))
                continue  # a case changes nothing, so that a fault in one stops no rule
            if section in _OWN and len(fault.loc) > 1 and isinstance(root, MapNode):
                items = _items(root, str(section))
                index = fault.loc[1]
                name = _id(items[index]) if isinstance(index, int) and index < len(items) else None
                if name:
                    self.problems.append(Problem(self.file, fault.line, fault.column, fault.message, name, YAML))
                    continue
            self.refuse(fault.line, fault.column, fault.message, YAML)

    def top(self, root: MapNode) -> None:
        """The words at the top of the file; `tests` that are no list stop no rule, as a mistake in a case does not."""
        tests = root.entries.get("tests")
        of_tests = None if tests is None else (tests.value.line, tests.value.column)
        try:
            shapes.FileShape.model_validate(plain(root), context=self.names)
        except ValidationError as error:
            for problem in told(error, root, self.file):
                if (problem.line, problem.column) == of_tests:
                    self.problems.append(problem)
                else:
                    self.refuse(problem.line, problem.column, problem.message, problem.code)

    def read_defaults(self, root: MapNode) -> None:
        """What every rule of the file shares."""
        entry = root.entries.get("defaults")
        if entry is None:
            return
        names = replace(self.names, kind=_kind(entry.value, "lead"))
        try:
            self.defaults = shapes.Defaults.model_validate(plain(entry.value), context=names)
        except ValidationError as error:
            for problem in told(error, root, self.file, ("defaults",)):
                self.refuse(problem.line, problem.column, problem.message, problem.code)
            return
        if self.defaults.unless is not None and isinstance(entry.value, MapNode):
            node = entry.value.entries["unless"].value
            self.default_unless = self.reader.conditions(self.defaults.unless, node, "defaults.unless")

    def shape(self, kind: type[S], root: MapNode, section: str, index: int, name: str | None = None) -> S | None:
        """One valid item of a section; what is wrong with another is noted under its name."""
        node = _items(root, section)[index]
        try:
            names = replace(self.names, kind=_kind(node, self.defaults.for_))
            return kind.model_validate(plain(node), context=names)
        except ValidationError as error:
            self.problems += told(error, root, self.file, (section, index), name)
            return None

    def counted(self, root: MapNode, section: str) -> Iterator[tuple[int, Node]]:
        """The items of a section, as far as the workspace has room for them."""
        for index, node in enumerate(_items(root, section)):
            steps = _items(node, "steps") if isinstance(node, MapNode) and section == "cadences" else ()
            self.room -= max(1, len(steps))
            if self.room < 0:
                self.refuse(node.line, node.column, f"the workspace has more than {MAX_RULES:,} rules")
                return
            yield index, node

    # -- rules -------------------------------------------------------------------------------------------------------

    def rules(self, root: MapNode) -> Iterator[Found]:
        """The rules of the file."""
        for index, node in self.counted(root, "rules"):
            name = _id(node)
            before = len(self.problems)
            self.problems += self.unrepeated(node, name)
            shape = self.shape(shapes.RuleShape, root, "rules", index, name)
            if shape is not None:
                self.problems += self.calendar(shape, shape.when, shape.calendar, node, shape.id)
            rules: tuple[Rule, ...] = ()
            if shape is not None and isinstance(node, MapNode) and len(self.problems) == before:
                rules = (self.rule(shape, node),)
            yield Found(name or "", self.id_place(node), rules)

    def id_place(self, node: Node) -> Place:
        return self.reader.place(
            node.entries["id"].value if isinstance(node, MapNode) and "id" in node.entries else node
        )

    def unrepeated(self, node: Node, name: str | None) -> Iterator[Problem]:
        """What a rule must have because of what it does: seen even while other words of it are wrong."""
        entries = node.entries if isinstance(node, MapNode) else {}
        then = _items(node, "then") if isinstance(node, MapNode) and "once" not in entries else ()
        for item in then:
            for key, entry in item.entries.items() if isinstance(item, MapNode) else ():
                if key in _NEED_ONCE:
                    message = f"`{key}` needs `once` in its rule, such as `once: per lead`, so that it is not repeated"
                    yield Problem(self.file, entry.line, entry.column, message, name, ONCE)

    def calendar(
        self, shape: Shape, when: shapes.Trigger, given: str | None, node: Node, name: str
    ) -> Iterator[Problem]:
        """The calendar nobody named must be there when working time counts."""
        working = [*durations(shape), *durations(self.defaults)]
        counts = when.every is not None or _has_slot(shape) or any(map(_is_working, working))
        if counts and not (given or self.defaults.calendar) and DEFAULT_CALENDAR not in self.names.calendars:
            place = self.reader.place(node)
            missing = not_known(DEFAULT_CALENDAR, self.names.calendars, "team.yaml", "the calendar ")
            what = "cadence" if isinstance(shape, shapes.CadenceShape) else "rule"
            message = f"this {what} counts working time and names no `calendar`; {missing}"
            yield Problem(place.file, place.line, place.column, message, name, CALENDAR)

    def rule(self, shape: shapes.RuleShape, node: MapNode) -> Rule:
        """The rule's meaning, with what the file's defaults add."""
        items = _items(node, "then")
        then = tuple(self.reader.action(action, item) for action, item in zip(shape.then, items, strict=True))
        return replace(
            self.frame(shape, node),
            id=shape.id,
            when=self.reader.trigger(shape.when),
            wait=shape.wait or NO_WAIT,
            then=then,
        )

    def frame(self, shape: shapes.RuleShape | shapes.CadenceShape, node: MapNode) -> Rule:
        """What a rule and a cadence have in common; who calls fills in the id, the clock and the actions."""
        start = shape.when if isinstance(shape, shapes.RuleShape) else shape.start
        return Rule(
            id=shape.id,
            why=shape.why,
            kind=shape.for_ or self.defaults.for_,
            when=self.reader.trigger(start),
            wait=NO_WAIT,
            calendar=shape.calendar or self.defaults.calendar or DEFAULT_CALENDAR,
            then=(),
            once=shape.once,
            place=self.reader.place(node),
            if_=self.conditions(shape.if_, node, "if"),
            unless=self.unless(shape.unless, node),
            limit=limit(shape.limit) if shape.limit else None,
            backfill=shape.backfill,
            priority=shape.priority,
            contact=shape.contact,
        )

    def conditions(
        self, shape: shapes.Conditions | None, node: MapNode, key: str, prefix: str = ""
    ) -> Condition | None:
        return None if shape is None else self.reader.conditions(shape, node.entries[key].value, prefix + key)

    def unless(self, shape: shapes.Conditions | None, node: MapNode) -> Condition | None:
        own = self.conditions(shape, node, "unless")
        if own is None or self.default_unless is None:
            return own or self.default_unless
        return AnyOf((own, self.default_unless), "unless", own.place)

    # -- cadences ----------------------------------------------------------------------------------------------------

    def cadences(self, root: MapNode) -> Iterator[Found]:
        """The cadences of the file, each as the rules of its steps; one broken step stops all of them."""
        for index, node in self.counted(root, "cadences"):
            name = _id(node)
            before = len(self.problems)
            shape = self.shape(shapes.CadenceShape, root, "cadences", index, name)
            if shape is not None:
                self.problems += self.calendar(shape, shape.start, shape.calendar, node, shape.id)
            rules: tuple[Rule, ...] = ()
            if shape is not None and isinstance(node, MapNode) and len(self.problems) == before:
                rules = tuple(self.steps(shape, node))
            yield Found(name or "", self.id_place(node), rules)

    def steps(self, shape: shapes.CadenceShape, node: MapNode) -> Iterator[Rule]:
        """A cadence is shorthand for rules: ID/1 starts as the cadence does, each other one after the step before."""
        frame = self.frame(shape, node)
        stop = self.conditions(shape.stop, node, "stop")
        for number, (step, item) in enumerate(zip(shape.steps, _items(node, "steps"), strict=True), 1):
            assert isinstance(item, MapNode)  # noqa: S101 - a step is a mapping, or its shape is not valid
            own = (
                self.conditions(step.if_, item, "if", "step."),
                self.conditions(step.unless, item, "unless", "step."),
            )
            yield replace(
                frame,
                id=f"{shape.id}/{number}",
                why=step.why or shape.why,
                when=frame.when if number == 1 else StepDone(f"{shape.id}/{number - 1}"),
                wait=step.after or NO_WAIT,
                then=self.reader.step_actions(step, item),
                place=self.reader.place(item),
                step=Step(shape.id, number, len(shape.steps), stop, *own),
            )

    # -- scores ------------------------------------------------------------------------------------------------------

    def read_scores(self, root: MapNode) -> None:
        """The score lines of the file; a mistake in one puts the score of its kind in doubt."""
        for index, node in enumerate(_items(root, "scores")):
            kind = _kind(node, self.defaults.for_)
            shape = self.shape(shapes.ScoreShape, root, "scores", index)
            if shape is None or not isinstance(node, MapNode) or not self.sound:
                self.doubtful.add(kind)
                continue
            line = score_line(shape, node, kind, self.reader)
            if isinstance(line, Problem):
                self.doubtful.add(kind)
                self.problems.append(line)
            else:
                self.scores.append(line)


def _items(node: Node, section: str) -> tuple[Node, ...]:
    entry: Entry | None = node.entries.get(section) if isinstance(node, MapNode) else None
    return entry.value.items if entry is not None and isinstance(entry.value, ListNode) else ()


def _is_working(duration: Duration) -> bool:
    return duration.unit.startswith("business")


def _has_slot(shape: Shape) -> bool:
    """Whether a task of a rule or cadence has hours of the day."""
    if isinstance(shape, shapes.RuleShape):
        deeds: list[Doing] = [*shape.then]
    elif isinstance(shape, shapes.CadenceShape):
        deeds = [deed for step in shape.steps for deed in (step, *(step.then or ()))]
    else:
        deeds = []
    return any(deed.task is not None and deed.task.slot is not None for deed in deeds)


def _id(node: Node | None) -> str | None:
    entry = node.entries.get("id") if isinstance(node, MapNode) else None
    value = entry.value if entry is not None else None
    return value.text.strip() or None if isinstance(value, TextNode) else None


def _kind(node: Node, default: str) -> str:
    """The kind of record that a rule or a file's defaults speak of; the default while that is not readable."""
    entry = node.entries.get("for") if isinstance(node, MapNode) else None
    text = entry.value.text if entry is not None and isinstance(entry.value, TextNode) else default
    return text if text in get_args(Kind) else default
