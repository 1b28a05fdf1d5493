"""The shape of the cases in a rule file's section `tests:`, as pydantic models in the manner of `rules.schema`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from rules.basics import Scalar
from rules.cases.model import NOBODY, QUEUE
from rules.references import known_field, names_in
from rules.scalars import quoted
from rules.schema.words import EnrollmentName, PersonName, PoolName
from rules.shape import Shape, described
from rules.typed import (
    CUSTOM,
    CUSTOM_NAME,
    ID,
    TEXT_FORM,
    DateText,
    Form,
    Items,
    ListOf,
    Text,
    TrueOnly,
    Written,
    YesNo,
    pattern,
    text_of,
    typed,
    whole_form,
    words_only,
)
from rules.values import FIELDS_FORM, Fields, field_values, scalar_of
from rules.vocabulary import FIELDS, not_known

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?( ?(Z|[+-]\d{2}:\d{2}))?", re.ASCII)

MAX_TIMES = 1_000
"""How often one event of a timeline may happen."""

YEARS = range(1980, 2200)
"""When a case may take place: zones have their rules then, and every calendar has days left."""

GIVEN_FIELDS = tuple(name for name in FIELDS if name not in ("owner", "created"))
"""The fields that a case may give its record, or change."""


# -- scalars ---------------------------------------------------------------------------------------------------------


def instant(text: str) -> datetime:
    """`2026-03-02 09:00`; without an offset it is naive, for the clock time of the case's calendar."""
    if _INSTANT.fullmatch(text):
        try:
            found = datetime.fromisoformat(text.replace(" Z", "Z").replace(" +", "+").replace(" -", "-"))
        except ValueError:
            raise ValueError(f"{quoted(text)} is not an instant of the calendar") from None
        if found.year not in YEARS:
            raise ValueError(f"{quoted(text)} lies too far away; write a year from {YEARS.start} to {YEARS.stop - 1}")
        return found
    raise ValueError(f"{quoted(text)} is not an instant; write day and time, such as `2026-03-02 09:00`")


def true_or_text(text: str) -> str:
    """`true`, which is the empty text, or a text."""
    if text.lower() in ("false", "no"):
        raise ValueError("what does not happen has no event; write `true`, or remove the event")
    return "" if text.lower() in ("true", "yes") else text


def owner_word(value: object, info: ValidationInfo) -> str:
    """Validates a person of team.yaml, `nobody` or `queue NAME`."""
    text, people = text_of(value), names_in(info).people
    if text in people or text == NOBODY:
        return text
    if text.startswith(QUEUE) and text.removeprefix(QUEUE).strip():
        return QUEUE + text.removeprefix(QUEUE).strip()
    sentence = not_known(text, (*people, NOBODY, "queue NAME"))
    raise ValueError(f"{sentence} (of team.yaml)")


def _count_to(most: int, least: int = 0) -> Callable[[str], int]:
    def check(text: str) -> int:
        count = int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else -1
        if not least <= count <= most:
            raise ValueError(f"{quoted(text)} is no count; write a whole number from {least} to {most:,}")
        return count

    return check


def given_fields(value: object, info: ValidationInfo) -> Fields:
    """Validates `{FIELD: VALUE, ..}` for what a record is, or becomes by somebody's hand."""
    if not isinstance(value, dict) or not value:
        raise ValueError("fields and their values are expected, such as `{status: working}`")
    errors: list[InitErrorDetails] = []
    found: dict[str, Scalar] = {}
    for key, raw in value.items():
        text = known_field(key, "", GIVEN_FIELDS)
        kind = "word" if text else "text"
        try:
            if not text:
                found[key] = scalar_of(key, text_of(raw))
                continue
        except ValueError as error:
            text = f"`{key}`: {error}"
        told = PydanticCustomError(kind, "{text}", {"text": text})
        errors.append(InitErrorDetails(type=told, loc=(key,), input=None))
    if errors:
        raise ValidationError.from_exception_data("fields", errors[:50])
    return found


def _given_field(text: str) -> str:
    unknown = known_field(text, "", GIVEN_FIELDS)
    if unknown:
        raise ValueError(unknown)
    return text


_FIELDS_FORM: Form = {
    "type": "object",
    "properties": dict.fromkeys(GIVEN_FIELDS, TEXT_FORM),
    "patternProperties": {f"^{CUSTOM_NAME}$": TEXT_FORM},
    "additionalProperties": False,
    "minProperties": 1,
}

RuleName = Annotated[str, typed(str, pattern(f"{ID}(/\\d+)?", "number"))]
"""A rule, a cadence, or a cadence's step such as `inbound/2`; the reader knows which there are."""
InstantText = Annotated[datetime, typed(instant, pattern(_INSTANT.pattern))]
TrueOrText = Annotated[str, typed(true_or_text, TEXT_FORM)]
OwnerWord = Annotated[str, Written(owner_word, TEXT_FORM)]
FieldWord = Annotated[str, typed(_given_field, TEXT_FORM)]
Given = Annotated[Fields, Written(given_fields, _FIELDS_FORM)]
Writes = Annotated[Fields, Written(lambda value, info: field_values(value), FIELDS_FORM)]
Times = Annotated[int, typed(_count_to(MAX_TIMES, 1), whole_form(1))]
TaskType = Annotated[Literal["call", "email", "todo"], words_only("call", "email", "todo")]


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


class AwayShape(Shape):
    where: ClassVar[str] = "an absence"
    from_: DateText = Field(alias="from")
    to: DateText

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to < self.from_:
            raise ValueError(f"an absence ends ({self.to}) before it begins ({self.from_})")
        return self


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


TrueOr = Annotated[str, words_only("true")]
TrueOrType = Annotated[str, words_only("true", "call", "email", "todo")]


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


def _by_person(value: Callable[[object, ValidationInfo], object], form: Form) -> Written:
    """A mapping of people of team.yaml to something."""

    def check(raw: object, info: ValidationInfo) -> dict[str, object]:
        if not isinstance(raw, dict) or not raw:
            raise ValueError("people and what is said of them are expected, such as `{ana: ...}`")
        people = names_in(info).people
        for name in raw:
            if name not in people:
                raise ValueError(f"{not_known(name, people, what='the person ')} (of team.yaml)")
        return {name: value(item, info) for name, item in raw.items()}

    return Written(check, {"type": "object", "minProperties": 1, "additionalProperties": form})


def _absences(raw: object, info: ValidationInfo) -> tuple[AwayShape, ...]:
    items = raw if isinstance(raw, list) else [raw]
    return tuple(AwayShape.model_validate(item, context=info.context) for item in items)


_DAY = pattern(r"\d{4}-\d{2}-\d{2}")
_ABSENCE: Form = {
    "type": "object",
    "properties": {"from": _DAY, "to": _DAY},
    "required": ["from", "to"],
    "additionalProperties": False,
}
_ABSENCES: Form = {"anyOf": [_ABSENCE, {"type": "array", "items": _ABSENCE}]}
_to_load = _count_to(1_000_000)
Absences = Annotated[dict[str, tuple[AwayShape, ...]], _by_person(_absences, _ABSENCES)]
Loads = Annotated[dict[str, int], _by_person(lambda raw, info: _to_load(text_of(raw)), whole_form(0))]


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
