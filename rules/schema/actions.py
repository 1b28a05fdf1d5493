"""The shape of what a rule does: one item of `then`, and what stands inside each action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from rules.basics import Duration
from rules.references import person_or
from rules.schema.words import (
    CriterionWord,
    EnrollmentName,
    Filled,
    HandOver,
    PoolName,
    PreviousOwners,
    QueueOrHold,
    Subject,
    TurnWord,
    whether_match,
)
from rules.shape import Shape
from rules.typed import DurationText, ListOf, SpanText, Written, words_only
from rules.values import FIELDS_FORM, Fields, field_values


class Task(Shape):
    where: ClassVar[str] = "task"
    type: Annotated[Literal["call", "email", "todo", "preferred"], words_only("call", "email", "todo", "preferred")]
    subject: Subject
    body: Filled | None = None
    due: DurationText = Duration(1, "business days")
    slot: SpanText | None = None
    priority: Annotated[Literal["low", "normal", "high"], words_only("low", "normal", "high")] = "normal"
    to: Annotated[str, person_or("owner", "manager", "source_rep")] = "owner"


class Reassign(Shape):
    where: ClassVar[str] = "reassign"
    either: ClassVar[tuple[str, ...]] = ("to", "pool")
    to: Annotated[str, person_or("manager", "source_rep")] | None = None
    pool: PoolName | None = None
    how: TurnWord | None = None
    match: ListOf[CriterionWord] | None = None
    except_: PreviousOwners | None = Field(None, alias="except")
    if_nobody: QueueOrHold = "hold"
    note: HandOver | None = None

    @model_validator(mode="after")
    def _to_or_pool(self) -> Self:
        if (self.to is None) == (self.pool is None):
            raise ValueError("name either a person (`to`) or a pool (`pool`), not both")
        if self.pool is None and (self.except_ or self.how or self.match):
            raise ValueError(
                "`except`, `how` and `match` say who of a pool takes the record; they go with `pool`, not with `to`"
            )
        whether_match(self.how, self.match)
        return self


class OfferShape(Shape):
    where: ClassVar[str] = "offer"
    pool: PoolName
    accept_within: DurationText
    how: TurnWord | None = None
    match: ListOf[CriterionWord] | None = None
    except_: PreviousOwners | None = Field(None, alias="except")
    if_nobody: QueueOrHold = "hold"
    note: HandOver | None = None

    @model_validator(mode="after")
    def _matching(self) -> Self:
        whether_match(self.how, self.match)
        return self


class Enroll(Shape):
    where: ClassVar[str] = "enroll"
    in_: EnrollmentName = Field(alias="in")
    sender: Annotated[Literal["owner"], words_only("owner")] | None = None


class Unenroll(Shape):
    where: ClassVar[str] = "unenroll"
    from_: EnrollmentName = Field(alias="from")


class Doing(Shape):
    """What may be done, each under its word; an item of `then` has one of them, a cadence's step one or more."""

    task: Task | None = None
    reassign: Reassign | None = None
    offer: OfferShape | None = None
    enroll: Enroll | None = None
    unenroll: Unenroll | None = None
    set_: Annotated[Fields, Written(lambda value, info: field_values(value), FIELDS_FORM)] | None = Field(
        None, alias="set"
    )
    note: Filled | None = None


DEEDS: Mapping[str, str] = {info.alias or name: name for name, info in Doing.model_fields.items()}
"""The words of actions, and what the shape calls them."""


class Action(Doing):
    """One item of `then`."""

    where: ClassVar[str] = "an action"
    only_one: ClassVar[str] = "each item of `then` is one action"
