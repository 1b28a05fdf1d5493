"""The shape of team.yaml: people, pools, calendars, what counts, how often a record may be contacted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from functools import cache
from itertools import pairwise
from typing import Annotated, ClassVar, Self
from zoneinfo import available_timezones

from pydantic import Field, model_validator

from rules import scalars
from rules.refusal import UNKNOWN, RefusalError
from rules.schema.words import CriterionWord, PersonName, TurnWord, whether_match
from rules.shape import Shape
from rules.typed import (
    SPAN_FORM,
    Count,
    DateText,
    DurationText,
    Form,
    Items,
    ListOf,
    PositiveText,
    Text,
    Written,
    text_of,
    typed,
    words_only,
)
from rules.vocabulary import ATTEMPT_WORDS, REPLY_WORDS, not_known

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Spans = tuple[tuple[time, time], ...]


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    if name not in _zones():
        near = [zone for zone in sorted(_zones()) if zone.rpartition("/")[2].lower() == name.rpartition("/")[2].lower()]
        hint = f"; did you mean `{near[0]}`?" if near else "; write one such as Europe/Berlin"
        raise ValueError(f"the time zone {scalars.quoted(name)} is not known{hint}")
    return name


def _hours(value: object) -> Mapping[int, Spans]:
    """Validates `{mon-thu: "09:00-18:00", fri: ["09:00-12:00", "13:00-16:00"]}`."""
    if not isinstance(value, dict) or not value:
        raise ValueError('days and their hours are expected, such as `{mon-fri: "09:00-17:00"}`')
    hours: dict[int, Spans] = {}
    for key, raw in value.items():
        spans = sorted(scalars.span(text_of(item)) for item in (raw if isinstance(raw, list) else [raw]))
        if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
            raise ValueError(f"the hours of {scalars.quoted(key)} overlap")
        for day in _days(key):
            if day in hours:
                raise ValueError(f"the hours of {DAYS[day]} are given twice")
            hours[day] = tuple(spans)
    return hours


def _days(key: str) -> range:
    first, dash, last = key.lower().partition("-")
    for name in (first, last) if dash else (first,):
        if name not in DAYS:
            raise RefusalError(not_known(name, DAYS, what="the day "), UNKNOWN)
    begin, end = DAYS.index(first), DAYS.index(last if dash else first)
    if begin > end:
        raise ValueError(f"{scalars.quoted(key)} runs backwards; a week begins on monday")
    return range(begin, end + 1)


_DAY = f"({'|'.join(f'[{day[0].upper()}{day[0]}]{day[1:]}' for day in DAYS)})"
_HOURS_FORM: Form = {
    "type": "object",
    "patternProperties": {f"^{_DAY}(-{_DAY})?$": {"anyOf": [SPAN_FORM, {"type": "array", "items": SPAN_FORM}]}},
    "additionalProperties": False,
    "minProperties": 1,
}

Zone = Annotated[str, typed(_zone, {"type": "string"})]
Hours = Annotated[Mapping[int, Spans], Written(lambda value, info: _hours(value), _HOURS_FORM)]


class Away(Shape):
    where: ClassVar[str] = "an absence"
    from_: DateText = Field(alias="from")
    to: DateText

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to < self.from_:
            raise ValueError(f"an absence ends ({self.to}) before it begins ({self.from_})")
        return self


class PersonShape(Shape):
    where: ClassVar[str] = "a person"
    crm: Text
    manager: PersonName | None = None
    zone: Zone | None = None
    away: Items[Away] = Field(default_factory=list)
    cover: PersonName | None = None
    skills: ListOf[Text] = Field(default_factory=list)
    daily: Count | None = None
    weight: PositiveText = 1
    monthly_offers: Count | None = None


class PoolShape(Shape):
    where: ClassVar[str] = "a pool"
    members: ListOf[PersonName]
    how: TurnWord | None = None
    match: ListOf[CriterionWord] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        whether_match(self.how, self.match)
        twice = next((name for name in self.members if self.members.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{scalars.quoted(twice)} is a member twice")
        return self


class CalendarShape(Shape):
    where: ClassVar[str] = "a calendar"
    zone: Zone
    hours: Hours
    holidays: Text | None = None
    closed: ListOf[DateText] = Field(default_factory=list)


class CountsShape(Shape):
    where: ClassVar[str] = "counts"
    may_be_empty: ClassVar[bool] = True
    attempt: ListOf[Annotated[str, words_only(*ATTEMPT_WORDS)]] = Field(default_factory=lambda: list(ATTEMPT_WORDS))
    reply: ListOf[Annotated[str, words_only(*REPLY_WORDS)]] = Field(default_factory=lambda: list(REPLY_WORDS))


class ContactShape(Shape):
    where: ClassVar[str] = "contact"
    may_be_empty: ClassVar[bool] = True
    min_gap: DurationText | None = None
    max_per_week: Count | None = None


class TeamShape(Shape):
    """The top of team.yaml; its people, pools and calendars are validated one by one."""

    where: ClassVar[str] = "team.yaml"
    may_be_empty: ClassVar[bool] = True
    people: object = None
    pools: object = None
    calendars: object = None
    counts: CountsShape = Field(default_factory=CountsShape)
    contact: ContactShape = Field(default_factory=ContactShape)
