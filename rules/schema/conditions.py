"""The shape of conditions: `if`, `unless` and `stop`, and the tests of a record's fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from rules.references import person_or
from rules.schema.when import Quiet
from rules.schema.words import Attempt, ByPerson, CalendarName, EnrollmentName, NoneWord, PoolName, Since
from rules.shape import Shape
from rules.typed import DateText, DurationText, Items, ListOf, NumberText, Text, WholeText, YesNo


class TextTest(Shape):
    where: ClassVar[str] = "a text field's test"
    short: ClassVar[str | None] = "="
    equals: ListOf[Text] | None = Field(None, alias="=")
    known: YesNo | None = None
    not_: ListOf[Text] | None = Field(None, alias="not")
    contains: Text | None = None
    starts_with: Text | None = None


class NumberTest(Shape):
    where: ClassVar[str] = "a number field's test"
    short: ClassVar[str | None] = "="
    equals: ListOf[NumberText] | None = Field(None, alias="=")
    known: YesNo | None = None
    not_: ListOf[NumberText] | None = Field(None, alias="not")
    at_least: NumberText | None = None
    at_most: NumberText | None = None
    over: NumberText | None = None
    up_to: NumberText | None = None
    under: NumberText | None = None


class BooleanTest(Shape):
    where: ClassVar[str] = "a yes-or-no field's test"
    short: ClassVar[str | None] = "="
    equals: YesNo | None = Field(None, alias="=")
    known: YesNo | None = None


class DateTest(Shape):
    where: ClassVar[str] = "a date field's test"
    known: YesNo | None = None
    before: DateText | None = None
    after: DateText | None = None
    within: DurationText | None = None


class CustomTest(Shape):
    where: ClassVar[str] = "a custom field's test"
    short: ClassVar[str | None] = "="
    equals: ListOf[Text] | None = Field(None, alias="=")
    known: YesNo | None = None
    not_: ListOf[Text] | None = Field(None, alias="not")
    contains: Text | None = None
    starts_with: Text | None = None
    at_least: NumberText | None = None
    at_most: NumberText | None = None
    over: NumberText | None = None
    up_to: NumberText | None = None
    under: NumberText | None = None
    before: DateText | None = None
    after: DateText | None = None
    within: DurationText | None = None


class OwnerTests(Shape):
    where: ClassVar[str] = "owner"
    short: ClassVar[str | None] = "is"
    active: YesNo | None = None
    absent: YesNo | None = None
    in_pool: PoolName | None = None
    is_: Annotated[str, person_or("queue", "nobody")] | None = Field(None, alias="is")


class AttemptsTests(Shape):
    where: ClassVar[str] = "attempts"
    some: ClassVar[tuple[str, ...]] = ("at_least", "at_most")
    at_least: WholeText | None = None
    at_most: WholeText | None = None
    type: ListOf[Attempt] | None = None
    by: ByPerson = "anyone"
    since: Since = "created"

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a number is missing; write `at_least` or `at_most`")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"no number of attempts is at least {self.at_least} and at most {self.at_most}")
        return self


class RepliedTests(Shape):
    where: ClassVar[str] = "replied"
    short: ClassVar[str | None] = "="
    equals: YesNo = Field(True, alias="=")
    since: Since = "created"


class NextStepTests(Shape):
    where: ClassVar[str] = "next_step"
    short: ClassVar[str | None] = "="
    none: NoneWord | None = Field(None, alias="=")
    due_within: DurationText | None = None
    overdue: DurationText | None = None


class Elapsed(Shape):
    where: ClassVar[str] = "in_status or age"
    over: DurationText | None = None
    up_to: DurationText | None = None


class EnrolledTests(Shape):
    where: ClassVar[str] = "enrolled"
    in_: EnrollmentName = Field(alias="in")


def _some(conditions: list[Conditions]) -> list[Conditions]:
    if not conditions:
        raise ValueError("the list is empty; name at least one condition")
    return conditions


class Conditions(Shape):
    """A mapping of conditions; it holds when all of them hold."""

    where: ClassVar[str] = "a condition"
    takes_custom: ClassVar[bool] = True
    any_: Annotated[Items[Conditions], AfterValidator(_some)] | None = Field(None, alias="any")
    all_: Annotated[Items[Conditions], AfterValidator(_some)] | None = Field(None, alias="all")
    not_: Conditions | None = Field(None, alias="not")
    status: TextTest | None = None
    owner: OwnerTests | None = None
    source: TextTest | None = None
    country: TextTest | None = None
    industry: TextTest | None = None
    size: NumberTest | None = None
    title: TextTest | None = None
    email: TextTest | None = None
    phone: TextTest | None = None
    score: NumberTest | None = None
    value: NumberTest | None = None
    created: DateTest | None = None
    name: TextTest | None = None
    company: TextTest | None = None
    opted_out: BooleanTest | None = None
    do_not_call: BooleanTest | None = None
    rating: TextTest | None = None
    prefers: TextTest | None = None
    zone: TextTest | None = None
    reason: TextTest | None = None
    custom: Mapping[str, CustomTest] = Field(default_factory=dict)
    quiet: Quiet | None = None
    attempts: AttemptsTests | None = None
    replied: RepliedTests | None = None
    touched_by: ByPerson | None = None
    next_step: NextStepTests | None = None
    in_status: Elapsed | None = None
    age: Elapsed | None = None
    enrolled: EnrolledTests | None = None
    during: CalendarName | None = None
