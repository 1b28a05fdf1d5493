"""The HubSpot adapter reads a portal over HTTP: nothing missed, nothing twice, nothing fatal that need not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hubspot_portal import HOUR, NEEDS, START, Reader, World, ref, world

from adapters.sandbox.faults import Fault
from adapters.sandbox.hubspot.catalog import Property
from connector.domain.errors import ConfigError, PermanentError, RetryableError
from connector.domain.model import Needs

MINUTE = timedelta(minutes=1)


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def _many(w: World, count: int, apart: timedelta = timedelta(0)) -> list[str]:
    """Contacts that a load made two hours ago."""
    begin = START - 2 * HOUR
    rows = [
        {"name": "Bulk Load", "email": f"b{n}@example.org", "owner": w.ana, "created": begin + n * apart}
        for n in range(count)
    ]
    return list(w.crm.load(rows, 0))


# -- describing --------------------------------------------------------------------------------------------------------


def test_the_schema_tells_types_picklists_and_what_may_be_written(w: World) -> None:
    schema = w.adapter(statuses={"hot": "INTERESTED"}).source.describe(NEEDS)
    fields = schema.fields["lead"]
    assert (fields["status"].type, fields["status"].api_name) == ("picklist", "hs_lead_status")
    assert "ATTEMPTED_TO_CONTACT" in fields["status"].values
    assert (fields["opted_out"].type, fields["opted_out"].writable) == ("boolean", False)
    assert (fields["custom.tier"].api_name, fields["owner"].type) == ("tier", "text")
    assert (schema.statuses["working"], schema.statuses["hot"]) == ("IN_PROGRESS", "INTERESTED")


def test_a_hidden_opt_out_is_listed_and_never_read_as_false(w: World) -> None:
    lead = w.lead()
    w.crm.hide_property("contacts", "hs_email_optout")
    reader, adapter = Reader(w), w.adapter()
    assert "opted_out" in adapter.source.describe(NEEDS).hidden["lead"]
    reader.read(adapter=adapter)
    assert "opted_out" in reader.records[ref(lead)].hidden
    assert "opted_out" not in reader.records[ref(lead)].fields


def test_an_opt_out_that_was_never_set_is_false_when_it_can_be_seen(w: World) -> None:
    free, out = w.lead(), w.lead(opted_out=True)
    reader = Reader(w)
    reader.read("lead")
    assert [reader.records[ref(one)].fields["opted_out"] for one in (free, out)] == [False, True]


def test_a_field_that_disappears_is_noticed_by_the_next_description(w: World) -> None:
    adapter = w.adapter()
    assert adapter.source.describe(NEEDS).hidden["lead"] == ()
    w.crm.hide_property("contacts", "tier")
    assert adapter.source.describe(NEEDS).hidden["lead"] == ("custom.tier",)


def test_owners_have_both_ids_and_the_deactivated_are_told(w: World) -> None:
    w.crm.deactivate(w.ben)
    owners = {owner.id: owner for owner in w.adapter().source.owners()}
    assert (owners[w.ana].active, owners[w.ben].active) == (True, False)
    assert owners[w.ana].user_id not in (None, w.ana)
    assert owners[w.ana].name == "Ana Ferreira"


def test_a_key_field_that_tasks_do_not_have_is_a_clear_error(w: World) -> None:
    with pytest.raises(ConfigError, match="task_key_field"):
        w.adapter(task_key_field="followup_key").source.describe(NEEDS)


# -- records -----------------------------------------------------------------------------------------------------------


def test_a_pass_over_a_thousand_changed_leads_costs_little_more_than_its_pages_and_batches(w: World) -> None:
    leads = _many(w, 1_000, timedelta(milliseconds=3))
    reader = Reader(w)
    reader.read("lead")
    assert {record.id for record in reader.records} == set(leads)
    floor = 1_000 // 200 + 1_000 // 50
    assert w.calls("/search") + w.calls("/batch/read") <= 1.2 * floor


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(microseconds=20)])
def test_any_bundle_of_equal_stamps_is_read_whole(w: World, apart: timedelta) -> None:
    leads = _many(w, 650, apart)
    reader = Reader(w, replace(NEEDS, history={}))
    pages = reader.read("lead")
    assert {record.id for record in reader.records} == set(leads)
    assert sum(len(page.records) for page in pages) == 650


def test_more_rows_of_one_millisecond_than_search_can_page_through_are_read(w: World) -> None:
    leads = _many(w, 10_050)
    reader = Reader(w, replace(NEEDS, history={}))
    reader.read("lead")
    assert {record.id for record in reader.records} == set(leads)
    assert w.calls("/search") <= 10_050 // 200 + 6


def test_a_second_pass_over_a_quiet_portal_brings_nothing_and_costs_at_most_twenty_requests(w: World) -> None:
    for _ in range(60):
        w.crm.log_call(w.lead(), w.ana, "no_answer")
    reader = Reader(w)
    reader.read()
    for step in (MINUTE, 2 * HOUR, timedelta(days=1)):
        w.time.move_by(step)
        adapter = w.adapter()
        adapter.source.describe(NEEDS)
        adapter.source.owners()
        reader.read(adapter=adapter)
        assert reader.news() == 0
        assert adapter.api_calls <= 20


def test_a_quiet_pass_after_a_thousand_changed_contacts_fetches_no_history_again(w: World) -> None:
    leads = _many(w, 1_000, timedelta(milliseconds=3))
    reader = Reader(w)
    reader.read()
    w.time.move_by(timedelta(days=1))
    for lead in leads:
        w.crm.set_fields(lead, {"status": "OPEN"})
    reader.read()
    assert {record.status for record in reader.records.values()} == {"OPEN"}
    for step in (2 * HOUR, MINUTE):
        w.time.move_by(step)
        adapter, before = w.adapter(), w.calls("/contacts/batch/read")
        adapter.source.describe(NEEDS)
        adapter.source.owners()
        reader.read(adapter=adapter)
        assert (reader.news(), w.calls("/contacts/batch/read") - before) == (0, 0)
        assert adapter.api_calls <= 21


def test_a_contact_is_found_by_its_own_stamp_and_not_by_that_of_other_objects(w: World) -> None:
    lead = w.lead()
    reader = Reader(w)
    reader.read("lead")
    w.time.move_by(MINUTE)
    w.crm.set_fields(lead, {"status": "OPEN"})
    reader.read("lead")
    assert reader.records[ref(lead)].status == "OPEN"
    assert reader.news() == 1


def test_a_status_that_came_and_went_between_two_passes_is_told_by_history(w: World) -> None:
    lead = w.lead()
    reader = Reader(w)
    reader.read("lead")
    for status in ("INTERESTED", "NEW"):
        w.time.move_by(MINUTE)
        w.crm.set_fields(lead, {"status": status})
    w.crm.set_fields(lead, {"owner": w.ben})
    reader.read("lead")
    told = [(change.field, change.old, change.new) for change in reader.changes.values()]
    assert told == [("status", "NEW", "INTERESTED"), ("status", "INTERESTED", "NEW"), ("owner", w.ana, w.ben)]
    assert all(change.exact for change in reader.changes.values())


def test_history_is_asked_only_where_rules_want_it(w: World) -> None:
    w.lead()
    Reader(w, replace(NEEDS, history={})).read("lead")
    assert w.calls("/batch/read") == 0


def test_a_row_that_search_shows_late_is_read_once_all_the_same(w: World) -> None:
    early = w.lead("Late Comer")
    w.crm.late("contacts", early, 50 * MINUTE)
    w.time.move_by(20 * MINUTE)
    for _ in range(3):
        w.lead("On Time")
    reader = Reader(w)
    reader.read("lead")
    assert ref(early) not in reader.records
    seen = 0
    for step in (MINUTE, 40 * MINUTE, HOUR, HOUR):
        w.time.move_by(step)
        reader.read("lead")
        seen += sum(record.ref == ref(early) for page in reader.pages for record in page.records)
    assert seen == 1


def test_a_whole_index_that_lags_loses_nothing() -> None:
    with world(index_lag=10 * MINUTE) as w:
        reader, leads = Reader(w), set()
        for _ in range(6):
            leads.add(w.lead())
            w.time.move_by(7 * MINUTE)
            reader.read("lead")
        w.time.move_by(HOUR)
        reader.read("lead")
        assert {record.id for record in reader.records} == leads


def test_a_pass_that_dies_between_two_pages_goes_on_where_it_stopped(w: World) -> None:
    leads = _many(w, 1_000, timedelta(milliseconds=3))
    reader = Reader(w, replace(NEEDS, history={}))
    w.server.faults.add(Fault("answer", path="/search", skip=2, times=None, status=503))
    with pytest.raises(RetryableError):
        reader.read("lead")
    assert 0 < len(reader.records) < 1_000
    w.server.faults.clear()
    before = w.calls("/search")
    reader.read("lead")
    assert {record.id for record in reader.records} == set(leads)
    assert w.calls("/search") - before <= 4


def test_a_page_of_html_is_an_outage_and_moves_no_cursor(w: World) -> None:
    lead = w.lead()
    reader = Reader(w)
    w.server.faults.add(Fault("answer", path="/search", times=None, status=200, body="<html>please wait</html>"))
    with pytest.raises(RetryableError):
        reader.read("lead")
    assert reader.cursors == {}
    w.server.faults.clear()
    reader.read("lead")
    assert ref(lead) in reader.records


def test_a_merge_tells_both_losers_with_their_survivor_and_a_deletion_is_told_once(w: World) -> None:
    one, two, gone = w.lead(), w.lead(), w.lead()
    reader = Reader(w)
    reader.read()
    w.time.move_by(MINUTE)
    survivor = w.crm.merge(one, two)
    w.crm.delete(gone)
    reader.read()
    for loser in (one, two):
        assert reader.records[ref(loser)].merged_into == ref(survivor)
    assert reader.records[ref(gone)].deleted
    assert not reader.records[ref(survivor)].deleted
    reader.read()
    assert reader.news() == 0


def test_rereading_follows_merges_drops_what_is_gone_and_sees_primary_data(w: World) -> None:
    changed, one, two, gone = w.lead(), w.lead(), w.lead(), w.lead()
    w.crm.late("contacts", changed, HOUR)
    w.crm.set_fields(changed, {"status": "OPEN"})
    survivor = w.crm.merge(one, two)
    w.crm.delete(gone)
    asked = [ref(id_) for id_ in (changed, one, two, gone, "1")]
    found = w.adapter().source.reread(asked, NEEDS)
    assert found[ref(changed)].status == "OPEN"
    assert found[ref(one)].merged_into == found[ref(two)].merged_into == ref(survivor)
    assert found[ref(gone)].deleted
    assert ref("1") not in found


def test_a_conversion_is_seen(w: World) -> None:
    lead = w.lead()
    reader = Reader(w)
    w.crm.convert(lead)
    reader.read("lead")
    assert reader.records[ref(lead)].converted


def test_a_property_that_a_new_rule_reads_starts_the_stream_over(w: World) -> None:
    lead = w.lead(country="DE")
    reader = Reader(w)
    reader.read("lead")
    w.time.move_by(2 * HOUR)
    reader.read("lead")
    reader.needs = replace(NEEDS, fields={"lead": NEEDS.fields["lead"] | {"country"}})
    reader.read("lead")
    assert reader.records[ref(lead)].fields["country"] == "DE"


def test_many_properties_do_not_break_the_bound_on_a_search(w: World) -> None:
    lead = w.lead()
    names = [f"a_property_with_quite_a_long_name_{n}" for n in range(100)]
    for name in names:
        w.crm.portal.add_property("contacts", Property(name))
    fields = {f"custom.{name}": name for name in names}
    needs = replace(NEEDS, fields={"lead": frozenset(fields)})
    reader = Reader(w, needs)
    reader.read("lead", adapter=w.adapter(fields=fields))
    assert set(fields) <= set(reader.records[ref(lead)].fields)


def test_deals_and_lead_objects_are_read_by_the_same_code(w: World) -> None:
    contact = w.crm.add_contact({"name": "Mara Weber", "email": "mara@example.org", "opted_out": True})
    lead = w.crm.add_lead_object(contact, "Mara's lead", w.ana)
    deal = w.crm.add_deal({"name": "A deal", "status": "closedwon", "value": 500, "owner": w.ana})
    needs = Needs(
        kinds=frozenset({"lead", "deal"}),
        fields={"lead": frozenset({"status", "name", "email", "opted_out"}), "deal": frozenset({"status", "value"})},
        history={"deal": frozenset({"status"})},
    )
    reader, adapter = Reader(w, needs), w.adapter(records={"lead": "leads"})
    schema = adapter.source.describe(needs)
    assert "attempting-stage-id" in schema.fields["lead"]["status"].values
    assert schema.statuses["attempted"] == "attempting-stage-id"
    reader.read("lead", "deal", adapter=adapter)
    record = reader.records[ref(lead)]
    assert (record.status, record.fields["name"]) == ("new-stage-id", "Mara's lead")
    assert (record.fields["email"], record.fields["opted_out"]) == ("mara@example.org", True)
    sold = reader.records[ref(deal, "deal")]
    assert (sold.status, sold.fields["value"], sold.converted) == ("closedwon", 500, False)


# -- activities --------------------------------------------------------------------------------------------------------


def test_activities_come_with_their_records_and_their_meaning(w: World) -> None:
    lead = w.lead()
    w.crm.log_call(lead, w.ana, "left_message")
    w.crm.log_email(lead, w.ana, "inbound", "Re: Hello")
    w.crm.log_email(lead, w.ana, "inbound", "Hello", automated=True)
    w.crm.book_meeting(lead, w.ana, START + HOUR, HOUR, "Demo")
    w.crm.add_note(lead, w.ana, "Nice")
    w.crm.add_task(lead, w.ana, "call", "Call back", START + HOUR)
    reader = Reader(w)
    reader.read()
    found = sorted(
        (each.type, each.direction, each.outcome, each.automated, each.done) for each in reader.activities.values()
    )  # type: ignore[type-var]
    assert found == [
        ("call", "outbound", "left_message", False, True),
        ("email", "inbound", None, False, True),
        ("email", "inbound", None, True, True),
        ("meeting", None, "scheduled", False, False),
        ("note", None, None, False, True),
        ("task", None, None, False, False),
    ]
    assert all(each.refs == (ref(lead),) for each in reader.activities.values())


def test_a_first_read_asks_for_no_row_by_itself(w: World) -> None:
    w.crm.load([{"name": "A B", "email": f"l{n}@example.org", "created": START - 9 * HOUR} for n in range(300)], 3)
    reader = Reader(w)
    reader.read()
    assert len(reader.activities) == 900
    pages, batches, others = 2 + 5, 6 + 9, 14
    assert w.calls() <= 1.5 * (pages + batches) + others


def test_a_call_that_is_linked_to_its_contact_after_it_was_read_is_told_again(w: World) -> None:
    lead = w.lead()
    call = w.crm.log_call(lead, w.ana, "no_answer")
    w.crm.portal.unlink("calls", call, "contacts", lead)
    reader = Reader(w)
    reader.read("call")
    assert reader.activities[f"call:{call}"].refs == ()
    w.crm.portal.link("calls", call, "contacts", lead)
    w.time.move_by(2 * HOUR)
    reader.read("call")
    assert reader.activities[f"call:{call}"].refs == (ref(lead),)


def test_a_task_that_was_deleted_is_told(w: World) -> None:
    lead = w.lead()
    task = w.crm.add_task(lead, w.ana, "call", "Call", START)
    reader = Reader(w)
    reader.read()
    w.crm.portal.archive(w.crm.portal.tables["tasks"], w.crm.portal.tables["tasks"].rows[task])
    reader.read()
    assert reader.activities[task].deleted


ABSENT = {
    "404": Fault(
        "answer", path="/objects/(calls|notes)", times=None, status=404, body={"category": "OBJECT_NOT_FOUND"}
    ),
    "no type": Fault(
        "answer",
        path="/objects/(calls|notes)",
        times=None,
        status=400,
        body={"message": "Unable to infer object type from: calls", "category": "VALIDATION_ERROR"},
    ),
    "not here": Fault(
        "answer", path="/objects/(calls|notes)", times=None, status=403, body={"category": "PORTAL_NOT_ENTITLED"}
    ),
}


@pytest.mark.parametrize("how", ABSENT)
def test_activities_that_a_portal_does_not_have_are_taken_as_none_with_a_line_in_the_log(
    w: World, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "followup")
    lead = w.lead()
    task = w.crm.add_task(lead, w.ana, "call", "Call back", START)
    w.crm.log_call(lead, w.ana, "no_answer")
    w.server.faults.add(ABSENT[how])
    reader = Reader(w)
    reader.read()
    assert ref(lead) in reader.records
    assert list(reader.activities) == [task]
    lines = [line.getMessage() for line in caplog.records if "taken as none" in line.getMessage()]
    assert [line.split()[0] for line in lines] == ["calls", "notes"]
    levels = {one.subject: one.level for one in w.adapter().doctor(NEEDS)}
    assert (levels["read calls"], levels["read tasks"]) == ("warn", "ok")
    w.server.faults.clear()
    reader.read()
    assert len(reader.activities) == 2


@pytest.mark.parametrize("object_type", ["contacts", "tasks"])
def test_a_portal_without_contacts_or_tasks_is_no_portal_for_us(w: World, object_type: str) -> None:
    w.server.faults.add(Fault("answer", path=f"/objects/{object_type}/search", times=None, status=404, body={}))
    with pytest.raises(PermanentError):
        Reader(w).read()


def test_a_scope_that_activities_lack_is_named_and_nothing_is_taken_as_none(w: World) -> None:
    body = {"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["sales-email-read"]}}]}
    w.server.faults.add(Fault("answer", path="/objects/emails/search", times=None, status=403, body=body))
    with pytest.raises(ConfigError, match="sales-email-read"):
        Reader(w).read("email")


# -- lists -------------------------------------------------------------------------------------------------------------


def test_members_of_a_bound_list_are_read_only_when_a_rule_asks_and_those_who_leave_are_told(w: World) -> None:
    lead, target = w.lead(), w.crm.add_enrollment_target("Brochure")
    adapter = w.adapter(enrollments={"brochure": target})
    assert not [stream for stream in adapter.source.streams(NEEDS) if stream.startswith("members")]
    needs = replace(NEEDS, enrollments=frozenset({"brochure"}))
    w.crm.portal.targets[target["list"]].members[lead] = w.crm.portal.now()
    reader = Reader(w, needs)
    reader.read("members:brochure", adapter=adapter)
    (enrolled,) = reader.pages[-1].enrollments
    assert (enrolled.ref, enrolled.name, enrolled.active) == (ref(lead), "brochure", True)
    w.crm.portal.targets[target["list"]].members.clear()
    reader.read("members:brochure", adapter=adapter)
    (left,) = reader.pages[-1].enrollments
    assert (left.ref, left.active) == (ref(lead), False)


def test_a_bound_list_that_is_gone_is_named(w: World) -> None:
    adapter = w.adapter(enrollments={"brochure": {"list": "4711"}})
    with pytest.raises(ConfigError, match="brochure"):
        list(adapter.source.read("members:brochure", None, replace(NEEDS, enrollments=frozenset({"brochure"}))))


def test_reading_stops_between_two_pages_when_asked_to(w: World) -> None:
    _many(w, 500, timedelta(milliseconds=3))
    adapter = w.adapter(should_stop=lambda: True)
    assert len(list(adapter.source.read("lead", None, replace(NEEDS, history={})))) == 1
