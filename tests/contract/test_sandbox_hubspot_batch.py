"""The HubSpot sandbox's batches: all or nothing, or row by row when every row carries its own trace id."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hubspot import HubSpot
from hubspot.crm.contacts.exceptions import ApiException as ContactsError
from hubspot.crm.objects.tasks.exceptions import ApiException as TasksError

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.faults import Fault
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.server import SandboxServer

START = datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.fixture
def crm() -> SandboxHubSpot:
    return SandboxHubSpot(SandboxClock(START), burst_limit=None, task_key_property="followup_key")


@pytest.fixture
def server(crm: SandboxHubSpot) -> Iterator[SandboxServer]:
    with SandboxServer(crm) as running:
        yield running


@pytest.fixture
def client(server: SandboxServer) -> HubSpot:
    return HubSpot(access_token="sandbox-token", host=server.url, retry=False)


@pytest.fixture
def rep(crm: SandboxHubSpot) -> str:
    return crm.add_person("Rosa Rep", "rosa@example.test")


def task(lead: str, trace: str | None = None, **properties: str) -> dict:
    row = {
        "properties": {"hs_timestamp": "1763800000000", "hs_task_status": "NOT_STARTED", **properties},
        "associations": [
            {"to": {"id": lead}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}]}
        ],
    }
    return {**row, "objectWriteTraceId": trace} if trace else row


def test_tasks_are_made_with_their_associations_and_results_come_in_no_promised_order(client, crm, rep):
    leads = [crm.add_lead({"name": f"Lead {number}"}) for number in range(3)]
    rows = [task(lead, hs_task_subject=f"Call {lead}", hubspot_owner_id=rep) for lead in leads]

    answer = client.crm.objects.tasks.batch_api.create({"inputs": rows})

    subjects = [row.properties["hs_task_subject"] for row in answer.results]
    assert sorted(subjects) == sorted(f"Call {lead}" for lead in leads)
    assert subjects[0] != f"Call {leads[0]}"
    assert answer.results[0].properties["hs_timestamp"] == "2025-11-22T08:26:40.000Z"
    assert [one.subject for one in crm.open_tasks(leads[1])] == [f"Call {leads[1]}"]
    assert crm.writes == [("POST", "/crm/v3/objects/tasks/batch/create", 3)]


def test_without_trace_ids_one_bad_row_loses_the_whole_batch(client, crm):
    lead = crm.add_lead({"name": "Ada"})
    rows = [task(lead), task(lead, hubspot_owner_id="1")]

    for batch in (
        rows,
        [{**rows[0], "objectWriteTraceId": "a"}, rows[1]],
        [{**row, "objectWriteTraceId": "a"} for row in rows],
    ):
        with pytest.raises(TasksError) as caught:
            client.crm.objects.tasks.batch_api.create({"inputs": batch})
        assert caught.value.status == 400
    assert crm.tasks_of(lead) == []


def test_with_trace_ids_the_good_rows_are_made_and_the_bad_ones_named(client, crm):
    lead = crm.add_lead({"name": "Ada"})
    rows = [task(lead, "one"), task(lead, "two", hubspot_owner_id="1"), task("404", "three"), task(lead, "four")]

    answer = client.crm.objects.tasks.batch_api.create({"inputs": rows})

    assert (len(answer.results), answer.num_errors) == (2, 2)
    assert {error.context["objectWriteTraceId"][0]: error.category for error in answer.errors} == {
        "two": "VALIDATION_ERROR",
        "three": "OBJECT_NOT_FOUND",
    }
    assert len(crm.tasks_of(lead)) == 2


def test_a_trace_id_is_no_idempotency_key_but_a_unique_property_is(client, crm):
    lead = crm.add_lead({"name": "Ada"})
    create = client.crm.objects.tasks.batch_api.create

    create({"inputs": [task(lead, "one")]})
    create({"inputs": [task(lead, "one")]})
    create({"inputs": [task(lead, "two", followup_key="k1")]})
    answer = create({"inputs": [task(lead, "two", followup_key="k1"), task(lead, "three", followup_key="k2")]})

    assert (len(answer.results), answer.num_errors) == (1, 1)
    assert len(crm.tasks_of(lead)) == 4


def test_more_than_a_hundred_rows_or_the_same_id_twice_are_refused(client, crm):
    lead = crm.add_lead({"name": "Ada"})
    contacts = client.crm.contacts.batch_api

    with pytest.raises(TasksError) as caught:
        client.crm.objects.tasks.batch_api.create({"inputs": [task(lead)] * 101})
    assert caught.value.status == 400
    with pytest.raises(ContactsError, match="Duplicate IDs"):
        contacts.update(
            {"inputs": [{"id": lead, "properties": {"phone": str(n)}, "objectWriteTraceId": str(n)} for n in (1, 2)]}
        )
    with pytest.raises(ContactsError) as caught:
        contacts.read(
            {"inputs": [{"id": str(n)} for n in range(51)], "properties": [], "propertiesWithHistory": ["email"]}
        )
    assert caught.value.status == 400


def test_a_batch_read_names_the_ids_it_could_not_find(client, crm):
    ada, gone = crm.add_lead({"name": "Ada"}), crm.add_lead({"name": "Gone"})
    crm.delete(gone)
    batch = {"inputs": [{"id": ada}, {"id": gone}, {"id": "404"}], "properties": ["lastname"]}

    answer = client.crm.contacts.batch_api.read({**batch, "propertiesWithHistory": ["lastname"]})
    archived = client.crm.contacts.batch_api.read(batch, archived=True)

    assert [row.id for row in answer.results] == [ada]
    assert answer.results[0].properties_with_history["lastname"][0].value == "Ada"
    assert answer.errors[0].context["ids"] == [gone, "404"]
    assert [row.id for row in archived.results] == [gone]


def test_rows_marked_by_the_test_fail_as_often_as_asked(client, crm):
    ada, bob = crm.add_lead({"name": "Ada"}), crm.add_lead({"name": "Bob"})
    crm.fail_rows(
        "contacts", lambda row: row["lastname"] == "Bob", "VALIDATION_ERROR", "conditional property required", 1
    )
    rows = [{"id": one, "properties": {"phone": "1"}, "objectWriteTraceId": one} for one in (ada, bob)]

    first = client.crm.contacts.batch_api.update({"inputs": rows})
    second = client.crm.contacts.batch_api.update({"inputs": rows})

    assert [row.id for row in first.results] == [ada]
    assert (first.errors[0].message, first.errors[0].context["objectWriteTraceId"]) == (
        "conditional property required",
        [bob],
    )
    assert {row.id for row in second.results} == {ada, bob}


def test_upsert_makes_and_changes_by_a_unique_property_only(client, crm):
    crm.add_lead({"name": "Ada", "email": "ada@example.test"})
    upsert = client.crm.contacts.batch_api.upsert
    rows = [
        {"id": f"{name}@example.test", "idProperty": "email", "properties": {"phone": "1"}} for name in ("ada", "bob")
    ]

    answer = upsert({"inputs": rows})

    assert sorted((row.properties["email"], row.new) for row in answer.results) == [
        ("ada@example.test", False),
        ("bob@example.test", True),
    ]
    with pytest.raises(ContactsError, match="non-unique"):
        upsert({"inputs": [{"id": "1", "idProperty": "hs_object_id", "properties": {}}]})


def test_a_second_contact_with_an_address_is_a_conflict_that_names_the_first(client, crm):
    ada = crm.add_lead({"name": "Ada", "email": "ada@example.test"})

    with pytest.raises(ContactsError) as caught:
        client.crm.contacts.batch_api.create(
            {"inputs": [{"properties": {"email": "ADA@example.test"}, "associations": []}]}
        )

    assert caught.value.status == 409
    assert f"Existing ID: {ada}" in caught.value.body


def test_a_batch_whose_answer_is_lost_has_still_been_written(client, server, crm):
    lead = crm.add_lead({"name": "Ada"})
    server.faults.add(Fault("garble_after", "POST", "tasks/batch/create"))

    answer = client.crm.objects.tasks.batch_api.create({"inputs": [task(lead)]})

    assert not answer.results
    assert len(crm.tasks_of(lead)) == 1


def test_an_empty_batch_is_complete(client):
    answer = client.crm.contacts.batch_api.update({"inputs": []})

    assert (answer.status, answer.results) == ("COMPLETE", [])


def test_a_custom_unique_property_on_tasks_can_be_made_through_the_api(client, crm):
    definition = {
        "name": "our_key",
        "label": "Our key",
        "type": "string",
        "fieldType": "text",
        "groupName": "task",
        "hasUniqueValue": True,
    }
    client.crm.properties.core_api.create("tasks", definition)
    lead = crm.add_lead({"name": "Ada"})

    client.crm.objects.tasks.batch_api.create({"inputs": [task(lead, our_key="k")]})

    with pytest.raises(TasksError, match="already has that value"):
        client.crm.objects.tasks.batch_api.create({"inputs": [task(lead, our_key="k")]})
