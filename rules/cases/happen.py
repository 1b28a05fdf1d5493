"""What happens in a case and what is expected, from their shapes: instants on a clock, words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from connector.domain.decision import ActionKind
from connector.domain.model import Value
from rules.basics import Place, Scalar
from rules.cases.expected import action_text, aside, when
from rules.cases.model import Check, Event, Happening
from rules.cases.shape import CaseShape, EventShape, ExpectationShape
from rules.compare import shown

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Clock:
    """Reads clock times in a zone; `refuse` is told those that no clock ever shows."""

    zone: ZoneInfo
    refuse: Callable[..., None]

    def at(self, reading: datetime, *loc: str | int) -> datetime:
        """The instant in UTC; of two with the same reading, when clocks go back, the first."""
        if reading.tzinfo is not None:
            return reading.astimezone(UTC)
        found = reading.replace(tzinfo=self.zone).astimezone(UTC)
        if found.astimezone(self.zone).replace(tzinfo=None) != reading:
            self.refuse(f"no clock in {self.zone} shows this: it goes forward then", *loc)
        return found


def events_of(shape: CaseShape, clock: Clock, place: Callable[..., Place]) -> tuple[Event, ...]:
    """What happens, in the order of time; what happens several times does so a minute apart."""
    found: list[Event] = []
    for number, each in enumerate(shape.timeline):
        event = _event(each, clock, place("timeline", number), number)
        for time in range(each.times):
            text = f"{event.text} ({time + 1} of {each.times})" if each.times > 1 else event.text
            found.append(replace(event, at=event.at + time * MINUTE, text=text))
    return tuple(sorted(found, key=lambda event: event.at))


def _event(shape: EventShape, clock: Clock, place: Place, number: int) -> Event:
    what = cast(Happening, shape.what)
    value, fields = _happening(shape, what)
    due = shape.meeting_booked or shape.due
    begins = (
        None if due is None else clock.at(due, "timeline", number, "meeting_booked" if shape.meeting_booked else "due")
    )
    texts = what in ("email_sent", "email_received")
    return Event(
        at=clock.at(shape.at, "timeline", number, "at"),
        what=what,
        value=value,
        text=_text(shape, what, value, fields, begins, clock.zone),
        place=place,
        fields=fields,
        by=shape.by,
        subject=value if texts else shape.subject or "",
        outcome=shape.outcome,
        type=shape.type,
        due=begins,
        auto_reply=bool(shape.auto_reply),
    )


def _happening(shape: EventShape, what: Happening) -> tuple[str, Mapping[str, Scalar]]:
    """The value of a happening as text, and the fields it changes."""
    if what == "status":
        return str(shape.status), {"status": str(shape.status)}
    if what == "set":
        return "", shape.set_ or {}
    if what == "opted_out":
        return "", {"opted_out": shape.opted_out is True}
    value = getattr(shape, what)
    return (value, {}) if isinstance(value, str) else ("", {})


def _text(
    shape: EventShape, what: Happening, value: str, fields: Mapping[str, Scalar], due: datetime | None, zone: ZoneInfo
) -> str:
    """An event in the words of the file."""
    if fields:
        words = ", ".join(f"{name}: {shown(each)}" for name, each in fields.items())
    else:
        words = " ".join(word for word in (what, value) if word)
    more = [
        f"{shape.type}" if shape.type else "",
        "automatic reply" if shape.auto_reply else "",
        f"for {when(due, zone)}" if due is not None else "",
        f"outcome {shape.outcome}" if shape.outcome else "",
        f'"{shape.subject}"' if shape.subject else "",
        f"by {shape.by}" if shape.by else "",
    ]
    return " ".join(word for word in (words, *more) if word)


# -- expectations ----------------------------------------------------------------------------------------------------


def checks_of(shape: ExpectationShape, clock: Clock, place: Place, loc: tuple[str | int, ...]) -> Iterator[Check]:
    """The single things that an expectation asks for."""
    for word in shape.checks:
        if word == "nothing":
            yield Check("nothing", "nothing", place)
        elif word == "held":
            yield Check("held", "something is held", place)
        elif word == "blocked":
            yield Check("blocked", "blocked", place)
        else:
            kind = cast(ActionKind, word)
            fields = _wanted(shape, kind, clock, loc)
            yield Check("action", action_text(kind, fields, clock.zone) + aside(fields, fields), place, kind, fields)


def _wanted(shape: ExpectationShape, kind: ActionKind, clock: Clock, loc: tuple[str | int, ...]) -> Mapping[str, Value]:
    """The fields that an expected action must have, under the names that planned actions give them."""
    found: dict[str, Value] = {}
    if shape.task is not None and kind == "task":
        task = shape.task
        type_ = task.type or (task.any_ if task.any_ != "true" else None)
        due = None if task.due is None else clock.at(task.due, *loc, "task", "due")
        found = {"type": type_, "subject": task.subject, "body": task.body, "owner": task.to, "due": due}
        found["priority"] = task.priority
    elif shape.reassign is not None and kind == "reassign":
        found = {"from": shape.reassign.from_, "owner": shape.reassign.to, "pool": shape.reassign.pool}
        found["note"] = shape.reassign.note
    elif shape.offer is not None and kind == "offer":
        until = None if shape.offer.until is None else clock.at(shape.offer.until, *loc, "offer", "until")
        found = {"owner": shape.offer.to, "pool": shape.offer.pool, "until": until}
    elif shape.amend is not None and kind == "amend":
        found = {"owner": shape.amend.to, "subject": shape.amend.subject, "done": shape.amend.done}
    elif kind == "enroll":
        found = {"in": shape.enroll}
    elif kind == "unenroll":
        found = {"from": shape.unenroll}
    elif kind == "set":
        found = {**(shape.set_ or {})}
    elif kind == "note":
        found = {"text": shape.note}
    return {name: value for name, value in found.items() if value not in (None, "")}
