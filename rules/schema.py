"""The shape of a rule file, as pydantic models: which words stand where, and what each may hold.

Every scalar arrives as text and is typed here. Whatever is wrong becomes a sentence for the author (`shape.py`), at the
place of the key or value. References (people, pools, calendars, enrolments) are checked against `Names`, which
validation gets as its context.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, field_validator, model_validator

from rules.basics import Anchor, Duration, Template, Who
from rules.model import Backfill, Once
from rules.shape import (
    Count,
    DateText,
    DurationText,
    IdText,
    Items,
    ListOf,
    NumberText,
    PercentText,
    Shape,
    SpanText,
    Text,
    TrueOnly,
    WholeText,
    YesNo,
    known_attempt,
    known_calendar,
    known_enrollment,
    known_person,
    known_pool,
    person_or,
    words_only,
)
from rules.values import (
    ByField,
    Fields,
    backfill_word,
    field_lists,
    field_values,
    field_word,
    filled_text,
    once_word,
    queue_or_hold,
)

By = Annotated[Who, words_only("owner", "lead", "anyone")]
ByPerson = Annotated[Who, words_only("owner", "anyone")]
Since = Annotated[Anchor, words_only("assigned", "created", "status")]
KindWord = Annotated[Literal["lead", "contact", "deal"], words_only("lead", "contact", "deal")]
Counted = Annotated[str, words_only("call", "email", "meeting", "note")]
RoundRobin = Annotated[Literal["round_robin"], words_only("round_robin")]
Attempt = Annotated[str, known_attempt]
PersonName = Annotated[str, known_person]
PoolName = Annotated[str, known_pool]
CalendarName = Annotated[str, known_calendar]
EnrollmentName = Annotated[str, known_enrollment]
Filled = Annotated[Template, PlainValidator(filled_text)]


# -- when ------------------------------------------------------------------------------------------------------------


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


class Trigger(Shape):
    where: ClassVar[str] = "when"
    only_one: ClassVar[str] = "exactly one trigger starts the clock"
    created: TrueOnly | None = None
    becomes: Annotated[ByField | None, PlainValidator(field_lists("becomes"))] = None
    leaves: Annotated[ByField | None, PlainValidator(field_lists("leaves"))] = None
    changes: Annotated[str, PlainValidator(field_word)] | None = None
    assigned: TrueOnly | None = None
    quiet: Quiet | None = None
    attempts: AttemptsTrigger | None = None
    replied: TrueOnly | None = None
    next_step: Annotated[Literal["none"], words_only("none")] | None = None


# -- if, unless ------------------------------------------------------------------------------------------------------


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
    none: Annotated[Literal["none"], words_only("none")] | None = Field(None, alias="=")
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


# -- then ------------------------------------------------------------------------------------------------------------


class Task(Shape):
    where: ClassVar[str] = "task"
    type: Annotated[Literal["call", "email", "todo"], words_only("call", "email", "todo")]
    subject: Annotated[Template, PlainValidator(lambda value, info: filled_text(value, info, one_line=True))]
    body: Filled | None = None
    due: DurationText = Duration(1, "business days")
    slot: SpanText | None = None
    priority: Annotated[Literal["low", "normal", "high"], words_only("low", "normal", "high")] = "normal"
    to: Annotated[str, person_or("owner", "manager", "source_rep")] = "owner"


class Reassign(Shape):
    where: ClassVar[str] = "reassign"
    to: Annotated[str, person_or("manager", "source_rep")] | None = None
    pool: PoolName | None = None
    how: RoundRobin | None = None
    except_: Annotated[str, words_only("previous_owners")] | None = Field(None, alias="except")
    if_nobody: Annotated[str, PlainValidator(queue_or_hold)] = "hold"
    note: Filled | None = None

    @model_validator(mode="after")
    def _to_or_pool(self) -> Self:
        if (self.to is None) == (self.pool is None):
            raise ValueError("name either a person (`to`) or a pool (`pool`), not both")
        if self.pool is None and (self.except_ or self.how):
            raise ValueError(
                "`except` and `how` say who of a pool takes the record; they go with `pool`, not with `to`"
            )
        return self


class Enroll(Shape):
    where: ClassVar[str] = "enroll"
    in_: EnrollmentName = Field(alias="in")
    sender: Annotated[Literal["owner"], words_only("owner")] | None = None


class Unenroll(Shape):
    where: ClassVar[str] = "unenroll"
    from_: EnrollmentName = Field(alias="from")


class Action(Shape):
    """One item of `then`."""

    where: ClassVar[str] = "an action"
    only_one: ClassVar[str] = "each item of `then` is one action"
    task: Task | None = None
    reassign: Reassign | None = None
    enroll: Enroll | None = None
    unenroll: Unenroll | None = None
    set_: Annotated[Fields | None, PlainValidator(field_values)] = Field(None, alias="set")
    note: Filled | None = None


# -- a rule, a file --------------------------------------------------------------------------------------------------


class LimitShape(Shape):
    where: ClassVar[str] = "limit"
    per_run: Count | None = None
    percent: PercentText | None = None
    per_owner_day: Count | None = None
    on_exceed: Annotated[Literal["hold", "stop"], words_only("hold", "stop")] = "hold"

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.per_run is None and self.percent is None and self.per_owner_day is None:
            raise ValueError("this sets no limit; write `per_run`, `percent` or `per_owner_day`")
        return self


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
    once: Annotated[Once, PlainValidator(once_word)] = Once("occasion")
    limit: LimitShape | None = None
    backfill: Annotated[Backfill, PlainValidator(backfill_word)] = Backfill()
    priority: WholeText = 0
    calendar: CalendarName | None = None

    @field_validator("then")
    @classmethod
    def _something(cls, actions: list[Action]) -> list[Action]:
        if not actions:
            raise ValueError("the list is empty; a rule has at least one action")
        return actions


class Defaults(Shape):
    """What every rule of the file shares."""

    where: ClassVar[str] = "defaults"
    may_be_empty: ClassVar[bool] = True
    for_: KindWord = Field("lead", alias="for")
    calendar: CalendarName | None = None
    unless: Conditions | None = None


class FileShape(Shape):
    """The top of a rule file; its rules are validated one by one, so that one broken rule stops no other."""

    where: ClassVar[str] = "a rule file"
    version: Annotated[Literal["1"], words_only("1")]
    rules: list[object]
    defaults: object = None
    tests: list[object] = Field(default_factory=list)
