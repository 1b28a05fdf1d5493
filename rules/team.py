"""What team.yaml says, as plain frozen data: people, pools, calendars, and what counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Literal

from rules.basics import Duration, Place

Turn = Literal["round_robin", "weighted", "least_loaded", "match"]
"""How a pool hands out: in turn, by the members' weights, to who has the fewest open records, or to who fits best."""

Criterion = Literal["industry", "history", "skill"]
"""What `match` looks at: the record's industry, who had to do with the record or its company, the person's skills."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Away from the first to the last day, both included, in the person's zone."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the team; `crm` is the e-mail address or id by which the CRM knows them."""

    name: str
    crm: str
    manager: str | None = None
    zone: str | None = None
    away: tuple[Absence, ...] = ()
    place: Place | None = None
    skills: tuple[str, ...] = ()
    daily: int | None = None
    """Records a day that pools may give this person, over all pools; None: no bound."""
    weight: float = 1.0
    """The person's share of a weighted pool against the others'."""
    cover: str | None = None
    """Who does this person's tasks while they are away; None: their manager."""
    monthly_offers: int | None = None
    """Offers this person is expected to accept in a month; for the report."""


@dataclass(frozen=True, slots=True)
class Pool:
    """People who take records in turn."""

    name: str
    members: tuple[str, ...]
    place: Place | None = None
    how: Turn = "round_robin"
    match: tuple[Criterion, ...] = ("industry", "history", "skill")


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """Working hours: per weekday (0 = Monday) the open intervals, a zone, and days that are closed."""

    name: str
    zone: str
    hours: Mapping[int, tuple[tuple[time, time], ...]]
    holidays: str | None = None
    """A country, or country and region such as `DE-BY`, for the holidays library."""
    closed: tuple[date, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ContactLimits:
    """How often a prospect may be contacted, over all rules: by enrolments and by tasks to call or to write."""

    min_gap: Duration | None = None
    max_per_week: int | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """What team.yaml says. `attempt` and `reply` are the words that count as such."""

    people: Mapping[str, Person] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    calendars: Mapping[str, CalendarSpec] = field(default_factory=dict)
    attempt: tuple[str, ...] = ("call", "email_sent", "meeting")
    reply: tuple[str, ...] = ("email_received", "call_inbound", "meeting_booked")
    contact: ContactLimits = ContactLimits()
