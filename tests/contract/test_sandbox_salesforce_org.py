"""Tokens, limits and the life of the sandbox org: what people do in it, as the real client sees it afterwards."""

# ruff: noqa: S608 - the queries of these tests are SOQL for a sandbox of their own

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sandbox_salesforce_client import START, Desk, ToSandbox, log_in, open_desk
from simple_salesforce import SalesforceLogin
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
)

from adapters.sandbox.faults import Fault
from adapters.sandbox.org import Org


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as opened:
        yield opened


@pytest.fixture
def rita(desk: Desk) -> str:
    return desk.org.add_person("Rita Rep", "rita@example.com")


@pytest.fixture
def lead(desk: Desk, rita: str) -> str:
    return desk.org.add_lead({"name": "Ann Lee", "email": "ann@example.com", "owner": rita})


def row_of(
    desk: Desk, lead: str, fields: str = "SystemModstamp, LastModifiedDate, LastActivityDate"
) -> dict[str, object]:
    return desk.rows(f"SELECT {fields} FROM Lead WHERE Id = '{lead}'")[0]


def test_the_sandbox_speaks_the_storys_vocabulary(desk: Desk) -> None:
    org: Org = desk.org
    assert org.crm == "salesforce"


@pytest.mark.parametrize(
    ("key", "secret", "code"), [("sandbox", "wrong", "invalid_client"), ("who", "x", "invalid_client_id")]
)
def test_wrong_credentials_are_refused_with_an_object(desk: Desk, key: str, secret: str, code: str) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as problem:
        SalesforceLogin(consumer_key=key, consumer_secret=secret, domain="acme.my", session=desk.session)
    assert problem.value.code == code


def test_the_token_answer_names_its_instance_and_user(desk: Desk) -> None:
    form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
    answer = desk.session.post(f"{desk.server.url}/services/oauth2/token", data=form).json()
    assert answer["instance_url"] == desk.server.url
    assert answer["token_type"] == "Bearer"
    assert answer["id"].endswith(desk.org.api_user)
    refusal = desk.session.post(f"{desk.server.url}/services/oauth2/token", data={"grant_type": "password"})
    assert (refusal.status_code, refusal.json()["error"]) == (400, "unsupported_grant_type")


def jwt_keys() -> tuple[str, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public


def test_a_jwt_opens_the_org_only_with_the_right_key_user_and_time() -> None:
    private, public = jwt_keys()
    other, _ = jwt_keys()
    now = {"is": datetime.now(UTC)}
    with open_desk(public_key_pem=public, jwt_clock=lambda: now["is"]) as desk:

        def attempt(name: str, user: str, key: str) -> str:
            try:
                return SalesforceLogin(
                    username=user, consumer_key=name, privatekey=key, domain="acme.my", session=desk.session
                )[0]
            except SalesforceAuthenticationFailed as problem:
                return str(problem.code)

        assert attempt("sandbox", "followup@example.com", private).startswith("00D")
        assert attempt("sandbox", "followup@example.com", other) == "invalid_grant"
        assert attempt("nobody", "followup@example.com", private) == "invalid_client_id"
        with pytest.warns(UserWarning, match="authorize"):
            assert attempt("sandbox", "someone@example.com", private) == "invalid_grant"
        now["is"] += timedelta(minutes=10)
        assert attempt("sandbox", "followup@example.com", private) == "invalid_grant"


def test_a_token_dies_when_told_to(desk: Desk) -> None:
    desk.org.expire_tokens()
    with pytest.raises(SalesforceExpiredSession) as problem:
        desk.sf.query("SELECT Id FROM Lead")
    assert problem.value.content == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_a_token_may_live_for_three_requests_only() -> None:
    with open_desk(token_requests=3) as desk:
        for _ in range(3):
            desk.sf.query("SELECT Id FROM Lead")
        with pytest.raises(SalesforceExpiredSession):
            desk.sf.query("SELECT Id FROM Lead")
        assert log_in(desk.server, desk.session).query("SELECT Id FROM Lead")["totalSize"] == 0
        assert desk.org.logins == 2


def test_every_answer_tells_the_usage_and_the_orgs_own_time(desk: Desk) -> None:
    good, bad = desk.get("limits"), desk.get("nothing")
    assert good.headers["Sforce-Limit-Info"] == "api-usage=1/100000"
    assert bad.headers["Sforce-Limit-Info"] == "api-usage=2/100000"
    assert good.headers["Date"] == "Fri, 01 May 2026 10:00:00 GMT"
    assert good.json()["DailyApiRequests"] == {"Max": 100000, "Remaining": 99999}
    assert (bad.status_code, bad.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_a_spent_day_is_refused_until_the_window_moves() -> None:
    with open_desk(daily_limit=2) as desk:
        for _ in range(2):
            desk.sf.query("SELECT Id FROM Lead")
        with pytest.raises(SalesforceRefusedRequest) as problem:
            desk.sf.query("SELECT Id FROM Lead")
        error = problem.value.content[0]
        assert (error["errorCode"], error["message"]) == ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        desk.clock.move_by(timedelta(hours=24))
        assert desk.sf.query("SELECT Id FROM Lead")["totalSize"] == 0


def test_versions_are_listed_and_retired_ones_are_gone(desk: Desk) -> None:
    assert "62.0" in [entry["version"] for entry in desk.session.get(f"{desk.server.url}/services/data/").json()]
    for version, status in (("v30.0", 410), ("v99.0", 404)):
        headers = {"Authorization": f"Bearer {desk.sf.session_id}"}
        assert (
            desk.session.get(f"{desk.server.url}/services/data/{version}/limits", headers=headers).status_code == status
        )


def test_request_faults_strike_round_the_org(desk: Desk, lead: str) -> None:
    desk.server.faults.add(Fault("drop_after", "POST", "sobjects/Task"))
    with pytest.raises(requests.ConnectionError):
        desk.sf.Task.create({"Subject": "lost answer", "WhoId": lead})
    assert [task["Subject"] for task in desk.org.tasks_of(lead)] == ["lost answer"]


def test_a_call_is_a_completed_task_with_its_outcome(desk: Desk, rita: str, lead: str) -> None:
    desk.org.log_call(lead, rita, "left_message")
    desk.org.log_call(lead, rita, "connected", inbound=True)
    fields = "TaskSubtype, Status, CallDisposition, CallType, ActivityDate, OwnerId, CreatedById"
    rows = desk.rows(f"SELECT {fields}, CreatedDate, CompletedDateTime FROM Task ORDER BY Id")
    assert [(row["CallDisposition"], row["CallType"]) for row in rows] == [
        ("Left Message", "Outbound"),
        ("Connected", "Inbound"),
    ]
    assert {(row["TaskSubtype"], row["Status"], row["ActivityDate"]) for row in rows} == {
        ("Call", "Completed", "2026-05-01")
    }
    assert all(row["OwnerId"] == row["CreatedById"] == rita for row in rows)
    assert all(row["CompletedDateTime"] == row["CreatedDate"] for row in rows)


def test_only_the_email_message_tells_inbound_and_automatic_mail(desk: Desk, rita: str, lead: str) -> None:
    out = desk.org.log_email(lead, rita, "outbound", "Hello")
    reply = desk.org.log_email(lead, rita, "inbound", "Re: Hello")
    away = desk.org.log_email(lead, rita, "inbound", "Hello", automated=True)
    tasks = {row["Id"]: row for row in desk.rows("SELECT Id, Subject, TaskSubtype FROM Task")}
    assert {row["TaskSubtype"] for row in tasks.values()} == {"Email"}
    assert tasks[out]["Subject"] == "Email: Hello"
    mails = {
        row["ActivityId"]: row for row in desk.rows("SELECT ActivityId, Incoming, Subject, Headers FROM EmailMessage")
    }
    assert set(mails) == {reply, away}
    assert all(mail["Incoming"] is True for mail in mails.values())
    assert mails[away]["Subject"] == "Automatic reply: Hello"
    assert "Auto-Submitted: auto-replied" in str(mails[away]["Headers"])
    assert "Auto-Submitted" not in str(mails[reply]["Headers"])


def test_a_task_moves_the_leads_system_stamp_but_not_its_modified_date(desk: Desk, rita: str, lead: str) -> None:
    before = row_of(desk, lead)
    desk.org.add_task(lead, rita, "call", "Call back", START + timedelta(days=3))
    after = row_of(desk, lead)
    assert str(after["SystemModstamp"]) > str(before["SystemModstamp"])
    assert after["LastModifiedDate"] == before["LastModifiedDate"]
    assert after["LastActivityDate"] is None


def test_the_last_activity_date_can_lie_ahead_and_fall_back(desk: Desk, rita: str, lead: str) -> None:
    desk.org.log_call(lead, rita, "no_answer")
    assert row_of(desk, lead)["LastActivityDate"] == "2026-05-01"
    meeting = desk.org.book_meeting(lead, rita, START + timedelta(days=9), timedelta(minutes=30), "Demo")
    assert row_of(desk, lead)["LastActivityDate"] == "2026-05-10"
    event = desk.rows("SELECT StartDateTime, EndDateTime, DurationInMinutes, ActivityDate FROM Event")[0]
    assert event == {
        "StartDateTime": "2026-05-10T10:00:00.000+0000",
        "EndDateTime": "2026-05-10T10:30:00.000+0000",
        "DurationInMinutes": 30,
        "ActivityDate": "2026-05-10",
    }
    desk.sf.Event.delete(meeting)
    assert row_of(desk, lead)["LastActivityDate"] == "2026-05-01"


def test_open_tasks_wait_for_people_and_are_completed_with_an_outcome(desk: Desk, rita: str, lead: str) -> None:
    task = desk.org.add_task(lead, rita, "call", "Call back", START + timedelta(days=3))
    waiting = desk.org.open_tasks(lead)
    assert [(t.id, t.lead, t.owner, t.type, t.subject) for t in waiting] == [(task, lead, rita, "call", "Call back")]
    assert waiting[0].due == datetime(2026, 5, 4, tzinfo=UTC)
    desk.org.complete_task(task, by=rita, outcome="busy")
    assert desk.org.open_tasks() == []
    assert desk.rows("SELECT CallDisposition, IsClosed FROM Task") == [{"CallDisposition": "Busy", "IsClosed": True}]
    assert row_of(desk, lead)["LastActivityDate"] == "2026-05-04"


def test_history_has_a_row_per_tracked_field_and_two_for_an_owner(desk: Desk, rita: str, lead: str) -> None:
    paul = desk.org.add_person("Paul Rep", "paul@example.com")
    desk.org.set_fields(lead, {"status": "Interested", "phone": "1"}, by=rita)
    desk.sf.Lead.update(lead, {"OwnerId": paul})
    rows = desk.rows(
        f"SELECT Field, OldValue, NewValue, CreatedById FROM LeadHistory WHERE LeadId = '{lead}' ORDER BY Id"
    )
    assert [(row["Field"], row["OldValue"], row["NewValue"]) for row in rows] == [
        ("created", None, None),
        ("Status", "Open - Not Contacted", "Interested"),
        ("Owner", "Rita Rep", "Paul Rep"),
        ("Owner", rita, paul),
    ]
    assert [row["CreatedById"] for row in rows[1:]] == [rita, desk.org.api_user, desk.org.api_user]


def test_a_merge_deletes_the_loser_and_moves_its_tasks_without_a_stamp(desk: Desk, rita: str, lead: str) -> None:
    loser = desk.org.add_lead({"name": "Ann Double"})
    call = desk.org.log_call(loser, rita, "no_answer")
    before = desk.rows("SELECT SystemModstamp FROM Task")
    assert desk.org.merge(lead, loser) == lead
    gone = desk.sf.query(f"SELECT IsDeleted, MasterRecordId FROM Lead WHERE Id = '{loser}'", include_deleted=True)
    assert (gone["records"][0]["IsDeleted"], gone["records"][0]["MasterRecordId"]) == (True, lead)
    assert desk.rows("SELECT SystemModstamp FROM Task") == before
    assert [task["id"] for task in desk.org.tasks_of(lead)] == [call]
    assert row_of(desk, lead)["LastActivityDate"] == "2026-05-01"


def test_a_converted_lead_takes_no_more_writes_and_its_tasks_follow_the_contact(
    desk: Desk, rita: str, lead: str
) -> None:
    desk.org.log_call(lead, rita, "connected")
    desk.org.convert(lead)
    row = row_of(desk, lead, "IsConverted, ConvertedDate, ConvertedContactId, Status")
    assert (row["IsConverted"], row["ConvertedDate"], row["Status"]) == (True, "2026-05-01", "Closed - Converted")
    assert desk.rows("SELECT WhoId FROM Task") == [{"WhoId": row["ConvertedContactId"]}]
    assert len(desk.org.tasks_of(lead)) == 1
    for write in (
        lambda: desk.sf.Lead.update(lead, {"Status": "Recycled"}),
        lambda: desk.sf.Task.create({"WhoId": lead}),
    ):
        with pytest.raises(SalesforceMalformedRequest) as problem:
            write()
        assert problem.value.content[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert lead in desk.org.leads()


def test_deleted_and_updated_are_told_by_time_and_hard_deletes_are_not(desk: Desk, lead: str) -> None:
    binned, purged = (desk.org.add_lead({"name": f"Ann {name}"}) for name in ("Binned", "Purged"))
    desk.org.delete(binned)
    desk.org.hard_delete(purged)
    desk.clock.move_by(timedelta(minutes=5))
    window = (START - timedelta(minutes=1), START + timedelta(minutes=4))
    gone = desk.sf.Lead.deleted(*window)
    assert [entry["id"] for entry in gone["deletedRecords"]] == [binned]
    assert gone["latestDateCovered"] == "2026-05-01T10:04:00.000+0000"
    assert desk.sf.Lead.updated(*window)["ids"] == [lead]
    desk.org.hold_back_replication(timedelta(hours=2))
    assert desk.sf.Lead.updated(*window)["latestDateCovered"] < "2026-05-01T10"
    with pytest.raises(SalesforceMalformedRequest) as problem:
        desk.sf.Lead.deleted(START - timedelta(days=16), START)
    assert problem.value.content[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    assert desk.sf.query("SELECT Id FROM Lead", include_deleted=True)["totalSize"] == 2


def test_fields_are_told_under_our_names(desk: Desk, rita: str) -> None:
    given = {"name": "Ann Lee", "company": "Acme", "size": 5, "value": 100.5, "source": "Web", "custom.tier": "B"}
    lead = desk.org.add_lead({**given, "owner": rita, "opted_out": True, "industry": "Retail", "country": "FR"})
    fields = desk.org.fields_of(lead)
    assert {name: fields[name] for name in given} == given
    assert (fields["owner"], fields["opted_out"], fields["status"]) == (rita, True, "Open - Not Contacted")


def test_notes_hang_on_the_lead_and_are_no_activity(desk: Desk, rita: str, lead: str) -> None:
    desk.org.add_note(lead, rita, "Likes the blue one")
    assert desk.rows("SELECT ParentId, Body, CreatedById FROM Note") == [
        {"ParentId": lead, "Body": "Likes the blue one", "CreatedById": rita}
    ]
    assert row_of(desk, lead)["LastActivityDate"] is None


def test_people_and_queues_are_rows_too(desk: Desk, rita: str) -> None:
    queue = desk.org.add_queue("Pool")
    desk.org.deactivate(rita)
    users = {row["Id"]: row["IsActive"] for row in desk.rows("SELECT Id, IsActive FROM User")}
    assert users == {rita: False, desk.org.api_user: True, desk.org.default_owner: True}
    assert desk.ids("SELECT Id FROM Group WHERE Type = 'Queue'") == [queue]
    assert desk.rows("SELECT QueueId, SobjectType FROM QueueSobject") == [{"QueueId": queue, "SobjectType": "Lead"}]


def test_a_load_spreads_past_calls_over_each_leads_life(desk: Desk, rita: str) -> None:
    desk.clock.move_to(START + timedelta(days=40))
    leads = desk.org.load([{"name": "Ann One", "owner": rita, "created": START}, {"name": "Ann Two"}], 3)
    days = [
        row["ActivityDate"]
        for row in desk.rows(f"SELECT ActivityDate FROM Task WHERE WhoId = '{leads[0]}' ORDER BY Id")
    ]
    assert days == ["2026-05-11", "2026-05-21", "2026-05-31"]
    assert row_of(desk, leads[0])["LastActivityDate"] == "2026-05-31"
    assert desk.sf.query("SELECT COUNT() FROM Task")["totalSize"] == 6


def test_stamps_have_whole_seconds_and_a_clock_that_stands_still_gives_equal_ones() -> None:
    with open_desk(tick=timedelta(0)) as desk:
        desk.clock.move_to(START + timedelta(milliseconds=678))
        leads = [desk.org.add_lead({"name": f"Ann {n}"}) for n in range(3)]
        assert {row_of(desk, lead)["SystemModstamp"] for lead in leads} == {"2026-05-01T10:00:00.000+0000"}


def test_threads_may_write_at_once(desk: Desk, lead: str) -> None:
    def write(number: int) -> int:
        with requests.Session() as session:
            session.mount("https://", ToSandbox(desk.server.url))
            session.headers["Sforce-Auto-Assign"] = "FALSE"
            sf = log_in(desk.server, session)
            for step in range(5):
                sf.Task.create({"Subject": f"{number}/{step}", "WhoId": lead})
        return number

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(4))) == [0, 1, 2, 3]
    assert len({task["Subject"] for task in desk.org.tasks_of(lead)}) == 20
    assert len(desk.org.writes) == 20
