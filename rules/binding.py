"""The rules put together with one CRM: its spelling of statuses, its users for people, its queues and enrolments.

A rule that asks for something the CRM does not have or show is quarantined by name; the others run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.domain.errors import Problem
from connector.domain.model import CrmSchema, Owner, Record, Value
from rules.actions import EnrollAction, TaskAction
from rules.basics import Place
from rules.calendar import WorkCalendar
from rules.compare import shown
from rules.model import FieldTest, Rule, RuleSet, ScoreLine, barring_of, leaves, wanted_of
from rules.team import Person, Team
from rules.words import Words, queue_named
from rules.zones import zone_name

_NOWHERE = Place("", 0, 0)


@dataclass(frozen=True, slots=True)
class Binding:
    """The rules that can run on this CRM, with their words in the CRM's spelling, and who is who."""

    rules: tuple[Rule, ...] = ()
    schema: CrmSchema | None = None
    owners: Mapping[str, Owner] = field(default_factory=dict)
    """Users and queues by id."""
    people: Mapping[str, Owner] = field(default_factory=dict)
    """The user whom team.yaml calls by this name."""
    persons: Mapping[str, Person] = field(default_factory=dict)
    """Whom team.yaml means by the user with this id."""
    pools: Mapping[str, tuple[Owner, ...]] = field(default_factory=dict)
    """A pool's members whom the CRM knows, in the pool's order."""
    enrolling: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Rule id: the names it enrolls in; only rules that enroll."""
    asking: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Rule id: the positions of its tasks to call or to write; only rules that have some."""

    scores: tuple[ScoreLine, ...] = ()
    """The lines of scores, with their words in the CRM's spelling."""

    alike: Mapping[int, int] = field(default_factory=dict)
    """A number for each leaf that asks what a leaf of another rule asks, too, by the leaf's `id`; equal ones share it."""

    words: Mapping[str, str] = field(default_factory=dict)
    """Our word for a status, under the CRM's spelling of it in small letters."""

    def told(self, name: str, value: Value, calendar: WorkCalendar | None = None) -> str:
        """A field's value as a reason tells it: a status in our word, so that both CRMs' reasons read alike."""
        if name == "status" and isinstance(value, str):
            return self.words.get(value.casefold(), value)
        return shown(value, calendar)

    def zone_of(self, record: Record) -> str | None:
        """The zone of a rule's clock on a record: the record's, else its owner's; None: the calendar's own."""
        value = None if "zone" in record.hidden else record.fields.get("zone")
        found = zone_name(value) if isinstance(value, str) else None
        if found is not None:
            return found
        person = self.persons.get(record.owner or "")
        return zone_name(person.zone) if person is not None and person.zone else None

    def queue(self, name: str) -> Owner | None:
        """The queue of that name or id."""
        return queue_named(self.owners.values(), name)


def bind(ruleset: RuleSet, schema: CrmSchema | None, owners: Sequence[Owner]) -> tuple[Binding, tuple[Problem, ...]]:
    """The rules bound to a CRM, and what is wrong; without a schema every word stands for itself."""
    people = _people(ruleset.team, owners)
    problems: list[Problem] = []
    rules: list[Rule] = []
    scores: list[ScoreLine] = []
    if schema is None:
        rules += ruleset.rules
        scores += ruleset.scores
    else:
        problems += _unknown_members(ruleset.team, people)
        scored = frozenset(line.kind for line in ruleset.scores)
        for rule in ruleset.rules:
            words = Words(rule, schema, owners, people, scored)
            bound = words.bound(rule)
            problems += words.problems
            rules.append(bound)
        broken = {problem.rule for problem in problems if problem.rule}
        rules = [rule for rule in rules if rule.written_id not in broken]
        for line in ruleset.scores:
            words = Words(line, schema, owners, people)
            given = words.line(line)
            problems += words.problems
            scores += () if words.problems else (given,)
    binding = Binding(
        rules=tuple(rules),
        alike=_alike(rules),
        scores=tuple(scores),
        words={value.casefold(): word for word, value in schema.statuses.items()} if schema is not None else {},
        schema=schema,
        owners={owner.id: owner for owner in owners},
        people=people,
        persons={owner.id: ruleset.team.people[name] for name, owner in people.items()},
        pools={
            pool.name: tuple(people[name] for name in pool.members if name in people)
            for pool in ruleset.team.pools.values()
        },
        enrolling={rule.id: names for rule in rules if (names := _enrolls(rule))},
        asking={rule.id: positions for rule in rules if (positions := _asks(rule))},
    )
    return binding, tuple(dict.fromkeys(problems))


def _people(team: Team, owners: Sequence[Owner]) -> Mapping[str, Owner]:
    """The user behind each person: by id, else by e-mail address, an active one before others with the same address."""
    known: dict[str, Owner] = {}
    for owner in sorted(owners, key=lambda owner: (owner.active, owner.id)):
        if owner.email and not owner.queue:
            known[owner.email.casefold()] = owner
    for owner in owners:
        known.update({each.casefold(): owner for each in (owner.id, owner.user_id) if each})
    found = ((person.name, known.get(person.crm.casefold())) for person in team.people.values())
    return {name: owner for name, owner in found if owner is not None}


def _unknown_members(team: Team, people: Mapping[str, Owner]) -> Iterator[Problem]:
    for pool in team.pools.values():
        place = pool.place or Place("team.yaml", 0, 0)
        for name in pool.members:
            if name not in people:
                text = f"pool {pool.name}: the CRM has no user for {name}, who is passed over; correct `crm` of {name}"
                yield Problem(place.file, place.line, place.column, text, code="F318", level="warning")


def _alike(rules: Iterable[Rule]) -> Mapping[int, int]:
    """Leaves of the same meaning, wherever they stand; 1, 1.0 and True are equal and yet different constants."""
    of_meaning: dict[object, list[int]] = {}
    for rule in rules:
        for root in (*wanted_of(rule), *barring_of(rule)):
            for leaf in leaves(root):
                kinds = tuple(type(value) for value in leaf.values) if isinstance(leaf, FieldTest) else ()
                key = (replace(leaf, path="", place=_NOWHERE), kinds)
                of_meaning.setdefault(key, []).append(id(leaf))
    shared = (ids for ids in of_meaning.values() if len(ids) > 1)
    return {each: number for number, ids in enumerate(shared) for each in ids}


def _enrolls(rule: Rule) -> frozenset[str]:
    return frozenset(action.name for action in rule.then if isinstance(action, EnrollAction))


def _asks(rule: Rule) -> tuple[int, ...]:
    wanted = enumerate(rule.then)
    return tuple(at for at, action in wanted if isinstance(action, TaskAction) and action.type != "todo")
