"""Answers that leave out, spell or type things differently from the org we know are read all the same; pure tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import cast

import pytest
import responses

from adapters.salesforce import activities, mapping, rows
from adapters.salesforce.client import Client
from adapters.salesforce.errors import first_error
from adapters.salesforce.fields import FieldDescription, described
from connector.domain.decision import PlannedAction
from connector.domain.errors import RetryableError
from connector.domain.model import RecordRef
from connector.domain.ports import AdapterConfig

SHORT, LEAD = "00QHs0000000001", "00QHs0000000001MAA"
SHORT_USER, ANA = "005Hs0000000003", "005Hs0000000003IAA"
STAMP = "2026-05-04T09:00:00.000+0000"
NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)
HOST = "https://acme.my.salesforce.com"
BASE = f"{HOST}/services/data/v62.0"


class StillClock:
    def now(self) -> datetime:
        return NINE

    def sleep(self, seconds: float) -> None:
        pass


@pytest.fixture
def client() -> Iterator[Client]:
    connection = {"login_url": HOST, "client_id": "c", "client_secret": "s"}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{HOST}/services/oauth2/token", json={"access_token": "t", "instance_url": HOST})
        mock.get(f"{BASE}/query/01g1-2", json={"records": [{"Id": "3"}]})
        mock.get(f"{BASE}/query/01g1-0", json={"done": False, "nextRecordsUrl": f"{BASE}/query/01g1-0", "records": []})
        made = Client(AdapterConfig("salesforce", connection, StillClock()))
        made.mock = mock  # type: ignore[attr-defined]
        yield made
        made.close()


def _first_page(client: Client, answer: object) -> list[str]:
    client.mock.get(f"{BASE}/query/", json=answer)  # type: ignore[attr-defined]
    return [str(row["Id"]) for row in client.rows("SELECT Id FROM User")]


# -- queries ---------------------------------------------------------------------------------------------------------
NEXT = "/services/data/v62.0/query/01g1-2"
TWO = [{"Id": "1"}, {"Id": "2"}]


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        ({"done": True, "records": TWO}, "12"),
        ({"records": TWO}, "12"),
        ({"records": TWO, "nextRecordsUrl": None}, "12"),
        ({"records": TWO, "done": None}, "12"),
        ({"records": TWO, "done": "true", "totalSize": "2"}, "12"),
        ({"records": TWO, "done": True, "nextRecordsUrl": NEXT}, "12"),
        ({"records": [*TWO, None]}, "12"),
        ({"totalSize": 0, "done": True, "records": None}, ""),
        ({"totalSize": 0, "done": True}, ""),
        ({"done": False, "nextRecordsUrl": NEXT, "records": TWO}, "123"),
        ({"done": "false", "nextRecordsUrl": NEXT, "records": TWO}, "123"),
        ({"done": None, "nextRecordsUrl": NEXT, "records": TWO}, "123"),
        ({"nextRecordsUrl": NEXT, "records": TWO}, "123"),
        ({"done": False, "nextRecordsUrl": f"{HOST}{NEXT}", "records": TWO}, "123"),
        ({"done": False, "nextRecordsUrl": NEXT[1:], "records": TWO}, "123"),
        ({"done": False, "nextRecordsUrl": f"https://elsewhere.example{NEXT}", "records": TWO}, "123"),
    ],
)
def test_the_rows_of_a_query_come_whole_whichever_keys_it_leaves_out(
    client: Client, answer: Mapping[str, object], ids: str
) -> None:
    assert "".join(_first_page(client, answer)) == ids


@pytest.mark.parametrize(
    "answer",
    [
        {"done": False, "records": TWO},
        {"totalSize": 2, "done": True},
        {"totalSize": 2, "done": True, "records": {}},
        {"done": False, "nextRecordsUrl": "/elsewhere", "records": TWO},
        {"done": False, "nextRecordsUrl": "/services/data/v62.0/query/01g1-0", "records": TWO},
        [],
        "rows",
    ],
)
def test_an_answer_whose_rest_cannot_be_had_is_an_outage_never_a_short_list(client: Client, answer: object) -> None:
    with pytest.raises(RetryableError):
        _first_page(client, answer)


# -- describes -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("flags", "allowed"),
    [
        ({}, True),
        ({"createable": None, "updateable": None}, True),
        ({"createable": True, "updateable": "true"}, True),
        ({"createable": False, "updateable": "false"}, False),
    ],
)
def test_only_what_a_describe_forbids_is_forbidden(flags: dict[str, object], allowed: bool) -> None:
    found = described("Task", {"fields": [{"name": "Subject", **flags}], **flags})
    assert [found.createable, found.updateable] == [allowed] * 2
    assert [found.fields["Subject"].createable, found.fields["Subject"].updateable] == [allowed] * 2


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (None, ()),
        ({}, ()),
        ([{"value": "A"}, {"value": "B", "active": None}, {"value": "C", "active": "false"}], ("A", "B")),
        ([{"value": "A", "active": True}, {"label": "no value"}, None], ("A",)),
    ],
)
def test_a_picklist_has_the_values_that_are_not_said_to_be_inactive(options: object, values: tuple[str, ...]) -> None:
    fields = {"fields": [{"name": "Status", "type": "picklist", "picklistValues": options}, None]}
    assert described("Lead", fields).fields["Status"].values == values
    assert described("Lead", {"fields": [{"name": "Status", "type": "picklist"}]}).fields["Status"].values == ()


# -- values ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "2026-05-04T09:00:00.000+0000",
        "2026-05-04T09:00:00.000Z",
        "2026-05-04T09:00:00Z",
        "2026-05-04T09:00:00+00:00",
        "2026-05-04T09:00:00.000000+00:00",
        "2026-05-04T09:00:00+0000",
        "2026-05-04T02:00:00.000-0700",
        "2026-05-04 09:00:00Z",
    ],
)
def test_an_instant_may_be_spelt_in_every_usual_way(text: str) -> None:
    assert mapping.instant(text) == NINE


@pytest.mark.parametrize(
    ("raw", "type", "value"),
    [
        ("true", "boolean", True),
        ("TRUE", "boolean", True),
        (1, "boolean", True),
        ("1", "boolean", True),
        ("False", "boolean", False),
        (0, "boolean", False),
        ("0", "boolean", False),
        ("perhaps", "boolean", "perhaps"),
        ("", "boolean", None),
        ("5", "number", 5.0),
        (" 5.5 ", "number", 5.5),
        ("", "number", None),
        ("NaN", "number", "NaN"),
        ("Infinity", "number", "Infinity"),
        ("", "datetime", None),
        ("", "date", None),
        ("2026-05-04T09:00:00Z", "date", NINE.date()),
        ("", "text", ""),
    ],
)
def test_values_are_read_whatever_json_type_they_come_in(raw: object, type: str, value: object) -> None:
    found = mapping.value_of(raw, type)  # type: ignore[arg-type]
    assert found == value
    assert found.__class__ is value.__class__


# -- ids of 15 characters --------------------------------------------------------------------------------------------
def test_a_record_with_short_ids_is_the_same_record() -> None:
    columns = {"owner": FieldDescription("OwnerId", "id"), "status": FieldDescription("Status")}
    row = {"Id": SHORT, "OwnerId": SHORT_USER, "Status": "AbcDefGhiJklMno", "SystemModstamp": STAMP}
    found = mapping.record("lead", {**row, "MasterRecordId": SHORT}, columns, frozenset())
    assert found is not None
    assert (found.ref.id, found.owner, found.status) == (LEAD, ANA, "AbcDefGhiJklMno")
    assert found.merged_into == RecordRef("salesforce", "lead", LEAD)


def test_what_was_done_with_short_ids_concerns_the_same_people() -> None:
    base = {"Id": "00THs0000000001", "SystemModstamp": STAMP, "CreatedDate": STAMP, "OwnerId": SHORT_USER}
    task = activities.task({**base, "WhoId": SHORT, "IsClosed": "true", "TaskSubtype": "Call"}, None)
    event = activities.event({**base, "WhoId": SHORT, "StartDateTime": STAMP}, NINE)
    note = activities.note({**base, "ParentId": SHORT})
    for found in (task, event, note):
        assert found is not None
        assert (found.refs[0].id, found.actor, found.id) == (LEAD, ANA, mapping.id18("00THs0000000001"))


def test_history_members_and_owners_with_short_ids_are_the_same() -> None:
    row = {"Id": "017Hs0000000001", "CreatedDate": STAMP, "LeadId": SHORT, "CreatedById": SHORT_USER}
    change = mapping.change("lead", "LeadId", {**row, "Field": "Status"}, {"status": ("status", "picklist")})
    assert change is not None
    assert (change.ref.id, change.actor) == (LEAD, ANA)
    member = mapping.member({"CampaignId": "701Hs0000000001IAA", "LeadId": SHORT}, {"701Hs0000000001": "x"})
    assert member is not None
    assert member.ref.id == LEAD
    user = mapping.user({"Id": SHORT_USER, "ManagerId": SHORT_USER})
    queue = mapping.queue({"Id": "00GHs0000000001"})
    assert user is not None
    assert queue is not None
    assert (user.id, user.manager, queue.id) == (ANA, ANA, mapping.id18("00GHs0000000001"))


@pytest.mark.parametrize(
    ("row", "active"),
    [
        ({}, True),
        ({"IsActive": None}, True),
        ({"IsActive": "true"}, True),
        ({"IsActive": False}, False),
        ({"IsActive": "false"}, False),
    ],
)
def test_a_user_is_active_unless_the_crm_says_otherwise(row: dict[str, object], active: bool) -> None:
    user = mapping.user({"Id": ANA, "Email": "Ana@Example.COM", **row})
    assert user is not None
    assert (user.active, user.email) == (active, "Ana@Example.COM")


# -- receipts --------------------------------------------------------------------------------------------------------
ACTION = PlannedAction("rule.1", "rule", RecordRef("salesforce", "lead", LEAD), "task", {}, {}, "why", "occasion", 0)
REFUSED = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "held"}


@pytest.mark.parametrize(
    ("row", "state", "told"),
    [
        ({"success": True, "id": SHORT, "errors": []}, "confirmed", LEAD),
        ({"success": True, "id": LEAD}, "confirmed", LEAD),
        ({"success": True, "id": LEAD, "errors": None, "created": False}, "confirmed", LEAD),
        ({"success": "true", "id": LEAD, "errors": {}}, "confirmed", LEAD),
        ({"success": True}, "confirmed", None),
        ({"success": False, "errors": [REFUSED]}, "retry", "UNABLE_TO_LOCK_ROW"),
        ({"success": False, "errors": REFUSED}, "retry", "UNABLE_TO_LOCK_ROW"),
        ({"success": "false", "errors": [REFUSED]}, "retry", "UNABLE_TO_LOCK_ROW"),
        ({"success": False, "errors": [{"errorCode": "INVALID_FIELD"}]}, "failed", "INVALID_FIELD"),
        ({"success": False, "errors": []}, "failed", ""),
        ({"success": False, "errors": {}}, "failed", ""),
        ({"success": False}, "failed", ""),
        ({"errors": [REFUSED]}, "retry", "UNABLE_TO_LOCK_ROW"),
        ({"id": LEAD, "errors": []}, "unknown", None),
        ({"success": None, "id": LEAD}, "unknown", None),
        (None, "unknown", None),
        ([], "unknown", None),
    ],
)
def test_a_row_of_a_collection_is_settled_by_what_it_does_say(row: object, state: str, told: str | None) -> None:
    receipt = rows.of_row(ACTION, row)
    assert receipt.state == state
    assert told in (receipt.crm_id, receipt.code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([{"errorCode": "INVALID_FIELD"}], "INVALID_FIELD"),
        ({"errorCode": "INVALID_FIELD"}, "INVALID_FIELD"),
        ([{"statusCode": "INVALID_FIELD", "message": None}], "INVALID_FIELD"),
        ({"error": "invalid_grant"}, ""),
        ([], ""),
        ({}, ""),
        (None, ""),
        ([None], ""),
        ("<html/>", ""),
    ],
)
def test_an_error_body_of_any_form_has_a_code_or_none(body: object, code: str) -> None:
    assert first_error(cast("object", body))[0] == code
