"""Statuses in one spelling: rules and cases may use the words of followup.yaml or the CRM's own values, in any mixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from connector.domain.model import Value
from rules.actions import RuleAction, SetAction
from rules.basics import Scalar
from rules.cases.model import Case
from rules.model import AllOf, AnyOf, Condition, FieldChange, FieldTest, Not, Rule, RuleSet

V = TypeVar("V", Value, Scalar)


class StatusWords:
    """Turns a CRM's statuses into our words; `statuses` is the mapping of followup.yaml, our word: the CRM's value."""

    def __init__(self, statuses: Mapping[str, str]) -> None:
        ours = {word.casefold(): word for word in statuses}
        self._words = {value.casefold(): word for word, value in statuses.items()} | ours

    def ruleset(self, ruleset: RuleSet) -> RuleSet:
        """The rules and score lines with statuses in our words."""
        if not self._words:
            return ruleset
        scores = tuple(replace(line, if_=self._condition(line.if_)) for line in ruleset.scores)
        return replace(ruleset, rules=tuple(self._rule(rule) for rule in ruleset.rules), scores=scores)

    def case(self, case: Case) -> Case:
        """The case with statuses in our words."""
        if not self._words:
            return case
        subject = replace(case.subject, fields=self._fields(case.subject.fields))
        events = tuple(
            replace(event, fields=self._fields(event.fields)) if event.fields else event for event in case.events
        )
        wanted = tuple(
            replace(
                each,
                checks=tuple(
                    replace(check, fields=self._fields(check.fields)) if "status" in check.fields else check
                    for check in each.checks
                ),
            )
            for each in case.expectations
        )
        return replace(case, subject=subject, events=events, expectations=wanted)

    def _word(self, value: V) -> V:
        return self._words.get(value.casefold(), value) if isinstance(value, str) else value

    def _fields(self, fields: Mapping[str, V]) -> Mapping[str, V]:
        return {name: self._word(value) if name == "status" else value for name, value in fields.items()}

    def _rule(self, rule: Rule) -> Rule:
        step, when = rule.step, rule.when
        if step is not None:
            stop, if_, unless = map(self._condition, (step.stop, step.if_, step.unless))
            step = replace(step, stop=stop, if_=if_, unless=unless)
        if isinstance(when, FieldChange) and when.field == "status":
            values, origins = (tuple(map(self._word, each)) for each in (when.values, when.origins))
            when = replace(when, values=values, origins=origins)
        return replace(
            rule,
            when=when,
            step=step,
            if_=self._condition(rule.if_),
            unless=self._condition(rule.unless),
            then=tuple(map(self._action, rule.then)),
        )

    def _action(self, action: RuleAction) -> RuleAction:
        return replace(action, values=self._fields(action.values)) if isinstance(action, SetAction) else action

    def _condition(self, condition: Condition | None) -> Condition | None:
        return None if condition is None else self._told(condition)

    def _told(self, condition: Condition) -> Condition:
        if isinstance(condition, AllOf | AnyOf):
            return replace(condition, items=tuple(map(self._told, condition.items)))
        if isinstance(condition, Not):
            return replace(condition, item=self._told(condition.item))
        if isinstance(condition, FieldTest) and condition.field == "status" and condition.op in ("in", "not_in"):
            return replace(condition, values=tuple(map(self._word, condition.values)))
        return condition
