"""The Salesforce adapter in trouble that passes: lost cursors, locked rows, and effects of which only half landed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from salesforce_org import ALL_NEEDS, World, action, keys, pages, task, world

from adapters.sandbox.faults import Fault
from connector.domain.decision import PlannedAction
from connector.domain.errors import ConfigError, RetryableError

NEXT_PAGE = r"/query/01g"


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


# -- a query's cursor is lost ----------------------------------------------------------------------------------------
def _lost(code: str, status: int, times: int | None) -> Fault:
    body = [{"errorCode": code, "message": "invalid query locator"}]
    return Fault("answer", path=NEXT_PAGE, times=times, status=status, body=body)


@pytest.mark.parametrize(("code", "status"), [("INVALID_QUERY_LOCATOR", 400), ("NOT_FOUND", 404)])
def test_owners_whose_cursor_is_lost_are_read_again_and_each_comes_once(w: World, code: str, status: int) -> None:
    people = [w.org.add_person(f"Person {n}", f"p{n}@example.com") for n in range(5)]
    queues = [w.org.add_queue(f"Queue {n}") for n in range(5)]
    w.org.set_page_size(2)
    w.server.faults.add(_lost(code, status, 1))
    owners = [owner.id for owner in w.adapter().source.owners()]
    assert len(w.server.faults.struck) == 1
    assert {*people, *queues} <= set(owners)
    assert len(owners) == len(set(owners))


def test_a_cursor_that_is_lost_again_and_again_leaves_the_query_to_the_next_pass(w: World) -> None:
    for n in range(5):
        w.org.add_person(f"Person {n}", f"p{n}@example.com")
    w.org.set_page_size(2)
    w.server.faults.add(_lost("INVALID_QUERY_LOCATOR", 400, None))
    with pytest.raises(RetryableError, match="lost its place"):
        w.adapter().source.owners()
    assert len(w.server.faults.struck) == 2


def test_queues_whose_cursor_is_lost_are_not_taken_for_hidden(w: World) -> None:
    for n in range(5):
        w.org.add_queue(f"Queue {n}")
    w.org.set_page_size(4)
    w.server.faults.add(_lost("NOT_FOUND", 404, None))
    with pytest.raises(RetryableError, match="lost its place"):
        w.adapter().source.owners()


def test_a_page_that_names_itself_as_the_next_one_does_not_keep_a_pass_for_ever(w: World) -> None:
    for n in range(5):
        w.lead(f"Lead {n}")
    w.org.set_page_size(2)
    row = {"Id": "00QHs0000000001MAA", "SystemModstamp": "2026-05-04T09:00:00.000+0000"}
    body = {"done": False, "nextRecordsUrl": "/services/data/v62.0/query/01gX-1", "records": [row]}
    w.server.faults.add(Fault("answer", path=NEXT_PAGE, times=20, status=200, body=body))
    with pytest.raises(RetryableError, match="the same page"):
        pages(w.adapter(), "lead")
    assert len(w.server.faults.struck) == 2


# -- rows that somebody else holds -----------------------------------------------------------------------------------
LOCKED = "UNABLE_TO_LOCK_ROW"
LIMIT = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


def _key_is(*wanted: str) -> object:
    return lambda row: row["FollowupKey__c"] in wanted


def _tasks(w: World, count: int) -> list[PlannedAction]:
    return [task(w.lead(f"Lead {n}"), w.ana, f"rule.{n:03d}") for n in range(count)]


def _posts(w: World) -> int:
    return sum(method == "POST" and "composite/sobjects" in target for method, target in w.server.requests)


def test_locked_rows_alone_are_tried_again_in_the_same_call_after_a_short_wait(w: World) -> None:
    batch = _tasks(w, 5)
    w.org.fail_rows("Task", _key_is("rule.001", "rule.003"), LOCKED, times=3)  # type: ignore[arg-type]
    receipts = w.adapter().sink.apply(batch)
    assert [(receipt.key, receipt.state) for receipt in receipts] == [(one.key, "confirmed") for one in batch]
    assert sorted(str(row["FollowupKey__c"]) for row in w.org.rows("Task")) == [one.key for one in batch]
    assert _posts(w) == 3
    assert [round(wait / base, 1) for wait, base in zip(w.clock.slept, (0.3, 0.9), strict=True)] == pytest.approx(
        [1, 1], abs=0.5
    )


def test_rows_that_stay_locked_are_left_to_the_next_pass_after_two_more_tries(w: World) -> None:
    w.org.fail_rows("Task", lambda row: True, LOCKED, times=None)
    receipts = w.adapter().sink.apply(_tasks(w, 2))
    assert [(receipt.state, receipt.code) for receipt in receipts] == [("retry", LOCKED)] * 2
    assert (_posts(w), len(w.clock.slept)) == (3, 2)


def test_many_locked_rows_are_tried_again_in_smaller_calls(w: World) -> None:
    batch = _tasks(w, 120)
    w.org.fail_rows("Task", lambda row: True, LOCKED, times=120)
    assert len(keys(w.adapter().sink.apply(batch), "confirmed")) == 120
    assert _posts(w) == 1 + 3


def test_the_locked_actions_of_one_record_stay_together(w: World) -> None:
    leads = [w.lead(f"Lead {n}") for n in range(40)]
    batch = [task(lead, w.ana, f"rule.{turn}.{n}") for turn in range(2) for n, lead in enumerate(leads)]
    seen: list[object] = []

    def locked(row: Mapping[str, object]) -> bool:
        seen.append(row["WhoId"])
        return len(seen) <= 80

    w.org.fail_rows("Task", locked, LOCKED, times=None)
    assert len(keys(w.adapter().sink.apply(batch), "confirmed")) == 80
    assert [write.rows for write in w.org.writes] == [80, 50, 30]
    assert not set(seen[80:130]) & set(seen[130:])


def test_a_stop_is_not_slept_through(w: World) -> None:
    w.org.fail_rows("Task", lambda row: True, LOCKED, times=None)
    receipts = w.adapter(should_stop=lambda: True).sink.apply(_tasks(w, 2))
    assert [receipt.state for receipt in receipts] == ["retry", "retry"]
    assert (_posts(w), w.clock.slept) == (1, [])


def test_a_second_try_that_cannot_be_made_keeps_what_the_first_one_wrote(w: World) -> None:
    batch = _tasks(w, 3)
    w.org.fail_rows("Task", _key_is("rule.001"), LOCKED, times=None)  # type: ignore[arg-type]
    w.server.faults.add(Fault("answer", "POST", r"composite/sobjects", skip=1, times=None, status=403, body=LIMIT))
    receipts = w.adapter().sink.apply(batch)
    assert [receipt.state for receipt in receipts] == ["confirmed", "retry", "confirmed"]


def test_a_second_try_whose_answer_is_lost_leaves_only_its_own_rows_unknown(w: World) -> None:
    batch = _tasks(w, 3)
    w.org.fail_rows("Task", _key_is("rule.001"), LOCKED)  # type: ignore[arg-type]
    w.server.faults.add(Fault("drop_after", "POST", r"composite/sobjects", skip=1))
    adapter = w.adapter()
    receipts = adapter.sink.apply(batch)
    assert [receipt.state for receipt in receipts] == ["confirmed", "unknown", "confirmed"]
    assert keys(adapter.sink.look_up(batch[1:2]), "confirmed") == ["rule.001"]


@pytest.mark.parametrize("kind", ["set", "reassign", "enroll", "unenroll"])
def test_every_collection_tries_its_locked_rows_again(w: World, kind: str) -> None:
    leads, ben = [w.lead(f"Lead {n}") for n in range(3)], w.org.add_person("Ben Busy", "ben@example.com")
    adapter = w.adapter()
    if kind == "unenroll":
        adapter.sink.apply([action("enroll", lead, f"in.{n}", **{"in": "brochure"}) for n, lead in enumerate(leads)])
    made = {
        "set": lambda lead, key: action("set", lead, key, status="Recycled"),
        "reassign": lambda lead, key: action("reassign", lead, key, owner=ben, owner_name="Ben", note="Hello"),
        "enroll": lambda lead, key: action("enroll", lead, key, **{"in": "brochure"}),
        "unenroll": lambda lead, key: action("unenroll", lead, key, **{"from": "brochure"}),
    }[kind]
    w.org.fail_rows("CampaignMember" if "enroll" in kind else "Lead", lambda row: True, LOCKED, times=2)
    receipts = adapter.sink.apply([made(lead, f"rule.{n}") for n, lead in enumerate(leads)])
    assert [(receipt.state, receipt.already) for receipt in receipts] == [("confirmed", False)] * 3
    if kind == "reassign":
        assert [w.org.fields_of(lead.id)["owner"] for lead in leads] == [ben] * 3
        assert [row["WhoId"] for row in w.org.rows("Task")] == [lead.id for lead in leads]


def test_a_cadence_that_meets_a_lock_is_left_to_the_next_pass_not_given_up(w: World) -> None:
    w.org.fail_rows("assignTargetToSalesCadence", lambda row: True, LOCKED)
    (receipt,) = w.adapter().sink.apply([action("enroll", w.lead(), **{"in": "nurture"})])
    assert (receipt.state, receipt.code) == ("retry", LOCKED)


# -- a campaign that is not there ------------------------------------------------------------------------------------
UNBOUND = ["701Hs0000009999", "701Hs0000009999IAA", "701zzzzzzzzzzzzzzz", "00QHs0000009999"]
"""Ids of no campaign: well formed, with a check that fits or not, and of another object."""


@pytest.mark.parametrize("campaign", UNBOUND)
def test_enrolling_in_a_campaign_that_is_not_there_names_the_enrolment_and_the_cure(w: World, campaign: str) -> None:
    adapter = w.adapter(enrollments={**w.config.enrollments, "spring": {"campaign": campaign}})
    leads = [w.lead(f"Lead {n}") for n in range(2)]
    receipts = adapter.sink.apply(
        [
            action("enroll", leads[0], "rule.0", **{"in": "spring"}),
            action("enroll", leads[1], "rule.1", **{"in": "brochure"}),
        ]
    )
    assert [(receipt.key, receipt.state) for receipt in receipts] == [("rule.0", "failed"), ("rule.1", "confirmed")]
    assert "enrolment spring" in receipts[0].message
    assert "bind enrollments.spring.campaign in followup.yaml to a campaign that exists" in receipts[0].message
    assert campaign not in receipts[0].message


def test_enrolling_in_a_deleted_campaign_names_the_enrolment_too(w: World) -> None:
    w.org.update_row(w.brochure["campaign"], {"IsDeleted": True})
    (receipt,) = w.adapter().sink.apply([action("enroll", w.lead(), **{"in": "brochure"})])
    assert (receipt.state, receipt.code) == ("failed", "ENTITY_IS_DELETED")
    assert "enrolment brochure" in receipt.message


def test_a_deleted_lead_is_not_blamed_on_its_campaign(w: World) -> None:
    leads = [w.lead("One"), w.lead("Two")]
    w.org.delete(leads[0].id)
    batch = [action("enroll", lead, f"rule.{n}", **{"in": "brochure"}) for n, lead in enumerate(leads)]
    receipts = w.adapter().sink.apply(batch)
    assert [(r.state, r.code) for r in receipts] == [("failed", "ENTITY_IS_DELETED"), ("confirmed", "")]
    assert receipts[0].message.endswith("the record is in the recycle bin")


def test_campaigns_are_asked_for_once_each_and_only_after_a_refusal(w: World) -> None:
    adapter = w.adapter(enrollments={"spring": {"campaign": "701Hs0000009999"}})
    leads = [w.lead(f"Lead {n}") for n in range(5)]
    adapter.sink.apply([action("enroll", lead, f"rule.{n}", **{"in": "spring"}) for n, lead in enumerate(leads)])
    assert sum("FROM+Campaign" in target for _, target in w.server.requests) == 1


def test_a_campaign_that_cannot_be_asked_for_leaves_the_refusal_as_it_is(w: World) -> None:
    adapter = w.adapter(enrollments={"spring": {"campaign": "701Hs0000009999"}})
    w.server.faults.add(Fault("answer", path="/query", times=None, status=503, body="<html/>"))
    (receipt,) = adapter.sink.apply([action("enroll", w.lead(), **{"in": "spring"})])
    assert (receipt.state, receipt.code) == ("failed", "INVALID_CROSS_REFERENCE_KEY")


@pytest.mark.parametrize("campaign", ["701Hs00000099999", "701Hs0000009999AA"])
def test_what_cannot_be_the_id_of_a_campaign_is_refused_before_anything_is_sent(w: World, campaign: str) -> None:
    with pytest.raises(ConfigError, match=r"enrollments\.spring\.campaign"):
        w.adapter(enrollments={"spring": {"campaign": campaign}})


@pytest.mark.parametrize("campaign", UNBOUND)
def test_a_campaign_that_is_not_there_stops_no_reading_and_doctor_tells_of_it(w: World, campaign: str) -> None:
    adapter = w.adapter(enrollments={**w.config.enrollments, "spring": {"campaign": campaign}})
    needs = replace(ALL_NEEDS, enrollments=frozenset({"brochure", "spring"}))
    lead = w.lead()
    adapter.sink.apply([action("enroll", lead, **{"in": "brochure"})])
    found = [one.ref for page in pages(adapter, "campaign_member", None, needs) for one in page.enrollments]
    assert found == [lead]
    levels = {finding.subject: finding.level for finding in adapter.doctor(needs)}
    assert (levels["enrollments.spring"], levels["enrollments.brochure"]) == ("fail", "ok")
    batch = [action("unenroll", lead, f"rule.{name}", **{"from": name}) for name in ("spring", "brochure")]
    assert keys(adapter.sink.apply(batch), "confirmed") == ["rule.spring", "rule.brochure"]


# -- a hand-over of which only half landed ---------------------------------------------------------------------------
NOTE = "Call him on Fridays"


def _notes(w: World) -> list[tuple[object, object]]:
    return [(row["WhoId"], str(row["Description"]).partition("\n")[0]) for row in w.org.rows("Task")]


@pytest.mark.parametrize("key_field", ["FollowupKey__c", None])
def test_a_hand_over_whose_answer_is_lost_gets_its_note_in_the_look_up_and_only_once(
    w: World, key_field: str | None
) -> None:
    lead, ben, adapter = w.lead(), w.org.add_person("Ben Busy", "ben@example.com"), w.adapter(task_key_field=key_field)
    planned = action("reassign", lead, owner=ben, owner_name="Ben Busy", note=NOTE)
    w.server.faults.add(Fault("drop_after", "PATCH", r"composite/sobjects"))
    assert keys(adapter.sink.apply([planned]), "unknown") == [planned.key]
    assert _notes(w) == []
    for _ in range(2):
        assert [(one.state, one.message) for one in adapter.sink.look_up([planned])] == [("confirmed", "")]
        assert _notes(w) == [(lead.id, NOTE)]


def test_a_look_up_that_finds_the_old_owner_writes_no_note(w: World) -> None:
    lead, ben = w.lead(), w.org.add_person("Ben Busy", "ben@example.com")
    planned = action("reassign", lead, owner=ben, owner_name="Ben Busy", note=NOTE)
    assert keys(w.adapter().sink.look_up([planned]), "retry") == [planned.key]
    assert _notes(w) == []


def test_of_many_hand_overs_only_the_missing_notes_are_written(w: World) -> None:
    leads, ben, adapter = (
        [w.lead("A"), w.lead("B"), w.lead("C")],
        w.org.add_person("Ben", "ben@example.com"),
        w.adapter(),
    )
    with_notes = [
        action("reassign", lead, f"rule.{n}", owner=ben, owner_name="Ben", note=NOTE) for n, lead in enumerate(leads)
    ]
    adapter.sink.apply(with_notes[:1])
    w.server.faults.add(Fault("drop_after", "PATCH", r"composite/sobjects"))
    adapter.sink.apply(with_notes[1:])
    assert keys(adapter.sink.look_up(with_notes), "confirmed") == ["rule.0", "rule.1", "rule.2"]
    assert sorted(_notes(w)) == sorted((lead.id, NOTE) for lead in leads)


def test_while_the_notes_cannot_be_looked_for_the_hand_over_stays_to_be_looked_up(w: World) -> None:
    lead, ben, adapter = w.lead(), w.org.add_person("Ben Busy", "ben@example.com"), w.adapter()
    planned = action("reassign", lead, owner=ben, owner_name="Ben Busy", note=NOTE)
    w.server.faults.add(Fault("drop_after", "PATCH", r"composite/sobjects"))
    adapter.sink.apply([planned])
    w.server.faults.add(Fault("answer", path="/queryAll", times=None, status=503, body="<html/>"))
    with pytest.raises(RetryableError):
        adapter.sink.look_up([planned])
    assert _notes(w) == []
    w.server.faults.clear()
    assert keys(adapter.sink.look_up([planned]), "confirmed") == [planned.key]
    assert len(_notes(w)) == 1


def test_a_note_that_can_never_be_written_is_told_and_leaves_the_owner_confirmed(w: World) -> None:
    lead, ben = w.lead(), w.org.add_person("Ben Busy", "ben@example.com")
    planned = action("reassign", lead, owner=ben, owner_name="Ben Busy", note=NOTE)
    w.org.set_fields(lead.id, {"owner": ben})
    w.org.remove_permission("Task")
    (receipt,) = w.adapter().sink.look_up([planned])
    assert receipt.state == "confirmed"
    assert "note could not be written" in receipt.message
