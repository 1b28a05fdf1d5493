"""The shape of a rule file's frame: rules, cadences with their steps, score lines, and what a file's rules share."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from rules.basics import Duration
from rules.model import Backfill, Once
from rules.schema.actions import DEEDS, Action, Doing
from rules.schema.conditions import Conditions
from rules.schema.when import Trigger
from rules.schema.words import CalendarName, Happened, KindWord
from rules.shape import Shape
from rules.typed import (
    CadenceId,
    Count,
    DurationText,
    IdText,
    Items,
    NumberText,
    PercentText,
    PositiveText,
    Text,
    WholeText,
    Written,
    words_only,
)
from rules.values import BACKFILL_FORM, ONCE_FORM, backfill_word, once_word

OnceText = Annotated[Once, Written(once_word, ONCE_FORM)]
BackfillText = Annotated[Backfill, Written(lambda value, info: backfill_word(value), BACKFILL_FORM)]
ContactWord = Annotated[Literal["within_limits", "always"], words_only("within_limits", "always")]


class LimitShape(Shape):
    where: ClassVar[str] = "limit"
    some: ClassVar[tuple[str, ...]] = ("per_run", "percent", "per_owner_day", "first")
    per_run: Count | None = None
    percent: PercentText | None = None
    per_owner_day: Count | None = None
    on_exceed: Annotated[Literal["hold", "stop"], words_only("hold", "stop")] = "hold"
    first: Annotated[Literal["oldest", "score", "value"], words_only("oldest", "score", "value")] = "oldest"

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        unbounded = self.per_run is None and self.percent is None and self.per_owner_day is None
        if unbounded and self.first == "oldest":
            raise ValueError("this sets no limit; write `per_run`, `percent` or `per_owner_day`")
        return self


def _something(actions: list[Action] | None) -> list[Action] | None:
    if actions is not None and not actions:
        raise ValueError("the list is empty; write at least one action")
    return actions


class RuleShape(Shape):
    """One rule of a file."""

    where: ClassVar[str] = "a rule"
    id: IdText
    why: Text
    for_: KindWord | None = Field(None, alias="for")
    when: Trigger
    wait: DurationText | None = None
    if_: Conditions | None = Field(None, alias="if")
    unless: Conditions | None = None
    then: Items[Action]
    once: OnceText = Once("occasion")
    limit: LimitShape | None = None
    backfill: BackfillText = Backfill()
    priority: WholeText = 0
    calendar: CalendarName | None = None
    contact: ContactWord = "within_limits"

    _has_actions = field_validator("then")(_something)


class StepShape(Doing):
    """One step of a cadence."""

    where: ClassVar[str] = "a step"
    some: ClassVar[tuple[str, ...]] = ("then", *DEEDS)
    after: DurationText | None = None
    why: Text | None = None
    if_: Conditions | None = Field(None, alias="if")
    unless: Conditions | None = None
    then: Items[Action] | None = None

    _has_actions = field_validator("then")(_something)

    @property
    def direct(self) -> list[str]:
        """The actions that stand in the step itself, by their words."""
        return [word for word, name in DEEDS.items() if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _acts(self) -> Self:
        if not self.direct and self.then is None:
            raise ValueError("this step does nothing; write an action such as `task`, or `then` with a list of actions")
        if self.direct and self.then is not None:
            raise ValueError(f"`{self.direct[0]}` and `then` both say what to do; put the action into the list")
        return self


class CadenceShape(Shape):
    """One cadence of a file."""

    where: ClassVar[str] = "a cadence"
    id: CadenceId
    why: Text
    for_: KindWord | None = Field(None, alias="for")
    start: Trigger
    if_: Conditions | None = Field(None, alias="if")
    unless: Conditions | None = None
    stop: Conditions | None = None
    steps: Items[StepShape]
    once: OnceText = Once("occasion")
    limit: LimitShape | None = None
    backfill: BackfillText = Backfill()
    priority: WholeText = 0
    calendar: CalendarName | None = None
    contact: ContactWord = "within_limits"

    @field_validator("steps")
    @classmethod
    def _in_time(cls, steps: list[StepShape]) -> list[StepShape]:
        if not steps:
            raise ValueError("the list is empty; a cadence has at least one step")
        rushed = next((index for index, step in enumerate(steps) if index and step.after is None), None)
        if rushed is not None:
            sentence = (
                "`after` is missing: this step would come together with the one before it; write how long it waits"
            )
            error = PydanticCustomError("text", "{text}", {"text": sentence})
            raise ValidationError.from_exception_data(
                "steps", [InitErrorDetails(type=error, loc=(rushed,), input=None)]
            )
        return steps


class PerShape(Shape):
    where: ClassVar[str] = "per"
    only_one: ClassVar[str] = "a line counts one thing"
    activity: Happened | None = None
    value: PositiveText | None = None


class ScoreShape(Shape):
    """One line of `scores`."""

    where: ClassVar[str] = "a score line"
    either: ClassVar[tuple[str, ...]] = ("if", "per")
    if_: Conditions | None = Field(None, alias="if")
    per: PerShape | None = None
    points: NumberText
    at_most: PositiveText | None = None
    half_life: DurationText | None = None
    why: Text
    for_: KindWord | None = Field(None, alias="for")

    @model_validator(mode="after")
    def _one_reason(self) -> Self:
        if (self.if_ is None) == (self.per is None):
            raise ValueError("a line gives its points either while conditions hold (`if`) or for what happened (`per`)")
        if self.points == 0:
            raise ValueError("`points: 0` changes no score")
        if self.per is None and self.at_most is not None:
            raise ValueError("`at_most` bounds what is given again and again; it goes with `per`, not with `if`")
        if self.half_life is not None and (self.per is None or self.per.activity is None):
            raise ValueError("`half_life` is for what happened at some time; it goes with `per: {activity: ..}`")
        if self.half_life is not None and _is_working(self.half_life):
            raise ValueError("`half_life` runs by the clock on the wall; write days or hours without `business`")
        return self


def _is_working(duration: Duration) -> bool:
    return duration.unit.startswith("business")


class Defaults(Shape):
    """What every rule of the file shares."""

    where: ClassVar[str] = "defaults"
    may_be_empty: ClassVar[bool] = True
    for_: KindWord = Field("lead", alias="for")
    calendar: CalendarName | None = None
    unless: Conditions | None = None


class FileShape(Shape):
    """The top of a rule file; its items are validated one by one, so that one broken rule stops no other."""

    where: ClassVar[str] = "a rule file"
    version: Annotated[Literal["1"], words_only("1")]
    rules: list[object] = Field(default_factory=list)
    defaults: object = None
    cadences: list[object] = Field(default_factory=list)
    scores: list[object] = Field(default_factory=list)
    tests: list[object] = Field(default_factory=list)

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if not self.model_fields_set & {"rules", "cadences", "scores", "tests"}:
            raise ValueError(
                "`rules` is missing in a rule file; write `rules:` with a list of rules, `cadences:` or `scores:`"
            )
        return self
