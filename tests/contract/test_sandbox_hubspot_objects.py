"""The HubSpot sandbox as the real client sees it: rows one by one, history, merges, deletes, refusals."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hubspot import HubSpot
from hubspot.crm.contacts.exceptions import ApiException as ContactsError
from hubspot.crm.objects.tasks.exceptions import ApiException as TasksError

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.server import SandboxServer

START = datetime(2026, 5, 1, 10, 0, 0, 123000, tzinfo=UTC)


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(START)


@pytest.fixture
def crm(clock: SandboxClock) -> SandboxHubSpot:
    return SandboxHubSpot(clock, burst_limit=None, task_key_property="followup_key")


@pytest.fixture
def server(crm: SandboxHubSpot) -> Iterator[SandboxServer]:
    with SandboxServer(crm) as running:
        yield running


@pytest.fixture
def client(server: SandboxServer) -> HubSpot:
    made = HubSpot(access_token="sandbox-token", host=server.url, retry=False)
    made.config["host"] = server.url
    return made


@pytest.fixture
def rep(crm: SandboxHubSpot) -> str:
    return crm.add_person("Rosa Rep", "rosa@example.test")


def test_a_lead_of_the_story_is_a_contact_with_stamps_in_milliseconds(client, crm, rep):
    lead = crm.add_lead(
        {"name": "Ada Lovelace", "email": "ada@example.test", "status": "NEW", "owner": rep, "size": 40}
    )

    found = client.crm.contacts.basic_api.get_by_id(
        lead, properties=["firstname", "hs_lead_status", "phone", "nonsense"]
    )

    assert found.id == lead
    assert found.properties["createdate"] == found.properties["lastmodifieddate"] == "2026-05-01T10:00:00.123Z"
    assert found.properties["firstname"] == "Ada"
    assert found.properties["phone"] is None
    assert "nonsense" not in found.properties
    assert found.updated_at == START


def test_history_is_newest_first_and_says_who_did_it(client, crm, clock, rep):
    lead = crm.add_lead({"name": "Ada Lovelace", "status": "NEW"})
    clock.move_by(timedelta(hours=1))
    crm.set_fields(lead, {"status": "OPEN"}, by=rep)
    clock.move_by(timedelta(hours=1))
    client.crm.contacts.basic_api.update(lead, {"properties": {"hs_lead_status": "CONNECTED"}})

    found = client.crm.contacts.basic_api.get_by_id(lead, properties_with_history=["hs_lead_status"])
    history = found.properties_with_history["hs_lead_status"]
    user = client.crm.owners.owners_api.get_by_id(int(rep)).user_id

    assert [entry.value for entry in history] == ["CONNECTED", "OPEN", "NEW"]
    assert (history[0].source_type, history[0].source_id) == ("INTEGRATION", crm.app_id)
    assert (history[1].source_type, history[1].source_id) == ("CRM_UI", f"userId:{user}")
    assert history[1].updated_by_user_id == user
    assert history[1].timestamp == START + timedelta(hours=1)


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"nonsense": "1"}, "PROPERTY_DOESNT_EXIST"),
        ({"hs_lead_status": "new"}, "INVALID_OPTION"),
        ({"numemployees": "many"}, "INVALID_LONG"),
        ({"notes_last_contacted": "2026-01-01"}, "READ_ONLY_VALUE"),
        ({"hs_email_optout": "false"}, "READ_ONLY_VALUE"),
        ({"hubspot_owner_id": "1"}, "INVALID_OWNER_ID"),
    ],
)
def test_a_value_hubspot_would_refuse_is_refused_and_nothing_changes(client, crm, properties, code):
    lead = crm.add_lead({"name": "Ada Lovelace"})

    with pytest.raises(ContactsError) as caught:
        client.crm.contacts.basic_api.update(lead, {"properties": {"phone": "123", **properties}})

    assert caught.value.status == 400
    assert code in caught.value.body
    assert "VALIDATION_ERROR" in caught.value.body
    assert crm.fields_of(lead)["phone"] is None


def test_neither_a_user_id_nor_a_deactivated_owner_can_own_a_contact(client, crm, rep):
    lead = crm.add_lead({"name": "Ada Lovelace"})
    user = client.crm.owners.owners_api.get_by_id(int(rep)).user_id
    crm.deactivate(rep)

    for owner in (rep, str(user)):
        with pytest.raises(ContactsError, match="INVALID_OWNER_ID"):
            client.crm.contacts.basic_api.update(lead, {"properties": {"hubspot_owner_id": owner}})
    gone = client.crm.owners.owners_api.get_page(archived=True).results
    assert client.crm.owners.owners_api.get_page().results == []
    assert [(one.id, one.user_id, one.user_id_including_inactive) for one in gone] == [(rep, None, user)]


def test_an_unknown_property_is_ignored_when_a_task_is_changed_and_refused_when_it_is_made(client, crm, rep):
    lead = crm.add_lead({"name": "Ada Lovelace"})
    task = crm.add_task(lead, rep, "call", "Call Ada", START)
    tasks = client.crm.objects.tasks.basic_api

    tasks.update(task, {"properties": {"nonsense": "1", "hs_task_subject": "Call Ada again"}})
    with pytest.raises(TasksError, match="PROPERTY_DOESNT_EXIST"):
        tasks.create({"properties": {"hs_timestamp": "1763800000000", "nonsense": "1"}, "associations": []})
    with pytest.raises(TasksError, match="hs_timestamp"):
        tasks.create({"properties": {"hs_task_subject": "No date"}, "associations": []})

    assert crm.tasks_of(lead)[0]["hs_task_subject"] == "Call Ada again"
    assert len(crm.tasks_of(lead)) == 1


def test_two_tasks_cannot_carry_the_same_key(client, crm):
    tasks = client.crm.objects.tasks.basic_api
    properties = {"hs_timestamp": "1763800000000", "followup_key": "rule:1"}
    tasks.create({"properties": properties, "associations": []})

    with pytest.raises(TasksError, match="already has that value"):
        tasks.create({"properties": properties, "associations": []})


def test_completing_a_task_stamps_its_completion_and_a_call_task_with_an_outcome_leaves_a_call(client, crm, clock, rep):
    lead = crm.add_lead({"name": "Ada Lovelace"})
    task = crm.add_task(lead, rep, "call", "Call Ada", START + timedelta(days=1))
    clock.move_by(timedelta(hours=3))

    assert [one.id for one in crm.open_tasks(lead)] == [task]
    crm.complete_task(task, by=rep, outcome="no_answer")

    assert crm.open_tasks() == []
    assert crm.tasks_of(lead)[0]["hs_task_completion_date"] == "2026-05-01T13:00:00.123Z"
    calls = client.crm.objects.calls.basic_api.get_page(properties=["hs_call_disposition"], associations=["contacts"])
    assert calls.results[0].properties["hs_call_disposition"] == "73a0d17f-1163-4015-bdd5-ec830791da20"
    assert calls.results[0].associations["contacts"].results[0].id == lead


def test_activities_and_associations_do_not_move_the_contacts_stamp(client, crm, clock, rep):
    lead = crm.add_lead({"name": "Ada Lovelace"})
    clock.move_by(timedelta(hours=1))
    crm.log_call(lead, rep, "connected")
    crm.log_email(lead, rep, "inbound", "Re: offer")
    crm.add_note(lead, rep, "friendly")
    crm.add_task(lead, rep, "todo", "Send offer", START + timedelta(days=9))

    wanted = [
        "notes_last_contacted",
        "notes_last_updated",
        "num_notes",
        "num_contacted_notes",
        "hs_sales_email_last_replied",
    ]
    found = client.crm.contacts.basic_api.get_by_id(lead, properties=wanted)

    assert found.properties["lastmodifieddate"] == "2026-05-01T10:00:00.123Z"
    assert found.properties["notes_last_contacted"] == "2026-05-01T11:00:00.123Z"
    assert found.properties["hs_sales_email_last_replied"] == "2026-05-01T11:00:00.123Z"
    assert (found.properties["num_notes"], found.properties["num_contacted_notes"]) == ("4", "1")
    assert found.properties["notes_last_updated"] == "2026-05-01T11:00:00.123Z"


def test_an_absence_note_is_inbound_mail_marked_as_automatic_and_no_reply(client, crm, rep):
    lead = crm.add_lead({"name": "Ada Lovelace", "email": "ada@example.test"})
    mail = crm.log_email(lead, rep, "inbound", "Offer", automated=True)

    wanted = ["hs_email_subject", "hs_email_headers", "hs_email_direction"]
    found = client.crm.objects.emails.basic_api.get_by_id(mail, properties=wanted).properties

    assert found["hs_email_direction"] == "INCOMING_EMAIL"
    assert found["hs_email_subject"] == "Automatic reply: Offer"
    assert "Auto-Submitted" in found["hs_email_headers"]
    contact = client.crm.contacts.basic_api.get_by_id(lead, properties=["hs_sales_email_last_replied"])
    assert contact.properties["hs_sales_email_last_replied"] is None


def test_a_merge_makes_a_new_id_which_old_ids_answer_with_one_by_one_but_not_in_batches(client, crm, rep):
    winner = crm.add_lead({"name": "Ada Lovelace", "email": "ada@example.test"})
    loser = crm.add_lead({"name": "A. Lovelace", "phone": "123"})
    crm.log_call(loser, rep, "connected")
    contacts = client.crm.contacts

    new = contacts.basic_api.merge({"primaryObjectId": winner, "objectIdToMerge": loser}).id

    assert new not in (winner, loser)
    found = contacts.basic_api.get_by_id(loser, properties=["phone", "firstname", "hs_merged_object_ids", "num_notes"])
    assert found.id == new
    assert found.properties["hs_merged_object_ids"] == f"{winner};{loser}"
    assert (found.properties["phone"], found.properties["firstname"]) == ("123", "Ada")
    assert found.properties["num_notes"] == "1"
    assert contacts.basic_api.update(winner, {"properties": {"phone": "456"}}).id == new
    read = contacts.batch_api.read({"inputs": [{"id": winner}, {"id": loser}], "properties": []})
    assert (read.results, hasattr(read, "errors")) == ([], False)
    with pytest.raises(ContactsError) as caught:
        contacts.batch_api.update({"inputs": [{"id": winner, "properties": {"phone": "7"}}]})
    assert caught.value.status == 404
    assert crm.leads() == [new]


def test_a_deleted_contact_is_only_seen_among_the_archived_for_ninety_days(client, crm, clock):
    lead = crm.add_lead({"name": "Ada Lovelace"})
    client.crm.contacts.basic_api.archive(lead)

    with pytest.raises(ContactsError) as caught:
        client.crm.contacts.basic_api.get_by_id(lead)
    assert caught.value.status == 404
    assert client.crm.contacts.basic_api.get_page().results == []
    archived = client.crm.contacts.basic_api.get_page(archived=True).results
    assert [(one.id, one.archived) for one in archived] == [(lead, True)]
    clock.move_by(timedelta(days=91))
    assert client.crm.contacts.basic_api.get_page(archived=True).results == []


def test_pages_of_rows_end_and_cover_every_row_though_ids_change_length(client, crm):
    made = [crm.add_lead({"name": f"Lead {number}"}) for number in range(120)]
    seen, after = [], None
    while True:
        page = client.crm.contacts.basic_api.get_page(limit=50, after=after)
        seen += [one.id for one in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after

    assert seen == made
    assert {len(one) for one in made} == {4, 5}
    with pytest.raises(ContactsError) as caught:
        client.crm.contacts.basic_api.get_page(limit=51, properties_with_history=["email"])
    assert caught.value.status == 400


def test_the_lifecycle_only_goes_forward_unless_cleared_first(client, crm):
    lead = crm.add_lead({"name": "Ada Lovelace"})
    crm.convert(lead)
    contacts = client.crm.contacts.basic_api

    assert contacts.update(lead, {"properties": {"lifecyclestage": "lead"}}).properties["lifecyclestage"] == "customer"
    contacts.update(lead, {"properties": {"lifecyclestage": ""}})
    assert contacts.update(lead, {"properties": {"lifecyclestage": "lead"}}).properties["lifecyclestage"] == "lead"


def test_an_opt_out_that_was_never_set_is_null_and_the_address_has_specified_nothing(client, crm):
    silent = crm.add_lead({"name": "Ada Lovelace", "email": "ada@example.test"})
    crm.add_lead({"name": "Bob Stone", "email": "bob@example.test", "opted_out": True})

    found = client.crm.contacts.basic_api.get_by_id(silent, properties=["hs_email_optout"])

    assert found.properties["hs_email_optout"] is None
    assert crm.fields_of(silent)["opted_out"] is None
