"""One rule's words resolved against one CRM; what cannot be resolved becomes a problem that quarantines the rule.

So do the words of a score's line: one that cannot be resolved counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from connector.domain.errors import Problem
from connector.domain.model import CrmSchema, FieldInfo, Owner
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
from rules.basics import Place, Scalar, Template
from rules.model import (
    AllOf,
    AnyOf,
    Condition,
    EnrolledTest,
    FieldChange,
    FieldTest,
    Leaf,
    Not,
    OwnerTest,
    Rule,
    ScoreCrosses,
    ScoreLine,
    Step,
)

GUARD_FIELDS = frozenset({"opted_out", "do_not_call"})
"""In `unless`, a guard the CRM hides does not quarantine the rule: it is unknown there, and unknown stops."""

CONVERTED = "converted"
"""The one status word that needs no mapping."""

_ALWAYS_SHOWN = frozenset({"created", "modified", "owner", "id"})
_ROLES = frozenset({"owner", "manager", "source_rep"})
_TRUE = frozenset({"true", "yes"})
_FALSE = frozenset({"false", "no"})


def queue_named(owners: Iterable[Owner], name: str) -> Owner | None:
    """The queue of that name or id, whatever its capitals."""
    word = name.casefold()
    return next((each for each in owners if each.queue and word in (each.id.casefold(), each.name.casefold())), None)


class Words:
    """Resolves the words of one rule, or of one line of a score, and gathers its problems.

    `scored` has the kinds whose score is worked out here, so that the CRM need not show one.
    """

    def __init__(
        self,
        subject: Rule | ScoreLine,
        schema: CrmSchema,
        owners: Sequence[Owner],
        people: Mapping[str, Owner],
        scored: frozenset[str] = frozenset(),
    ) -> None:
        self.kind = subject.kind
        self.rule = subject.written_id if isinstance(subject, Rule) else None
        self.stopped = "rule" if isinstance(subject, Rule) and subject.step is None else "cadence"
        self.schema = schema
        self.owners = owners
        self.people = people
        self.fields: Mapping[str, FieldInfo] = schema.fields.get(subject.kind, {})
        self.computed = frozenset({"score"}) if subject.kind in scored else frozenset()
        self.problems: list[Problem] = []

    def bound(self, rule: Rule) -> Rule:
        """The rule with its values in the CRM's spelling."""
        when = rule.when
        if isinstance(when, FieldChange):
            self.shown(when.field, rule.place)
            when = replace(
                when,
                values=self.values(when.field, when.values, rule.place),
                origins=self.values(when.field, when.origins, rule.place),
            )
        elif isinstance(when, ScoreCrosses):
            self.shown("score", rule.place)
        if rule.limit is not None and rule.limit.first != "oldest":
            self.shown(rule.limit.first, rule.place)
        return replace(
            rule,
            when=when,
            if_=self.maybe(rule.if_, guard=False),
            unless=self.maybe(rule.unless, guard=True),
            step=None if rule.step is None else self.step(rule.step),
            then=tuple(self.action(action) for action in rule.then),
        )

    def step(self, step: Step) -> Step:
        """A cadence's step with the values of its conditions in the CRM's spelling."""
        return replace(
            step,
            stop=self.maybe(step.stop, guard=True),
            if_=self.maybe(step.if_, guard=False),
            unless=self.maybe(step.unless, guard=True),
        )

    def line(self, line: ScoreLine) -> ScoreLine:
        """A score's line with its values in the CRM's spelling."""
        if line.per_value is not None:
            self.shown("value", line.place)
        return replace(line, if_=self.maybe(line.if_, guard=False))

    def problem(self, place: Place, text: str, code: str) -> None:
        end = (
            "this line of the score counts nothing" if self.rule is None else f"{self.stopped} {self.rule} does not run"
        )
        self.problems.append(Problem(place.file, place.line, place.column, f"{text}; {end}", self.rule, code))

    # -- conditions ------------------------------------------------------------------------------------------------

    def maybe(self, condition: Condition | None, guard: bool) -> Condition | None:
        """A condition where there is one."""
        return None if condition is None else self.condition(condition, guard)

    def condition(self, condition: Condition, guard: bool) -> Condition:
        if isinstance(condition, AllOf | AnyOf):
            return replace(condition, items=tuple(self.condition(item, guard) for item in condition.items))
        if isinstance(condition, Not):
            return replace(condition, item=self.condition(condition.item, guard))
        return self.leaf(condition, guard)

    def leaf(self, leaf: Leaf, guard: bool) -> Leaf:
        if isinstance(leaf, FieldTest):
            # What a person refuses may be hidden and then stops the rule; on a deal it would stop it for ever.
            may_hide = guard and leaf.field in GUARD_FIELDS and self.kind != "deal"
            if not may_hide and not self.shown(leaf.field, leaf.place):
                return leaf
            if leaf.op in ("contains", "starts_with", "known", "within"):
                return leaf
            if leaf.field == "status":
                return replace(leaf, values=tuple(self.tested_status(str(value), leaf.place) for value in leaf.values))
            return replace(leaf, values=self.values(leaf.field, leaf.values, leaf.place))
        if isinstance(leaf, EnrolledTest):
            self.enrollment(leaf.name, leaf.place)
        elif isinstance(leaf, OwnerTest):
            if leaf.how == "person":
                self.person(str(leaf.value), leaf.place)
            elif leaf.how == "queue" and isinstance(leaf.value, str):
                self.queue(leaf.value, leaf.place)
        return leaf

    # -- actions ---------------------------------------------------------------------------------------------------

    def action(self, action: RuleAction) -> RuleAction:
        match action:
            case SetAction():
                return self.set(action)
            case EnrollAction() | UnenrollAction():
                self.enrollment(action.name, action.place)
            case TaskAction():
                self.templates((action.subject, action.body), action.place)
                self.taker(action.to, action.place)
            case ReassignAction():
                self.templates((action.note,), action.place)
                if action.to is not None:
                    self.taker(action.to, action.place)
                if action.if_nobody != "hold":
                    self.queue(action.if_nobody, action.place)
            case OfferAction():
                self.templates((action.note,), action.place)
                if action.if_nobody != "hold":
                    self.queue(action.if_nobody, action.place)
            case NoteAction():
                self.templates((action.text,), action.place)
        return action

    def set(self, action: SetAction) -> SetAction:
        values: dict[str, Scalar] = {}
        for name, value in action.values.items():
            if not self.shown(name, action.place):
                continue
            info = self.fields.get(name)
            if info is not None and not info.writable:
                self.problem(action.place, f"the CRM does not let us write {name}", "F312")
            (resolved,) = self.values(name, (value,), action.place)
            active = {each.casefold(): each for each in info.values} if info is not None else {}
            if active and str(resolved).casefold() not in active:
                allowed = ", ".join(info.values if info is not None else ())
                self.problem(action.place, f"{name} has no active value {value!r}; the CRM allows {allowed}", "F313")
            values[name] = active.get(str(resolved).casefold(), resolved)
        return replace(action, values=values)

    def templates(self, templates: Iterable[Template | None], place: Place) -> None:
        for template in templates:
            for name in template.fields if template is not None else ():
                self.shown(name, place)

    def taker(self, to: str, place: Place) -> None:
        if to not in _ROLES:
            self.person(to, place)

    # -- words -----------------------------------------------------------------------------------------------------

    def shown(self, name: str, place: Place) -> bool:
        """Whether the CRM shows the field; a problem when it does not."""
        if name in self.computed:
            return True
        hidden = name in self.schema.hidden.get(self.kind, ())
        if not hidden and (name in _ALWAYS_SHOWN or name in self.fields):
            return True
        cure = "grant the integration user access to it" if hidden else "bind it in followup.yaml or correct the name"
        self.problem(place, f"the CRM does not show {name} of a {self.kind}: {cure}", "F311")
        return False

    def person(self, name: str, place: Place) -> None:
        if name not in self.people:
            self.problem(place, f"the CRM has no user for {name}; correct `crm` of {name} in team.yaml", "F315")

    def queue(self, name: str, place: Place) -> None:
        if queue_named(self.owners, name) is None:
            queues = ", ".join(sorted(each.name for each in self.owners if each.queue)) or "none"
            self.problem(place, f"the CRM has no queue {name!r}; there are: {queues}", "F316")

    def enrollment(self, name: str, place: Place) -> None:
        if name not in self.schema.enrollments:
            known = ", ".join(sorted(self.schema.enrollments)) or "none"
            self.problem(
                place, f"{name!r} is not bound under `enrollments` in followup.yaml; there are: {known}", "F301"
            )

    def values(self, name: str, values: tuple[Scalar, ...], place: Place) -> tuple[Scalar, ...]:
        """The constants a field is compared with, in the CRM's spelling and the field's type."""
        if name == "owner":
            return tuple(self.owner_value(value) for value in values)
        if name == "status":
            return tuple(self.status(str(value), place) for value in values)
        info = self.fields.get(name)
        if info is None:
            return values
        typed: list[Scalar] = []
        for value in values:
            found = _typed(value, info.type)
            if found is None:
                self.problem(place, f"{name} is a {info.type}, {value!r} is not", "F313")
            typed.append(value if found is None else found)
        return tuple(typed)

    def owner_value(self, value: Scalar) -> Scalar:
        person = self.people.get(str(value))
        found = person or queue_named(self.owners, str(value))
        return found.id if found is not None else value

    def tested_status(self, word: str, place: Place) -> str:
        """Like `status`; but every file may speak of converted records, also where the CRM has no such status:
        HubSpot tells a customer by the lifecycle stage, and converted records are left alone anyway."""
        mapped = {name.casefold() for name in self.schema.statuses}
        return word if word.casefold() == CONVERTED and CONVERTED not in mapped else self.status(word, place)

    def status(self, word: str, place: Place) -> str:
        """The CRM's value for a status word: one of ours, or the CRM's own in any capitals."""
        ours = {name.casefold(): value for name, value in self.schema.statuses.items()}
        if word.casefold() in ours:
            return ours[word.casefold()]
        info = self.fields.get("status")
        crm = {value.casefold(): value for value in (info.values if info is not None else ())}
        crm.update((value.casefold(), value) for value in ours.values() if value.casefold() not in crm)
        if word.casefold() in crm:
            return crm[word.casefold()]
        if info is not None and not info.values:
            return word  # the CRM's status is free text: any word may be right
        names = ", ".join((*sorted(self.schema.statuses), *crm.values())) or "none"
        self.problem(place, f"there is no status {word!r}; there are: {names}", "F314")
        return word


def _typed(value: Scalar, type_: str) -> Scalar | None:
    """The value in the type of a field; None when it is of another."""
    if type_ in ("text", "picklist"):
        return value
    if type_ == "number":
        return _number(value)
    if type_ == "boolean":
        word = str(value).casefold()
        return word in _TRUE if word in _TRUE | _FALSE else None
    if isinstance(value, date):
        return value
    try:
        text = str(value)
        return datetime.fromisoformat(text) if len(text) > len("2026-03-02") else date.fromisoformat(text)
    except ValueError:
        return None


def _number(value: Scalar) -> Scalar | None:
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else value
    try:
        return float(str(value))
    except ValueError:
        return None
