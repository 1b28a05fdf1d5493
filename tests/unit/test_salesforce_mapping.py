"""Rows of Salesforce become the nouns of the domain; pure functions, no network."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from adapters.salesforce import activities, mapping
from adapters.salesforce.fields import FieldDescription, FieldMap, ObjectDescription, described, wanted
from connector.domain.errors import ConfigError
from connector.domain.model import Needs, RecordRef

LEAD = "00QHs0000000001MAA"
ANA = "005Hs0000000003IAA"
STAMP = "2026-05-04T09:00:00.000+0000"
NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)


def _task(**columns: object) -> dict[str, object]:
    return {"Id": "00T1", "SystemModstamp": STAMP, "CreatedDate": STAMP, "WhoId": LEAD, "OwnerId": ANA, **columns}


def test_an_id_of_fifteen_characters_gets_its_checksum() -> None:
    assert mapping.id18("00QHs0000000001") == LEAD
    assert mapping.id18("005Hs0000000003") == ANA
    assert mapping.id18(LEAD) == LEAD


@pytest.mark.parametrize("text", ["Ben Busy", "Christopher Lee", "ChristopherLeeX", "", None, 5])
def test_a_name_is_no_id(text: object) -> None:
    assert not mapping.is_id(text)


@pytest.mark.parametrize("text", [STAMP, "2026-05-04T09:00:00.000Z", "2026-05-04T11:00:00+02:00"])
def test_instants_of_rest_and_bulk_are_the_same_instant(text: str) -> None:
    assert mapping.instant(text) == NINE


@pytest.mark.parametrize("text", ["2026-05-04T09:00:00", "soon", "", None, 5])
def test_an_instant_without_a_zone_is_none(text: object) -> None:
    assert mapping.instant(text) is None


@pytest.mark.parametrize(
    ("raw", "type", "value"),
    [
        (None, "boolean", None),
        (True, "boolean", True),
        ("false", "boolean", False),
        (3, "number", 3),
        ("3.5", "number", 3.5),
        ("n/a", "number", "n/a"),
        ("2026-05-08", "date", date(2026, 5, 8)),
        (STAMP, "datetime", NINE),
        ("Hot", "picklist", "Hot"),
    ],
)
def test_values_have_the_type_that_the_describe_names(raw: object, type: str, value: object) -> None:
    assert mapping.value_of(raw, type) == value  # type: ignore[arg-type]


def test_a_datetime_without_a_zone_is_never_written() -> None:
    with pytest.raises(ValueError, match="time zone"):
        mapping.json_value(datetime(2026, 5, 4, 9))  # noqa: DTZ001
    assert mapping.json_value(NINE.astimezone(timezone(timedelta(hours=2)))) == STAMP


def test_a_record_keeps_empty_fields_and_lists_hidden_ones() -> None:
    row = {"Id": LEAD, "SystemModstamp": STAMP, "CreatedDate": STAMP, "Status": None, "IsConverted": True}
    record = mapping.record("lead", row, {"status": FieldDescription("Status", "picklist")}, frozenset({"opted_out"}))
    assert record is not None
    assert record.fields == {"status": None}
    assert (record.hidden, record.converted, record.deleted) == (frozenset({"opted_out"}), True, False)


def test_a_version_changes_with_deletion_even_if_the_stamp_does_not() -> None:
    row = {"Id": LEAD, "SystemModstamp": STAMP}
    alive = mapping.record("lead", row, {}, frozenset())
    gone = mapping.record("lead", {**row, "IsDeleted": True, "MasterRecordId": "00Q2"}, {}, frozenset())
    assert alive is not None
    assert gone is not None
    assert alive.version != gone.version
    assert gone.merged_into == RecordRef("salesforce", "lead", "00Q2")


def test_a_row_without_id_or_stamp_is_no_record() -> None:
    assert mapping.record("lead", {"Id": LEAD}, {}, frozenset()) is None
    assert mapping.record("lead", {"SystemModstamp": STAMP}, {}, frozenset()) is None


# -- activities ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("disposition", "word"),
    [
        ("No Answer", "no_answer"),
        ("not reached", "no_answer"),
        ("Unanswered", "no_answer"),
        ("Left Voicemail", "left_message"),
        ("Left Message", "left_message"),
        ("Busy", "busy"),
        ("Connected", "connected"),
        ("Spoke to her", "connected"),
        ("Wrong Number", "wrong number"),
        ("", None),
        (None, None),
    ],
)
def test_call_results_are_told_in_our_words(disposition: str | None, word: str | None) -> None:
    assert activities.outcome(disposition) == word


def test_a_task_with_a_call_type_is_a_call_though_a_dialler_left_the_subtype_at_its_default() -> None:
    dialled = activities.task(_task(TaskSubtype="Task", CallType="Outbound", IsClosed=True), None)
    planned = activities.task(_task(TaskSubtype="Task", CallType=None, IsClosed=True), None)
    assert dialled is not None
    assert planned is not None
    assert (dialled.type, dialled.direction) == ("call", "outbound")
    assert planned.type == "task"


def test_an_open_call_is_a_task_and_a_closed_one_a_call() -> None:
    opened = activities.task(_task(TaskSubtype="Call", IsClosed=False, ActivityDate="2026-05-08"), None)
    closed = activities.task(_task(TaskSubtype="Call", IsClosed=True, CompletedDateTime=STAMP), None)
    assert opened is not None
    assert closed is not None
    assert (opened.type, opened.task_type, opened.done, opened.due) == ("task", "call", False, date(2026, 5, 8))
    assert opened.at == datetime(2026, 5, 8, tzinfo=UTC)
    assert (closed.type, closed.done, closed.at, closed.direction, closed.actor) == (
        "call",
        True,
        NINE,
        "outbound",
        ANA,
    )


def test_where_is_closed_is_hidden_the_status_tells() -> None:
    assert activities.is_closed({"Status": "Completed"})
    assert not activities.is_closed({"Status": "In Progress"})


@pytest.mark.parametrize(
    ("row", "mail", "direction"),
    [
        ({"CallType": "Inbound"}, None, "inbound"),
        ({}, {"Incoming": True}, "inbound"),
        ({}, {"Incoming": False}, "outbound"),
        ({"Subject": "← Re: offer"}, None, "inbound"),
        ({"Subject": "Email: offer"}, None, "outbound"),
    ],
)
def test_the_direction_of_a_mail(row: dict[str, object], mail: dict[str, object] | None, direction: str) -> None:
    found = activities.task(_task(Type="Email", IsClosed=True, **row), None, mail)
    assert found is not None
    assert (found.type, found.direction) == ("email", direction)
    assert (found.actor is None) == (direction == "inbound")


@pytest.mark.parametrize(
    ("subject", "subtype", "headers"),
    [
        ("Automatic reply: offer", "email", None),
        ("Out of Office: back on Monday", "email", None),
        ("AUTO: I am away", "email", None),
        ("Undeliverable: offer", "email", None),
        ("News", "listemail", None),
        ("Re: offer", "email", "From: x\nAuto-Submitted: auto-replied\n"),
    ],
)
def test_auto_replies_and_mass_mail_are_automated(subject: str, subtype: str, headers: str | None) -> None:
    assert activities.is_automated(subject, subtype, headers)


@pytest.mark.parametrize("subject", ["Re: automatic reply handling", "Car out of the shop", "Autobahn", "Re: offer"])
def test_what_people_write_is_not_automated(subject: str) -> None:
    assert not activities.is_automated(subject, "email", "MIME-Version: 1.0\nAuto-Submitted: no")


@pytest.mark.parametrize(
    ("row", "at"),
    [
        ({"CompletedDateTime": STAMP, "ActivityDate": "2026-05-04"}, NINE),
        ({"CompletedDateTime": STAMP, "ActivityDate": "2026-05-03"}, NINE),
        ({"CompletedDateTime": STAMP, "ActivityDate": "2026-12-31"}, NINE),
        ({"CompletedDateTime": STAMP, "ActivityDate": "2026-04-01"}, datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)),
        (
            {"CompletedDateTime": STAMP, "ActivityDate": "2026-04-01", "CreatedDate": "2026-03-01T09:00:00.000+0000"},
            NINE,
        ),
        ({"ActivityDate": "2026-05-04"}, NINE),
        ({"ActivityDate": "2026-12-31"}, NINE),
        ({}, NINE),
    ],
)
def test_when_a_done_task_happened_is_never_in_its_future(row: dict[str, object], at: datetime) -> None:
    assert activities.happened({"CreatedDate": STAMP, **row}, NINE) == at


def test_our_key_comes_from_its_field_or_from_the_line_in_the_text() -> None:
    in_text = {"Description": "Because\n\n[followup:rule.1]"}
    assert activities.key_of(in_text, None) == "rule.1"
    assert activities.key_of({"Key__c": "rule.2", **in_text}, "Key__c") == "rule.2"
    assert activities.key_of({"Description": "[other]"}, None) is None


def test_only_our_own_tasks_take_their_due_instant_from_the_reminder() -> None:
    row = {"ActivityDate": "2026-05-04", "ReminderDateTime": STAMP}
    assert activities.due_of(row, "rule.1") == NINE
    assert activities.due_of(row, None) == date(2026, 5, 4)
    assert activities.due_of({**row, "ActivityDate": "2026-05-09"}, "rule.1") == date(2026, 5, 9)
    assert activities.due_of({**row, "ActivityDate": "2026-05-03"}, "rule.1") == NINE, (
        "west of UTC it is still the third"
    )


@pytest.mark.parametrize(("now", "done"), [(NINE, False), (NINE + timedelta(hours=1), True)])
def test_a_meeting_is_done_once_its_end_has_passed(now: datetime, done: bool) -> None:
    row = _task(StartDateTime=STAMP, EndDateTime="2026-05-04T10:00:00.000+0000")
    meeting = activities.event(row, now)
    assert meeting is not None
    assert (meeting.done, meeting.ended) == (done, NINE + timedelta(hours=1))


# -- history, members ------------------------------------------------------------------------------------------------
WORDS = {"owner": ("owner", "text"), "status": ("status", "picklist"), "numberofemployees": ("size", "number")}


def test_an_owner_change_counts_by_its_ids_only() -> None:
    row = {"Id": "0171", "CreatedDate": STAMP, "LeadId": LEAD, "Field": "Owner", "CreatedById": ANA}
    names = mapping.change("lead", "LeadId", {**row, "OldValue": "Ana", "NewValue": "Ben"}, WORDS)  # type: ignore[arg-type]
    ids = mapping.change("lead", "LeadId", {**row, "OldValue": ANA[:15], "NewValue": ANA}, WORDS)  # type: ignore[arg-type]
    assert names is None
    assert ids is not None
    assert (ids.old, ids.new, ids.actor) == (ANA, ANA, ANA)


def test_history_of_other_fields_is_left_out_and_numbers_are_numbers() -> None:
    row = {"Id": "0171", "CreatedDate": STAMP, "LeadId": LEAD, "OldValue": "5", "NewValue": 7}
    size = mapping.change("lead", "LeadId", {**row, "Field": "NumberOfEmployees"}, WORDS)  # type: ignore[arg-type]
    assert size is not None
    assert (size.field, size.old, size.new) == ("size", 5.0, 7)
    assert mapping.change("lead", "LeadId", {**row, "Field": "created"}, WORDS) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "active"),
    [({"State": "Active"}, True), ({"State": "Complete"}, False), ({"State": "Active", "IsDeleted": True}, False)],
)
def test_a_finished_or_deleted_membership_is_not_active(row: dict[str, object], active: bool) -> None:
    found = mapping.member(
        {"TargetId": LEAD, "ActionCadenceId": "77CHs0000000001IAA", **row}, {"77CHs0000000001": "x"}, "ActionCadenceId"
    )
    assert found is not None
    assert (found.name, found.active) == ("x", active)


# -- names of fields -------------------------------------------------------------------------------------------------
def test_bindings_count_for_every_kind_or_for_one() -> None:
    fields = FieldMap({"status": "State__c", "deal.value": "Worth__c", "custom.tier": "Tier__c"}, {"lead": "Lead"})
    assert (fields.api("lead", "status"), fields.api("deal", "status")) == ("State__c", "State__c")
    assert (fields.api("deal", "value"), fields.api("lead", "value")) == ("Worth__c", "AnnualRevenue")
    assert fields.words_for("lead", "tier__c") == ("custom.tier",)
    assert fields.api("lead", "score") is None


def test_a_binding_for_one_kind_wins_over_one_for_all() -> None:
    fields = FieldMap({"deal.status": "Phase__c", "status": "State__c"}, {})
    assert (fields.api("deal", "status"), fields.api("lead", "status")) == ("Phase__c", "State__c")


@pytest.mark.parametrize("api_name", ["Status FROM User", "a.b", "", "1st", "x'"])
def test_a_binding_that_is_no_api_name_is_refused(api_name: str) -> None:
    with pytest.raises(ConfigError, match=r"fields\.status"):
        FieldMap({"status": api_name}, {})


def test_visible_and_hidden_fields_share_out_what_is_bound() -> None:
    lead = described("Lead", {"fields": [{"name": "Status", "type": "picklist"}, {"name": "TIER__c"}]})
    fields = FieldMap({"custom.tier": "tier__C"}, {})
    assert set(fields.visible("lead", lead)) == {"status", "custom.tier"}
    assert "opted_out" in fields.hidden("lead", lead)
    assert "status" not in fields.hidden("lead", lead)


def test_a_describe_with_missing_flags_counts_them_as_set_and_drops_inactive_values() -> None:
    values = [{"value": "A", "active": True, "defaultValue": True}, {"value": "B", "active": False}, {"value": "C"}]
    field = described("Task", {"fields": [{"name": "Status", "type": "picklist", "picklistValues": values}]}).fields[
        "Status"
    ]
    assert (field.values, field.default, field.createable, field.unique) == (("A", "C"), "A", True, False)
    assert described("Task", None) == ObjectDescription("Task", {})


def test_what_every_write_is_checked_against_is_always_read() -> None:
    needs = Needs(fields={"lead": frozenset({"name"})}, written_fields={"lead": frozenset({"custom.tier"})})
    assert wanted("lead", needs) == {"status", "owner", "opted_out", "do_not_call", "name", "custom.tier"}
