"""HubSpot's calls, e-mails, meetings, notes and tasks -> our activities. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.hubspot.fields import ActivityWord, instant_in
from adapters.hubspot.mapping import BEGINNING, Row, changed_at, created_at, id_of, properties_of
from connector.domain.actions import key_in
from connector.domain.model import Activity, RecordRef

OUTCOMES: Mapping[str, str] = {
    "73a0d17f-1163-4015-bdd5-ec830791da20": "no_answer",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "left_message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "left_message",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "connected",
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "busy",
    "17b47fee-58de-441e-a44c-c6300d46f273": "wrong_number",
}
"""HubSpot's own call dispositions; a portal's added ones have no common meaning and give no outcome."""

CALL_STATUSES: Mapping[str, str] = {"NO_ANSWER": "no_answer", "MISSED": "no_answer", "BUSY": "busy"}
CALLS_UNDER_WAY = frozenset({"QUEUED", "RINGING", "CONNECTING", "CALLING_CRM_USER", "IN_PROGRESS"})
MAILS_NOT_SENT = frozenset({"SCHEDULED", "DRAFT", "FAILED"})

ACTIVITY_PROPERTIES: Mapping[ActivityWord, tuple[str, ...]] = {
    "call": ("hs_call_direction", "hs_call_disposition", "hs_call_status", "hs_call_title"),
    "email": ("hs_email_direction", "hs_email_headers", "hs_email_status", "hs_email_subject"),
    "meeting": ("hs_meeting_end_time", "hs_meeting_outcome", "hs_meeting_start_time", "hs_meeting_title"),
    "note": ("hs_note_body",),
    "task": ("hs_task_body", "hs_task_completion_date", "hs_task_status", "hs_task_subject", "hs_task_type"),
}
SIGNALS: Mapping[str, str] = {"hs_email_open_count": "opened", "hs_email_click_count": "clicked"}
"""Counts of an e-mail that tell what the prospect did with it; when, only their history tells."""

COMMON_PROPERTIES = ("hs_createdate", "hs_lastmodifieddate", "hs_timestamp", "hubspot_owner_id")

_AUTO_SUBJECT = re.compile(
    r"^\s*(auto(matic)?[ -]?(reply|response)|auto:|out of (the )?office|automatische antwort|abwesenheit|"
    r"r[ée]ponse automatique|respuesta autom[áa]tica|undeliverable|undelivered|delivery status|mail delivery)",
    re.IGNORECASE,
)
_AUTO_HEADER = re.compile(
    r"auto-submitted\W{1,6}auto|precedence\W{1,6}(bulk|auto_reply|junk)|x-auto(reply|respond)", re.I
)


def activity_id(type_: ActivityWord, id_: str) -> str:
    """Our id of an activity. HubSpot counts each type for itself, so all but tasks carry theirs."""
    return id_ if type_ == "task" else f"{type_}:{id_}"


def properties_for(type_: ActivityWord, key_field: str | None, *, signals: bool = False) -> tuple[str, ...]:
    """The properties to ask for; `key_field` is the task property that holds our key, where there is one.

    With `signals` an e-mail's counts of opens and clicks are among them.
    """
    own = (key_field,) if type_ == "task" and key_field else ()
    counts = tuple(SIGNALS) if type_ == "email" and signals else ()
    return (*COMMON_PROPERTIES, *ACTIVITY_PROPERTIES[type_], *own, *counts)


def has_signals(row: Row) -> bool:
    """Whether the prospect opened the e-mail, or followed a link in it."""
    return any(str(properties_of(row).get(name) or "0") not in ("0", "0.0") for name in SIGNALS)


def with_signals(email: Activity, history: Row) -> Activity:
    """The e-mail with the last instants at which its counts rose; `history` is its row with their history."""
    told = history.get("propertiesWithHistory")
    found: dict[str, datetime | None] = {"opened": None, "clicked": None}
    for name, word in SIGNALS.items():
        entries = told.get(name) if isinstance(told, Mapping) else None
        at = (
            instant_in(entry.get("timestamp"))
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, Mapping) and str(entry.get("value") or "0") not in ("0", "0.0")
        )
        found[word] = max((one for one in at if one is not None), default=None)
    seen = max((at for at in found.values() if at is not None), default=None)
    version = email.version if seen is None else f"{email.version} seen {seen.isoformat()}"
    return replace(email, opened=found["opened"], clicked=found["clicked"], version=version)


def activity_of(
    row: Row, type_: ActivityWord, refs: Sequence[RecordRef], now: datetime, key_field: str | None = None
) -> Activity:
    """One row of calls, emails, meetings, notes or tasks as an activity of these records, as of `now`."""
    properties = {name: str(value) for name, value in properties_of(row).items() if value not in (None, "")}
    modified = changed_at(row, type_) or BEGINNING
    base = Activity(
        id=activity_id(type_, id_of(row)),
        type=type_,
        refs=tuple(refs),
        at=instant_in(properties.get("hs_timestamp")) or created_at(row, type_) or modified,
        version=modified.isoformat(),
        actor=properties.get("hubspot_owner_id"),
        deleted=row.get("archived") is True,
        created=created_at(row, type_),
    )
    if type_ == "call":
        return _call(base, properties)
    if type_ == "email":
        return _email(base, properties)
    if type_ == "meeting":
        return _meeting(base, properties, now)
    if type_ == "note":
        return replace(base, key=key_in(html.unescape(properties.get("hs_note_body", ""))))
    return _task(base, properties, key_field)


def dead_activity(row: Row, type_: ActivityWord) -> Activity:
    """A row of an archived list: the activity is gone."""
    at = instant_in(row.get("archivedAt")) or changed_at(row, type_) or BEGINNING
    return Activity(activity_id(type_, id_of(row)), type_, (), at, f"archived:{at.isoformat()}", deleted=True)


def _call(call: Activity, properties: Mapping[str, str]) -> Activity:
    inbound = properties.get("hs_call_direction", "").upper() == "INBOUND"
    status = properties.get("hs_call_status", "").upper()
    outcome = OUTCOMES.get(properties.get("hs_call_disposition", "").lower())
    return replace(
        call,
        direction="inbound" if inbound else "outbound",
        actor=None if inbound else call.actor,
        outcome=outcome or CALL_STATUSES.get(status),
        subject=properties.get("hs_call_title", ""),
        done=status not in CALLS_UNDER_WAY,
    )


def _email(email: Activity, properties: Mapping[str, str]) -> Activity:
    inbound = properties.get("hs_email_direction", "").upper() == "INCOMING_EMAIL"
    subject = properties.get("hs_email_subject", "")
    return replace(
        email,
        direction="inbound" if inbound else "outbound",
        actor=None if inbound else email.actor,
        subject=subject,
        done=properties.get("hs_email_status", "").upper() not in MAILS_NOT_SENT,
        automated=bool(_AUTO_SUBJECT.search(subject) or _AUTO_HEADER.search(properties.get("hs_email_headers", ""))),
    )


def _meeting(meeting: Activity, properties: Mapping[str, str], now: datetime) -> Activity:
    """A cancelled meeting is as good as none. Without an end it is over when it begins."""
    start = instant_in(properties.get("hs_meeting_start_time")) or meeting.at
    end = instant_in(properties.get("hs_meeting_end_time")) or start
    outcome = properties.get("hs_meeting_outcome", "").upper()
    return replace(
        meeting,
        at=start,
        ended=end,
        done=end <= now,
        outcome=outcome.lower() or None,
        subject=properties.get("hs_meeting_title", ""),
        deleted=meeting.deleted or outcome in ("CANCELED", "CANCELLED"),
    )


def _task(task: Activity, properties: Mapping[str, str], key_field: str | None) -> Activity:
    status = properties.get("hs_task_status", "").upper()
    done = status == "COMPLETED"
    own = properties.get(key_field) if key_field else None
    return replace(
        task,
        outcome=None,
        subject=properties.get("hs_task_subject", ""),
        done=done,
        due=instant_in(properties.get("hs_timestamp")),
        ended=instant_in(properties.get("hs_task_completion_date")) if done else None,
        task_type=properties.get("hs_task_type", "TODO").lower(),
        key=own or key_in(html.unescape(properties.get("hs_task_body", ""))),
        deferred=status == "DEFERRED",
    )
