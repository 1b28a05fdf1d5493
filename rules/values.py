"""Validators for values that depend on more than themselves: on the field they belong to, or on the rule's kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails

from rules import scalars, template
from rules.basics import TAKER, Scalar, Template
from rules.model import Backfill, Every, Once
from rules.references import known_field, names_in
from rules.refusal import FIELD, UNKNOWN, VALUE, RefusalError
from rules.shape import described, refused
from rules.typed import CUSTOM, CUSTOM_NAME, MAX_ITEMS, TEXT_FORM, Form, pattern, text_of
from rules.vocabulary import FIELDS, not_known
from rules.yamlfile import Loc

Fields = Mapping[str, Scalar]

MAX_SUBJECT = 255
"""Characters of a task's subject: what Salesforce's Subject field takes."""

_CHANGING = tuple(name for name in FIELDS if name not in ("created", "owner"))
_SETTABLE = (
    "status", "source", "country", "industry", "size", "title", "score", "value", "rating", "prefers", "reason",
)  # fmt: skip

_SEVERAL: Form = {"anyOf": [TEXT_FORM, {"type": "array", "items": TEXT_FORM, "minItems": 1, "maxItems": MAX_ITEMS}]}
_CUSTOM: Form = {f"^{CUSTOM_NAME}$": TEXT_FORM}


def by_field_form(where: str) -> Form:
    """The form of `{FIELD: VALUE or [..], from: VALUE or [..]}`."""
    origin = described(where, "from", dict(_SEVERAL))
    return {
        "type": "object",
        "properties": dict.fromkeys(_CHANGING, _SEVERAL) | {"from": origin},
        "patternProperties": {f"^{CUSTOM_NAME}$": _SEVERAL},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 2,
    }


FIELDS_FORM: Form = {
    "type": "object",
    "properties": dict.fromkeys(_SETTABLE, TEXT_FORM),
    "patternProperties": _CUSTOM,
    "additionalProperties": False,
    "minProperties": 1,
}
ONCE_FORM = pattern(r"[Pp]er +([Ll]ead|[Cc]ontact|[Dd]eal|[Oo]wner|[Ss]tatus|[Oo]ccasion|\d+ *[A-Za-z ]+)")
EVERY_FORM: Form = {
    "anyOf": [
        {"type": "string", "pattern": r"^\s*\S.*\s\d{1,2}:\d\d\s*$"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 7},
    ]
}
BACKFILL_FORM: Form = {
    "anyOf": [
        {"enum": ["all"]},
        {
            "type": "object",
            "properties": {"spread": described("backfill", "spread", dict(pattern(r"[1-9]\d{0,6}\s+per\s+day")))},
            "required": ["spread"],
            "additionalProperties": False,
        },
    ]
}


@dataclass(frozen=True, slots=True)
class ByField:
    """A field with the values it takes or loses, and those it comes from."""

    field: str
    values: tuple[Scalar, ...]
    origins: tuple[Scalar, ...] = ()


def field_word(value: object, info: ValidationInfo) -> str:
    """The name of a field."""
    name = text_of(value)
    unknown = known_field(name, "")
    if unknown:
        raise RefusalError(unknown, FIELD)
    return name


def scalar_of(field: str, text: str) -> Scalar:
    """A text typed as the field is; a custom field's stays text, since only the CRM knows its type."""
    kind = FIELDS.get(field)
    if kind == "number":
        return scalars.number(text)
    if kind == "boolean":
        return scalars.yes_no(text)
    return text


class _Collected:
    """Gathers the mistakes of one mapping, so that all of them are reported."""

    def __init__(self) -> None:
        self.errors: list[InitErrorDetails] = []

    def add(self, text: str, *loc: str | int, key: bool = False) -> None:
        found = refused("word", text, FIELD, *loc) if key else refused("text", text, VALUE, *loc)
        self.errors.append(found)

    def scalars(self, field: str, key: str, raw: object) -> tuple[Scalar, ...]:
        """The typed values of a scalar or a list."""
        found = []
        for position, item in enumerate(raw if isinstance(raw, list) else [raw]):
            try:
                found.append(scalar_of(field, text_of(item)))
            except ValueError as error:
                loc: Loc = (key, position) if isinstance(raw, list) else (key,)
                self.add(f"`{key}`: {error}", *loc)
        if not found and not self.errors:
            self.add(f"`{key}`: the list is empty; name at least one value", key)
        return tuple(found)

    def raise_any(self) -> None:
        if self.errors:
            raise ValidationError.from_exception_data("values", self.errors[:50])


def field_lists(where: str) -> Callable[[object, ValidationInfo], ByField]:
    """Validates `{FIELD: VALUE or [..], from: VALUE or [..]}`."""

    def check(value: object, info: ValidationInfo) -> ByField:
        if not isinstance(value, dict):
            raise ValueError("a field and its value are expected, such as `{status: interested}`")
        collected = _Collected()
        fields = [key for key in value if key != "from"][:50]
        for key in fields:
            unknown = known_field(key, where, _CHANGING)
            if unknown:
                collected.add(unknown, key, key=True)
        if len(fields) != 1:
            listed = " and ".join(f"`{key}`" for key in fields) or "no field"
            collected.add(f"`{where}`: names {listed}; name exactly one")
        collected.raise_any()
        values = collected.scalars(fields[0], fields[0], value[fields[0]])
        origins = collected.scalars(fields[0], "from", value["from"]) if "from" in value else ()
        collected.raise_any()
        return ByField(fields[0], values, origins)

    return check


def field_values(value: object) -> Fields:
    """Validates `{FIELD: VALUE, ..}` for fields that a rule may write."""
    if not isinstance(value, dict) or not value:
        raise ValueError("fields and their values are expected, such as `{status: recycled}`")
    collected = _Collected()
    result: dict[str, Scalar] = {}
    for key, raw in value.items():
        unknown = known_field(key, "set", _SETTABLE)
        if unknown:
            collected.add(unknown, key, key=True)
        elif isinstance(raw, list):
            collected.add(f"`{key}`: one value is expected here, not a list", key)
        else:
            result.update(zip((key,), collected.scalars(key, key, raw), strict=False))
        if len(collected.errors) >= 50:
            break
    collected.raise_any()
    return result


def filled_text(value: object, info: ValidationInfo, *, one_line: bool = False, hand_over: bool = False) -> Template:
    """Validates text with `{lead.name}` holes; `one_line` is for a task's subject, `hand_over` names who gets the record."""
    text, kind = text_of(value), names_in(info).kind
    if one_line and ("\n" in text or len(text) > MAX_SUBJECT):
        raise ValueError(f"a subject is one line of at most {MAX_SUBJECT} characters")
    parts = list(template.parse(text, kind).parts)
    fields = [name for name in FIELDS if name != "owner"]
    for position in range(1, len(parts), 2):
        name = parts[position]
        if name in ("owner.name", "owner"):
            parts[position] = "owner"
        elif hand_over and name in (f"{TAKER}.name", TAKER):
            parts[position] = TAKER
        elif name not in FIELDS and not CUSTOM.fullmatch(name):
            allowed = [*(f"{kind}.{field}" for field in fields), f"{kind}.custom.NAME", "owner.name"]
            allowed += [f"{TAKER}.name"] if hand_over else []
            text = not_known(name if "." in name else f"{kind}.{name}", allowed, what="the field ")
            raise RefusalError(text, FIELD)
    return Template(tuple(parts))


def once_word(value: object, info: ValidationInfo) -> Once:
    """Validates `per lead`, `per owner`, `per status`, `per 90 days`, `per occasion`."""
    return scalars.once(text_of(value), names_in(info).kind)


def every_word(value: object, info: ValidationInfo) -> Every:
    """Validates `friday 16:00`, `weekday 07:00`, `monday and thursday 09:00`, or a list of such with one time of day."""
    items = value if isinstance(value, list) else [value]
    if not 1 <= len(items) <= 7:
        raise ValueError("name between one and seven times of the week, such as `friday 16:00`")
    slots = [scalars.every(text_of(item)) for item in items]
    times = {slot.at for slot in slots}
    if len(times) > 1:
        raise ValueError("one rule has one time of day; write a second rule for the other")
    return Every(tuple(sorted({day for slot in slots for day in slot.days})), times.pop())


def backfill_word(value: object) -> Backfill:
    """Validates `all` or `{spread: 20 per day}`."""
    if isinstance(value, dict) and value:
        unknown = next((key for key in value if key != "spread"), None)
        if unknown is not None:
            raise RefusalError(not_known(unknown, ("spread",)), UNKNOWN)
        return scalars.per_day(text_of(value["spread"]))
    if value == "all":
        return Backfill("all")
    shown = f"{scalars.quoted(value)} is not known here; " if isinstance(value, str) and value else ""
    raise ValueError(f"{shown}write `all`, or `{{spread: 20 per day}}`")


def queue_or_hold(value: object) -> str:
    """Validates `hold` or `queue NAME`; the answer is `hold` or the queue's name."""
    text = text_of(value)
    word, _, name = text.partition(" ")
    if text == "hold":
        return "hold"
    if word == "queue" and name.strip() and name.strip() != "hold":
        return name.strip()
    raise ValueError(f"{scalars.quoted(text)} is not known here. Allowed: hold, queue NAME")
