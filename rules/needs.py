"""What a set of rules wants to read and write, so that a pass asks the CRM for no more than that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from connector.domain.errors import Problem
from connector.domain.model import CrmSchema, Needs
from rules.actions import (
    EnrollAction,
    NoteAction,
    OfferAction,
    ReassignAction,
    RuleAction,
    SetAction,
    TaskAction,
    UnenrollAction,
)
from rules.basics import Template
from rules.model import (
    ActivityIs,
    Condition,
    EnrolledTest,
    FieldChange,
    FieldTest,
    QuietFor,
    QuietTest,
    Rule,
    ScoreCrosses,
    ScoreLine,
    leaves,
)
from rules.refusal import SCORE
from rules.team import Criterion, Team, Turn

ALWAYS_FIELDS = frozenset({"status", "owner", "opted_out", "do_not_call", "name", "email", "created"})
"""Read for every kind: the guards, the anchors and what a report shows."""

ALWAYS_HISTORY = frozenset({"status", "owner"})
ALWAYS_ACTIVITIES = frozenset({"call", "email", "meeting", "task"})

_WRITES: Mapping[type[RuleAction], tuple[str, ...]] = {
    TaskAction: ("task",),
    ReassignAction: ("reassign",),
    OfferAction: ("offer", "task", "reassign"),
    EnrollAction: ("enroll",),
    UnenrollAction: ("unenroll",),
    SetAction: ("set",),
    NoteAction: ("note",),
}
_SIGNALS = frozenset({"email_opened", "email_clicked"})
_FITTING: Mapping[Criterion, tuple[str, ...]] = {
    "industry": ("industry",),
    "history": ("company",),
    "skill": ("country", "source", "title"),
}
"""The fields by which a pool finds who fits, where the CRM shows them."""


def needs_of(
    rules: Sequence[Rule], scores: Sequence[ScoreLine] = (), team: Team | None = None, schema: CrmSchema | None = None
) -> Needs:
    """What these rules read and write; without rules the leads, for reports.

    What would help and is not missed (a record's zone, what a pool matches by) is read where the schema shows it.
    """
    kinds = frozenset(rule.kind for rule in rules) or frozenset({"lead"})
    of_kind = {kind: [rule for rule in rules if rule.kind == kind] for kind in sorted(kinds)}
    lines = {kind: [line for line in scores if line.kind == kind] for kind in kinds}
    notes = {"note"} if any("note" in _counted(rule) for rule in rules) or _notes(scores) else set()
    fields: dict[str, frozenset[str]] = {}
    history: dict[str, frozenset[str]] = {}
    for kind, group in of_kind.items():
        shown = frozenset(schema.fields.get(kind, {})) if schema is not None else frozenset()
        wished = frozenset({"zone"}).union(*(_wished(rule, team or Team(), shown) for rule in group)) & shown
        made = frozenset({"score"}) if lines[kind] else frozenset()
        read = ALWAYS_FIELDS.union(*map(_read_fields, group)) - made
        fields[kind] = read | wished | _scored_fields(lines[kind])
        crossed = any(isinstance(rule.when, ScoreCrosses) for rule in group)
        # When a made-up score rose is told from when the fields it is made of changed.
        watched = _scored_fields(lines[kind]) - {"created"} if crossed else frozenset()
        history[kind] = (ALWAYS_HISTORY.union(*map(_watched_fields, group)) - made) | watched
    return Needs(
        kinds=kinds,
        fields=fields,
        history=history,
        activities=ALWAYS_ACTIVITIES | notes,
        enrollments=frozenset(name for rule in rules for name in _enrollments(rule)) | _enrolled(scores),
        writes=frozenset(word for rule in rules for action in rule.then for word in _WRITES[type(action)]),
        written_fields={kind: frozenset().union(*map(written_fields, group)) for kind, group in of_kind.items()},
        opens=not _SIGNALS.isdisjoint(_happenings(rules, scores)),
        loads=any(how == "least_loaded" for rule in rules for how, _ in _turns(rule, team or Team())),
        companies=any("history" in criteria for rule in rules for _, criteria in _turns(rule, team or Team())),
    )


def _happenings(rules: Sequence[Rule], scores: Sequence[ScoreLine]) -> Iterator[str]:
    """The words for activities that rules wait for and scores count."""
    for rule in rules:
        yield from rule.when.types if isinstance(rule.when, ActivityIs) else ()
    yield from (line.activity for line in scores if line.activity is not None)


def _turns(rule: Rule, team: Team) -> Iterator[tuple[Turn, Sequence[Criterion]]]:
    """How the pools of a rule's actions hand out, and what `match` looks at there."""
    for action in rule.then:
        if isinstance(action, ReassignAction | OfferAction) and (pool := team.pools.get(action.pool or "")):
            how = action.how or pool.how
            yield how, (action.match or pool.match) if how == "match" else ()


def _notes(scores: Iterable[ScoreLine]) -> bool:
    quiets = (leaf.quiet for line in scores if line.if_ for leaf in leaves(line.if_) if isinstance(leaf, QuietTest))
    return any(line.activity == "note" for line in scores) or any("note" in quiet.counting for quiet in quiets)


def _enrolled(scores: Iterable[ScoreLine]) -> frozenset[str]:
    asked = (leaf for line in scores if line.if_ for leaf in leaves(line.if_) if isinstance(leaf, EnrolledTest))
    return frozenset(leaf.name for leaf in asked)


def _scored_fields(lines: Iterable[ScoreLine]) -> frozenset[str]:
    """The fields that the score of a kind is made of."""
    tests = (leaf.field for line in lines if line.if_ for leaf in leaves(line.if_) if isinstance(leaf, FieldTest))
    return frozenset(tests) | ({"value"} if any(line.per_value for line in lines) else frozenset())


def _wished(rule: Rule, team: Team, shown: Set[str]) -> frozenset[str]:
    """The fields that a rule goes by where there are any; a person may know what any field of the team's own says."""
    wished: set[str] = set()
    for action in rule.then:
        if isinstance(action, TaskAction) and action.type == "preferred":
            wished.add("prefers")
    for _, criteria in _turns(rule, team):
        wished.update(name for criterion in criteria for name in _FITTING[criterion])
        wished.update(name for name in shown if name.startswith("custom.") and "skill" in criteria)
    return frozenset(wished)


def reads_score(rule: Rule) -> bool:
    """Whether what the rule does depends on the score, or shows it."""
    first = rule.limit is not None and rule.limit.first == "score"
    return first or isinstance(rule.when, ScoreCrosses) or "score" in _mentioned(rule) | condition_fields(rule)


def without_score(rules: Iterable[Rule], doubtful: Set[str]) -> Iterator[Problem]:
    """Rules that go by the score of a kind of which a line is broken: they would act on a score that nobody meant."""
    for rule in rules:
        if rule.kind in doubtful and reads_score(rule):
            message = f"this goes by the score of a {rule.kind}, and a line of `scores` has a mistake; mend that first"
            yield Problem(rule.place.file, rule.place.line, rule.place.column, message, rule.written_id, SCORE)


def unseen_changes(rules: Iterable[Rule], scored: Set[str]) -> Iterator[Problem]:
    """Rules that wait for a change of a score that no field holds."""
    for rule in rules:
        if rule.kind in scored and isinstance(rule.when, FieldChange) and rule.when.field == "score":
            message = f"the score of a {rule.kind} is made by `scores`; write `when: {{score: {{crosses: 60}}}}`"
            yield Problem(rule.place.file, rule.place.line, rule.place.column, message, rule.written_id, SCORE)


def conditions_of(rule: Rule) -> Iterator[Condition]:
    """The rule's `if` and `unless`, its step's and its cadence's `stop`, where it has them."""
    step = rule.step
    of_step = (step.if_, step.unless, step.stop) if step is not None else ()
    yield from (each for each in (rule.if_, rule.unless, *of_step) if each is not None)


def condition_fields(rule: Rule) -> frozenset[str]:
    """The record's fields that the rule's conditions read."""
    found = (leaf.field for root in conditions_of(rule) for leaf in leaves(root) if isinstance(leaf, FieldTest))
    return frozenset(found)


def written_fields(rule: Rule) -> frozenset[str]:
    """The record's fields that the rule's actions write."""
    fields: set[str] = set()
    for action in rule.then:
        if isinstance(action, SetAction):
            fields.update(action.values)
        elif isinstance(action, ReassignAction | OfferAction):
            fields.add("owner")
    return frozenset(fields)


def _read_fields(rule: Rule) -> frozenset[str]:
    first = frozenset({rule.limit.first}) - {"oldest"} if rule.limit is not None else frozenset()
    return condition_fields(rule) | _watched_fields(rule) | written_fields(rule) | _mentioned(rule) | first


def _mentioned(rule: Rule) -> frozenset[str]:
    """The fields that the rule's texts show."""
    return frozenset(name for template in _templates(rule.then) for name in template.fields)


def _watched_fields(rule: Rule) -> frozenset[str]:
    """The fields whose changes start the rule's clock."""
    if isinstance(rule.when, ScoreCrosses):
        return frozenset({"score"})
    return frozenset({rule.when.field}) if isinstance(rule.when, FieldChange) else frozenset()


def _templates(actions: Iterable[RuleAction]) -> Iterator[Template]:
    for action in actions:
        texts: tuple[Template | None, ...] = ()
        if isinstance(action, TaskAction):
            texts = (action.subject, action.body)
        elif isinstance(action, ReassignAction | OfferAction):
            texts = (action.note,)
        elif isinstance(action, NoteAction):
            texts = (action.text,)
        yield from (text for text in texts if text is not None)


def _counted(rule: Rule) -> frozenset[str]:
    """The words for activities that the rule waits for, or whose silence it measures."""
    quiets = [leaf.quiet for root in conditions_of(rule) for leaf in leaves(root) if isinstance(leaf, QuietTest)]
    if isinstance(rule.when, QuietFor):
        quiets.append(rule.when)
    happened = rule.when.types if isinstance(rule.when, ActivityIs) else ()
    return frozenset((*happened, *(word for quiet in quiets for word in quiet.counting)))


def _enrollments(rule: Rule) -> Iterator[str]:
    for root in conditions_of(rule):
        yield from (leaf.name for leaf in leaves(root) if isinstance(leaf, EnrolledTest))
    yield from (action.name for action in rule.then if isinstance(action, EnrollAction | UnenrollAction))
