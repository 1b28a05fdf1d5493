"""The ground of `schema.py`: a pydantic model that speaks to authors, and the types of a rule file's scalars."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, time
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from rules import scalars
from rules.basics import Duration
from rules.vocabulary import ATTEMPT_WORDS, FIELDS, WORDS, not_known, word

T = TypeVar("T")

MAX_ITEMS = 1_000
"""The longest list of a rule file; also how many mistakes of one mapping are reported."""

CUSTOM = re.compile(r"custom\.[A-Za-z][A-Za-z0-9_]{0,79}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,77}", re.ASCII)

# The kinds of a problem decide its place: `word` stands at the key, `text` at the value, `bare` waits for its key's name.
_OURS = ("word", "text")


@dataclass(frozen=True, slots=True)
class Names:
    """What a rule may refer to: the names of team.yaml and followup.yaml. `enrollments` None: they are not checked.

    `broken` are names that stand in team.yaml with a mistake; `kind` is the record kind of the rule being read.
    """

    people: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ()
    attempts: tuple[str, ...] = ATTEMPT_WORDS
    enrollments: frozenset[str] | None = None
    broken: frozenset[str] = field(default_factory=frozenset)
    kind: str = "lead"


class _Long(dict[str, object]):
    """A mapping in its long form."""


class Shape(BaseModel):
    """A mapping with known words. Unknown, missing and wrong ones are told in sentences, all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: ClassVar[str] = ""
    """The place's name in `vocabulary.WORDS` and in messages."""
    short: ClassVar[str | None] = None
    """The word that a value stands for when it is not a mapping: `quiet: 7 days` is `quiet: {for: 7 days}`."""
    takes_custom: ClassVar[bool] = False
    may_be_empty: ClassVar[bool] = False
    only_one: ClassVar[str] = ""
    """Why only one of the words may stand here; empty when several may."""

    @classmethod
    def words(cls) -> list[str]:
        """The words that may stand here."""
        names = [info.alias or name for name, info in cls.model_fields.items()]
        custom = ["custom.NAME"] if cls.takes_custom else []
        return [name for name in names if name not in ("=", "custom")] + custom

    @model_validator(mode="wrap")
    @classmethod
    def _speak(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, _Long):  # pydantic wraps a model that contains itself twice
            return handler(value)
        told = list(cls._too_many(value))
        try:
            shape = handler(_Long(cls._long(value)))
            if not told:
                return shape
        except ValidationError as error:
            unwritten = "=" if isinstance(value, dict) else cls.short or "="
            told += [_told(cls, detail, unwritten) for detail in error.errors(include_url=False)[:MAX_ITEMS]]
        raise ValidationError.from_exception_data(cls.__name__, told)

    @classmethod
    def _long(cls, value: object) -> dict[str, object]:
        """The value as a mapping: the short form written out, the custom fields gathered under one word."""
        if not isinstance(value, dict):
            if cls.short is None:
                raise ValueError(f"keys and values are expected, such as `{cls._example()}`")
            return {cls.short: value}
        if not value and not cls.may_be_empty:
            raise ValueError(f"this is empty; write for example `{cls._example()}`")
        reserved = {"=", "custom"} & value.keys()
        if not cls.takes_custom and not reserved:
            return value
        custom = {key: item for key, item in value.items() if cls.takes_custom and CUSTOM.fullmatch(key)}
        # A file's own `=` or `custom` must stay unknown words although the model has fields of these names.
        long = {f"{key} " if key in reserved else key: item for key, item in value.items() if key not in custom}
        return long | {"custom": custom} if custom else long

    @classmethod
    def _too_many(cls, value: object) -> Iterator[InitErrorDetails]:
        """The words beyond the first where only one may stand."""
        given = [key for key in value if key in cls.words()] if cls.only_one and isinstance(value, dict) else []
        for key in given[1:]:
            text = f"`{given[0]}` is already here, and `{key}` as well; {cls.only_one}"
            yield InitErrorDetails(type=PydanticCustomError("word", "{text}", {"text": text}), loc=(key,), input=None)

    @classmethod
    def _example(cls) -> str:
        return next((f"{{{known.example}}}" for known in WORDS if known.where == cls.where), "{}")


def _told(cls: type[Shape], detail: ErrorDetails, unwritten: str) -> InitErrorDetails:
    """One of pydantic's errors as a sentence; `unwritten` is a word that the file does not show."""
    kind, loc, text = detail["type"], detail["loc"], detail["msg"]
    key = str(loc[0]) if loc else ""
    if kind in _OURS:
        pass
    elif kind == "extra_forbidden":
        # `_long` has put a space behind words that would pass for names of the model's own.
        kind, loc, text = "word", (key.strip(), *loc[1:]), not_known(key.strip(), cls.words(), cls.where)
    elif kind == "missing":
        kind, text = "text", _missing(cls, key)
    else:
        sentence = text if kind == "bare" else _sentence(cls, detail, key)
        kind, text = ("bare", sentence) if key in (unwritten, "") else ("text", f"`{key}`: {sentence}")
    error = PydanticCustomError(kind, "{text}", {"text": text})
    return InitErrorDetails(type=error, loc=loc, input=None)


def _missing(cls: type[Shape], key: str) -> str:
    known = word(cls.where, key)
    hint = f": {known.meaning}. Write for example `{known.example}`" if known else ""
    return f"`{key}` is missing in {cls.where}{hint}"


def _sentence(cls: type[Shape], detail: ErrorDetails, key: str) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    known = word(cls.where, key)
    example = f", such as `{known.example}`" if known else ""
    if detail["type"] == "list_type":
        return f"a list is expected{example}; each item begins with `- `"
    return f"this is not understood{example}"


def text_of(value: object) -> str:
    """The text of a scalar; ValueError when it is a list, a mapping or empty."""
    if not isinstance(value, str):
        what = "a list" if isinstance(value, list) else "a mapping"
        raise ValueError(f"one value is expected here, not {what}")
    if not value.strip():
        raise ValueError("this is empty; write a value or remove the key")
    return value.strip()


def _typed(parse: Callable[[str], object]) -> PlainValidator:
    return PlainValidator(lambda value: parse(text_of(value)))


def words_only(*allowed: str) -> BeforeValidator:
    """Accepts these words and nothing else."""

    def check(value: object) -> str:
        text = text_of(value)
        if text not in allowed:
            raise ValueError(not_known(text, allowed))
        return text

    return BeforeValidator(check)


def _as_list(value: object) -> object:
    if isinstance(value, dict):
        raise ValueError("a value or a list of values is expected here, not a mapping")
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("the list is empty; name at least one value")
    if len(items) > MAX_ITEMS:
        raise ValueError(f"the list has more than {MAX_ITEMS:,} values")
    return items


def _few(value: object) -> object:
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        raise ValueError(f"the list has more than {MAX_ITEMS:,} items")
    return value


def _true(text: str) -> bool:
    if not scalars.yes_no(text):
        raise ValueError("only `true` makes sense here; remove the key otherwise")
    return True


def _count(text: str) -> int:
    value = scalars.whole(text)
    if value < 1:
        raise ValueError(f"{scalars.quoted(text)} is too small; write 1 or more")
    return value


def _percent(text: str) -> float:
    value = scalars.number(text)
    if not 0 < value <= 100:
        raise ValueError(f"{scalars.quoted(text)} is no share; write a number above 0 and up to 100")
    return float(value)


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(
            f"{scalars.quoted(text)} cannot be an id; use letters, digits, `-`, `_` and `.`, at most 78, such as week-one-call"
        )
    return text


Text = Annotated[str, _typed(str)]
IdText = Annotated[str, _typed(_id)]
WholeText = Annotated[int, _typed(scalars.whole)]
Count = Annotated[int, _typed(_count)]
NumberText = Annotated[int | float, _typed(scalars.number)]
PercentText = Annotated[float, _typed(_percent)]
YesNo = Annotated[bool, _typed(scalars.yes_no)]
TrueOnly = Annotated[bool, _typed(_true)]
DateText = Annotated[date, _typed(scalars.day)]
DurationText = Annotated[Duration, _typed(scalars.duration)]
SpanText = Annotated[tuple[time, time], _typed(scalars.span)]
ListOf = Annotated[list[T], BeforeValidator(_as_list)]
"""A list of values, or one value alone."""
Items = Annotated[list[T], BeforeValidator(_few)]
"""A list of mappings."""


# -- references ------------------------------------------------------------------------------------------------------


def names_in(info: ValidationInfo) -> Names:
    """The names that validation was given."""
    if not isinstance(info.context, Names):
        raise TypeError("rule files are validated with Names as context")
    return info.context


def _reference(pick: Callable[[Names], tuple[str, ...] | None], what: str, place: str) -> PlainValidator:
    def check(value: object, info: ValidationInfo) -> str:
        text = text_of(value)
        names = names_in(info)
        allowed = pick(names)
        if allowed is None or text in allowed:
            return text
        if text in names.broken:
            raise ValueError(f"`{text}` has a mistake in team.yaml; mend it there first")
        sentence = not_known(text, allowed, what=f"{what} ")
        raise ValueError(f"{sentence} (of {place})")

    return PlainValidator(check)


def person_or(*words: str) -> PlainValidator:
    """A person of team.yaml or one of these words."""
    what = "" if words else "the person"
    return _reference(lambda names: (*words, *names.people), what or "the word or person", "team.yaml")


known_person = person_or()
known_pool = _reference(lambda names: names.pools, "the pool", "team.yaml")
known_calendar = _reference(lambda names: names.calendars, "the calendar", "team.yaml")
known_attempt = _reference(lambda names: names.attempts, "the attempt", "counts.attempt in team.yaml")
known_enrollment = _reference(
    lambda names: None if names.enrollments is None else tuple(sorted(names.enrollments)),
    "the enrolment",
    "enrollments in followup.yaml",
)


def known_field(name: str, where: str, allowed: tuple[str, ...] = tuple(FIELDS)) -> str | None:
    """None when the name is a field that may stand there, else the sentence that says what may."""
    if name in allowed or CUSTOM.fullmatch(name):
        return None
    return not_known(name, (*allowed, "custom.NAME"), where)
