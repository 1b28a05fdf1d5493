"""What the sandbox org answers to writes, sent by the real client: single records, collections, upserts, refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox_salesforce_client import Desk, open_desk
from simple_salesforce.exceptions import (
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

Result = dict[str, object]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as opened:
        yield opened


@pytest.fixture
def lead(desk: Desk) -> str:
    return desk.org.add_lead({"name": "Ann Lee", "email": "ann@example.com"})


def collection(desk: Desk, method: str, records: list[Result], path: str = "", **extra: object) -> list[Result]:
    body = {"records": records, **extra}
    return desk.sf.restful(f"composite/sobjects{path}", method=method, json=body)


def of(kind: str, **fields: object) -> Result:
    return {"attributes": {"type": kind}, **fields}


def codes(results: list[Result]) -> list[str]:
    return ["ok" if r["success"] else str(r["errors"][0]["statusCode"]) for r in results]  # type: ignore[index]


def refused(desk: Desk, kind: str, fields: dict[str, object]) -> str:
    with pytest.raises(SalesforceMalformedRequest) as problem:
        getattr(desk.sf, kind).create(fields)
    return str(problem.value.content[0]["errorCode"])


def test_a_task_is_created_changed_read_and_deleted(desk: Desk, lead: str) -> None:
    made = desk.sf.Task.create({"Subject": "Call back", "WhoId": lead, "ActivityDate": "2026-05-08"})
    assert made["success"] is True
    assert made["id"].startswith("00T")
    task = desk.sf.Task.get(made["id"])
    assert (task["Status"], task["Priority"], task["IsClosed"]) == ("Not Started", "Normal", False)
    assert task["OwnerId"] == task["CreatedById"] == desk.org.api_user
    assert desk.sf.Task.update(made["id"], {"Status": "Completed"}) == 204
    closed = desk.sf.Task.get(made["id"])
    assert closed["IsClosed"] is True
    assert closed["CompletedDateTime"] == closed["SystemModstamp"] > task["SystemModstamp"]
    assert desk.sf.Task.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound) as problem:
        desk.sf.Task.update(made["id"], {"Subject": "again"})
    assert problem.value.content[0]["errorCode"] == "ENTITY_IS_DELETED"
    with pytest.raises(SalesforceResourceNotFound) as problem:
        desk.sf.Task.get("00T000000000000AAA")
    assert problem.value.content[0]["errorCode"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("Lead", {"LastName": "Lee"}, "REQUIRED_FIELD_MISSING"),
        ("Lead", {"LastName": "Lee", "Company": "A", "Nope__c": 1}, "INVALID_FIELD"),
        ("Lead", {"LastName": "Lee", "Company": "A", "Status": "Wild"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Lead", {"LastName": "Lee", "Company": "A", "Email": "nobody"}, "INVALID_EMAIL_ADDRESS"),
        ("Lead", {"LastName": "L" * 81, "Company": "A"}, "STRING_TOO_LONG"),
        (
            "Lead",
            {"LastName": "Lee", "Company": "A", "CreatedDate": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ),
        ("Lead", {"LastName": "Lee", "Company": "A", "OwnerId": "00Q000000000001"}, "MALFORMED_ID"),
        ("Lead", {"LastName": "Lee", "Company": "A", "OwnerId": "005000000000001"}, "INVALID_CROSS_REFERENCE_KEY"),
        ("Task", {"ActivityDate": "tomorrow"}, "JSON_PARSER_ERROR"),
        ("Task", {"ReminderDateTime": "2026-05-08T09:00:00"}, "JSON_PARSER_ERROR"),
        ("Task", {"IsReminderSet": 1}, "JSON_PARSER_ERROR"),
        ("Event", {"Subject": "Meet"}, "REQUIRED_FIELD_MISSING"),
        ("LeadHistory", {"Field": "Status"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_a_bad_payload_is_refused_with_its_code(desk: Desk, kind: str, fields: dict[str, object], code: str) -> None:
    assert refused(desk, kind, fields) == code


def test_owners_must_be_active_and_queues_own_leads_only(desk: Desk, lead: str) -> None:
    gone = desk.org.add_person("Gone Rep", "gone@example.com", active=False)
    queue = desk.org.add_queue("Pool")
    assert refused(desk, "Task", {"Subject": "x", "OwnerId": gone}) == "INACTIVE_OWNER_OR_USER"
    assert refused(desk, "Task", {"Subject": "x", "OwnerId": queue}) == "INVALID_OPERATION"
    assert refused(desk, "Contact", {"LastName": "x", "OwnerId": queue}) == "MALFORMED_ID"
    desk.sf.Lead.update(lead, {"OwnerId": queue})
    assert desk.org.fields_of(lead)["owner"] == queue


def test_a_lead_as_who_never_travels_with_a_what(desk: Desk, lead: str) -> None:
    deal = desk.org.add_deal({"name": "Big"})
    assert refused(desk, "Task", {"WhoId": lead, "WhatId": deal}) == "FIELD_INTEGRITY_EXCEPTION"
    contact = desk.org.add_contact({"name": "Bob Ray"})
    assert desk.sf.Task.create({"WhoId": contact, "WhatId": deal})["success"] is True


def test_a_collection_answers_200_in_order_with_an_error_per_bad_row(desk: Desk, lead: str) -> None:
    rows = [of("Task", Subject="one", WhoId=lead), of("Task", WhoId="00Q000000000001"), of("Lead", LastName="x")]
    results = collection(desk, "POST", [*rows, of("Task", Subject="four")])
    assert codes(results) == ["ok", "INVALID_CROSS_REFERENCE_KEY", "REQUIRED_FIELD_MISSING", "ok"]
    assert "id" not in results[1]
    assert [task["Subject"] for task in desk.org.tasks_of(lead)] == ["one"]


def test_all_or_none_takes_good_rows_back_and_says_so_with_their_ids(desk: Desk, lead: str) -> None:
    rows = [of("Task", Subject="one", WhoId=lead), of("Task", WhoId="00Q000000000001")]
    before = desk.sf.Lead.get(lead)["SystemModstamp"]
    results = collection(desk, "POST", rows, allOrNone=True)
    assert codes(results) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_CROSS_REFERENCE_KEY"]
    assert str(results[0]["id"]).startswith("00T")
    assert desk.org.tasks_of(lead) == []
    assert desk.sf.Lead.get(lead)["SystemModstamp"] == before


def test_planned_row_faults_fail_only_the_rows_they_match_and_only_so_often(desk: Desk) -> None:
    leads = [desk.org.add_lead({"name": f"Ann {n}"}) for n in range(3)]
    desk.org.fail_rows("Lead", lambda row: row["Id"] == leads[1], "UNABLE_TO_LOCK_ROW", "unable to obtain", times=1)
    rows = [of("Lead", id=lead, Status="Recycled") for lead in leads]
    assert codes(collection(desk, "PATCH", rows)) == ["ok", "UNABLE_TO_LOCK_ROW", "ok"]
    assert [desk.org.fields_of(lead)["status"] for lead in leads] == ["Recycled", "Open - Not Contacted", "Recycled"]
    assert codes(collection(desk, "PATCH", rows)) == ["ok", "ok", "ok"]


def test_an_unknown_field_fails_the_whole_collection_and_so_do_201_records(desk: Desk) -> None:
    for rows in ([of("Task", Subject="x"), of("Task", Nope="y")], [of("Task", Subject="x")] * 201):
        with pytest.raises(SalesforceMalformedRequest):
            collection(desk, "POST", rows)
    assert desk.org.rows("Task") == []


def test_a_collection_of_eleven_chunks_is_refused(desk: Desk) -> None:
    rows = [of("Task", Subject="x") if n % 2 else of("Campaign", Name="x") for n in range(11)]
    with pytest.raises(SalesforceMalformedRequest) as problem:
        collection(desk, "POST", rows)
    assert problem.value.content[0]["errorCode"] == "LIMIT_EXCEEDED"


def test_upsert_by_key_creates_once_and_updates_after(desk: Desk, lead: str) -> None:
    path = "/Task/FollowupKey__c"
    rows = [of("Task", FollowupKey__c="rule.1", Subject="Call", WhoId=lead)]
    first, second = (collection(desk, "PATCH", rows, path)[0] for _ in range(2))
    assert (first["created"], second["created"]) == (True, False)
    assert first["id"] == second["id"]
    raw = [desk.sf.Task.upsert("FollowupKey__c/rule.2", {"Subject": "x"}, raw_response=True) for _ in range(2)]
    assert [response.status_code for response in raw] == [201, 200]
    assert desk.sf.Task.get_by_custom_id("FollowupKey__c", "rule.2")["Subject"] == "x"
    with pytest.raises(SalesforceMalformedRequest) as problem:
        desk.sf.Task.upsert("FollowupKey__c/rule.2", {"FollowupKey__c": "rule.3"})
    assert problem.value.content[0]["errorCode"] == "INVALID_FIELD"


def test_a_key_that_is_taken_is_a_duplicate_that_names_the_record(desk: Desk) -> None:
    made = desk.sf.Task.create({"FollowupKey__c": "rule.1"})["id"]
    with pytest.raises(SalesforceMalformedRequest) as problem:
        desk.sf.Task.create({"FollowupKey__c": "rule.1"})
    assert problem.value.content[0]["errorCode"] == "DUPLICATE_VALUE"
    assert made[:15] in problem.value.content[0]["message"]
    desk.sf.Task.delete(made)
    assert desk.sf.Task.create({"FollowupKey__c": "rule.1"})["success"] is True
    twice = [of("Task", FollowupKey__c="rule.9"), of("Task", FollowupKey__c="rule.9")]
    assert codes(collection(desk, "PATCH", twice, "/Task/FollowupKey__c")) == ["DUPLICATE_VALUE"] * 2


def test_without_the_unique_mark_two_tasks_share_a_key_and_upsert_answers_300() -> None:
    with open_desk(task_key_unique=False) as desk:
        ids = [desk.sf.Task.create({"FollowupKey__c": "rule.1"})["id"] for _ in range(2)]
        with pytest.raises(SalesforceMoreThanOneRecord) as problem:
            desk.sf.Task.upsert("FollowupKey__c/rule.1", {"Subject": "x"})
        assert [url.rpartition("/")[2] for url in problem.value.content] == ids
        rows = [of("Task", FollowupKey__c="rule.1")]
        assert codes(collection(desk, "PATCH", rows, "/Task/FollowupKey__c")) == ["DUPLICATE_EXTERNAL_ID"]


def test_a_key_field_that_is_not_there_is_not_found() -> None:
    with open_desk(task_key_field=False) as desk, pytest.raises(SalesforceResourceNotFound):
        desk.sf.Task.upsert("FollowupKey__c/rule.1", {"Subject": "x"})


def test_records_are_retrieved_in_the_order_asked_with_null_for_what_is_gone(desk: Desk, lead: str) -> None:
    gone = desk.org.add_lead({"name": "Ann Gone"})
    desk.org.delete(gone)
    body = {"ids": [gone, lead], "fields": ["Id", "Status"]}
    found = desk.sf.restful("composite/sobjects/Lead", method="POST", json=body)
    assert found[0] is None
    assert (found[1]["Id"], found[1]["Status"]) == (lead, "Open - Not Contacted")
    assert desk.org.writes == []


def test_a_collection_deletes_by_ids(desk: Desk, lead: str) -> None:
    ids = f"{lead},00Q000000000001,xyz"
    results = desk.sf.restful("composite/sobjects", method="DELETE", params={"ids": ids})
    assert codes(results) == ["ok", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"]
    assert desk.org.leads() == []


def test_a_campaign_takes_a_lead_once(desk: Desk, lead: str) -> None:
    target = desk.org.add_enrollment_target("Brochure")
    member = {"CampaignId": target["campaign"], "LeadId": lead, "Status": "Sent"}
    assert desk.sf.CampaignMember.create(member)["success"] is True
    with pytest.raises(SalesforceMalformedRequest) as problem:
        desk.sf.CampaignMember.create(member)
    error = problem.value.content[0]
    assert (error["errorCode"], error["message"]) == ("DUPLICATE_VALUE", "Already a campaign member.")
    assert desk.org.members(target) == [lead]


def test_assignment_rules_take_a_lead_unless_the_header_forbids(desk: Desk) -> None:
    rita = desk.org.add_person("Rita Rep", "rita@example.com")
    lead = desk.org.add_lead({"name": "Ann Lee", "owner": rita})
    desk.sf.Lead.update(lead, {"Status": "Interested"})
    assert desk.org.fields_of(lead)["owner"] == rita
    del desk.session.headers["Sforce-Auto-Assign"]
    desk.sf.Lead.update(lead, {"Status": "Recycled"})
    assert desk.org.fields_of(lead)["owner"] == desk.org.default_owner
    assert [write.headers.get("sforce-auto-assign") for write in desk.org.writes] == ["FALSE", None]
    assert [(write.method, write.object, write.rows) for write in desk.org.writes] == [("PATCH", "Lead", 1)] * 2


def test_composite_calls_refer_to_each_other_and_fail_together_when_asked(desk: Desk, lead: str) -> None:
    def chain(who: str, strict: bool) -> list[Result]:
        base = "/services/data/v62.0/sobjects"
        first = {"method": "POST", "url": f"{base}/Campaign", "referenceId": "camp", "body": {"Name": "C"}}
        member = {"CampaignId": "@{camp.id}", "LeadId": who}
        second = {"method": "POST", "url": f"{base}/CampaignMember", "referenceId": "member", "body": member}
        body = {"allOrNone": strict, "compositeRequest": [first, second]}
        return desk.sf.restful("composite", method="POST", json=body)["compositeResponse"]

    assert [answer["httpStatusCode"] for answer in chain(lead, strict=True)] == [201, 201]
    assert len(desk.org.rows("CampaignMember")) == 1
    bad = chain("00Q000000000001", strict=True)
    assert [answer["httpStatusCode"] for answer in bad] == [400, 400]
    assert bad[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"  # type: ignore[index]
    assert bad[1]["body"][0]["errorCode"] == "INVALID_CROSS_REFERENCE_KEY"  # type: ignore[index]
    assert len(desk.org.rows("Campaign")) == 1


def test_an_object_that_may_only_be_read_refuses_writes(desk: Desk, lead: str) -> None:
    desk.org.remove_permission("Lead", "write")
    with pytest.raises(SalesforceRefusedRequest) as problem:
        desk.sf.Lead.update(lead, {"Status": "Recycled"})
    assert problem.value.content[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert codes(collection(desk, "PATCH", [of("Lead", id=lead)])) == ["INSUFFICIENT_ACCESS_OR_READONLY"]
    assert desk.sf.Lead.describe()["updateable"] is False


def test_cadence_actions_say_per_input_what_became_of_it(desk: Desk, lead: str) -> None:
    cadence = desk.org.add_cadence("Welcome")
    inputs = [{"salesCadenceNameOrId": cadence["cadence"], "targetId": lead, "userId": desk.org.default_owner}]
    path = "actions/standard/assignTargetToSalesCadence"
    first = desk.sf.restful(path, method="POST", json={"inputs": inputs})
    assert first[0]["isSuccess"] is True
    assert desk.org.members(cadence) == [lead]
    again = desk.sf.restful(path, method="POST", json={"inputs": inputs})
    assert again[0]["isSuccess"] is False
    assert again[0]["errors"][0]["statusCode"] == "UNKNOWN_EXCEPTION"
    desk.org.set_failed_action_status(400)
    with pytest.raises(SalesforceMalformedRequest) as problem:
        desk.sf.restful(path, method="POST", json={"inputs": inputs})
    assert problem.value.content == again
    removal = {"inputs": [{"targetId": lead, "completionReasonCode": "ManuallyRemoved"}]}
    desk.sf.restful("actions/standard/removeTargetFromSalesCadence", method="POST", json=removal)
    assert desk.org.members(cadence) == []
    assert desk.rows("SELECT State, CompletionReason FROM ActionCadenceTracker") == [
        {"State": "Complete", "CompletionReason": "ManuallyRemoved"}
    ]


def test_plain_mail_is_sent_without_a_look_at_the_opt_out(desk: Desk) -> None:
    mail = {"inputs": [{"emailAddresses": "out@example.com", "emailSubject": "Hi", "emailBody": "There"}]}
    answer = desk.sf.restful("actions/standard/emailSimple", method="POST", json=mail)
    assert answer == [{"actionName": "emailSimple", "errors": None, "isSuccess": True, "outputValues": None}]
    assert [sent.to for sent in desk.org.sent_mail] == ["out@example.com"]
