"""The Salesforce adapter writes over HTTP: one effect per action, one receipt per action, whatever the line does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from salesforce_org import ALL_NEEDS, START, World, action, keys, pages, task, world

from adapters.sandbox.faults import Fault, FaultKind
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import ConfigError, QuotaSpentError, RetryableError, ThrottledError
from connector.domain.model import RecordRef
from connector.domain.ports import Adapter


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def _ours(w: World, lead: RecordRef) -> list[Mapping[str, object]]:
    """The lead's tasks that carry a key."""
    return [row for row in w.org.tasks_of(lead.id) if row["FollowupKey__c"] or "[followup:" in str(row["Description"])]


def _one(adapter: Adapter, planned: PlannedAction) -> Receipt:
    (receipt,) = adapter.sink.apply([planned])
    return receipt


# -- what is written -------------------------------------------------------------------------------------------------
def test_a_task_has_owner_due_day_reminder_type_and_key(w: World) -> None:
    lead = w.lead()
    due = START.replace(hour=23, minute=30)
    receipt = _one(w.adapter(), task(lead, w.ana, due=due))
    (row,) = _ours(w, lead)
    assert (receipt.state, receipt.crm_id) == ("confirmed", row["Id"])
    assert (row["WhoId"], row["WhatId"], row["OwnerId"]) == (lead.id, None, w.ana)
    assert (row["Status"], row["Priority"], row["TaskSubtype"]) == ("Not Started", "High", "Call")
    assert (row["ActivityDate"], row["ReminderDateTime"]) == ("2026-05-04", "2026-05-04T23:30:00.000+0000")
    assert (row["FollowupKey__c"], row["Description"]) == ("rule.1", "Because")


def test_the_day_of_a_task_is_the_teams_and_not_that_of_utc(w: World) -> None:
    lead = w.lead()
    late = START.replace(hour=23, minute=30)
    _one(w.adapter(), task(lead, w.ana, due=late, due_date=late.date() + timedelta(days=1)))
    (row,) = _ours(w, lead)
    assert (row["ActivityDate"], row["ReminderDateTime"]) == ("2026-05-05", "2026-05-04T23:30:00.000+0000")


def test_our_open_task_reads_back_with_its_key_and_its_instant(w: World) -> None:
    lead, adapter = w.lead(), w.adapter()
    adapter.sink.apply([task(lead, w.ana)])
    (read,) = [a for page in pages(adapter, "task") for a in page.activities]
    assert (read.type, read.task_type, read.done, read.key) == ("task", "call", False, "rule.1")
    assert read.due == START + timedelta(hours=1)


def test_without_a_key_field_the_key_is_a_line_of_the_text_and_is_found_there(w: World) -> None:
    lead, adapter = w.lead(), w.adapter(task_key_field=None)
    planned = task(lead, w.ana)
    assert keys(adapter.sink.look_up([planned]), "retry") == ["rule.1"]
    adapter.sink.apply([planned])
    (row,) = _ours(w, lead)
    assert str(row["Description"]).endswith("[followup:rule.1]")
    assert keys(adapter.sink.look_up([planned]), "confirmed") == ["rule.1"]
    assert [a.key for page in pages(adapter, "task") for a in page.activities] == ["rule.1"]


def test_a_lead_in_who_never_travels_with_a_what_and_a_deal_is_a_what(w: World) -> None:
    deal = RecordRef("salesforce", "deal", w.org.add_deal({"name": "Deal", "owner": w.ana}))
    lead, adapter = w.lead(), w.adapter()
    assert _one(adapter, task(lead, w.ana, "rule.lead")).state == "confirmed"
    assert _one(adapter, task(deal, w.ana, "rule.deal")).state == "confirmed"
    rows = {row["FollowupKey__c"]: row for row in w.org.rows("Task")}
    assert (rows["rule.lead"]["WhoId"], rows["rule.lead"]["WhatId"]) == (lead.id, None)
    assert (rows["rule.deal"]["WhoId"], rows["rule.deal"]["WhatId"]) == (None, deal.id)


def test_a_note_reads_back_as_our_note_and_never_as_a_touch(w: World) -> None:
    lead, adapter = w.lead(), w.adapter()
    assert _one(adapter, action("note", lead, text="Likes tea")).state == "confirmed"
    (read,) = [a for page in pages(adapter, "task") for a in page.activities]
    assert (read.type, read.key, read.done) == ("note", "rule.1", True)


def test_owner_and_fields_change_and_a_hand_over_note_follows(w: World) -> None:
    lead, ben, adapter = w.lead(), w.org.add_person("Ben Busy", "ben@example.com"), w.adapter()
    planned = action("reassign", lead, "rule.2", owner=ben, owner_name="Ben Busy", note="Call him on Fridays")
    assert _one(adapter, planned).state == "confirmed"
    assert _one(adapter, action("set", lead, **{"status": "Recycled", "custom.tier": "B"})).state == "confirmed"
    fields = w.org.fields_of(lead.id)
    assert (fields["owner"], fields["status"], fields["custom.tier"]) == (ben, "Recycled", "B")
    (note,) = _ours(w, lead)
    assert (note["Subject"], note["Description"]) == ("Note", "Call him on Fridays")


def test_a_hand_over_note_that_cannot_be_written_does_not_undo_the_owner(w: World) -> None:
    lead, ben = w.lead(), w.org.add_person("Ben Busy", "ben@example.com")
    w.server.faults.add(Fault("answer", "POST", r"composite/sobjects", times=None, status=503, body="<html/>"))
    receipt = _one(w.adapter(), action("reassign", lead, owner=ben, owner_name="Ben", note="Hello"))
    assert (receipt.state, w.org.fields_of(lead.id)["owner"]) == ("confirmed", ben)
    assert "note could not be written" in receipt.message


def test_two_changes_of_one_record_in_a_batch_both_land(w: World) -> None:
    lead = w.lead()
    batch = [action("set", lead, "rule.1", status="Recycled"), action("set", lead, "rule.2", **{"custom.tier": "C"})]
    assert keys(w.adapter().sink.apply(batch), "confirmed") == ["rule.1", "rule.2"]
    assert (w.org.fields_of(lead.id)["status"], w.org.fields_of(lead.id)["custom.tier"]) == ("Recycled", "C")


def test_a_full_batch_is_one_call(w: World) -> None:
    leads, adapter = [w.lead(f"Lead {n}") for n in range(200)], w.adapter()
    assert adapter.sink.batch_size("task") == 200
    adapter.source.describe(ALL_NEEDS)
    before = adapter.api_calls
    receipts = adapter.sink.apply([task(lead, w.ana, f"rule.{n}") for n, lead in enumerate(leads)])
    assert (len(keys(receipts, "confirmed")), adapter.api_calls - before) == (200, 1)


def test_every_write_forbids_assignment_rules_also_the_one_repeated_after_a_lost_token(w: World) -> None:
    lead, adapter = w.lead(), w.adapter()
    adapter.source.describe(ALL_NEEDS)
    w.org.expire_tokens()
    assert _one(adapter, action("set", lead, status="Recycled")).state == "confirmed"
    assert w.org.fields_of(lead.id)["owner"] == w.ana
    assert {write.headers.get("sforce-auto-assign") for write in w.org.writes} == {"FALSE"}
    assert {write.headers.get("sforce-call-options") for write in w.org.writes} == {"client=followup"}


def test_nothing_is_written_into_fields_that_are_bound_to_nothing(w: World) -> None:
    lead = w.lead()
    batch = [action("set", lead, "rule.1", colour="red"), action("set", lead, "rule.2", status="Recycled")]
    receipts = {receipt.key: receipt for receipt in w.adapter().sink.apply(batch)}
    assert (receipts["rule.1"].state, receipts["rule.2"].state) == ("failed", "confirmed")
    assert "colour cannot be written" in receipts["rule.1"].message


def test_a_missing_key_field_stops_tasks_with_a_cure(w: World) -> None:
    lead = w.lead()
    with pytest.raises(ConfigError, match="task_key_field Nope__c cannot be written"):
        w.adapter(task_key_field="Nope__c").sink.apply([task(lead, w.ana)])
    assert _ours(w, lead) == []


# -- enrolments ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["brochure", "nurture"])
def test_enrolling_twice_is_one_enrolment_and_leaving_twice_is_none(w: World, name: str) -> None:
    lead, adapter = w.lead(), w.adapter()
    target = w.config.enrollments[name]
    for planned, expected in (
        (action("enroll", lead, **{"in": name}), [lead.id]),
        (action("unenroll", lead, **{"from": name}), []),
    ):
        first, second = _one(adapter, planned), _one(adapter, planned)
        assert (first.state, first.already) == ("confirmed", False)
        assert (second.state, second.already) == ("confirmed", True)
        assert list(w.org.members(target)) == expected
        assert [(r.state, r.already) for r in adapter.sink.look_up([planned])] == [("confirmed", True)]


def test_a_cadence_that_says_is_success_false_is_a_failure(w: World) -> None:
    w.org.fail_rows("assignTargetToSalesCadence", lambda row: True, "UNKNOWN_EXCEPTION", "secret@example.com broke")
    receipt = _one(w.adapter(), action("enroll", w.lead(), **{"in": "nurture"}))
    assert receipt.state == "failed"
    assert "secret" not in receipt.message


def test_a_lead_in_another_cadence_is_not_moved(w: World) -> None:
    lead, other = w.lead(), w.org.add_cadence("Other")
    adapter = w.adapter(enrollments={"nurture": w.config.enrollments["nurture"], "other": other})
    _one(adapter, action("enroll", lead, **{"in": "other"}))
    assert _one(adapter, action("enroll", lead, **{"in": "nurture"})).code == "OTHER_CADENCE"


def test_a_lead_in_another_cadence_is_not_taken_out_of_that_one(w: World) -> None:
    lead, other = w.lead(), w.org.add_cadence("Other")
    adapter = w.adapter(enrollments={"nurture": w.config.enrollments["nurture"], "other": other})
    _one(adapter, action("enroll", lead, **{"in": "other"}))
    assert _one(adapter, action("unenroll", lead, **{"from": "nurture"})).already
    assert w.org.members(other) == [lead.id]


def test_a_membership_that_a_person_made_anew_is_not_the_one_that_is_to_end(w: World) -> None:
    lead = w.lead()
    adapter = w.adapter()
    first = _one(adapter, action("enroll", lead, **{"in": "brochure"}))
    leave = action("unenroll", lead, **{"from": "brochure"})
    _one(adapter, leave)
    _one(adapter, action("enroll", lead, **{"in": "brochure"}))
    meant = replace(leave, saw={"member": first.crm_id})
    assert _one(adapter, meant).state == "dropped"
    assert w.org.members(w.config.enrollments["brochure"]) == [lead.id]


def test_a_deal_cannot_be_enrolled_and_the_others_of_the_batch_are(w: World) -> None:
    lead, deal = w.lead(), RecordRef("salesforce", "deal", w.org.add_deal({"name": "Deal", "owner": w.ana}))
    batch = [
        action("enroll", deal, "rule.1", **{"in": "brochure"}),
        action("enroll", lead, "rule.2", **{"in": "brochure"}),
    ]
    receipts = w.adapter().sink.apply(batch)
    assert (keys(receipts, "failed"), keys(receipts, "confirmed")) == (["rule.1"], ["rule.2"])


# -- refusals, row by row --------------------------------------------------------------------------------------------
def test_a_batch_with_refused_rows_is_settled_row_by_row(w: World) -> None:
    leads = [w.lead(f"Lead {n}") for n in range(5)]
    w.org.fail_rows("Task", lambda row: row["FollowupKey__c"] == "rule.1", "UNABLE_TO_LOCK_ROW", times=3)
    w.org.fail_rows(
        "Task", lambda row: row["FollowupKey__c"] == "rule.3", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "lea@x.de"
    )
    adapter = w.adapter()
    receipts = adapter.sink.apply([task(lead, w.ana, f"rule.{n}") for n, lead in enumerate(leads)])
    assert [receipt.key for receipt in receipts] == [f"rule.{n}" for n in range(5)]
    assert keys(receipts, "confirmed") == ["rule.0", "rule.2", "rule.4"]
    assert keys(receipts, "retry") == ["rule.1"]
    assert keys(receipts, "failed") == ["rule.3"]
    assert "validation rule" in receipts[3].message
    assert "lea@x.de" not in receipts[3].message
    by_key = {receipt.key: receipt.crm_id for receipt in receipts if receipt.state == "confirmed"}
    assert by_key == {row["FollowupKey__c"]: row["Id"] for row in w.org.rows("Task")}
    assert _one(adapter, task(leads[1], w.ana, "rule.1")).state == "confirmed"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("UNABLE_TO_LOCK_ROW", "retry"),
        ("ALL_OR_NONE_OPERATION_ROLLED_BACK", "retry"),
        ("CANNOT_UPDATE_CONVERTED_LEAD", "failed"),
        ("INACTIVE_OWNER_OR_USER", "failed"),
        ("INVALID_CROSS_REFERENCE_KEY", "failed"),
        ("DUPLICATES_DETECTED", "failed"),
        ("SOMETHING_NEW", "failed"),
    ],
)
def test_each_code_of_a_row_goes_its_way(w: World, code: str, state: str) -> None:
    w.org.fail_rows("Lead", lambda row: True, code, times=None)
    receipt = _one(w.adapter(), action("set", w.lead(), status="Recycled"))
    assert (receipt.state, receipt.code) == (state, code)


def test_converted_and_deleted_leads_get_no_writes(w: World) -> None:
    converted, deleted = w.lead("Con Verted"), w.lead("Del Eted")
    w.org.convert(converted.id)
    w.org.delete(deleted.id)
    batch = [action("set", converted, "rule.1", status="Recycled"), action("set", deleted, "rule.2", status="Recycled")]
    receipts = w.adapter().sink.apply(batch)
    assert [(r.key, r.state, r.code) for r in receipts] == [
        ("rule.1", "failed", "CANNOT_UPDATE_CONVERTED_LEAD"),
        ("rule.2", "failed", "ENTITY_IS_DELETED"),
    ]


def test_a_double_of_our_key_means_that_the_task_is_there(w: World) -> None:
    lead, adapter = w.lead(), w.adapter()
    first = _one(adapter, task(lead, w.ana))
    second = _one(adapter, task(lead, w.ana))
    assert (second.state, second.already, second.crm_id) == ("confirmed", True, first.crm_id)
    assert len(_ours(w, lead)) == 1


def test_a_double_of_another_unique_field_is_a_failure(w: World) -> None:
    message = "duplicate value found: Number__c duplicates value on record with id: 00THs0000000001"
    w.org.fail_rows("Task", lambda row: True, "DUPLICATE_VALUE", message)
    assert _one(w.adapter(), task(w.lead(), w.ana)).state == "failed"


def test_a_task_that_a_rep_edited_is_neither_overwritten_nor_opened_again(w: World) -> None:
    lead, adapter = w.lead(), w.adapter()
    planned = task(lead, w.ana)
    id = _one(adapter, planned).crm_id or ""
    w.org.update_row(id, {"Subject": "Call after lunch"})
    w.org.complete_task(id, by=w.ana)
    adapter.sink.look_up([planned])
    adapter.sink.apply([planned])
    (row,) = _ours(w, lead)
    assert (row["Subject"], row["Status"]) == ("Call after lunch", "Completed")


def test_a_task_of_ours_that_a_rep_deleted_is_known_to_have_landed(w: World) -> None:
    lead, adapter = w.lead(), w.adapter()
    planned = task(lead, w.ana)
    id = _one(adapter, planned).crm_id or ""
    w.org.update_row(id, {"IsDeleted": True})
    assert [(r.state, r.already) for r in adapter.sink.look_up([planned])] == [("confirmed", True)]


# -- unknown outcomes ------------------------------------------------------------------------------------------------
def _every_kind(w: World, lead: RecordRef) -> dict[str, PlannedAction]:
    ben = w.org.add_person("Ben Busy", "ben@example.com")
    return {
        "task": task(lead, w.ana),
        "note": action("note", lead, text="Likes tea"),
        "reassign": action("reassign", lead, owner=ben, owner_name="Ben Busy"),
        "set": action("set", lead, status="Recycled"),
        "enroll": action("enroll", lead, **{"in": "brochure"}),
        "cadence": action("enroll", lead, **{"in": "nurture"}),
        "unenroll": action("unenroll", lead, **{"from": "brochure"}),
    }


def _effects(w: World, kind: str, lead: RecordRef) -> object:
    if kind in ("task", "note"):
        return len(_ours(w, lead))
    if kind == "cadence":
        return list(w.org.members(w.config.enrollments["nurture"]))
    if kind in ("enroll", "unenroll"):
        return list(w.org.members(w.brochure))
    return w.org.fields_of(lead.id)["owner" if kind == "reassign" else "status"]


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "garble_after", "answer_after"])
@pytest.mark.parametrize("kind", ["task", "note", "reassign", "set", "enroll", "cadence", "unenroll"])
def test_a_write_whose_answer_is_lost_has_exactly_one_effect(w: World, kind: str, fault: FaultKind) -> None:
    lead = w.lead()
    planned = _every_kind(w, lead)[kind]
    if kind == "unenroll":
        _one(w.adapter(), action("enroll", lead, "rule.0", **{"in": "brochure"}))
    adapter = w.adapter()
    w.server.faults.add(
        Fault(fault, "POST|PATCH|DELETE", r"composite/sobjects|actions/standard", status=503, body="<html>busy</html>")
    )
    assert _one(adapter, planned).state == "unknown"
    landed = fault != "drop_before"
    (looked_up,) = adapter.sink.look_up([planned])
    assert (looked_up.state, looked_up.already) == (("confirmed", True) if landed else ("retry", False))
    if not landed:
        assert _one(adapter, planned).state == "confirmed"
    expected = {"task": 1, "note": 1, "set": "Recycled", "enroll": [lead.id], "cadence": [lead.id], "unenroll": []}
    assert _effects(w, kind, lead) == expected.get(kind, planned.fields.get("owner"))


def test_a_hung_write_is_unknown_and_lands_once(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lead, adapter = w.lead(), w.adapter()
    adapter.source.describe(ALL_NEEDS)
    monkeypatch.setattr("adapters.salesforce.client.TIMEOUT", (0.3, 0.3))
    w.server.faults.add(Fault("hang", "POST", r"composite/sobjects"))
    assert _one(adapter, task(lead, w.ana)).state == "unknown"
    assert keys(adapter.sink.look_up([task(lead, w.ana)]), "retry") == ["rule.1"]


def test_an_answer_that_does_not_cover_the_rows_is_unknown(w: World) -> None:
    leads, adapter = [w.lead("One"), w.lead("Two")], w.adapter()
    batch = [task(lead, w.ana, f"rule.{n}") for n, lead in enumerate(leads)]
    for body in ([], [{"id": "00T", "success": True, "errors": []}], {"success": True}, 7):
        w.server.faults.add(Fault("answer_after", "POST", r"composite/sobjects", status=200, body=body))
        assert keys(adapter.sink.apply(batch), "unknown") == ["rule.0", "rule.1"]
        assert keys(adapter.sink.look_up(batch), "confirmed") == ["rule.0", "rule.1"]


def test_while_the_crm_is_down_nothing_is_unknown_and_a_look_up_promises_nothing(w: World) -> None:
    lead, adapter = w.lead(), w.adapter()
    adapter.source.describe(ALL_NEEDS)
    w.server.stop()
    adapter.close()  # its open connections would still be served
    with pytest.raises(RetryableError, match="cannot be reached"):
        adapter.sink.apply([task(lead, w.ana)])
    with pytest.raises(RetryableError):
        adapter.sink.look_up([task(lead, w.ana)])


@pytest.mark.parametrize(
    ("message", "error"),
    [("TotalRequests Limit exceeded.", QuotaSpentError), ("ConcurrentPerOrgLongTxn Limit exceeded.", ThrottledError)],
)
def test_a_limit_on_a_write_raises_and_writes_nothing(w: World, message: str, error: type[Exception]) -> None:
    lead, adapter = w.lead(), w.adapter()
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}]
    w.server.faults.add(Fault("answer", "POST", r"composite/sobjects", times=None, status=403, body=body))
    with pytest.raises(error):
        adapter.sink.apply([task(lead, w.ana)])
    assert _ours(w, lead) == []


def test_a_batch_that_was_begun_settles_the_rest_as_retry(w: World) -> None:
    leads = [w.lead(f"Lead {n}") for n in range(3)]
    batch = [action("enroll", lead, f"rule.{n}", **{"in": "nurture"}) for n, lead in enumerate(leads)]
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    w.server.faults.add(Fault("answer", "POST", r"actions/standard", skip=1, times=None, status=403, body=body))
    receipts = w.adapter().sink.apply(batch)
    assert [(r.key, r.state) for r in receipts] == [("rule.0", "confirmed"), ("rule.1", "retry"), ("rule.2", "retry")]


def test_a_stop_lets_the_call_in_flight_finish_and_leaves_the_rest(w: World) -> None:
    leads = [w.lead(f"Lead {n}") for n in range(3)]
    batch = [action("enroll", lead, f"rule.{n}", **{"in": "nurture"}) for n, lead in enumerate(leads)]
    receipts = w.adapter(should_stop=lambda: True).sink.apply(batch)
    assert [r.state for r in receipts] == ["confirmed", "retry", "retry"]
