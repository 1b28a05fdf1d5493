"""What people do, as objects: tasks, events, mails and notes."""

from __future__ import annotations

from adapters.sandbox.salesforce.fields import (
    Field,
    ObjectType,
    create_only,
    day,
    email,
    flag,
    instant,
    long_text,
    number,
    object_type,
    owner,
    pick,
    read_only,
    ref,
    text,
)

TASK_KEY = "FollowupKey__c"


def _activity(key: Field | None) -> tuple[Field, ...]:
    about = ("Account", "Opportunity", "Campaign")
    shared = (
        text("Subject"),
        ref("WhoId", "Contact", "Lead"),
        ref("WhatId", *about),
        long_text("Description"),
        flag("IsReminderSet"),
        instant("ReminderDateTime"),
        *read_only(ref("AccountId", "Account"), flag("IsArchived")),
    )
    return (*shared, key) if key else shared


def _task(key: Field | None, indexed: tuple[str, ...]) -> ObjectType:
    return object_type(
        "Task",
        "00T",
        *_activity(key),
        pick(
            "Status",
            "Not Started",
            "In Progress",
            "Completed",
            "Waiting on someone else",
            "Deferred",
            default="Not Started",
        ),
        pick("Priority", "High", "Normal", "Low", default="Normal"),
        day("ActivityDate"),
        pick("Type", "Call", "Email", "Meeting", "Other"),
        create_only(
            pick(
                "TaskSubtype",
                "Task",
                "Email",
                "ListEmail",
                "Cadence",
                "Call",
                "LinkedIn",
                restricted=True,
                default="Task",
            )
        ),
        text("CallDisposition"),
        pick("CallType", "Internal", "Inbound", "Outbound", restricted=True),
        number("CallDurationInSeconds"),
        owner("Group", "User"),
        *read_only(flag("IsClosed"), flag("IsHighPriority"), instant("CompletedDateTime")),
        indexed=indexed,
    )


def _event(key: Field | None, indexed: tuple[str, ...]) -> ObjectType:
    return object_type(
        "Event",
        "00U",
        *_activity(key),
        instant("StartDateTime"),
        instant("EndDateTime"),
        instant("ActivityDateTime"),
        day("ActivityDate"),
        number("DurationInMinutes"),
        flag("IsAllDayEvent"),
        text("Location"),
        pick("Type", "Call", "Email", "Meeting", "Other"),
        create_only(pick("EventSubtype", "Event", restricted=True, default="Event")),
        owner("Calendar", "User"),
        indexed=indexed,
    )


def _mail() -> ObjectType:
    return object_type(
        "EmailMessage",
        "02s",
        *(
            create_only(f)
            for f in (ref("ActivityId", "Task"), ref("RelatedToId", "Account", "Opportunity", "Campaign"))
        ),
        *(create_only(f) for f in (text("Subject", 3000), long_text("TextBody"), long_text("Headers"))),
        *(create_only(f) for f in (email("FromAddress"), text("FromName", 1000), text("ToAddress", 4000))),
        create_only(flag("Incoming")),
        pick("Status", "0", "1", "2", "3", "4", "5", restricted=True, default="3"),
        create_only(instant("MessageDate")),
        *read_only(flag("HasAttachment"), flag("IsOpened"), flag("IsBounced"), flag("IsTracked")),
        *read_only(instant("FirstOpenedDate"), instant("LastOpenedDate")),
        indexed=("ActivityId",),
    )


def _note() -> ObjectType:
    return object_type(
        "Note",
        "002",
        create_only(ref("ParentId", "Lead", "Contact", "Account", "Opportunity", required=True)),
        text("Title", 80, required=True),
        long_text("Body"),
        flag("IsPrivate"),
        owner("User"),
        indexed=("ParentId",),
    )


def activities(key: bool, unique: bool) -> tuple[ObjectType, ...]:
    """Task, Event, EmailMessage and Note; the key field is on Task and Event when asked for, as Activity fields are."""
    field = Field(TASK_KEY, "string", 255, external_id=True, unique=unique) if key else None
    indexed = ("WhoId", "WhatId", TASK_KEY) if key else ("WhoId", "WhatId")
    return _task(field, indexed), _event(field, indexed), _mail(), _note()
