"""Tasks and events of Salesforce become calls, e-mails, meetings, notes and open tasks. Pure: no clock, no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from adapters.salesforce.mapping import day, flag, id_in, instant, ref, text
from connector.domain.actions import key_in
from connector.domain.model import Activity, ActivityType, Direction, RecordRef

Row = Mapping[str, object]

TASK_COLUMNS = (
    "WhoId",
    "WhatId",
    "OwnerId",
    "Subject",
    "Status",
    "IsClosed",
    "TaskSubtype",
    "Type",
    "CallType",
    "CallDisposition",
    "ActivityDate",
    "CompletedDateTime",
    "IsReminderSet",
    "ReminderDateTime",
    "CreatedDate",
    "IsDeleted",
)
"""What is read of a task, as far as it is visible, besides Id and SystemModstamp."""

EVENT_COLUMNS = ("WhoId", "WhatId", "OwnerId", "Subject", "StartDateTime", "EndDateTime", "CreatedDate", "IsDeleted")

NOTE_COLUMNS = ("ParentId", "OwnerId", "Title", "CreatedDate", "IsDeleted")

NOTE_SUBJECT = "Note"
"""Subject of the completed task that carries a note; a task with it counts as a note, never as a touch."""

CLOSED = frozenset({"completed", "closed", "done"})
"""Statuses that mean done where the org hides IsClosed."""

DEFERRED = "deferred"
"""The status, in small letters, of a task that a person put aside."""

BACKDATED = timedelta(days=2)
"""A task made as completed with a due date this long ago was logged afterwards: it happened on its due date. Less than
two days can be the difference between the user's time zone and UTC."""

_AUTOMATED = re.compile(
    r"\s*(automatic reply|auto[ -]?reply|autoreply|auto-?response|auto:|out of (the )?office|abwesenheit"
    r"|automatische antwort|réponse automatique|respuesta automática|undeliverable|undelivered mail|mail delivery failed"
    r"|delivery status notification)",
    re.IGNORECASE,
)
_AUTO_HEADERS = re.compile(
    r"^(auto-submitted:\s*auto-|x-auto(reply|respond)|precedence:\s*(bulk|auto_reply|list))",
    re.IGNORECASE | re.MULTILINE,
)
_OUTCOMES = (
    ("no_answer", re.compile(r"no[ _-]?(answer|reply|response)|not (answered|reached|available)|unreached|unanswered")),
    ("left_message", re.compile(r"left|voice ?mail|\bvm\b|message")),
    ("busy", re.compile(r"busy|engaged")),
    ("connected", re.compile(r"connect|answered|reached|spoke|talked")),
)


def outcome(disposition: str | None) -> str | None:
    """A call's result in our words no_answer, left_message, busy, connected; else the CRM's own in lower case."""
    if not disposition:
        return None
    lower = disposition.strip().lower()
    return next((word for word, pattern in _OUTCOMES if pattern.search(lower)), lower)


def is_automated(subject: str, subtype: str, headers: str | None) -> bool:
    """True for auto-replies, bounces and mass mail."""
    return bool(_AUTOMATED.match(subject) or subtype == "listemail" or (headers and _AUTO_HEADERS.search(headers)))


def task_type(row: Row) -> str:
    """call, email or todo: by TaskSubtype, else by Type; CallType is set on nothing but calls.

    The subtype is fixed at creation, so that calls which a dialler logs often keep its default, Task.
    """
    for column in ("TaskSubtype", "Type"):
        word = (text(row, column) or "").lower()
        if word == "call" or word.startswith("call "):
            return "call"
        if word in ("email", "listemail", "e-mail"):
            return "email"
    return "call" if text(row, "CallType") else "todo"


def is_closed(row: Row) -> bool:
    """True when the task is done."""
    if row.get("IsClosed") is not None:
        return flag(row, "IsClosed")
    return (text(row, "Status") or "").lower() in CLOSED


def refs_of(row: Row) -> tuple[RecordRef, ...]:
    """The lead, contact and deal an activity is about."""
    found = (ref(text(row, column)) for column in ("WhoId", "WhatId"))
    return tuple(item for item in found if item is not None)


def key_of(row: Row, key_column: str | None) -> str | None:
    """Our key, from its field or from the marker line in the text."""
    return (text(row, key_column) if key_column else None) or key_in(text(row, "Description"))


def happened(row: Row, modified: datetime) -> datetime:
    """When a done task was done: its completion, else its day; one logged long afterwards on the day it names."""
    created = instant(row.get("CreatedDate")) or modified
    completed = instant(row.get("CompletedDateTime"))
    due = day(row.get("ActivityDate"))
    if due is None:
        return completed or created
    if completed is None:
        return min(_within(created, due), modified)
    logged_at_once = completed - created < timedelta(minutes=5)
    if logged_at_once and due <= (completed - BACKDATED).date():
        return _within(completed, due)
    return completed


def _within(instant: datetime, day: date) -> datetime:
    """The instant nearest to `instant` on a day of UTC."""
    start = datetime.combine(day, time(), UTC)
    return min(max(instant, start), start + timedelta(days=1, seconds=-1))


def due_of(row: Row, key: str | None) -> datetime | date | None:
    """When an open task is due: our own tasks carry the instant in their reminder, others know a plain date.

    A rep who moves the due day leaves the reminder behind; a day's difference is only the team's zone.
    """
    due = day(row.get("ActivityDate"))
    reminder = instant(row.get("ReminderDateTime")) if key else None
    kept = reminder is not None and due is not None and abs((reminder.date() - due).days) <= 1
    return reminder if kept else due


def _type(row: Row, kind: str, closed: bool, subject: str) -> ActivityType:
    if (subject == NOTE_SUBJECT and closed) or (text(row, "Type") or "").lower() == "note":
        return "note"
    if closed and kind == "call":
        return "call"
    return "email" if closed and kind == "email" else "task"


def _direction(row: Row, type: ActivityType, incoming: bool | None, subject: str) -> Direction | None:
    """Calls by CallType; e-mails by EmailMessage.Incoming, else by the arrow some clients put before the subject."""
    if type not in ("call", "email"):
        return None
    call_type = (text(row, "CallType") or "").lower()
    if call_type in ("inbound", "outbound", "internal"):
        return "inbound" if call_type == "inbound" else "outbound"
    inbound = incoming if incoming is not None else subject.startswith("← ")
    return "inbound" if inbound and type == "email" else "outbound"


def task(row: Row, key_column: str | None, mail: Row | None = None) -> Activity | None:
    """An activity from a Task row and, for an e-mail, its EmailMessage row; None for a row without id or stamp."""
    id, modified = id_in(row, "Id"), instant(row.get("SystemModstamp"))
    if id is None or modified is None:
        return None
    subject, closed, kind = text(row, "Subject") or "", is_closed(row), task_type(row)
    key = key_of(row, key_column)
    type = _type(row, kind, closed, subject)
    direction = _direction(row, type, flag(mail, "Incoming") if mail is not None else None, subject)
    due = due_of(row, key)
    created = instant(row.get("CreatedDate")) or modified
    if closed:
        at = happened(row, modified)
    else:
        at = due if isinstance(due, datetime) else datetime.combine(due, time(), UTC) if due else created
    subtype = (text(row, "TaskSubtype") or "").lower()
    headers = text(mail, "Headers") if mail is not None else None
    deleted = flag(row, "IsDeleted")
    opened = opened_at(mail) if type == "email" and direction == "outbound" else None
    ended = modified if deleted else instant(row.get("CompletedDateTime")) if closed else None
    return Activity(
        id=id,
        type=type,
        refs=refs_of(row),
        at=at,
        version=_version(row, deleted, direction, opened),
        direction=direction,
        actor=None if direction == "inbound" and type == "email" else id_in(row, "OwnerId"),
        outcome=outcome(text(row, "CallDisposition")) if kind == "call" else None,
        subject=subject,
        done=closed or type == "note",
        due=due,
        ended=ended if type == "task" else None,
        task_type=kind,
        automated=type == "email" and is_automated(subject, subtype, headers),
        key=key,
        deleted=deleted,
        created=instant(row.get("CreatedDate")),
        deferred=not closed and (text(row, "Status") or "").lower() == DEFERRED,
        opened=opened,
    )


def opened_at(mail: Row | None) -> datetime | None:
    """When the prospect last opened an e-mail; Salesforce tells no clicks."""
    if mail is None:
        return None
    return instant(mail.get("LastOpenedDate")) or instant(mail.get("FirstOpenedDate"))


def _version(row: Row, deleted: bool, direction: Direction | None, opened: datetime | None) -> str:
    """Changes with the task, and with what only its e-mail tells."""
    parts = (
        str(row.get("SystemModstamp")),
        "-deleted" if deleted else "",
        "-in" if direction == "inbound" else "",
        f"-opened {opened.isoformat()}" if opened is not None else "",
    )
    return "".join(parts)


def event(row: Row, now: datetime) -> Activity | None:
    """A meeting from an Event row; it is done once its end has passed. None for a row without id, stamp or start."""
    id, modified, start = id_in(row, "Id"), instant(row.get("SystemModstamp")), instant(row.get("StartDateTime"))
    if id is None or modified is None or start is None:
        return None
    end = instant(row.get("EndDateTime")) or start
    deleted = flag(row, "IsDeleted")
    return Activity(
        id=id,
        type="meeting",
        refs=refs_of(row),
        at=start,
        version=f"{row.get('SystemModstamp')}{'-deleted' if deleted else ''}",
        actor=id_in(row, "OwnerId"),
        subject=text(row, "Subject") or "",
        done=end <= now,
        ended=end,
        deleted=deleted,
        created=instant(row.get("CreatedDate")),
    )


def note(row: Row) -> Activity | None:
    """A note from a Note row; None for a row without id or stamp."""
    id, modified = id_in(row, "Id"), instant(row.get("SystemModstamp"))
    about = ref(text(row, "ParentId"))
    if id is None or modified is None:
        return None
    deleted = flag(row, "IsDeleted")
    return Activity(
        id=id,
        type="note",
        refs=(about,) if about else (),
        at=instant(row.get("CreatedDate")) or modified,
        version=f"{row.get('SystemModstamp')}{'-deleted' if deleted else ''}",
        actor=id_in(row, "OwnerId"),
        subject=text(row, "Title") or "",
        deleted=deleted,
    )
