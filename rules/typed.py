"""The types of a rule file's scalars: each arrives as text, is typed here, and has its form in the JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from connector.domain.undone import UNDO
from rules import scalars
from rules.basics import Duration
from rules.refusal import UNKNOWN, RefusalError
from rules.vocabulary import not_known

T = TypeVar("T")

MAX_ITEMS = 1_000
"""The longest list of a rule file; also how many mistakes of one mapping are reported."""

CUSTOM_NAME = r"custom\.[A-Za-z][A-Za-z0-9_]{0,79}"
CUSTOM = re.compile(CUSTOM_NAME, re.ASCII)
ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,77}"

# Editors type what they read (`60` is a number, `yes` perhaps a boolean); the loader sees text. Both must be accepted.
Form = Mapping[str, object]
TEXT_FORM: Form = {"type": ["string", "number", "boolean"]}
NUMBER_FORM: Form = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\s*[+-]?\d{1,15}(\.\d{1,9})?\s*$"}]}
YES_NO_FORM: Form = {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^([Tt]rue|[Ff]alse|[Yy]es|[Nn]o)$"}]}
DURATION_FORM: Form = {
    "type": "string", "pattern": r"^\s*\d+\s*([Bb]usiness +([Hh]our|[Dd]ay)|[Mm]inute|[Hh]our|[Dd]ay|[Ww]eek|[Mm]onth)s?\s*$",
}  # fmt: skip


def pattern(text: str, *types: str) -> Form:
    """The form of a text that looks like this from beginning to end."""
    return {"type": ["string", *types] if types else "string", "pattern": f"^\\s*({text})\\s*$"}


DATE_FORM = pattern(r"\d{4}-\d{2}-\d{2}")
SPAN_FORM = pattern(r"\d\d:\d\d\s*-\s*\d\d:\d\d")


def whole_form(least: int | None = None) -> Form:
    """The form of a whole number, from 0 or from 1 where that is the least."""
    bound = {} if least is None else {"minimum": least}
    digits = r"[+-]?\d{1,9}" if least is None else r"\+?0*[1-9]\d{0,8}" if least else r"\+?\d{1,9}"
    return {"anyOf": [{"type": "integer", **bound}, {"type": "string", "pattern": f"^\\s*{digits}\\s*$"}]}


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """How a value is written in a file: what checks and types it, and its form in the JSON Schema."""

    check: Callable[[object, ValidationInfo], object]
    form: Form

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return dict(self.form)


class _OneOrMany:
    """Gives a list its second form: one value alone."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        items = handler(core)
        return {"anyOf": [items["items"], items | {"minItems": 1, "maxItems": MAX_ITEMS}]}


def text_of(value: object) -> str:
    """The text of a scalar; ValueError when it is a list, a mapping or empty."""
    if not isinstance(value, str):
        what = "a list" if isinstance(value, list) else "a mapping"
        raise ValueError(f"one value is expected here, not {what}")
    if not value.strip():
        raise ValueError("this is empty; write a value or remove the key")
    return value.strip()


def typed(parse: Callable[[str], object], form: Form) -> Written:
    """A scalar that this function makes of its text; it raises ValueError for another."""
    return Written(lambda value, info: parse(text_of(value)), form)


def words_only(*allowed: str) -> Written:
    """Accepts these words and nothing else."""

    def check(text: str) -> str:
        if text not in allowed:
            raise RefusalError(not_known(text, allowed), UNKNOWN)
        return text

    # An editor reads `true` and `1` as a boolean and a number.
    read = [json.loads(word) for word in allowed if word in ("true", "false", "1")]
    return typed(check, {"enum": [*allowed, *read]})


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


def _above_zero(text: str) -> int | float:
    value = scalars.number(text)
    if value <= 0:
        raise ValueError(f"{scalars.quoted(text)} is too small; write a number above 0")
    return value


def _percent(text: str) -> float:
    value = scalars.number(text)
    if not 0 < value <= 100:
        raise ValueError(f"{scalars.quoted(text)} is no share; write a number above 0 and up to 100")
    return float(value)


def _id(longest: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(ID, text, re.ASCII) or len(text) > longest:
            raise ValueError(
                f"{scalars.quoted(text)} cannot be an id; use letters, digits, `-`, `_` and `.`, at most {longest}, such as "
                "week-one-call"
            )
        if text == UNDO:
            raise ValueError(f"`{UNDO}` cannot be an id: what `followup undo` writes goes by that name")
        return text

    return check


_ID_FORM = pattern(rf"(?!{UNDO}\s*$){ID}", "number", "boolean")

Text = Annotated[str, typed(str, TEXT_FORM)]
IdText = Annotated[str, typed(_id(78), _ID_FORM)]
CadenceId = Annotated[str, typed(_id(70), _ID_FORM)]
"""Shorter than a rule's, because the step's number joins it in the keys of what is written."""
WholeText = Annotated[int, typed(scalars.whole, whole_form())]
Count = Annotated[int, typed(_count, whole_form(1))]
NumberText = Annotated[int | float, typed(scalars.number, NUMBER_FORM)]
PositiveText = Annotated[int | float, typed(_above_zero, NUMBER_FORM)]
PercentText = Annotated[float, typed(_percent, NUMBER_FORM)]
YesNo = Annotated[bool, typed(scalars.yes_no, YES_NO_FORM)]
TrueOnly = Annotated[bool, typed(_true, {"enum": [True, "true", "yes"]})]
DateText = Annotated[date, typed(scalars.day, DATE_FORM)]
DurationText = Annotated[Duration, typed(scalars.duration, DURATION_FORM)]
SpanText = Annotated[tuple[time, time], typed(scalars.span, SPAN_FORM)]
ListOf = Annotated[list[T], BeforeValidator(_as_list), _OneOrMany()]
"""A list of values, or one value alone."""
Items = Annotated[list[T], BeforeValidator(_few)]
"""A list of mappings."""
