"""The shape of what starts a clock: the triggers of `when` and of a cadence's `start`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from rules.model import Every
from rules.schema.words import Attempt, By, ByPerson, Counted, Happened, NoneWord, Since, TaskType
from rules.shape import Shape
from rules.typed import TEXT_FORM, Count, DurationText, ListOf, NumberText, Text, TrueOnly, Written, words_only
from rules.values import EVERY_FORM, ByField, by_field_form, every_word, field_lists, field_word


class Quiet(Shape):
    where: ClassVar[str] = "quiet"
    short: ClassVar[str | None] = "for"
    for_: DurationText = Field(alias="for")
    counting: ListOf[Counted] = Field(default_factory=lambda: ["call", "email", "meeting", "note"])
    by: By = "anyone"


class AttemptsTrigger(Shape):
    where: ClassVar[str] = "the trigger attempts"
    reach: Count
    type: ListOf[Attempt] | None = None
    by: ByPerson = "anyone"
    since: Since = "created"


class ActivityTrigger(Shape):
    where: ClassVar[str] = "activity"
    short: ClassVar[str | None] = "type"
    type: ListOf[Happened]
    outcome: ListOf[Text] = Field(default_factory=list)
    subject_contains: Text | None = None


class ScoreTrigger(Shape):
    where: ClassVar[str] = "the trigger score"
    crosses: NumberText


class TaskTrigger(Shape):
    where: ClassVar[str] = "the trigger task"
    either: ClassVar[tuple[str, ...]] = ("overdue", "completed")
    overdue: DurationText | None = None
    completed: TrueOnly | None = None
    type: ListOf[TaskType] = Field(default_factory=list)
    outcome: ListOf[Text] = Field(default_factory=list)

    @model_validator(mode="after")
    def _late_or_done(self) -> Self:
        if (self.overdue is None) == (self.completed is None):
            raise ValueError("write either `overdue` with a time, or `completed: true`")
        if self.outcome and self.completed is None:
            raise ValueError("a task has an `outcome` once it is completed; it goes with `completed: true`")
        return self


class Trigger(Shape):
    where: ClassVar[str] = "when"
    only_one: ClassVar[str] = "exactly one trigger starts the clock"
    created: TrueOnly | None = None
    becomes: Annotated[ByField, Written(field_lists("becomes"), by_field_form("becomes"))] | None = None
    leaves: Annotated[ByField, Written(field_lists("leaves"), by_field_form("leaves"))] | None = None
    changes: Annotated[str, Written(field_word, TEXT_FORM)] | None = None
    assigned: TrueOnly | None = None
    quiet: Quiet | None = None
    attempts: AttemptsTrigger | None = None
    replied: TrueOnly | None = None
    activity: ActivityTrigger | None = None
    score: ScoreTrigger | None = None
    task: TaskTrigger | None = None
    offer: (
        Annotated[Literal["accepted", "rejected", "expired"], words_only("accepted", "rejected", "expired")] | None
    ) = None
    next_step: NoneWord | None = None
    every: Annotated[Every, Written(every_word, EVERY_FORM)] | None = None
