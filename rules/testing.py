"""`followup test`: plays the cases of the rule files without any CRM, and says what they cover.

Words stand for themselves: a status is the word that stands in the file, a person the name of team.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connector.domain.decision import Adoption
from connector.domain.model import Owner, Value
from rules.actions import OfferAction, ReassignAction
from rules.cases.coverage import Coverage
from rules.cases.model import QUEUE, SOMEBODY, Case
from rules.cases.play import LONG_AGO, Crew, Play
from rules.cases.result import Played, Report
from rules.cases.statuses import StatusWords
from rules.cases.world import World
from rules.model import Rule, RuleSet
from rules.needs import needs_of
from rules.rulebook import FileRulebook
from rules.vocabulary import FIELDS

GIVEN: Mapping[str, Value] = {"status": "new", "opted_out": False, "do_not_call": False}
"""What a case's record has where the case says nothing; its other fields are empty."""

_Variant = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the cases, played, and what was seen of the rules meanwhile."""

    cases: Sequence[Played]
    coverage: Coverage


def report_of(parts: Sequence[Part]) -> Report:
    """The report of all parts, in their order."""
    first, *others = parts
    for part in others:
        first.coverage.add(part.coverage)
    cases = [played for part in parts for played in part.cases]
    return Report(cases, first.coverage.rules(), first.coverage.shared())


class Bench:
    """The rules and the people with whom cases are played; `engine` as for FileRulebook.

    `statuses` is the mapping of followup.yaml (our word: the CRM's value): rules and cases may use either.
    """

    def __init__(self, ruleset: RuleSet, engine: str = "auto", statuses: Mapping[str, str] | None = None) -> None:
        self._words = StatusWords(statuses or {})
        self._ruleset = ruleset = self._words.ruleset(ruleset)
        self._engine = engine
        self._crews: dict[_Variant, Crew] = {}
        self._blank = {kind: _blank(ruleset, kind) for kind in ("lead", "contact", "deal")}
        self._first = next(iter(ruleset.team.people), SOMEBODY)

    def run(self, cases: Sequence[Case]) -> Report:
        """Play the cases, each in a world of its own."""
        return report_of([self.play(cases, self.queues(cases))])

    def queues(self, cases: Sequence[Case]) -> Sequence[str]:
        """The queues of the CRM of which the rules and these cases speak."""
        return sorted({*_queues_of_rules(self._ruleset), *(queue for case in cases for queue in _queues(case))})

    def play(self, cases: Sequence[Case], queues: Sequence[str]) -> Part:
        """Play some of the cases in a CRM that has these queues."""
        coverage = Coverage(self._ruleset.rules)
        return Part([self._play(case, queues, coverage) for case in cases], coverage)

    def _play(self, case: Case, queues: Sequence[str], coverage: Coverage) -> Played:
        coverage.next_case()
        case = self._words.case(case)
        world = World(case, self._blank[case.subject.kind], self._first)
        return Play(case, self._crew(case, queues), world, coverage).played()

    def _files(self, case: Case) -> frozenset[str]:
        """The files whose rules act in a case: its own and its rules', so that a file's cases pass wherever it is used.

        Cases that stand in a file without rules and name none are about all of them.
        """
        rules = self._ruleset.rules
        every = frozenset(rule.place.file for rule in rules)
        named = {case.rule, *(expectation.rule for expectation in case.expectations)} - {None}
        wanted = {case.place.file, *(rule.place.file for rule in rules for name in named if _of(rule, name))}
        return every if case.rules == "all" else every & wanted or every

    def _crew(self, case: Case, queues: Sequence[str]) -> Crew:
        """The rules and the people as they are in a case; most cases have the same."""
        files = self._files(case)
        variant = (tuple(sorted(case.away.items())), case.inactive, tuple(queues), files)
        crew = self._crews.get(variant)
        if crew is None:
            team = self._ruleset.team
            people = {
                name: replace(person, away=case.away.get(name, person.away)) for name, person in team.people.items()
            }
            owners = (
                *(
                    Owner(name, name, active=name not in case.inactive, user_id=each.crm)
                    for name, each in people.items()
                ),
                *(() if people else (Owner(SOMEBODY, SOMEBODY),)),
                *(Owner(QUEUE + queue, queue, queue=True) for queue in queues),
            )
            acting = tuple(rule for rule in self._ruleset.rules if rule.place.file in files)
            ruleset = replace(self._ruleset, rules=acting, team=replace(team, people=people))
            rulebook = FileRulebook(ruleset, engine=self._engine)
            rulebook.bind(None, owners)
            adoptions = {rule.id: Adoption(rule.id, LONG_AGO, baselined=True) for rule in ruleset.rules}
            crew = self._crews[variant] = Crew(rulebook, owners, adoptions)
        return crew


def _of(rule: Rule, name: str | None) -> bool:
    """Whether a case that names a rule or a cadence is about this one."""
    return rule.id == name or (rule.step is not None and rule.step.cadence == name)


def _blank(ruleset: RuleSet, kind: str) -> Mapping[str, Value]:
    """A record's fields as a CRM shows them when nobody has filled them in."""
    read = needs_of([rule for rule in ruleset.rules if rule.kind == kind]).fields.get(kind, frozenset())
    return {**dict.fromkeys((*FIELDS, *sorted(read))), **GIVEN}


def _queues_of_rules(ruleset: RuleSet) -> Iterator[str]:
    for rule in ruleset.rules:
        for action in rule.then:
            if isinstance(action, ReassignAction | OfferAction) and action.if_nobody != "hold":
                yield action.if_nobody


def _queues(case: Case) -> Iterator[str]:
    """The queues of which a case speaks."""
    words = [name for _, name in case.subject.owners]
    words += [event.value for event in case.events if event.what == "owner"]
    for expectation in case.expectations:
        for check in expectation.checks:
            words += [str(check.fields.get(name) or "") for name in ("owner", "from")]
    yield from (word.removeprefix(QUEUE) for word in words if word.startswith(QUEUE))
