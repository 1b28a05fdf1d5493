"""The HubSpot sandbox around its rows: associations, lists, mail, limits, scopes, dated paths."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from hubspot import HubSpot
from hubspot.crm.lists.exceptions import ApiException as ListsError

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.server import SandboxServer

START = datetime(2026, 5, 1, 10, tzinfo=UTC)
Ask = Callable[..., tuple[int, object, urllib3.HTTPHeaderDict]]


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(START)


@pytest.fixture
def crm(clock: SandboxClock) -> SandboxHubSpot:
    return SandboxHubSpot(clock, burst_limit=None)


@pytest.fixture
def connect() -> Iterator[Callable[[SandboxHubSpot], Ask]]:
    servers: list[SandboxServer] = []
    pool = urllib3.PoolManager(retries=False)

    def connected(crm: SandboxHubSpot) -> Ask:
        server = SandboxServer(crm).start()
        servers.append(server)

        def ask(method: str, path: str, body: object = None, token: str = "sandbox-token"):  # noqa: S107
            sent = None if body is None else json.dumps(body)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            answer = pool.request(method, server.url + path, body=sent, headers=headers, timeout=5)
            said = answer.json() if answer.data and "json" in answer.headers["Content-Type"] else None
            return answer.status, said, answer.headers

        return ask

    yield connected
    pool.clear()
    for server in servers:
        server.stop()


@pytest.fixture
def ask(connect, crm) -> Ask:
    return connect(crm)


@pytest.fixture
def client(crm: SandboxHubSpot) -> Iterator[HubSpot]:
    with SandboxServer(crm) as server:
        yield HubSpot(access_token="sandbox-token", host=server.url, retry=False)


@pytest.fixture
def rep(crm: SandboxHubSpot) -> str:
    return crm.add_person("Rosa Rep", "rosa@example.test")


def test_associations_are_read_a_hundred_rows_at_a_time_and_rows_without_any_are_errors(ask, crm, rep):
    ada, bob = crm.add_lead({"name": "Ada"}), crm.add_lead({"name": "Bob"})
    call, note = crm.log_call(ada, rep, "busy"), crm.add_note(ada, rep, "hello")
    path = "/crm/v4/associations/{}/contacts/batch/read"

    status, said, _ = ask("POST", path.format("calls"), {"inputs": [{"id": call}, {"id": "404"}]})

    assert status == 207
    assert said["results"] == [
        {
            "from": {"id": call},
            "to": [
                {
                    "toObjectId": int(ada),
                    "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 194, "label": None}],
                }
            ],
        }
    ]
    assert said["errors"][0]["context"]["fromObjectId"] == ["404"]
    assert ask("POST", path.format("notes"), {"inputs": [{"id": note}]})[0] == 200
    assert ask("POST", path.format("notes"), {"inputs": [{"id": str(n)} for n in range(101)]})[0] == 400
    assert ask("GET", f"/crm/v4/objects/contacts/{bob}/associations/calls")[1] == {"results": []}


def test_an_existing_task_is_associated_by_put_and_follows_a_merge(ask, crm, rep):
    ada, bob = crm.add_lead({"name": "Ada"}), crm.add_lead({"name": "Bob"})
    task = crm.add_task(ada, rep, "call", "Call", START)

    assert ask("PUT", f"/crm/v4/objects/tasks/{task}/associations/default/contacts/{bob}")[0] == 200
    assert {one.id for one in crm.open_tasks(bob)} == {task}
    new = crm.merge(ada, bob)

    found = ask("GET", f"/crm/v4/objects/tasks/{task}/associations/contacts")[1]["results"]
    assert [one["toObjectId"] for one in found] == [int(new)]


def test_a_lead_object_needs_a_primary_contact_and_goes_with_it(ask, crm, rep):
    ada = crm.add_lead({"name": "Ada"})
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}
    properties = {"hs_lead_name": "Ada's engine", "hs_pipeline_stage": "new-stage-id", "hubspot_owner_id": rep}

    assert ask("POST", "/crm/v3/objects/leads", {"properties": properties, "associations": []})[0] == 400
    body = {"properties": properties, "associations": [{"to": {"id": ada}, "types": [kind]}]}
    status, made, _ = ask("POST", "/crm/v3/objects/0-136", body)
    wanted = "properties=hs_primary_contact_id,hs_lead_is_open"
    found = ask("GET", f"/crm/v3/objects/leads/{made['id']}?{wanted}")[1]["properties"]

    assert status == 201
    assert (found["hs_primary_contact_id"], found["hs_lead_is_open"]) == (ada, "true")
    assert ask("DELETE", f"/crm/v4/objects/leads/{made['id']}/associations/contacts/{ada}")[0] == 204
    assert ask("GET", f"/crm/v3/objects/leads/{made['id']}")[0] == 404


def test_a_manual_list_takes_a_bare_array_by_put_and_names_the_ids_it_did_not_find(client, crm):
    ada = crm.add_lead({"name": "Ada"})
    target = crm.add_enrollment_target("brochure")
    memberships = client.crm.lists.memberships_api

    first = memberships.add(target["list"], request_body=[ada, "404"])
    again = memberships.add(target["list"], request_body=[ada])

    assert (first.records_ids_added, first.record_ids_missing) == ([ada], ["404"])
    assert again.records_ids_added == []
    assert crm.members(target) == [ada]
    page = memberships.get_page(target["list"], limit=1)
    assert [row.record_id for row in page.results] == [ada]
    assert memberships.remove(target["list"], request_body=[ada]).record_ids_removed == [ada]
    assert client.crm.lists.lists_api.get_by_id(target["list"]).list.processing_type == "MANUAL"
    with pytest.raises(ListsError):
        memberships.add(crm.add_dynamic_list("all")["list"], request_body=[ada])


def test_list_members_are_not_added_by_post(ask, crm):
    target = crm.add_enrollment_target("brochure")

    assert ask("POST", f"/crm/v3/lists/{target['list']}/memberships/add", ["1"])[0] == 405


def test_a_sequence_takes_a_user_id_and_refuses_who_is_in_one_or_out_of_mail(ask, crm, rep):
    ada = crm.add_lead({"name": "Ada", "email": "ada@example.test"})
    out = crm.add_lead({"name": "Out", "email": "out@example.test", "opted_out": True})
    target = crm.add_sequence("welcome")
    user = ask("GET", f"/crm/v3/owners/{rep}")[1]["userId"]
    body = {"contactId": ada, "sequenceId": target["sequence"], "senderEmail": "rosa@example.test"}
    path = "/automation/v4/sequences/enrollments"

    assert ask("GET", f"{path}/contact/{ada}")[0] == 404
    assert ask("POST", f"{path}?userId={rep}", body)[0] == 400
    assert ask("POST", f"{path}?userId={user}", {**body, "senderEmail": "who@example.test"})[0] == 400
    status, said, _ = ask("POST", f"{path}?userId={user}", body)
    assert (status, said["toEmail"]) == (200, "ada@example.test")
    status, said, _ = ask("POST", f"{path}?userId={user}", body)
    assert (status, said["errorType"]) == (400, "SequenceError.ALREADY_ENROLLED")
    status, said, _ = ask("POST", f"{path}?userId={user}", {**body, "contactId": out})
    assert (status, said["errorType"]) == (400, "SequenceError.UNSUBSCRIBED")
    assert ask("GET", f"/automation/sequences/2026-09/enrollments/contact/{ada}")[1]["sequenceId"] == target["sequence"]
    assert crm.members(target) == [ada]


def test_an_inbox_sends_only_so_much_a_day(ask, crm, clock, rep):
    crm.portal.inbox_limit = 1
    leads = [crm.add_lead({"name": name, "email": f"{name}@example.test"}) for name in ("ada", "bob")]
    target = crm.add_sequence("welcome")
    user = ask("GET", f"/crm/v3/owners/{rep}")[1]["userId"]

    def enroll(lead: str) -> tuple[int, object]:
        body = {"contactId": lead, "sequenceId": target["sequence"], "senderEmail": "rosa@example.test"}
        status, said, _ = ask("POST", f"/automation/v4/sequences/enrollments?userId={user}", body)
        return status, said.get("errorType")

    assert enroll(leads[0]) == (200, None)
    assert enroll(leads[1]) == (400, "SequenceError.SEND_LIMIT_EXCEEDED")
    clock.move_by(timedelta(days=1))
    assert enroll(leads[1]) == (200, None)


def test_a_workflow_takes_an_address_and_answers_with_nothing(ask, crm):
    ada = crm.add_lead({"name": "Ada", "email": "ada@example.test"})
    target = crm.add_workflow("nurture")
    path = f"/automation/v2/workflows/{target['workflow']}/enrollments/contacts/"

    assert ask("POST", path + "ada%40example.test")[:2] == (204, None)
    assert crm.members(target) == [ada]
    assert ask("POST", path + "who@example.test")[0] == 404
    assert ask("DELETE", path + "ada@example.test")[0] == 204
    assert crm.members(target) == []


def test_single_send_sends_once_per_key_and_tells_the_result_later(ask, crm):
    crm.add_lead({"name": "Ada", "email": "ada@example.test"})
    crm.add_lead({"name": "Out", "email": "out@example.test", "opted_out": True})
    target = crm.add_single_send("brochure")

    def send(to: str, key: str) -> list[object]:
        body = {"emailId": int(target["single_send"]), "message": {"to": to, "sendId": key}}
        status, said, _ = ask("POST", "/marketing/v4/email/single-send", body)
        answers = [ask("GET", f"/marketing/v3/email/send-statuses/{said['statusId']}")[1] for _ in range(2)]
        return [status, said["status"], answers[0]["status"], answers[1]["sendResult"]]

    assert send("ada@example.test", "k1") == [200, "PENDING", "PROCESSING", "SENT"]
    assert send("ada@example.test", "k1")[3] == "IDEMPOTENT_IGNORE"
    assert send("out@example.test", "k2")[3] == "ADDRESS_OPTED_OUT"


def test_the_preferences_of_an_address_are_the_authority_on_opt_out(ask, crm):
    lead = crm.add_lead({"name": "Ada", "email": "ada@example.test"})
    path = "/communication-preferences/v4/statuses/ada@example.test"

    assert ask("GET", path)[0] == 400
    assert ask("GET", f"{path}?channel=EMAIL")[1]["results"][0]["status"] == "NOT_SPECIFIED"
    assert ask("GET", f"{path}/unsubscribe-all?channel=EMAIL")[1]["results"] == []
    crm.set_fields(lead, {"opted_out": True})
    assert ask("GET", f"{path}?channel=EMAIL")[1]["results"][0]["status"] == "UNSUBSCRIBED"
    assert ask("GET", f"{path}/unsubscribe-all?channel=EMAIL")[1]["results"][0]["status"] == "UNSUBSCRIBED"


def test_who_leaves_all_mail_by_a_link_is_told_by_the_preferences_and_not_by_the_contact(ask, crm):
    lead = crm.add_lead({"name": "Ada", "email": "ada@example.test"})
    crm.unsubscribe(lead)
    path = "/communication-preferences/v4/statuses/ada%40example.test/unsubscribe-all?channel=EMAIL"
    assert ask("GET", path)[1]["results"][0]["wideStatusType"] == "PORTAL_WIDE"
    assert crm.fields_of(lead)["opted_out"] is None
    crm.remove_scope("communication_preferences.read")
    assert ask("GET", path)[0] == 403


def test_the_account_tells_its_time_zone_and_its_usage(ask):
    assert ask("GET", "/account-info/v3/details")[1]["utcOffset"] == "+02:00"
    row = ask("GET", "/account-info/2026-03/api-usage/daily/private-apps")[1]["results"][0]

    assert (row["usageLimit"], row["currentUsage"]) == (625_000, 2)
    assert row["resetsAt"] == "2026-05-02T00:00:00+02:00"


def test_dated_paths_lead_to_the_same_places(ask, crm, rep):
    ada = crm.add_lead({"name": "Ada"})
    call = crm.log_call(ada, rep, "busy")
    target = crm.add_enrollment_target("brochure")

    assert ask("GET", f"/crm/objects/2026-03/contacts/{ada}")[1]["id"] == ada
    assert ask("POST", "/crm/objects/2026-09/contacts/search", {})[1]["total"] == 1
    assert ask("POST", "/crm/associations/2026-03/calls/contacts/batch/read", {"inputs": [{"id": call}]})[0] == 200
    assert ask("GET", f"/crm/objects/2026-03/calls/{call}/associations/contacts")[1]["results"][0]["toObjectId"] == int(
        ada
    )
    assert ask("PUT", f"/crm/lists/2026-03/{target['list']}/memberships/add", [ada])[1]["recordsIdsAdded"] == [ada]
    assert ask("GET", "/crm/properties/2026-03/contacts")[0] == 200


def test_a_hidden_property_is_gone_from_everywhere(client, crm):
    lead = crm.add_lead({"name": "Ada", "opted_out": True})
    seen = {prop.name: prop for prop in client.crm.properties.core_api.get_all("contacts").results}
    assert seen["hs_email_optout"].modification_metadata.read_only_value is True
    assert [option.value for option in seen["hs_lead_status"].options][:2] == ["NEW", "OPEN"]

    crm.hide_property("contacts", "hs_email_optout")

    assert "hs_email_optout" not in {prop.name for prop in client.crm.properties.core_api.get_all("contacts").results}
    found = client.crm.contacts.basic_api.get_by_id(lead, properties=["hs_email_optout"])
    assert "hs_email_optout" not in found.properties


def test_pipelines_have_stages_and_owners_come_in_pages(client, crm):
    for number in range(3):
        crm.add_person(f"Rep {number}", f"rep{number}@example.test")

    stages = client.crm.pipelines.pipelines_api.get_all("leads").results[0].stages
    page = client.crm.owners.owners_api.get_page(limit=2)

    assert stages[0].id == "new-stage-id"
    rest = client.crm.owners.owners_api.get_page(limit=2, after=page.paging.next.after)
    assert [one.email for one in (*page.results, *rest.results)] == [f"rep{number}@example.test" for number in range(3)]


def test_a_wrong_or_revoked_token_is_401(ask, crm):
    assert ask("GET", "/crm/v3/owners/", token="other")[0] == 401
    assert ask("GET", "/crm/v3/owners/")[0] == 200
    crm.revoke()
    status, said, _ = ask("GET", "/crm/v3/owners/")

    assert (status, said["category"]) == (401, "INVALID_AUTHENTICATION")


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("crm.objects.contacts.read", "POST", "/crm/v3/objects/contacts/search"),
        ("crm.objects.contacts.write", "PATCH", "/crm/v3/objects/tasks/1"),
        ("crm.objects.owners.read", "GET", "/crm/v3/owners"),
        ("crm.lists.write", "PUT", "/crm/v3/lists/1/memberships/add"),
        ("automation.sequences.enrollments.write", "POST", "/automation/v4/sequences/enrollments"),
        ("automation", "POST", "/automation/v2/workflows/1/enrollments/contacts/a@example.test"),
        ("communication_preferences.read", "GET", "/communication-preferences/v4/statuses/a@example.test"),
    ],
)
def test_a_missing_scope_is_named(ask, crm, scope, method, path):
    assert ask(method, path, {})[0] != 403
    crm.remove_scope(scope)
    status, said, _ = ask(method, path, {})

    assert (status, said["category"]) == (403, "MISSING_SCOPES")
    assert said["errors"][0]["context"]["requiredGranularScopes"] == [scope]


def test_a_spent_day_is_over_at_midnight_of_the_account(ask, crm, clock):
    crm.spend_day()
    status, said, headers = ask("GET", "/crm/v3/owners")
    assert (status, said["policyName"], said["errorType"]) == (429, "DAILY", "RATE_LIMIT")
    assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == "0"
    assert "Retry-After" not in headers

    clock.move_to(datetime(2026, 5, 1, 21, 59, tzinfo=UTC))
    assert ask("POST", "/crm/v3/objects/contacts/search", {})[0] == 429
    clock.move_to(datetime(2026, 5, 1, 22, 0, tzinfo=UTC))
    assert ask("GET", "/crm/v3/owners")[0] == 200


def test_the_ten_second_limit_counts_neither_search_nor_association_batches(connect, clock):
    ask = connect(SandboxHubSpot(clock, burst_limit=2))

    assert [ask("POST", "/crm/v3/objects/contacts/search", {})[0] for _ in range(4)] == [200] * 4
    assert [ask("POST", "/crm/v4/associations/tasks/contacts/batch/read", {"inputs": []})[0] for _ in range(4)] == [
        200
    ] * 4
    headers = ask("GET", "/crm/v3/owners")[2]
    assert (headers["X-HubSpot-RateLimit-Max"], headers["X-HubSpot-RateLimit-Remaining"]) == ("2", "1")
    assert ask("GET", "/crm/v3/owners")[0] == 200
    status, said, _ = ask("GET", "/crm/v3/owners")
    assert (status, said["policyName"]) == (429, "TEN_SECONDLY_ROLLING")


def test_searches_have_a_limit_of_their_own_whose_answer_names_no_policy(connect, clock):
    ask = connect(SandboxHubSpot(clock, search_per_second=2))
    answers = [ask("POST", "/crm/v3/objects/contacts/search", {}) for _ in range(3)]

    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert "policyName" not in answers[2][1]
    assert answers[2][1]["message"] == "You have reached your secondly limit."
    assert {name for name in answers[0][2] if name.startswith("X-HubSpot")} == {
        "X-HubSpot-RateLimit-Daily",
        "X-HubSpot-RateLimit-Daily-Remaining",
    }
    time.sleep(1.05)
    assert ask("POST", "/crm/v3/objects/contacts/search", {})[0] == 200


def test_a_target_that_is_too_long_is_414(ask):
    assert ask("GET", "/crm/v3/objects/contacts?properties=" + ",".join(["hs_lead_status"] * 800))[0] == 414


def test_an_unknown_path_or_object_is_refused(ask):
    assert ask("GET", "/crm/v3/nothing")[0] == 404
    assert ask("GET", "/crm/v3/objects/unicorns")[0] == 400
    assert ask("PATCH", "/crm/v3/objects/contacts")[0] == 405


def test_many_threads_lose_no_write(connect, crm):
    ask = connect(crm)
    statuses: list[int] = []

    def work(worker: int) -> None:
        for number in range(10):
            body = {"properties": {"email": f"w{worker}.{number}@example.test"}}
            statuses.append(ask("POST", "/crm/v3/objects/contacts", body)[0])

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [201] * 40
    assert len(set(crm.leads())) == 40


def test_the_story_hears_of_its_people_and_leads_as_they_are(crm, clock, rep):
    fields = {
        "name": "Ada Lovelace",
        "email": "ada@example.test",
        "value": 5000,
        "status": "NEW",
        "custom.tier": "gold",
    }
    lead = crm.add_lead({**fields, "owner": rep, "opted_out": False})
    plain = crm.add_contact({"name": "Carl Contact"})
    start = START + timedelta(days=2)
    meeting = crm.book_meeting(lead, rep, start, timedelta(hours=1), "Demo")
    crm.convert(lead)

    assert crm.crm == "hubspot"
    assert crm.add_queue("Pool") is None
    assert {name: crm.fields_of(lead)[name] for name in fields} == fields
    assert crm.fields_of(lead)["opted_out"] is False
    assert crm.leads() == [lead]
    assert plain not in crm.leads()
    said = crm.portal.tables["meetings"].rows[meeting].version.properties
    assert (said["hs_meeting_end_time"], said["hs_meeting_outcome"]) == ("2026-05-03T11:00:00.000Z", "SCHEDULED")
    crm.delete(lead)
    assert crm.leads() == []


def test_loaded_leads_have_their_calls_between_their_creation_and_now(ask, crm, clock):
    created = START - timedelta(days=4)
    made = crm.load([{"name": f"Lead {number}", "created": created} for number in range(3)], 3)
    contact = ask("GET", f"/crm/v3/objects/contacts/{made[0]}?properties=num_contacted_notes,notes_last_contacted")[1]

    assert contact["createdAt"] == contact["updatedAt"] == "2026-04-27T10:00:00.000Z"
    assert contact["properties"]["num_contacted_notes"] == "3"
    assert contact["properties"]["notes_last_contacted"] == "2026-04-30T10:00:00.000Z"
    assert ask("POST", "/crm/v3/objects/calls/search", {})[1]["total"] == 9
