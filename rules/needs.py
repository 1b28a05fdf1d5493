"""What a set of rules wants to read and write, so that a pass asks the CRM for no more than that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from connector.domain.model import Needs
from rules.actions import EnrollAction, NoteAction, ReassignAction, RuleAction, SetAction, TaskAction, UnenrollAction
from rules.basics import Template
from rules.model import Condition, EnrolledTest, FieldChange, FieldTest, QuietFor, QuietTest, Rule, leaves

ALWAYS_FIELDS = frozenset({"status", "owner", "opted_out", "do_not_call", "name", "email", "created"})
"""Read for every kind: the guards, the anchors and what a report shows."""

ALWAYS_HISTORY = frozenset({"status", "owner"})
ALWAYS_ACTIVITIES = frozenset({"call", "email", "meeting", "task"})

_ACTION_WORDS: Mapping[type[RuleAction], str] = {
    TaskAction: "task",
    ReassignAction: "reassign",
    EnrollAction: "enroll",
    UnenrollAction: "unenroll",
    SetAction: "set",
    NoteAction: "note",
}


def needs_of(rules: Sequence[Rule]) -> Needs:
    """What these rules read and write; without rules the leads, for reports."""
    kinds = frozenset(rule.kind for rule in rules) or frozenset({"lead"})
    of_kind = {kind: [rule for rule in rules if rule.kind == kind] for kind in sorted(kinds)}
    notes = {"note"} if any("note" in _counted(rule) for rule in rules) else set()
    return Needs(
        kinds=kinds,
        fields={kind: ALWAYS_FIELDS.union(*map(_read_fields, group)) for kind, group in of_kind.items()},
        history={kind: ALWAYS_HISTORY.union(*map(_watched_fields, group)) for kind, group in of_kind.items()},
        activities=ALWAYS_ACTIVITIES | notes,
        enrollments=frozenset(name for rule in rules for name in _enrollments(rule)),
        writes=frozenset(_ACTION_WORDS[type(action)] for rule in rules for action in rule.then),
        written_fields={kind: frozenset().union(*map(written_fields, group)) for kind, group in of_kind.items()},
    )


def conditions_of(rule: Rule) -> Iterator[Condition]:
    """The rule's `if` and `unless`, where it has them."""
    if rule.if_ is not None:
        yield rule.if_
    if rule.unless is not None:
        yield rule.unless


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
        elif isinstance(action, ReassignAction):
            fields.add("owner")
    return frozenset(fields)


def _read_fields(rule: Rule) -> frozenset[str]:
    mentioned = (name for template in _templates(rule.then) for name in template.fields)
    return condition_fields(rule) | _watched_fields(rule) | written_fields(rule) | frozenset(mentioned)


def _watched_fields(rule: Rule) -> frozenset[str]:
    return frozenset({rule.when.field}) if isinstance(rule.when, FieldChange) else frozenset()


def _templates(actions: Iterable[RuleAction]) -> Iterator[Template]:
    for action in actions:
        texts: tuple[Template | None, ...] = ()
        if isinstance(action, TaskAction):
            texts = (action.subject, action.body)
        elif isinstance(action, ReassignAction):
            texts = (action.note,)
        elif isinstance(action, NoteAction):
            texts = (action.text,)
        yield from (text for text in texts if text is not None)


def _counted(rule: Rule) -> frozenset[str]:
    """The words for activities whose silence the rule measures."""
    quiets = [leaf.quiet for root in conditions_of(rule) for leaf in leaves(root) if isinstance(leaf, QuietTest)]
    if isinstance(rule.when, QuietFor):
        quiets.append(rule.when)
    return frozenset(word for quiet in quiets for word in quiet.counting)


def _enrollments(rule: Rule) -> Iterator[str]:
    for root in conditions_of(rule):
        yield from (leaf.name for leaf in leaves(root) if isinstance(leaf, EnrolledTest))
    yield from (action.name for action in rule.then if isinstance(action, EnrollAction | UnenrollAction))
