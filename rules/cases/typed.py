"""The types of a case's values: instants, people, fields; each arrives as text and has its form in the JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from rules.basics import Scalar
from rules.cases.model import NOBODY, QUEUE
from rules.references import known_field, names_in
from rules.scalars import quoted
from rules.shape import Shape
from rules.typed import (
    CUSTOM_NAME,
    ID,
    TEXT_FORM,
    DateText,
    Form,
    Written,
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
TrueOr = Annotated[str, words_only("true")]
TrueOrType = Annotated[str, words_only("true", "call", "email", "todo")]
TaskType = Annotated[Literal["call", "email", "todo"], words_only("call", "email", "todo")]


class AwayShape(Shape):
    where: ClassVar[str] = "an absence"
    from_: DateText = Field(alias="from")
    to: DateText

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to < self.from_:
            raise ValueError(f"an absence ends ({self.to}) before it begins ({self.from_})")
        return self


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
