"""Target `mappings`: any JSON row in place of a lead, task, user, property, error: mapped or left out, and kept exactly.

The pure half of what `answers` does over HTTP, some hundred times as fast.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from adapters.answers import decoded
from adapters.hubspot import activities as hubspot_activities
from adapters.hubspot import consent, errors, fields
from adapters.hubspot import mapping as hubspot
from adapters.hubspot.errors import Call, Reply
from adapters.hubspot.rows import after_of
from adapters.salesforce import activities, mapping, rows
from adapters.salesforce import errors as salesforce_errors
from adapters.salesforce.fields import FieldDescription, described
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import FollowupError
from connector.domain.model import Activity, Change, FieldInfo, Owner, Record, RecordRef
from connector.store import codec
from tests.fuzz.lies import PERMISSIVE, VALUES
from tests.fuzz.target import Case, Target, told_in_one_line

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
STAMP = "2026-03-01T08:00:00.000+0000"
LEAD = RecordRef("salesforce", "lead", "00Q000000000001AAA")
NAMES = {
    "salesforce": [
        "Id",
        "SystemModstamp",
        "CreatedDate",
        "IsDeleted",
        "IsConverted",
        "MasterRecordId",
        "Name",
        "OwnerId",
        "Status",
        "Amount",
        "HasOptedOutOfEmail",
        "CloseDate",
        "WhoId",
        "WhatId",
        "Subject",
        "IsClosed",
        "TaskSubtype",
        "Type",
        "CallType",
        "CallDisposition",
        "ActivityDate",
        "CompletedDateTime",
        "ReminderDateTime",
        "Description",
        "StartDateTime",
        "EndDateTime",
        "ParentId",
        "Title",
        "Field",
        "OldValue",
        "NewValue",
        "LeadId",
        "CampaignId",
        "ContactId",
        "State",
        "IsActive",
        "Email",
        "ManagerId",
        "success",
        "errors",
        "id",
        "statusCode",
        "errorCode",
        "message",
        "Headers",
        "Incoming",
        "LastOpenedDate",
        "name",
        "type",
        "picklistValues",
        "fields",
    ],
    "hubspot": [
        "id",
        "properties",
        "createdAt",
        "updatedAt",
        "archived",
        "archivedAt",
        "propertiesWithHistory",
        "lastmodifieddate",
        "hs_lastmodifieddate",
        "createdate",
        "hs_createdate",
        "hs_lead_status",
        "hubspot_owner_id",
        "email",
        "firstname",
        "lastname",
        "annualrevenue",
        "hs_email_optout",
        "hs_merged_object_ids",
        "lifecyclestage",
        "hs_timestamp",
        "hs_task_body",
        "hs_task_status",
        "hs_task_type",
        "hs_call_direction",
        "hs_call_disposition",
        "hs_email_headers",
        "hs_meeting_start_time",
        "hs_meeting_end_time",
        "hs_email_open_count",
        "results",
        "paging",
        "next",
        "after",
        "status",
        "message",
        "errors",
        "category",
        "context",
        "policyName",
        "errorType",
        "name",
        "type",
        "options",
        "value",
        "timestamp",
        "numErrors",
        "modificationMetadata",
    ],
}
_SOUND = [
    STAMP,
    "00Q000000000001AAA",
    "005000000000001AAA",
    "Lead",
    "Call",
    "101",
    "NEW",
    "true",
    True,
    5,
    "2026-03-01",
    "1772438400000",
]
_ODD = {**VALUES, **PERMISSIVE}
_PLAIN = st.one_of(
    st.sampled_from([*VALUES, *PERMISSIVE]).map(lambda name: _ODD[name]),
    st.sampled_from(_SOUND),
    st.text(max_size=6),
)


def _rows(crm: str) -> st.SearchStrategy[Any]:
    names = st.sampled_from(NAMES[crm])
    return st.recursive(
        st.one_of(_PLAIN, st.dictionaries(names, _PLAIN, max_size=25)),
        lambda inner: st.one_of(st.dictionaries(names, inner, max_size=12), st.lists(inner, max_size=3)),
        max_leaves=12,
    )


CASES = st.one_of(
    *(
        st.fixed_dictionaries(
            {
                "crm": st.just(crm),
                "row": st.dictionaries(st.sampled_from(NAMES[crm]), _rows(crm), min_size=3),
                "nested": _rows(crm),
                "status": st.sampled_from([200, 201, 207, 302, 400, 401, 403, 404, 409, 423, 429, 477, 500, 503, 522]),
            }
        )
        for crm in NAMES
    )
)
COLUMNS = {
    "owner": FieldDescription("OwnerId"),
    "status": FieldDescription("Status", "picklist"),
    "value": FieldDescription("Amount", "number"),
    "opted_out": FieldDescription("HasOptedOutOfEmail", "boolean"),
    "custom.day": FieldDescription("CloseDate", "date"),
    "created": FieldDescription("CreatedDate", "datetime"),
}
INFOS = {
    word: FieldInfo(word, props[0], kind)
    for word, props, kind in (
        ("status", ("hs_lead_status",), "picklist"),
        ("owner", ("hubspot_owner_id",), "text"),
        ("name", ("firstname", "lastname"), "text"),
        ("value", ("annualrevenue",), "number"),
        ("opted_out", ("hs_email_optout",), "boolean"),
        ("custom.at", ("hs_timestamp",), "datetime"),
        ("custom.day", ("createdate",), "date"),
    )
}
ACTION = PlannedAction("r.0123456789abcdef", "r", LEAD, "task", {}, {}, "why", "created", 0, {})


def check(case: Case) -> None:
    """Read the row as everything it could be."""
    try:
        body = decoded(json.dumps([case["row"], case["nested"]]).encode())
    except ValueError:
        return  # NaN and the infinite are no JSON
    assert isinstance(body, list)
    row, nested = body
    for read in (_salesforce if case["crm"] == "salesforce" else _hubspot)(row, nested, case["status"]):
        try:
            found = read()
        except FollowupError as error:
            told_in_one_line(error)
            continue
        for one in found if isinstance(found, list | tuple) else [found]:
            _kept(one)


def _kept(found: object) -> None:
    """What was mapped is stored and read as it was."""
    if isinstance(found, Record):
        assert codec.record_of(found.ref, codec.record_text(found)) == found
    elif isinstance(found, Activity):
        assert codec.activity_of(found.id, codec.activity_text(found)) == found
    elif isinstance(found, Change):
        assert codec.change_of(found.ref, found.id, found.field, found.exact, codec.change_text(found)) == found
    elif isinstance(found, Owner):
        assert codec.owner_of(found.id, codec.owner_text(found)) == found
    elif isinstance(found, Receipt):
        assert found.state != "confirmed" or found.key == ACTION.key


def _salesforce(row: Any, nested: Any, status: int) -> list[Callable[[], object]]:
    words = {"status": ("status", "picklist"), "owner": ("owner", "text"), "lead": ("value", "number")}
    mail = nested if isinstance(nested, dict) else None
    return [
        lambda: mapping.record("lead", row, COLUMNS, frozenset()),
        lambda: mapping.change("lead", "LeadId", row, words),  # type: ignore[arg-type]
        lambda: mapping.member(row, {"00Q000000000001": "brochure"}),
        lambda: mapping.user(row),
        lambda: mapping.queue(row),
        lambda: activities.task(row, None, mail),
        lambda: activities.task(row, "Title"),
        lambda: activities.event(row, NOW),
        lambda: activities.note(row),
        lambda: rows.of_row(ACTION, row),
        lambda: rows.of_row(ACTION, nested),
        lambda: described("Lead", row).fields and described("Lead", nested).fields,
        lambda: _raised(salesforce_errors.error_of(status, nested, write=False)),
        lambda: _raised(salesforce_errors.error_of(status, [row], write=True)),
    ]


def _hubspot(row: Any, nested: Any, status: int) -> list[Callable[[], object]]:
    view = fields.KindView("lead", "contacts", {name: (info.api_name,) for name, info in INFOS.items()}, INFOS)
    flat = {"id": "101", "properties": row, "propertiesWithHistory": row}
    reply = Reply(status, json.dumps(nested).encode(), {})
    found: list[Callable[[], object]] = []
    for one in (row, flat):
        found += [
            lambda one=one: hubspot.record_of(one, view, INFOS),
            lambda one=one: list(hubspot.merged_into(hubspot.record_of(one, view, INFOS), one)),
            lambda one=one: hubspot.dead_record(one, view),
            lambda one=one: list(hubspot.changes_of(one, LEAD, "status", "hs_lead_status", INFOS["status"], NOW)),
            lambda one=one: consent._out(one),
            lambda one=one: after_of(one),
            lambda one=one: fields.property_info(one) and None,
            *(
                lambda one=one, type_=type_: hubspot_activities.activity_of(one, type_, (LEAD,), NOW, "name")
                for type_ in fields.ACTIVITY_OBJECTS
            ),
            lambda one=one: hubspot_activities.with_signals(
                hubspot_activities.activity_of(one, "email", (LEAD,), NOW), one
            ),
        ]
    return [
        *found,
        lambda: _raised(errors.error_for(reply, Call("search", False, "x"), NOW)),
        lambda: _raised(errors.error_for(reply, Call("create", True, "x"), NOW)),
        lambda: errors.words_of(nested),
    ]


def _raised(error: FollowupError | None) -> None:
    if error is not None:
        raise error


TARGET = Target(
    "mappings", "any row in place of a record, activity, receipt or error", CASES, check, share=1, quick=120
)
