"""The Salesforce adapter reads an org over HTTP: nothing missed, nothing twice, nothing fatal that need not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from salesforce_org import ALL_NEEDS, START, Reader, World, pages, world

from adapters.sandbox.faults import Fault
from connector.domain.errors import ConfigError, MissingFieldError, RetryableError
from connector.domain.model import Needs, RecordRef

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def _many(w: World, count: int, **fields: object) -> list[str]:
    """Leads that a bulk load gave one and the same stamp."""
    lead = {"name": "Bulk Load", "company": "Acme", "created": START - timedelta(hours=1), **fields}
    return list(w.org.load([lead] * count, 0))


# -- describing ------------------------------------------------------------------------------------------------------
def test_the_schema_tells_types_picklists_and_what_may_be_written(w: World) -> None:
    schema = w.adapter(statuses={"new": "Open - Not Contacted"}).source.describe(ALL_NEEDS)
    fields = schema.fields["lead"]
    assert fields["status"].type == "picklist"
    assert "Working - Contacted" in fields["status"].values
    assert (fields["custom.tier"].api_name, fields["custom.tier"].writable) == ("Tier__c", True)
    assert not fields["created"].writable
    assert schema.statuses["new"] == "Open - Not Contacted"
    assert schema.statuses["working"] == "Working - Contacted", "the org has Salesforce's own value still"
    assert schema.enrollments == ("brochure", "nurture")


def test_a_hidden_opt_out_is_told_and_never_read_as_false(w: World) -> None:
    lead = w.lead()
    w.org.hide_field("Lead", "HasOptedOutOfEmail")
    adapter = w.adapter()
    assert "opted_out" in adapter.source.describe(ALL_NEEDS).hidden["lead"]
    record = adapter.source.reread([lead], ALL_NEEDS)[lead]
    assert "opted_out" in record.hidden
    assert "opted_out" not in record.fields
    assert [r.ref for page in pages(adapter, "lead") for r in page.records] == [lead]


def test_a_field_that_vanishes_after_the_describe_is_named_in_our_words_and_dropped_afterwards(w: World) -> None:
    lead = w.lead()
    adapter = w.adapter()
    adapter.source.describe(ALL_NEEDS)
    w.org.hide_field("Lead", "Tier__c")
    with pytest.raises(MissingFieldError, match=r"custom\.tier of Lead") as caught:
        pages(adapter, "lead")
    assert caught.value.fields == ("custom.tier",)
    assert "custom.tier" in adapter.source.describe(ALL_NEEDS).hidden["lead"]
    assert [r.ref for page in pages(adapter, "lead") for r in page.records] == [lead]


def test_a_forbidden_lead_object_is_a_clear_configuration_error(w: World) -> None:
    w.org.remove_permission("Lead")
    with pytest.raises(ConfigError, match="grant it Read on Lead"):
        w.adapter().source.describe(ALL_NEEDS)


@pytest.mark.parametrize("name", ["LeadHistory", "Event", "Note", "CampaignMember", "ActionCadenceTracker"])
def test_an_object_the_org_does_not_show_gives_an_empty_stream(w: World, name: str) -> None:
    lead = w.lead()
    w.org.remove_permission(name)
    adapter = w.adapter()
    found = [page for stream in adapter.source.streams(ALL_NEEDS) for page in pages(adapter, stream)]
    assert [record.ref for page in found for record in page.records] == [lead]


def test_without_email_message_mails_still_count_as_outbound(w: World) -> None:
    w.org.log_email(w.lead().id, w.ana, "inbound", "Re: hello")
    w.org.remove_permission("EmailMessage")
    activities = [a for page in pages(w.adapter(), "task") for a in page.activities]
    assert [(a.type, a.direction) for a in activities] == [("email", "outbound")]


def test_a_hidden_column_of_events_does_not_hide_the_meetings(w: World) -> None:
    w.org.book_meeting(w.lead().id, w.ana, START + timedelta(days=1), timedelta(hours=1), "Demo")
    w.org.hide_field("Event", "EndDateTime")
    activities = [a for page in pages(w.adapter(), "event") for a in page.activities]
    assert [(a.type, a.done) for a in activities] == [("meeting", False)]


def test_owners_are_users_active_or_not_and_queues(w: World) -> None:
    ben = w.org.add_person("Ben Busy", "ben@example.com", active=False)
    pool = w.org.add_queue("Pool")
    owners = {owner.id: owner for owner in w.adapter().source.owners()}
    assert (owners[w.ana].email, owners[w.ana].active) == ("ana@example.com", True)
    assert not owners[ben].active
    assert owners[pool].queue


def test_users_whose_manager_is_hidden_are_still_read(w: World) -> None:
    w.org.hide_field("User", "ManagerId")
    assert w.ana in {owner.id for owner in w.adapter().source.owners()}


def test_an_org_that_hides_its_queues_still_has_people(w: World) -> None:
    w.org.add_queue("Pool")
    w.org.remove_permission("Group")
    owners = {owner.id: owner for owner in w.adapter().source.owners()}
    assert w.ana in owners
    assert not any(owner.queue for owner in owners.values())


# -- the story of a lead ---------------------------------------------------------------------------------------------
def test_calls_mails_meetings_notes_and_tasks_come_as_what_they_are(w: World) -> None:
    lead = w.lead().id
    w.org.log_call(lead, w.ana, "no_answer")
    w.org.log_call(lead, w.ana, "connected", inbound=True)
    w.org.log_email(lead, w.ana, "outbound", "Hello")
    w.org.log_email(lead, w.ana, "inbound", "Re: Hello")
    w.org.log_email(lead, w.ana, "inbound", "Hello", automated=True)
    w.org.log_email(lead, w.ana, "outbound", "News", automated=True)
    w.org.add_task(lead, w.ana, "call", "Call back", START + timedelta(days=2))
    w.org.add_note(lead, w.ana, "Likes tea")
    w.org.book_meeting(lead, w.ana, START - timedelta(hours=3), timedelta(hours=1), "Past demo")
    adapter = w.adapter()
    found = [a for stream in ("task", "note", "event") for page in pages(adapter, stream) for a in page.activities]
    assert [(a.type, a.direction, a.outcome, a.done, a.automated) for a in found] == [
        ("call", "outbound", "no_answer", True, False),
        ("call", "inbound", "connected", True, False),
        ("email", "outbound", None, True, False),
        ("email", "inbound", None, True, False),
        ("email", "inbound", None, True, True),
        ("email", "outbound", None, True, True),
        ("task", None, None, False, False),
        ("note", None, None, True, False),
        ("meeting", None, None, True, False),
    ]
    assert {ref for a in found for ref in a.refs} == {RecordRef("salesforce", "lead", lead)}
    assert found[6].task_type == "call"
    assert found[3].actor is None


def test_a_status_that_came_and_went_between_two_passes_is_in_the_history(w: World) -> None:
    lead = w.lead()
    w.org.set_fields(lead.id, {"status": "Interested"})
    w.org.set_fields(lead.id, {"status": "Open - Not Contacted"})
    changes = [c for page in pages(w.adapter(), "lead_history") for c in page.changes if c.field == "status"]
    assert [(c.old, c.new) for c in changes] == [
        ("Open - Not Contacted", "Interested"),
        ("Interested", "Open - Not Contacted"),
    ]
    assert all(c.exact and c.ref == lead for c in changes)


def test_an_owner_change_is_told_once_and_with_ids(w: World) -> None:
    lead, ben = w.lead(), w.org.add_person("Ben Busy", "ben@example.com")
    w.org.set_fields(lead.id, {"owner": ben})
    changes = [c for page in pages(w.adapter(), "lead_history") for c in page.changes]
    assert [(c.field, c.old, c.new) for c in changes] == [("owner", w.ana, ben)]


def test_enrolments_come_under_the_names_of_the_workspace_and_end_when_removed(w: World) -> None:
    lead = w.lead()
    member = w.org.insert_row(
        "CampaignMember", {"CampaignId": w.brochure["campaign"], "LeadId": lead.id, "Status": "Sent"}
    )
    adapter = w.adapter()
    (page,) = pages(adapter, "campaign_member")
    assert [(e.ref, e.name, e.active) for e in page.enrollments] == [(lead, "brochure", True)]
    w.org.update_row(member, {"IsDeleted": True})
    (page,) = pages(adapter, "campaign_member", page.cursor)
    assert [e.active for e in page.enrollments] == [False]


def test_contacts_and_deals_are_read_by_the_same_code(w: World) -> None:
    contact = w.org.add_contact({"name": "Cora Contact", "owner": w.ana, "email": "cora@example.com"})
    deal = w.org.add_deal({"name": "Deal", "owner": w.ana, "value": 5000})
    needs = Needs(kinds=frozenset({"contact", "deal"}), fields={"deal": frozenset({"value", "name"})})
    adapter = w.adapter()
    found = {
        r.ref.id: r for stream in ("contact", "deal") for p in pages(adapter, stream, None, needs) for r in p.records
    }
    assert found[contact].fields["opted_out"] is False
    assert (found[deal].fields["value"], found[deal].status) == (5000, "Prospecting")


# -- ends of a record ------------------------------------------------------------------------------------------------
def test_converted_merged_binned_and_vanished_leads_are_told_apart(w: World) -> None:
    converted, winner, loser, binned, gone = (w.lead(f"Lead {n}") for n in range(5))
    w.org.convert(converted.id)
    w.org.merge(winner.id, loser.id)
    w.org.delete(binned.id)
    w.org.hard_delete(gone.id)
    adapter = w.adapter()
    now = adapter.source.reread([converted, winner, loser, binned, gone], ALL_NEEDS)
    assert now[converted].converted
    assert (now[loser].deleted, now[loser].merged_into) == (True, winner)
    assert now[binned].deleted
    assert now[binned].merged_into is None
    assert gone not in now
    assert not now[winner].deleted
    read = {r.ref: r for page in pages(adapter, "lead") for r in page.records}
    assert read == now


def test_a_deletion_between_two_passes_comes_as_news(w: World) -> None:
    lead, reader, adapter = w.lead(), Reader("lead"), w.adapter()
    assert reader.news(adapter) == [lead.id]
    w.org.delete(lead.id)
    assert reader.news(adapter) == [lead.id]
    assert reader.news(adapter) == []


# -- nothing missed, nothing twice -----------------------------------------------------------------------------------
@pytest.mark.parametrize("page_size", [2000, 700, 1])
def test_rows_with_one_stamp_are_all_read_once_over_pages(w: World, page_size: int) -> None:
    count = 3000 if page_size > 1 else 20
    ids = _many(w, count)
    w.org.set_page_size(page_size)
    reader = Reader("lead")
    assert sorted(reader.news(w.adapter())) == sorted(ids)
    assert reader.news(w.adapter()) == []


def test_rows_with_one_stamp_are_all_read_once_over_restarts(w: World) -> None:
    ids = _many(w, 3000)
    w.org.set_page_size(400)
    reader, found = Reader("lead"), []
    for _ in range(8):
        found += reader.news(w.adapter(), stop_after=1)
    assert sorted(found) == sorted(ids)


def test_a_fresh_bulk_load_is_read_once_over_restarts_too(w: World) -> None:
    ids = _many(w, 3000, created=START)
    reader, found = Reader("lead"), []
    for _ in range(4):
        found += reader.news(w.adapter(), stop_after=1)
    assert sorted(found) == sorted(ids)


def test_a_row_that_appears_late_behind_its_stamp_is_read_once(w: World) -> None:
    reader, adapter = Reader("lead"), w.adapter()
    old = w.lead("Old Row")
    w.time.move_by(timedelta(hours=1))
    w.org.late_rows("Lead", timedelta(minutes=2))
    late = w.lead("Late Row")
    w.org.late_rows("Lead", None)
    early = w.lead("Early Row")
    assert reader.news(adapter) == [old.id, early.id]
    w.time.move_by(timedelta(minutes=3))
    assert reader.news(adapter) == [late.id]
    assert reader.news(adapter) == []


def test_a_long_pause_between_two_passes_loses_no_late_row(w: World) -> None:
    reader, adapter = Reader("lead"), w.adapter()
    w.lead("Old Row")
    w.org.late_rows("Lead", timedelta(minutes=2))
    late = w.lead("Late Row")
    w.org.late_rows("Lead", None)
    w.lead("Early Row")
    reader.news(adapter)
    w.time.move_by(timedelta(days=1))
    assert reader.news(adapter) == [late.id]


def test_a_clock_of_ours_that_runs_ahead_loses_no_late_row(w: World) -> None:
    reader = Reader("lead")
    w.clock.ahead = timedelta(days=1)
    adapter = w.adapter()
    w.lead("Old Row")
    w.org.late_rows("Lead", timedelta(minutes=2))
    late = w.lead("Late Row")
    w.org.late_rows("Lead", None)
    w.lead("Early Row")
    reader.news(adapter)
    w.time.move_by(timedelta(minutes=3))
    assert reader.news(adapter) == [late.id]


def test_the_cursor_moves_once_rows_are_older_than_the_margin(w: World) -> None:
    reader, adapter = Reader("lead"), w.adapter()
    w.lead("Old Row")
    w.time.move_by(FIVE_MINUTES * 2)
    reader.news(adapter)
    assert pages(adapter, "lead", reader.cursor)[0].records == ()


def test_the_page_after_a_failure_is_read_by_the_next_pass(w: World) -> None:
    ids = _many(w, 900)
    w.org.set_page_size(300)
    w.server.faults.add(Fault("answer", path=r"/query/01g", skip=1, times=None, status=503, body="<html>busy</html>"))
    reader = Reader("lead")
    with pytest.raises(RetryableError):
        reader.news(w.adapter())
    assert len(reader.seen) == 600
    w.server.faults.clear()
    assert len(reader.news(w.adapter())) == 300
    assert sorted(id for id, _ in reader.seen) == sorted(ids)


def test_a_lost_server_side_cursor_is_replaced_behind_the_last_row(w: World) -> None:
    ids = _many(w, 900)
    w.org.set_page_size(300)
    reader = Reader("lead")
    found: list[str] = []
    for page in w.adapter().source.read("lead", None, ALL_NEEDS):
        found += reader.take(page)
        w.org.expire_cursors()
    assert sorted(found) == sorted(ids)


def test_a_field_that_a_new_rule_needs_is_read_for_every_record(w: World) -> None:
    w.lead(**{"custom.tier": "A"})
    w.time.move_by(timedelta(hours=1))
    few = replace(ALL_NEEDS, fields={}, written_fields={})
    first = pages(w.adapter(), "lead", None, few)[-1]
    assert "custom.tier" not in first.records[0].fields
    again = pages(w.adapter(), "lead", first.cursor)[-1]
    assert [record.fields["custom.tier"] for record in again.records] == ["A"]
    assert pages(w.adapter(), "lead", again.cursor)[-1].records == ()


def test_a_field_that_becomes_visible_is_read_for_every_record(w: World) -> None:
    w.org.hide_field("Lead", "HasOptedOutOfEmail")
    w.lead(opted_out=True)
    w.time.move_by(timedelta(hours=1))
    first = pages(w.adapter(), "lead")[-1]
    w.org.show_field("Lead", "HasOptedOutOfEmail")
    again = pages(w.adapter(), "lead", first.cursor)[-1]
    assert [record.fields["opted_out"] for record in again.records] == [True]


def test_a_history_field_that_a_new_rule_needs_is_read_from_the_beginning(w: World) -> None:
    lead = w.lead()
    w.org.set_fields(lead.id, {"status": "Interested"})
    w.time.move_by(timedelta(hours=1))
    owners_only = replace(ALL_NEEDS, history={"lead": frozenset({"owner"})})
    first = pages(w.adapter(), "lead_history", None, owners_only)[-1]
    again = pages(w.adapter(), "lead_history", first.cursor)[-1]
    assert [change.new for change in again.changes] == ["Interested"]


def test_a_cursor_that_is_not_ours_means_reading_all(w: World) -> None:
    lead = w.lead()
    for cursor in ("", "{", "[]", '{"stamp": 5}', "2026-05-01"):
        assert [r.ref for page in pages(w.adapter(), "lead", cursor) for r in page.records] == [lead]


# -- what it costs ---------------------------------------------------------------------------------------------------
def test_a_quiet_pass_over_leads_takes_at_most_twelve_requests(w: World) -> None:
    lead = w.lead().id
    w.org.log_email(lead, w.ana, "inbound", "Re: hello")
    w.org.add_note(lead, w.ana, "Likes tea")
    needs = replace(ALL_NEEDS, enrollments=frozenset({"brochure"}))
    readers = {stream: Reader(stream, needs) for stream in w.adapter().source.streams(needs)}
    for _ in range(2):
        adapter = w.adapter()
        adapter.source.describe(needs)
        adapter.source.owners()
        for stream in adapter.source.streams(needs):
            readers[stream].news(adapter)
    assert adapter.api_calls <= 12


def test_a_pass_right_after_a_bulk_load_stays_at_one_page(w: World) -> None:
    _many(w, 5000, created=START)
    reader = Reader("lead")
    reader.news(w.adapter())
    adapter = w.adapter()
    assert reader.news(adapter) == []
    assert adapter.api_calls == 3  # a token, a describe, one page


def test_a_thousand_leads_are_read_again_in_requests_that_fit_the_limit(w: World) -> None:
    refs = [RecordRef("salesforce", "lead", id) for id in _many(w, 1000)]
    adapter = w.adapter()
    adapter.source.describe(ALL_NEEDS)
    before = adapter.api_calls
    assert len(adapter.source.reread(refs, ALL_NEEDS)) == 1000
    assert adapter.api_calls - before == 3
    assert max(len(target) for _, target in w.server.requests) < 15_000


def test_the_streams_are_only_those_the_rules_need(w: World) -> None:
    needs = Needs(kinds=frozenset({"lead"}), activities=frozenset({"call"}))
    assert list(w.adapter().source.streams(needs)) == ["lead", "task"]
    assert list(w.adapter().source.streams(ALL_NEEDS))[:2] == ["lead", "lead_history"]
