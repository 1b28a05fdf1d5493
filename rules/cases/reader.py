"""Reads the cases of rule files: shapes into plain data, clock times into instants, and every mistake with its place.

A case with a mistake is left out, and stops neither a rule nor another case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from connector.domain.errors import Problem
from connector.domain.model import KINDS, Kind
from rules.basics import Place
from rules.calendar import OFFICE, calendars_of
from rules.cases.happen import Clock, checks_of, events_of
from rules.cases.model import NOBODY, SOMEBODY, Case, Expectation, Subject
from rules.cases.shape import CaseShape, SubjectShape
from rules.loader import Loaded
from rules.model import Rule
from rules.refusal import CASE
from rules.rulefile import CaseList
from rules.team import Absence
from rules.teamfile import told
from rules.vocabulary import not_known
from rules.yamlfile import Node, locate, plain, shown

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cases:
    """The sound cases in the order of file and line, what is wrong with the others, and how many were left out.

    `passed_over` are cases of rules that do not run because of a mistake of their own, or of their file.
    """

    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]
    passed_over: int = 0


def read_cases(loaded: Loaded) -> Cases:
    """Read the cases of a workspace's rule files."""
    book = _Book(loaded)
    cases: list[Case] = []
    problems: list[Problem] = []
    passed_over = 0
    for of_file in loaded.tests:
        for node in of_file.node.items:
            reader = _CaseReader(of_file, node, book)
            case = reader.read()
            problems += reader.problems
            passed_over += reader.passed_over
            cases += [case] if case is not None and not reader.problems else []
    return Cases(tuple(cases), tuple(problems), passed_over)


class _Book:
    """The rules that cases may speak of, by their ids and their cadences' ids."""

    def __init__(self, loaded: Loaded) -> None:
        ruleset = loaded.ruleset
        self.rules: dict[str, Rule] = {}
        self.first_of: dict[str, Rule] = {}
        for rule in ruleset.rules:
            self.first_of.setdefault(rule.place.file, rule)
            if rule.step is not None:
                self.rules.setdefault(rule.step.cadence, rule)
            self.rules[rule.id] = rule
        self.quarantined = loaded.quarantined
        self.complete = not any(problem.level == "error" and problem.rule is None for problem in loaded.problems)
        """Whether no file was left out as a whole, whose rules nobody knows then."""
        self.zones: Mapping[str, ZoneInfo] = {
            name: calendar.zone for name, calendar in calendars_of(ruleset.team).items()
        }

    def zone(self, rule: str | None, file: str) -> ZoneInfo:
        """In which the case's clock times are meant: that of its rule's calendar, else of the file's first rule."""
        known = self.rules.get(rule or "") or self.first_of.get(file)
        name = known.calendar if known is not None else OFFICE.name
        return self.zones.get(name) or next(iter(self.zones.values()), ZoneInfo("UTC"))


class _CaseReader:
    """Reads one case and keeps what is wrong with it."""

    def __init__(self, of_file: CaseList, node: Node, book: _Book) -> None:
        self.of_file = of_file
        self.node = node
        self.book = book
        self.problems: list[Problem] = []
        self.passed_over = False

    def read(self) -> Case | None:
        raw = plain(self.node)
        kind = next((kind for kind in KINDS if isinstance(raw, dict) and kind in raw), self.of_file.names.kind)
        try:
            shape = CaseShape.model_validate(raw, context=replace(self.of_file.names, kind=kind))
        except ValidationError as error:
            self.problems += told(error, self.node, self.of_file.file)
            return None
        for loc, rule in self.named(shape):
            self.known(rule, loc, kind)
        if self.problems or self.passed_over:
            return None
        return self.case(shape)

    def problem(self, message: str, *loc: str | int) -> None:
        self.problem_at(self.place(*loc), message)

    def problem_at(self, place: Place, message: str) -> None:
        self.problems.append(Problem(place.file, place.line, place.column, message, code=CASE))

    def place(self, *loc: str | int) -> Place:
        return Place(self.of_file.file, *locate(self.node, loc))

    def named(self, shape: CaseShape) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """The rules that the case names, and where."""
        found: list[tuple[tuple[str | int, ...], str]] = []
        if shape.rule is not None:
            found.append((("rule",), shape.rule))
        found += [(("expect", at, "rule"), each.rule) for at, each in enumerate(shape.expect) if each.rule is not None]
        return found

    def known(self, rule: str, loc: tuple[str | int, ...], kind: str) -> None:
        """A rule that is named must be there, and speak of records like the case's."""
        found = self.book.rules.get(rule)
        if found is None and (rule in self.book.quarantined or not self.book.complete):
            self.passed_over = True
        elif found is None:
            self.problem(not_known(rule, self.book.rules, what="the rule "), *loc)
        elif found.kind != kind:
            self.problem(
                f"the rule `{shown(rule)}` is about a {found.kind}; write `{found.kind}:` for the record", *loc
            )

    def case(self, shape: CaseShape) -> Case | None:
        zone = self.book.zone(shape.rule, self.of_file.file)
        clock = Clock(zone, self.problem)
        subject = self.subject(shape, clock)
        events = events_of(shape, clock, self.place)
        expectations = tuple(
            Expectation(
                clock.at(each.at, "expect", at, "at"),
                tuple(checks_of(each, clock, self.place("expect", at), ("expect", at))),
                self.place("expect", at),
                each.rule or shape.rule,
            )
            for at, each in enumerate(shape.expect)
        )
        if subject is None or self.problems:
            return None
        instants = [*((event.at, event.place) for event in events), *((each.at, each.place) for each in expectations)]
        for place in dict.fromkeys(place for at, place in instants if at < subject.created):
            self.problem_at(place, f"the {subject.kind} is created later than this")
        return Case(
            place=self.place(),
            subject=subject,
            expectations=expectations,
            zone=zone,
            events=events,
            rule=shape.rule,
            name=shape.name or "",
            away={name: tuple(Absence(each.from_, each.to) for each in spans) for name, spans in shape.away.items()},
            inactive=frozenset(shape.inactive),
            loads=shape.loads,
            rules=shape.with_,
        )

    def subject(self, shape: CaseShape, clock: Clock) -> Subject | None:
        """The record as it is when the case begins."""
        kind, record = _record(shape)
        if record.created is None and record.assigned is None:
            self.problem('`created` is missing: say when it came, such as `created: "2026-03-02 09:00"`', kind)
            return None
        assigned = None if record.assigned is None else clock.at(record.assigned, kind, "assigned")
        created = None if record.created is None else clock.at(record.created, kind, "created")
        if created is None and assigned is not None:
            created = assigned - len(record.previous_owners) * DAY
        assert created is not None  # noqa: S101 - one of the two is given
        assigned = assigned or created
        if assigned < created:
            self.problem("`assigned` comes before `created`; a record is created first", kind, "assigned")
        if record.previous_owners and assigned == created:
            self.problem("`previous_owners` need time: write a `created` before `assigned`", kind, "previous_owners")
        return Subject(
            kind=kind,
            created=created,
            owners=_owners(record, created, assigned, next(iter(self.of_file.names.people), SOMEBODY)),
            fields=dict(record.fields),
            hidden=frozenset(record.hidden),
            enrolled=tuple(record.enrolled),
        )


def _record(shape: CaseShape) -> tuple[Kind, SubjectShape]:
    records: Mapping[Kind, SubjectShape | None] = {"lead": shape.lead, "contact": shape.contact, "deal": shape.deal}
    return next((kind, record) for kind, record in records.items() if record is not None)


def _owners(
    record: SubjectShape, created: datetime, assigned: datetime, first: str
) -> tuple[tuple[datetime, str], ...]:
    """Who owned the record from when on; `first` owns it when nobody is named."""
    before = record.previous_owners or ([NOBODY] if assigned > created else [])
    step = (assigned - created) / max(1, len(before))
    chain = [(created + step * number, name) for number, name in enumerate(before)]
    return (*chain, (assigned.astimezone(UTC), record.owner or first))
