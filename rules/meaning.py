"""A validated rule with its tree becomes `rules.model`: every condition and action with its path and place.

Nothing can fail here: `rules.schema` has refused what has no meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from pydantic import BaseModel

from rules import actions, basics, model
from rules import schema as shapes
from rules.basics import Place, Scalar
from rules.model import AllOf, AnyOf, Condition, FieldOp, FieldTest, Not
from rules.schema.actions import DEEDS, Doing
from rules.team import Criterion, Turn
from rules.yamlfile import Entry, ListNode, MapNode, Node

_OPS: Mapping[str, FieldOp] = {
    "=": "in",
    "not": "not_in",
    "known": "known",
    "contains": "contains",
    "starts_with": "starts_with",
    "at_least": "at_least",
    "at_most": "at_most",
    "up_to": "at_most",
    "over": "over",
    "under": "under",
    "before": "before",
    "after": "after",
    "within": "within",
}
_FIELD_TESTS = (shapes.TextTest, shapes.NumberTest, shapes.BooleanTest, shapes.DateTest, shapes.CustomTest)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a condition stands: its path for traces, its place for messages, and what is written there."""

    path: str
    place: Place
    node: Node

    def below(self, key: str) -> Spot:
        """The same place, one word deeper in the path."""
        return Spot(f"{self.path}.{key}", self.place, self.node)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the rules of one file; `attempts` are the team's words for attempts."""

    file: str
    attempts: tuple[str, ...]

    def place(self, node: Node | Entry) -> Place:
        """Where a node or a key stands."""
        return Place(self.file, node.line, node.column)

    # -- when --------------------------------------------------------------------------------------------------------

    def trigger(self, shape: shapes.Trigger) -> model.Trigger:
        """The one trigger of a rule."""
        if shape.becomes is not None:
            return model.FieldChange("becomes", shape.becomes.field, shape.becomes.values, shape.becomes.origins)
        if shape.leaves is not None:
            return model.FieldChange("leaves", shape.leaves.field, shape.leaves.values, shape.leaves.origins)
        if shape.changes is not None:
            return model.FieldChange("changes", shape.changes)
        if shape.quiet is not None:
            return _quiet(shape.quiet)
        if shape.attempts is not None:
            attempts = shape.attempts
            return model.AttemptsReach(attempts.reach, self.types(attempts.type), attempts.by, attempts.since)
        if shape.assigned:
            return model.Assigned()
        if shape.replied:
            return model.Replied()
        return _event(shape) or (model.Created() if shape.created else model.NoNextStep())

    def types(self, given: list[str] | None) -> tuple[str, ...]:
        """The attempts that count; all of the team's when none are named."""
        return self.attempts if given is None else tuple(given)

    # -- if, unless --------------------------------------------------------------------------------------------------

    def conditions(self, shape: shapes.Conditions, node: Node, path: str) -> Condition:
        """A mapping of conditions, in the order of the file."""
        entries = node.entries if isinstance(node, MapNode) else {}
        attributes = {info.alias or name: name for name, info in type(shape).model_fields.items()}
        found = []
        for key, entry in entries.items():
            value = shape.custom[key] if key in shape.custom else getattr(shape, attributes[key])
            found.append(self.condition(key, value, Spot(f"{path}.{key}", self.place(entry), entry.value)))
        return _joined(found, path, self.place(node))

    def condition(self, key: str, value: object, spot: Spot) -> Condition:
        """One entry of a mapping of conditions."""
        if isinstance(value, list):
            nodes = spot.node.items if isinstance(spot.node, ListNode) else ()
            pairs = enumerate(zip(value, nodes, strict=True))
            items = tuple(self.conditions(shape, node, f"{spot.path}.{index}") for index, (shape, node) in pairs)
            return (AnyOf if key == "any" else AllOf)(items, spot.path, spot.place)
        if isinstance(value, shapes.Conditions):
            return Not(self.conditions(value, spot.node, spot.path), spot.path, spot.place)
        if isinstance(value, _FIELD_TESTS):
            return _joined(list(_field_tests(key, value, spot)), spot.path, spot.place)
        if isinstance(value, shapes.OwnerTests):
            return _joined(list(_owner_tests(value, spot)), spot.path, spot.place)
        if isinstance(value, shapes.NextStepTests):
            return _joined(list(_next_step_tests(value, spot)), spot.path, spot.place)
        return self.follow_up(key, value, spot)

    def follow_up(self, key: str, value: object, spot: Spot) -> Condition:
        """The conditions that are about the history of a record."""
        path, place = spot.path, spot.place
        if isinstance(value, shapes.Quiet):
            return model.QuietTest(_quiet(value), path, place)
        if isinstance(value, shapes.AttemptsTests):
            types = self.types(value.type)
            return model.AttemptsTest(value.at_least, value.at_most, types, value.by, value.since, path, place)
        if isinstance(value, shapes.RepliedTests):
            return model.RepliedTest(value.equals, value.since, path, place)
        if isinstance(value, shapes.Elapsed):
            return model.SinceTest("age" if key == "age" else "in_status", value.over, value.up_to, path, place)
        if isinstance(value, shapes.EnrolledTests):
            return model.EnrolledTest(value.in_, path, place)
        if key == "touched_by":
            return model.TouchedTest("owner" if value == "owner" else "anyone", path, place)
        return model.DuringTest(str(value), path, place)

    # -- then --------------------------------------------------------------------------------------------------------

    def action(self, shape: shapes.Action, node: Node) -> actions.RuleAction:
        """One item of `then`."""
        return _deed(shape, next(name for name in DEEDS.values() if getattr(shape, name) is not None), self.place(node))

    def step_actions(self, shape: shapes.StepShape, node: MapNode) -> tuple[actions.RuleAction, ...]:
        """The actions of a cadence's step: those that stand in it, in the order of the file, or its `then`."""
        if shape.then is not None:
            then = node.entries["then"].value
            items = then.items if isinstance(then, ListNode) else ()
            return tuple(self.action(action, item) for action, item in zip(shape.then, items, strict=True))
        entries = (entry for key, entry in node.entries.items() if key in DEEDS)
        return tuple(_deed(shape, DEEDS[entry.key], self.place(entry)) for entry in entries)


def _event(shape: shapes.Trigger) -> model.Trigger | None:
    """The triggers that something done, or the time of the week, sets off."""
    if shape.activity is not None:
        activity = shape.activity
        return model.ActivityIs(tuple(activity.type), tuple(activity.outcome), activity.subject_contains)
    if shape.score is not None:
        return model.ScoreCrosses(shape.score.crosses)
    if shape.task is not None:
        task = shape.task
        if task.overdue is not None:
            return model.TaskOverdue(task.overdue, tuple(task.type))
        return model.TaskCompleted(tuple(task.type), tuple(task.outcome))
    if shape.offer is not None:
        return model.OfferSettled(shape.offer)
    return shape.every


def _deed(shape: Doing, name: str, place: Place) -> actions.RuleAction:
    """The action under one word of an item or a step."""
    match getattr(shape, name):
        case shapes.Task() as task:
            return actions.TaskAction(
                task.type, task.subject, task.body, task.due, task.slot, task.priority, task.to, place
            )
        case shapes.Reassign() as new:
            how, match_ = _turn(new)
            previous = new.except_ is not None
            return actions.ReassignAction(new.to, new.pool, previous, new.if_nobody, new.note, place, how, match_)
        case shapes.OfferShape() as offer:
            how, match_ = _turn(offer)
            previous = offer.except_ is not None
            return actions.OfferAction(
                offer.pool, offer.accept_within, place, how, match_, previous, offer.if_nobody, offer.note
            )
        case shapes.Enroll() as enroll:
            return actions.EnrollAction(enroll.in_, enroll.sender, place)
        case shapes.Unenroll() as unenroll:
            return actions.UnenrollAction(unenroll.from_, place)
        case basics.Template() as text:
            return actions.NoteAction(text, place)
        case values:
            return actions.SetAction(values, place)


def _turn(shape: shapes.Reassign | shapes.OfferShape) -> tuple[Turn | None, tuple[Criterion, ...]]:
    """How a pool hands out for one action; who names what fits best means that the best fit gets it."""
    match_ = tuple(shape.match or ())
    return shape.how or ("match" if match_ else None), match_


def limit(shape: shapes.LimitShape) -> model.Limit:
    """A rule's limit."""
    return model.Limit(shape.per_run, shape.percent, shape.per_owner_day, shape.on_exceed, shape.first)


def durations(shape: BaseModel) -> Iterator[basics.Duration]:
    """Every duration that a validated part of a rule holds."""
    for name in type(shape).model_fields:
        yield from _durations(getattr(shape, name))


def _durations(value: object) -> Iterator[basics.Duration]:
    if isinstance(value, basics.Duration):
        yield value
    elif isinstance(value, BaseModel):
        yield from durations(value)
    elif isinstance(value, list | tuple):
        yield from chain.from_iterable(map(_durations, value))
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(_durations, value.values()))


def _joined(items: list[Condition], path: str, place: Place) -> Condition:
    return items[0] if len(items) == 1 else AllOf(tuple(items), path, place)


def _quiet(shape: shapes.Quiet) -> model.QuietFor:
    return model.QuietFor(shape.for_, tuple(shape.counting), shape.by)


def _tests(value: BaseModel, spot: Spot) -> Iterator[tuple[str, object, Spot]]:
    """The tests of one field in the order of the file, each with its word; a single one keeps the field's path."""
    attributes = {info.alias or name: name for name, info in type(value).model_fields.items()}
    if not isinstance(spot.node, MapNode):
        short = next(name for name in ("=", "is") if name in attributes)
        yield short, getattr(value, attributes[short]), spot
        return
    for key in spot.node.entries:
        yield key, getattr(value, attributes[key]), spot if len(spot.node.entries) == 1 else spot.below(key)


def _field_tests(field: str, value: BaseModel, spot: Spot) -> Iterator[FieldTest]:
    for key, test, at in _tests(value, spot):
        if isinstance(test, basics.Duration):
            yield FieldTest(field, _OPS[key], (), at.path, at.place, test)
        else:
            yield FieldTest(field, _OPS[key], _constants(test), at.path, at.place)


def _constants(test: object) -> tuple[Scalar, ...]:
    items = test if isinstance(test, list) else [test]
    return tuple(item for item in items if isinstance(item, Scalar))


def _owner_tests(value: shapes.OwnerTests, spot: Spot) -> Iterator[model.OwnerTest]:
    for key, test, at in _tests(value, spot):
        if key == "active":
            yield model.OwnerTest("active", bool(test), at.path, at.place)
        elif key == "absent":
            yield model.OwnerTest("absent", bool(test), at.path, at.place)
        elif key == "in_pool":
            yield model.OwnerTest("in_pool", str(test), at.path, at.place)
        elif test == "queue":
            yield model.OwnerTest("queue", True, at.path, at.place)
        elif test == "nobody":
            yield model.OwnerTest("nobody", True, at.path, at.place)
        else:
            yield model.OwnerTest("person", str(test), at.path, at.place)


def _next_step_tests(value: shapes.NextStepTests, spot: Spot) -> Iterator[model.NextStepTest]:
    for key, test, at in _tests(value, spot):
        duration = test if isinstance(test, basics.Duration) else None
        how = "due_within" if key == "due_within" else "overdue" if key == "overdue" else "none"
        yield model.NextStepTest(how, duration, at.path, at.place)  # type: ignore[arg-type]
