"""Reads a workspace's rule files and team into a `RuleSet`, and lists everything that is wrong, with its place.

A broken rule is left out by name and the others run. What could change more than one rule (a file's defaults, what
team.yaml counts) stops all rules it could change: a guard that cannot be read must not be taken for absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from connector.domain.errors import Problem
from connector.domain.model import Kind
from rules import lint
from rules import schema as shapes
from rules.basics import NO_WAIT, Place
from rules.meaning import Reader, durations, limit
from rules.model import AnyOf, Condition, Limit, Rule, RuleSet
from rules.shape import Names
from rules.teamfile import TeamFile, load_team, told
from rules.vocabulary import not_known
from rules.yamlfile import ListNode, MapNode, Node, TextNode, YamlFile, plain, read_yaml, shown

FOLDER = "rules"
MAX_RULES = 2_000
DEFAULT_CALENDAR = "office"

_STOPS_FILE = "; no rule of this file runs until this is mended"
_NEED_ONCE = ("reassign", "enroll")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rules that run, and everything that is wrong in the files, in the order of file and line."""

    ruleset: RuleSet
    problems: tuple[Problem, ...]

    @property
    def quarantined(self) -> frozenset[str]:
        """The ids of the rules that do not run because of a mistake of their own."""
        return frozenset(problem.rule for problem in self.problems if problem.rule)


@dataclass(frozen=True, slots=True)
class _Found:
    """A rule that stands in a file: its id, where that is written, and its meaning unless it is broken."""

    id: str
    place: Place
    rule: Rule | None


def load_rules(
    folder: Path, *, default_limit: Limit | None = None, enrollments: frozenset[str] | None = None
) -> Loaded:
    """Read `team.yaml` and `rules/*.yaml` of a workspace; `enrollments` are followup.yaml's names, None: not checked."""
    team = load_team(folder)
    problems = list(team.problems)
    found: list[_Found] = []
    paths = _rule_files(folder)
    if not paths:
        problems.append(Problem(FOLDER, 0, 0, "no rule file is here; write one such as rules/follow-up.yaml"))
    for path in paths:
        reader = _FileReader(f"{FOLDER}/{path.name}", read_yaml(path), team, enrollments, MAX_RULES - len(found))
        found += reader.read()
        problems += reader.problems
    problems += _twice(found)
    problems += lint.check(each.rule for each in found if each.rule)
    broken = {problem.rule for problem in problems if problem.rule}
    rules = tuple(each.rule for each in found if each.rule and each.id not in broken) if team.sound else ()
    ruleset = RuleSet(rules, team.team) if default_limit is None else RuleSet(rules, team.team, default_limit)
    unique = dict.fromkeys(problems)
    return Loaded(ruleset, tuple(sorted(unique, key=lambda problem: (problem.file, problem.line, problem.column))))


def _rule_files(folder: Path) -> list[Path]:
    try:
        paths = [path for path in (folder / FOLDER).iterdir() if path.suffix in (".yaml", ".yml")]
    except OSError:
        return []
    return sorted((path for path in paths if not path.name.startswith(".")), key=lambda path: path.name)


def _twice(found: Iterable[_Found]) -> Iterator[Problem]:
    """Rules that share an id: none of them runs, since nobody can say to which one the history belongs."""
    places: dict[str, list[Place]] = {}
    for each in found:
        places.setdefault(each.id, []).append(each.place)
    for name, spots in places.items():
        for spot in spots if len(spots) > 1 else ():
            other = next(place for place in spots if place != spot)
            message = f"the id `{shown(name)}` is also in {other.file}:{other.line}; every rule has its own"
            yield Problem(spot.file, spot.line, spot.column, message, name)


class _FileReader:
    """Reads one rule file and keeps what is wrong with it."""

    def __init__(
        self, file: str, source: YamlFile, team: TeamFile, enrollments: frozenset[str] | None, room: int
    ) -> None:
        self.file = file
        self.source = source
        self.room = room
        self.problems: list[Problem] = []
        self.sound = True
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

    def read(self) -> list[_Found]:
        """Every rule of the file that has an id."""
        root = self.source.root
        self.faults(root)
        if not isinstance(root, MapNode):
            if not self.problems:
                self.refuse(1, 1, "keys and values are expected: `version: 1`, then `rules:` with a list of rules")
            return []
        self.top(root)
        self.read_defaults(root)
        found = [each for each in self.rules(root) if each.id]
        return found if self.sound else [replace(each, rule=None) for each in found]

    def refuse(self, line: int, column: int, message: str) -> None:
        """A mistake that concerns every rule of the file."""
        self.problems.append(Problem(self.file, line, column, message + _STOPS_FILE))
        self.sound = False

    def faults(self, root: Node | None) -> None:
        """What YAML has against the file: one rule stops when the fault is inside it, else the file."""
        for fault in self.source.faults:
            inside = fault.loc[:1]
            if inside == ("rules",) and len(fault.loc) > 1 and isinstance(root, MapNode):
                items = root.entries["rules"].value if "rules" in root.entries else None
                index = fault.loc[1]
                item = items.items[index] if isinstance(items, ListNode) and isinstance(index, int) else None
                name = _id(item)
                if name:
                    self.problems.append(Problem(self.file, fault.line, fault.column, fault.message, name))
                    continue
            self.refuse(fault.line, fault.column, fault.message)

    def top(self, root: MapNode) -> None:
        try:
            shapes.FileShape.model_validate(plain(root), context=self.names)
        except ValidationError as error:
            for problem in told(error, root, self.file):
                self.refuse(problem.line, problem.column, problem.message)

    def read_defaults(self, root: MapNode) -> None:
        entry = root.entries.get("defaults")
        if entry is None:
            return
        names = replace(self.names, kind=_kind(entry.value, "lead"))
        try:
            self.defaults = shapes.Defaults.model_validate(plain(entry.value), context=names)
        except ValidationError as error:
            for problem in told(error, root, self.file, ("defaults",)):
                self.refuse(problem.line, problem.column, problem.message)
            return
        if self.defaults.unless is not None and isinstance(entry.value, MapNode):
            node = entry.value.entries["unless"].value
            self.default_unless = self.reader.conditions(self.defaults.unless, node, "defaults.unless")

    def rules(self, root: MapNode) -> Iterator[_Found]:
        entry = root.entries.get("rules")
        items = entry.value.items if entry is not None and isinstance(entry.value, ListNode) else ()
        for index, node in enumerate(items):
            if index >= self.room:
                self.refuse(node.line, node.column, f"the workspace has more than {MAX_RULES:,} rules")
                return
            name = _id(node)
            problems = list(self.checks(node, name))
            rule = None
            try:
                names = replace(self.names, kind=_kind(node, self.defaults.for_))
                shape = shapes.RuleShape.model_validate(plain(node), context=names)
            except ValidationError as error:
                problems += told(error, root, self.file, ("rules", index), name)
            else:
                problems += self.calendar(shape, node)
                rule = None if problems or not isinstance(node, MapNode) else self.rule(shape, node)
            self.problems += problems
            yield _Found(name or "", self.id_place(node), rule)

    def id_place(self, node: Node) -> Place:
        return self.reader.place(
            node.entries["id"].value if isinstance(node, MapNode) and "id" in node.entries else node
        )

    def checks(self, node: Node, name: str | None) -> Iterator[Problem]:
        """What a rule must have because of what it does: seen even while other words of it are wrong."""
        entries = node.entries if isinstance(node, MapNode) else {}
        then = entries["then"].value if "then" in entries else None
        for item in then.items if isinstance(then, ListNode) and "once" not in entries else ():
            for key, entry in item.entries.items() if isinstance(item, MapNode) else ():
                if key in _NEED_ONCE:
                    message = f"`{key}` needs `once` in its rule, such as `once: per lead`, so that it is not repeated"
                    yield Problem(self.file, entry.line, entry.column, message, name)

    def calendar(self, shape: shapes.RuleShape, node: Node) -> Iterator[Problem]:
        """The calendar nobody named must be there when the rule counts working time."""
        given = shape.calendar or self.defaults.calendar
        slots = any(action.task is not None and action.task.slot for action in shape.then)
        working = [*durations(shape), *(durations(self.defaults))]
        counts = slots or any(duration.unit.startswith("business") for duration in working)
        if counts and not given and DEFAULT_CALENDAR not in self.names.calendars:
            place = self.reader.place(node)
            missing = not_known(DEFAULT_CALENDAR, self.names.calendars, "team.yaml", "the calendar ")
            message = f"this rule counts working time and names no `calendar`; {missing}"
            yield Problem(place.file, place.line, place.column, message, shape.id)

    def rule(self, shape: shapes.RuleShape, node: MapNode) -> Rule:
        """The rule's meaning, with what the file's defaults add."""
        then = node.entries["then"].value
        items = then.items if isinstance(then, ListNode) else ()
        return Rule(
            id=shape.id,
            why=shape.why,
            kind=shape.for_ or self.defaults.for_,
            when=self.reader.trigger(shape.when),
            wait=shape.wait or NO_WAIT,
            calendar=shape.calendar or self.defaults.calendar or DEFAULT_CALENDAR,
            then=tuple(self.reader.action(action, item) for action, item in zip(shape.then, items, strict=True)),
            once=shape.once,
            place=self.reader.place(node),
            if_=self.conditions(shape.if_, node, "if"),
            unless=self.unless(shape, node),
            limit=limit(shape.limit) if shape.limit else None,
            backfill=shape.backfill,
            priority=shape.priority,
        )

    def conditions(self, shape: shapes.Conditions | None, node: MapNode, key: str) -> Condition | None:
        return None if shape is None else self.reader.conditions(shape, node.entries[key].value, key)

    def unless(self, shape: shapes.RuleShape, node: MapNode) -> Condition | None:
        own = self.conditions(shape.unless, node, "unless")
        if own is None or self.default_unless is None:
            return own or self.default_unless
        return AnyOf((own, self.default_unless), "unless", own.place)


def _id(node: Node | None) -> str | None:
    entry = node.entries.get("id") if isinstance(node, MapNode) else None
    value = entry.value if entry is not None else None
    return value.text.strip() or None if isinstance(value, TextNode) else None


def _kind(node: Node, default: str) -> str:
    """The kind of record that a rule or a file's defaults speak of; the default while that is not readable."""
    entry = node.entries.get("for") if isinstance(node, MapNode) else None
    text = entry.value.text if entry is not None and isinstance(entry.value, TextNode) else default
    return text if text in get_args(Kind) else default
