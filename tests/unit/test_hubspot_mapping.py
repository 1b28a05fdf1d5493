"""HubSpot's rows become records, changes and activities; our values become HubSpot's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.hubspot.activities import activity_of, dead_activity
from adapters.hubspot.fields import FieldInfo, instant_in, property_info, value_in, value_out, view_of
from adapters.hubspot.mapping import changes_of, merged_into, record_of, ref_of
from connector.domain.actions import marker
from connector.domain.model import RecordRef
from connector.domain.ports import AdapterConfig

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEAD = RecordRef("hubspot", "lead", "101")
CONTACT_PROPERTIES = (
    "firstname",
    "lastname",
    "email",
    "hs_lead_status",
    "hubspot_owner_id",
    "createdate",
    "lifecyclestage",
)


class _Clock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError("mapping never waits")


def _config(**values: object) -> AdapterConfig:
    return AdapterConfig(crm="hubspot", connection={}, clock=_Clock(), **values)  # type: ignore[arg-type]


def _view(*extra: str, kind: str = "lead", **config: object):
    types = {
        "hs_email_optout": "boolean",
        "annualrevenue": "text",
        "numemployees": "picklist",
        "createdate": "datetime",
    }
    seen = {name: FieldInfo(name, name, types.get(name, "text")) for name in (*CONTACT_PROPERTIES, *extra)}  # type: ignore[arg-type]
    return view_of(kind, _config(**config), {"contacts": seen, "deals": seen})


def _row(**properties: object) -> dict[str, object]:
    values = {"createdate": "2026-03-01T08:00:00Z", "lastmodifieddate": "2026-03-02T08:30:00.123Z", **properties}
    return {"id": "101", "properties": values, "archived": False}


def test_a_contact_becomes_a_lead_with_our_names_and_the_stamp_as_its_version() -> None:
    record = record_of(
        _row(firstname="Mara", lastname="Weber", hs_lead_status="NEW", hubspot_owner_id=""),
        _view(),
        {"name", "status", "owner"},
    )
    assert record.ref == LEAD
    assert record.fields["name"] == "Mara Weber"
    assert (record.status, record.owner) == ("NEW", None)
    assert record.fields["owner"] is None
    assert record.version == "2026-03-02T08:30:00.123000+00:00"
    assert record.created == datetime(2026, 3, 1, 8, tzinfo=UTC)


def test_an_opt_out_that_was_never_set_is_false_and_one_that_is_not_shown_is_hidden() -> None:
    seen = record_of(_row(hs_email_optout=None), _view("hs_email_optout"), {"opted_out"})
    assert seen.fields["opted_out"] is False
    assert record_of(_row(hs_email_optout="true"), _view("hs_email_optout"), {"opted_out"}).fields["opted_out"] is True
    hidden = record_of(_row(), _view(), {"opted_out", "do_not_call"})
    assert "opted_out" not in hidden.fields
    assert hidden.hidden == {"opted_out", "do_not_call"}


def test_a_customer_is_converted_and_so_is_the_status_that_the_workspace_calls_so() -> None:
    assert record_of(_row(lifecyclestage="customer"), _view(), set()).converted
    assert not record_of(_row(lifecyclestage="lead"), _view(), set()).converted
    assert record_of(_row(hs_lead_status="OPEN_DEAL"), _view(statuses={"converted": "open_deal"}), set()).converted


def test_fields_of_the_workspace_replace_ours_for_leads_and_add_to_them() -> None:
    view = _view("lead_source", "tier", fields={"source": "lead_source", "custom.tier": "tier", "custom.gone": "nope"})
    record = record_of(_row(lead_source="Web", tier="gold"), view, {"source", "custom.tier", "custom.gone"})
    assert (record.fields["source"], record.fields["custom.tier"]) == ("Web", "gold")
    assert record.hidden == {"custom.gone", "opted_out"}


def test_numbers_that_hubspot_keeps_as_text_are_compared_as_numbers() -> None:
    record = record_of(
        _row(annualrevenue="1,200,000", numemployees="25"), _view("annualrevenue", "numemployees"), {"value"}
    )
    assert record.fields["value"] == 1_200_000


def test_the_losers_of_a_merge_name_their_survivor() -> None:
    row = _row(hs_merged_object_ids="55;77")
    survivor = record_of(row, _view(), set())
    dead = list(merged_into(survivor, row))
    assert [(gone.ref.id, gone.deleted, gone.merged_into) for gone in dead] == [("55", True, LEAD), ("77", True, LEAD)]


def test_history_tells_each_change_once_and_leaves_out_what_the_record_was_made_with() -> None:
    entries = [
        {"value": "OPEN", "timestamp": "2026-03-02T10:00:00.5Z", "sourceType": "CRM_UI"},
        {"value": "OPEN", "timestamp": "2026-03-02T09:30:00Z"},
        {"value": "NEW", "timestamp": "2026-03-02T09:00:01Z"},
        {"value": "", "timestamp": "2026-03-02T09:45:00Z"},
        {"value": "x", "timestamp": None},
    ]
    row = {"propertiesWithHistory": {"hs_lead_status": entries}}
    info = FieldInfo("status", "hs_lead_status", "picklist")
    changes = list(changes_of(row, LEAD, "status", "hs_lead_status", info, NOW))
    assert [(change.old, change.new) for change in changes] == [("NEW", "OPEN"), ("OPEN", None), (None, "OPEN")]
    assert changes[0].id == "status@2026-03-02T09:30:00+00:00@OPEN"
    assert all(change.exact and change.origin == "crm" for change in changes)
    assert list(changes_of({}, LEAD, "status", "hs_lead_status", info, NOW)) == []


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_two_entries_of_one_instant_the_order_of_the_answer_tells_which_came_first(newest_first: bool) -> None:
    made, then = (
        {"value": "A", "timestamp": "2026-03-02T09:00:00Z"},
        {"value": "C", "timestamp": "2026-03-02T09:00:00Z"},
    )
    later = {"value": "B", "timestamp": "2026-03-02T10:00:00Z"}
    entries = [later, then, made] if newest_first else [made, then, later]
    info = FieldInfo("custom.tier", "tier", "text")
    changes = list(changes_of({"propertiesWithHistory": {"tier": entries}}, LEAD, "custom.tier", "tier", info, NOW))
    assert [(change.old, change.new) for change in changes] == [("A", "C"), ("C", "B")]


def test_a_value_that_came_later_than_the_record_is_a_change() -> None:
    row = {"propertiesWithHistory": {"hubspot_owner_id": [{"value": "7", "timestamp": "2026-03-02T10:00:00Z"}]}}
    info = FieldInfo("owner", "hubspot_owner_id", "text")
    (change,) = changes_of(row, LEAD, "owner", "hubspot_owner_id", info, NOW)
    assert (change.old, change.new) == (None, "7")


def _activity(type_, **properties: object):
    row = {
        "id": "9",
        "properties": {
            "hs_lastmodifieddate": "2026-03-02T08:00:00Z",
            "hs_timestamp": "2026-03-02T08:00:00Z",
            **properties,
        },
    }
    return activity_of(row, type_, (LEAD,), NOW)


@pytest.mark.parametrize(
    ("disposition", "outcome"),
    [
        ("73a0d17f-1163-4015-bdd5-ec830791da20", "no_answer"),
        ("B2CF5968-551E-4856-9783-52B3DA59A7D0", "left_message"),
        ("a4c4c377-d246-4b32-a13b-75a56a4cd0ff", "left_message"),
        ("f240bbac-87c9-4f6e-bf70-924b57d47db7", "connected"),
        ("9d9162e7-6cf3-4944-bf63-4dff82258764", "busy"),
        ("17b47fee-58de-441e-a44c-c6300d46f273", "wrong_number"),
        ("a-disposition-of-this-portal", None),
    ],
)
def test_a_call_has_the_outcome_its_disposition_means(disposition: str, outcome: str | None) -> None:
    call = _activity("call", hs_call_disposition=disposition, hs_call_direction="OUTBOUND", hubspot_owner_id="7")
    assert (call.outcome, call.direction, call.actor, call.id) == (outcome, "outbound", "7", "call:9")


def test_an_incoming_call_is_the_prospects() -> None:
    call = _activity("call", hs_call_direction="INBOUND", hubspot_owner_id="7")
    assert (call.direction, call.actor) == ("inbound", None)


@pytest.mark.parametrize(
    ("properties", "automated"),
    [
        ({"hs_email_subject": "Automatic reply: Hello"}, True),
        ({"hs_email_subject": "Abwesenheitsnotiz"}, True),
        ({"hs_email_subject": "Re: Hello", "hs_email_headers": '{"Auto-Submitted": "auto-replied"}'}, True),
        ({"hs_email_subject": "Re: Hello", "hs_email_headers": '{"Auto-Submitted": "no"}'}, False),
        ({"hs_email_subject": "About your automatic doors"}, False),
    ],
)
def test_an_automatic_answer_is_no_reply(properties: dict[str, object], automated: bool) -> None:
    email = _activity("email", hs_email_direction="INCOMING_EMAIL", hubspot_owner_id="7", **properties)
    assert (email.direction, email.actor, email.automated) == ("inbound", None, automated)


def test_a_meeting_is_over_at_its_end_and_a_cancelled_one_never_was() -> None:
    times = {"hs_meeting_start_time": "2026-03-02T08:30:00Z", "hs_meeting_end_time": "2026-03-02T09:30:00Z"}
    meeting = _activity("meeting", **times)
    assert (meeting.done, meeting.at, meeting.ended) == (
        False,
        NOW - timedelta(minutes=30),
        NOW + timedelta(minutes=30),
    )
    assert _activity("meeting", hs_meeting_start_time="1772438400000").done
    assert _activity("meeting", hs_meeting_outcome="CANCELED", **times).deleted


def test_a_task_carries_our_key_through_the_rich_text_hubspot_makes_of_it() -> None:
    key = "rule.0123456789abcdef"
    task = _activity(
        "task",
        hs_task_body=f"<div>Call &amp; ask<br>{marker(key)}</div>",
        hs_task_status="NOT_STARTED",
        hs_task_type="CALL",
    )
    assert (task.key, task.done, task.task_type, task.id) == (key, False, "call", "9")
    done = _activity("task", hs_task_status="COMPLETED", hs_task_completion_date="2026-03-02T08:10:00Z")
    assert (done.done, done.ended, done.key) == (True, datetime(2026, 3, 2, 8, 10, tzinfo=UTC), None)


def test_a_row_with_nothing_in_it_does_not_stop_a_page() -> None:
    for type_ in ("call", "email", "meeting", "note", "task"):
        assert activity_of({"id": 9}, type_, (), NOW).refs == ()
    assert dead_activity({"id": "9", "archivedAt": "2026-03-02T08:00:00Z"}, "task").deleted
    assert record_of({"id": "1", "properties": None}, _view(), {"status"}).fields["status"] is None


def test_values_go_out_as_hubspot_takes_them() -> None:
    day = FieldInfo("custom.day", "day", "date")
    instant = datetime(2026, 3, 2, 9, 0, 0, 999_000, tzinfo=UTC)
    assert value_out(None, None) == ""
    assert value_out(True, None) == "true"
    assert value_out(instant, None) == "1772442000999"
    assert value_out(instant, day) == value_out(date(2026, 3, 2), day) == "2026-03-02"
    assert instant_in(value_out(instant, None)) == instant
    assert value_in("2026-03-02", day) == date(2026, 3, 2)


def test_the_property_list_is_read_with_whatever_it_leaves_out() -> None:
    info = property_info(
        {
            "name": "hs_lead_status",
            "type": "enumeration",
            "options": [{"value": "NEW"}, {"value": "OLD", "hidden": True}, "odd"],
            "modificationMetadata": {"readOnlyValue": True},
        }
    )
    assert info == FieldInfo("hs_lead_status", "hs_lead_status", "picklist", False, ("NEW",))
    assert property_info({"name": "x"}) == FieldInfo("x", "x", "text")
    assert property_info({"label": "no name"}) is None
    assert ref_of("lead", "101") == LEAD
