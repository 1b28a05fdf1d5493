"""The shape of the cases in a rule file's section `tests:`, as pydantic models in the manner of `rules.schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from rules.cases.typed import (
    GIVEN_FIELDS,
    Absences,
    FieldWord,
    Given,
    InstantText,
    Loads,
    OwnerWord,
    RuleName,
    TaskType,
    Times,
    TrueOr,
    TrueOrText,
    TrueOrType,
    Writes,
)
from rules.schema.words import EnrollmentName, PersonName, PoolName
from rules.shape import Shape, described
from rules.typed import CUSTOM, CUSTOM_NAME, TEXT_FORM, Items, ListOf, Text, TrueOnly, YesNo, words_only

# -- given -----------------------------------------------------------------------------------------------------------


class SubjectShape(Shape):
    """The record: its fields, and words for what a field cannot say."""

    where: ClassVar[str] = "a case's record"
    may_be_empty: ClassVar[bool] = True
    owner: OwnerWord | None = None
    created: InstantText | None = None
    assigned: InstantText | None = None
    previous_owners: ListOf[OwnerWord] = Field(default_factory=list)
    enrolled: ListOf[EnrollmentName] = Field(default_factory=list)
    hidden: ListOf[FieldWord] = Field(default_factory=list)
    fields: Given = Field(default_factory=dict)

    @classmethod
    def words(cls) -> list[str]:
        """The words that may stand here."""
        own = [name for name in cls.model_fields if name != "fields"]
        return [*own, *GIVEN_FIELDS, "custom.NAME"]

    @classmethod
    def _long(cls, value: object) -> dict[str, object]:
        long = super()._long(value)
        given = {key: item for key, item in long.items() if key in GIVEN_FIELDS or CUSTOM.fullmatch(key)}
        # A file's own `fields` must stay an unknown word although the model has a field of that name.
        rest = {"fields " if key == "fields" else key: item for key, item in long.items() if key not in given}
        return rest | {"fields": given} if given else rest

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        reference = super().__get_pydantic_json_schema__(core, handler)
        schema = handler.resolve_ref_schema(reference)
        del schema["properties"]["fields"]
        schema["properties"] |= {name: described("a condition", name, dict(TEXT_FORM)) for name in GIVEN_FIELDS}
        schema["patternProperties"] = {f"^{CUSTOM_NAME}$": TEXT_FORM}
        return reference


# -- when ------------------------------------------------------------------------------------------------------------

HAPPENINGS = (
    "call", "call_inbound", "email_sent", "email_received", "email_opened", "email_clicked", "meeting", "meeting_booked",
    "note", "task", "offer", "status", "set", "owner", "enrolled", "unenrolled", "converted", "opted_out", "deleted",
)  # fmt: skip
"""The words of an event that say what happens; the others say more of it."""

GOES_WITH: Mapping[str, tuple[str, ...]] = {
    "by": ("call", "call_inbound", "email_sent", "meeting", "meeting_booked", "note", "task", "offer"),
    "subject": ("call", "call_inbound", "meeting", "meeting_booked", "task"),
    "auto_reply": ("email_received",),
    "type": ("task",),
    "outcome": ("task",),
    "due": ("task",),
    "times": ("call", "call_inbound", "email_sent", "email_received", "email_opened", "email_clicked", "meeting", "note"),
}  # fmt: skip
"""Which happenings a word of an event says more of."""


class EventShape(Shape):
    """One item of `timeline`."""

    where: ClassVar[str] = "an event"
    at: InstantText
    call: TrueOrText | None = None
    call_inbound: TrueOrText | None = None
    email_sent: TrueOrText | None = None
    email_received: TrueOrText | None = None
    email_opened: TrueOnly | None = None
    email_clicked: TrueOnly | None = None
    meeting: TrueOrText | None = None
    meeting_booked: InstantText | None = None
    note: TrueOrText | None = None
    task: (
        Annotated[
            Literal["completed", "deferred", "deleted", "created"],
            words_only("completed", "deferred", "deleted", "created"),
        ]
        | None
    ) = None
    offer: Annotated[Literal["accept", "reject"], words_only("accept", "reject")] | None = None
    status: Text | None = None
    set_: Given | None = Field(None, alias="set")
    owner: OwnerWord | None = None
    enrolled: EnrollmentName | None = None
    unenrolled: EnrollmentName | None = None
    converted: TrueOnly | None = None
    opted_out: YesNo | None = None
    deleted: TrueOnly | None = None
    by: PersonName | None = None
    subject: Text | None = None
    auto_reply: TrueOnly | None = None
    type: TaskType | None = None
    outcome: Text | None = None
    due: InstantText | None = None
    times: Times = 1

    @property
    def what(self) -> str:
        """The word for what happens."""
        return next(name for name in HAPPENINGS if self._given(name))

    def _given(self, name: str) -> bool:
        return bool({name, f"{name}_"} & self.model_fields_set)

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        found = [name for name in HAPPENINGS if self._given(name)]
        if len(found) > 1:
            raise ValueError(f"`{found[0]}` and `{found[1]}` are two things that happen; write two events")
        if not found:
            raise ValueError(f"nothing happens here; write one of {', '.join(HAPPENINGS)}")
        for word, fits in GOES_WITH.items():
            if self._given(word) and found[0] not in fits:
                raise ValueError(f"`{word}` says nothing of `{found[0]}`; it goes with {', '.join(fits)}")
        if self.due is not None and self.task != "created":
            raise ValueError("`due` is for a task that a person makes: `task: created`")
        return self


# -- then ------------------------------------------------------------------------------------------------------------


class TaskExpected(Shape):
    where: ClassVar[str] = "an expected task"
    short: ClassVar[str | None] = "="
    any_: TrueOrType | None = Field(None, alias="=")
    type: TaskType | None = None
    subject: Text | None = None
    body: Text | None = None
    to: PersonName | None = None
    due: InstantText | None = None
    priority: Annotated[Literal["low", "normal", "high"], words_only("low", "normal", "high")] | None = None


class ReassignExpected(Shape):
    where: ClassVar[str] = "an expected reassign"
    short: ClassVar[str | None] = "="
    any_: TrueOr | None = Field(None, alias="=")
    from_: OwnerWord | None = Field(None, alias="from")
    to: OwnerWord | None = None
    pool: PoolName | None = None
    note: Text | None = None


class OfferExpected(Shape):
    where: ClassVar[str] = "an expected offer"
    short: ClassVar[str | None] = "="
    any_: TrueOr | None = Field(None, alias="=")
    to: PersonName | None = None
    pool: PoolName | None = None
    until: InstantText | None = None


class AmendExpected(Shape):
    where: ClassVar[str] = "an expected amend"
    short: ClassVar[str | None] = "="
    any_: TrueOr | None = Field(None, alias="=")
    to: PersonName | None = None
    subject: Text | None = None
    done: TrueOnly | None = None


class ExpectationShape(Shape):
    """One item of `expect`."""

    where: ClassVar[str] = "an expectation"
    at: InstantText
    rule: RuleName | None = None
    nothing: TrueOnly | None = None
    task: TaskExpected | None = None
    reassign: ReassignExpected | None = None
    offer: OfferExpected | None = None
    enroll: EnrollmentName | None = None
    unenroll: EnrollmentName | None = None
    set_: Writes | None = Field(None, alias="set")
    note: TrueOrText | None = None
    amend: AmendExpected | None = None
    held: TrueOnly | None = None
    blocked: TrueOnly | None = None

    @property
    def checks(self) -> list[str]:
        """The words that say what is expected, in the order of the file's vocabulary."""
        words = [info.alias or name for name, info in type(self).model_fields.items()]
        given = {name.removesuffix("_") for name in self.model_fields_set}
        return [word for word in words if word not in ("at", "rule") and word in given]

    @model_validator(mode="after")
    def _something(self) -> Self:
        checks = self.checks
        if not checks:
            raise ValueError("nothing is expected here; write what is done by then, or `nothing: true`")
        done = [word for word in checks if word not in ("nothing", "held", "blocked")]
        if self.nothing and done:
            raise ValueError(f"`nothing` and `{done[0]}` exclude each other; keep one of them")
        return self


# -- a case ----------------------------------------------------------------------------------------------------------


class CaseShape(Shape):
    """One item of `tests`."""

    where: ClassVar[str] = "a case"
    rule: RuleName | None = None
    name: Text | None = None
    lead: SubjectShape | None = None
    contact: SubjectShape | None = None
    deal: SubjectShape | None = None
    away: Absences = Field(default_factory=dict)
    inactive: ListOf[PersonName] = Field(default_factory=list)
    loads: Loads = Field(default_factory=dict)
    with_: Annotated[Literal["file", "all"], words_only("file", "all")] = Field("file", alias="with")
    timeline: Items[EventShape] = Field(default_factory=list)
    expect: Items[ExpectationShape]

    @field_validator("expect")
    @classmethod
    def _something(cls, expectations: list[ExpectationShape]) -> list[ExpectationShape]:
        if not expectations:
            raise ValueError("the list is empty; say what is done by when, or that nothing is")
        return expectations

    @model_validator(mode="after")
    def _one_record(self) -> Self:
        kinds = [kind for kind in ("lead", "contact", "deal") if getattr(self, kind) is not None]
        if not kinds:
            raise ValueError("the record is missing; write `lead:`, `contact:` or `deal:` and what is known of it")
        if len(kinds) > 1:
            raise ValueError(f"`{kinds[0]}` and `{kinds[1]}` are two records; a case has one")
        return self
