"""The HubSpot adapter writes over HTTP: every action ends in one receipt, and every effect happens once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hubspot_portal import NEEDS, START, Reader, World, action, states, task, world

from adapters.sandbox.faults import Fault
from connector.domain.actions import key_in
from connector.domain.decision import PlannedAction
from connector.domain.errors import ConfigError, RetryableError


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def _bodies(w: World, lead: str, name: str = "hs_task_body") -> list[str]:
    return [str(one.get(name) or "") for one in w.crm.tasks_of(lead)]


# -- tasks and notes ---------------------------------------------------------------------------------------------------


def test_a_task_lands_on_its_record_with_owner_due_and_key(w: World) -> None:
    lead = w.lead()
    (receipt,) = w.adapter().sink.apply([task(lead, "a", w.ana, body="Ask about <size> & budget")])
    (made,) = w.crm.tasks_of(lead)
    assert (receipt.state, receipt.crm_id) == ("confirmed", made["id"])
    assert made["hs_task_type"] == "CALL"
    assert made["hs_task_priority"] == "HIGH"
    assert made["hubspot_owner_id"] == w.ana
    assert made["hs_timestamp"] == "2026-05-05T09:00:00.000Z"
    body = str(made["hs_task_body"])
    assert key_in(body) == "rule.a"
    assert "&lt;size&gt; &amp; budget" in body


def test_a_hundred_tasks_are_one_request_and_their_reading_back_is_known_as_ours(w: World) -> None:
    leads = [w.lead() for _ in range(100)]
    before = w.calls()
    receipts = w.adapter().sink.apply([task(lead, f"t{n}", w.ana) for n, lead in enumerate(leads)])
    assert set(states(receipts).values()) == {"confirmed"}
    assert w.calls() - before == 1
    reader = Reader(w)
    reader.read("task")
    keys = {receipt.crm_id: receipt.key for receipt in receipts}
    assert {each.id: each.key for each in reader.activities.values()} == keys


def test_one_bad_owner_does_not_lose_the_other_tasks(w: World) -> None:
    leads = [w.lead() for _ in range(100)]
    actions = [task(lead, f"t{n}", "4711" if n == 41 else w.ana) for n, lead in enumerate(leads)]
    receipts = w.adapter().sink.apply(actions)
    assert w.calls("/tasks/batch/create") == 1
    assert [key for key, state in states(receipts).items() if state != "confirmed"] == ["t41"]
    (failed,) = [receipt for receipt in receipts if receipt.state == "failed"]
    assert "INVALID_OWNER_ID" in failed.message
    assert len(_bodies(w, leads[0])) == 1
    assert _bodies(w, leads[41]) == []


def test_a_batch_refused_as_a_whole_is_halved_until_the_bad_row_stands_alone(w: World) -> None:
    leads = [w.lead() for _ in range(16)]
    actions = [task(lead, f"t{n}", w.ana) for n, lead in enumerate(leads)]
    bad = Fault("answer", path="/tasks/batch/create", body_matches="rule.t5\\b", times=None, status=400)
    w.server.faults.add(bad)
    receipts = w.adapter().sink.apply(actions)
    assert states(receipts) == {f"t{n}": "failed" if n == 5 else "confirmed" for n in range(16)}
    assert all(len(_bodies(w, lead)) == (0 if n == 5 else 1) for n, lead in enumerate(leads))


def test_a_row_that_the_answer_leaves_out_is_unknown_and_never_taken_for_another(w: World) -> None:
    leads = [w.lead() for _ in range(3)]
    actions = [task(lead, f"t{n}", w.ana) for n, lead in enumerate(leads)]
    there = {"id": "77", "properties": {"hs_task_body": "[followup:rule.t2]"}}
    body = {"status": "COMPLETE", "results": [there]}
    w.server.faults.add(Fault("answer_after", path="/tasks/batch/create", status=201, body=body))
    adapter = w.adapter()
    receipts = adapter.sink.apply(actions)
    assert states(receipts) == {"t0": "unknown", "t1": "unknown", "t2": "confirmed"}
    again = adapter.sink.look_up(actions[:2])
    assert states(again) == {"t0": "confirmed", "t1": "confirmed"}
    assert all(receipt.already for receipt in again)


def test_results_that_say_nothing_of_themselves_are_read_again(w: World) -> None:
    lead = w.lead()
    adapter = w.adapter()
    (first,) = adapter.sink.apply([task(lead, "a", w.ana)])
    w.server.faults.add(
        Fault("answer", path="/tasks/batch/create", status=201, body={"results": [{"id": int(first.crm_id or 0)}]})
    )
    (receipt,) = adapter.sink.apply([task(lead, "a", w.ana)])
    assert (receipt.state, receipt.crm_id) == ("confirmed", first.crm_id)


@pytest.mark.parametrize("told", [{"ids": ["{id}"]}, {"id": ["{id}"]}, {"id": "{id}"}])
def test_an_error_that_names_a_record_fails_its_row_alone_whether_it_creates_or_updates(
    w: World, told: dict[str, str | list[str]]
) -> None:
    """Where HubSpot repeats no trace id, the id of the record says which row was refused."""
    good, bad = w.lead(), w.lead()
    context = {name: bad if isinstance(value, str) else [bad] for name, value in told.items()}
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "context": context}
    there = {"id": "77", "properties": {"hs_task_body": "[followup:rule.t0]"}}
    for path, row, actions in (
        ("/tasks/batch/create", there, [task(good, "t0", w.ana), task(bad, "t1", w.ana)]),
        (
            "/contacts/batch/update",
            {"id": good},
            [action("reassign", one, key, owner=w.ben) for one, key in ((good, "t0"), (bad, "t1"))],
        ),
    ):
        body = {"status": "COMPLETE", "results": [row], "errors": [error]}
        w.server.faults.add(Fault("answer", path=path, status=207, body=body))
        receipts = w.adapter().sink.apply(actions)
        assert states(receipts) == {"t0": "confirmed", "t1": "failed"}
        assert "OBJECT_NOT_FOUND" in receipts[-1].message


LOST = ["drop_after", "garble_after", "answer_after", "hang"]


@pytest.mark.parametrize("kind", LOST[:3])
@pytest.mark.parametrize("key_field", [None, "followup_key"])
def test_a_task_whose_answer_was_lost_is_found_and_not_made_twice(kind: str, key_field: str | None) -> None:
    with world(task_key_property="followup_key") as w:
        lead = w.lead()
        adapter = w.adapter(task_key_field=key_field)
        todo = [task(lead, "a", w.ana)]
        fault = Fault(kind, path="/tasks/batch/create", status=502, body="<html>bad</html>")  # type: ignore[arg-type]
        w.server.faults.add(fault)
        assert states(adapter.sink.apply(todo)) == {"a": "unknown"}
        assert len(_bodies(w, lead)) == 1
        assert states(adapter.sink.look_up(todo)) == {"a": "confirmed"}
        assert states(adapter.sink.look_up([task(lead, "b", w.ana)])) == {"b": "retry"}


def test_a_look_up_does_without_a_list_of_the_deleted_that_the_app_may_not_read(w: World) -> None:
    lead, adapter = w.lead(), w.adapter()
    refused = {"status": "error", "message": "archived is not supported", "category": "VALIDATION_ERROR"}
    w.server.faults.add(Fault("answer", "GET", "/objects/tasks", times=None, status=400, body=refused))
    assert states(adapter.sink.look_up([task(lead, "a", w.ana)])) == {"a": "retry"}
    assert w.server.faults.struck


def test_a_look_up_does_not_trust_the_search_index(w: World) -> None:
    lead = w.lead()
    adapter = w.adapter()
    (receipt,) = adapter.sink.apply([task(lead, "a", w.ana)])
    w.crm.late("tasks", receipt.crm_id or "", NEVER)
    before = w.calls("/search")
    assert states(adapter.sink.look_up([task(lead, "a", w.ana)])) == {"a": "confirmed"}
    assert w.calls("/search") == before


NEVER = START - START.replace(year=START.year - 9)


def test_a_key_property_keeps_the_text_clean_and_the_key_findable(w: World) -> None:
    with world(task_key_property="followup_key") as portal:
        lead = portal.lead()
        adapter = portal.adapter(task_key_field="followup_key")
        adapter.sink.apply([task(lead, "a", portal.ana)])
        (made,) = portal.crm.tasks_of(lead)
        assert (made["followup_key"], made["hs_task_body"]) == ("rule.a", "Please call")
        reader = Reader(portal)
        reader.read("task", adapter=adapter)
        assert [each.key for each in reader.activities.values()] == ["rule.a"]


def test_a_note_is_written_once_and_found_again(w: World) -> None:
    lead = w.lead()
    adapter = w.adapter()
    note = [action("note", lead, "n", text="Asked for a demo")]
    w.server.faults.add(Fault("drop_after", path="/notes/batch/create"))
    assert states(adapter.sink.apply(note)) == {"n": "unknown"}
    (found,) = adapter.sink.look_up(note)
    reader = Reader(w)
    reader.read("note")
    assert found.crm_id in reader.activities
    assert reader.activities[found.crm_id or ""].key == "rule.n"


# -- owners and fields -------------------------------------------------------------------------------------------------


def test_a_reassignment_uses_the_owner_id_and_a_refused_one_is_told(w: World) -> None:
    one, two = w.lead(), w.lead()
    receipts = w.adapter().sink.apply(
        [action("reassign", one, "a", owner=w.ben), action("reassign", two, "b", owner="60009952")]
    )
    assert states(receipts) == {"a": "confirmed", "b": "failed"}
    assert (w.crm.fields_of(one)["owner"], w.crm.fields_of(two)["owner"]) == (w.ben, w.ana)


def test_a_hand_over_note_goes_with_the_reassignment_even_when_its_answer_is_lost(w: World) -> None:
    lead = w.lead()
    adapter = w.adapter()
    todo = [action("reassign", lead, "a", owner=w.ben, note="Six calls, no answer")]
    w.server.faults.add(Fault("drop_after", path="/contacts/batch/update"))
    assert states(adapter.sink.apply(todo)) == {"a": "unknown"}
    for _ in range(2):
        assert states(adapter.sink.look_up(todo)) == {"a": "confirmed"}
    reader = Reader(w)
    reader.read("note")
    assert [each.key for each in reader.activities.values()] == ["rule.a"]


def test_fields_are_set_and_two_changes_of_one_record_go_in_two_requests(w: World) -> None:
    lead = w.lead()
    before = w.calls("/batch/update")
    receipts = w.adapter().sink.apply(
        [action("set", lead, "a", status="OPEN"), action("set", lead, "b", **{"custom.tier": "gold"})]
    )
    assert states(receipts) == {"a": "confirmed", "b": "confirmed"}
    assert w.calls("/batch/update") - before == 2
    fields = w.crm.fields_of(lead)
    assert (fields["status"], fields["custom.tier"]) == ("OPEN", "gold")


def test_a_value_the_picklist_does_not_have_and_a_field_that_cannot_be_written_fail_for_good(w: World) -> None:
    lead = w.lead()
    receipts = w.adapter().sink.apply(
        [action("set", lead, "a", status="NOPE"), action("set", lead, "b", opted_out=True)]
    )
    assert states(receipts) == {"a": "failed", "b": "failed"}
    assert {receipt.code for receipt in receipts} == {"INVALID_OPTION", "READ_ONLY"}


def test_a_lost_update_is_looked_up_by_its_values(w: World) -> None:
    lead = w.lead()
    adapter = w.adapter()
    todo = [action("set", lead, "a", status="OPEN")]
    w.server.faults.add(Fault("drop_before", path="/contacts/batch/update"))
    assert states(adapter.sink.apply(todo)) == {"a": "unknown"}
    assert states(adapter.sink.look_up(todo)) == {"a": "retry"}
    w.server.faults.add(Fault("drop_after", path="/contacts/batch/update"))
    assert states(adapter.sink.apply(todo)) == {"a": "unknown"}
    assert states(adapter.sink.look_up(todo)) == {"a": "confirmed"}


# -- enrolments --------------------------------------------------------------------------------------------------------


def _bound(w: World) -> dict[str, dict[str, str]]:
    return {
        "brochure": dict(w.crm.add_enrollment_target("Brochure")),
        "dynamic": dict(w.crm.add_dynamic_list("Active")),
        "nurture": dict(w.crm.add_sequence("Nurture")),
        "other": dict(w.crm.add_sequence("Other")),
        "flow": dict(w.crm.add_workflow("Flow")),
        "thanks": dict(w.crm.add_single_send("Thanks")),
    }


def _enroll(lead: str, key: str, name: str, **fields: str) -> PlannedAction:
    return action("enroll", lead, key, in_=name, **fields)


def test_a_list_gets_a_put_of_bare_ids_and_ids_it_does_not_know_are_failures(w: World) -> None:
    bound, leads = _bound(w), [w.lead() for _ in range(3)]
    adapter = w.adapter(enrollments=bound)
    receipts = adapter.sink.apply(
        [*(_enroll(lead, f"e{n}", "brochure") for n, lead in enumerate(leads)), _enroll("1", "x", "brochure")]
    )
    assert states(receipts) == {"e0": "confirmed", "e1": "confirmed", "e2": "confirmed", "x": "failed"}
    assert w.server.requests[-1] == ("PUT", f"/crm/v3/lists/{bound['brochure']['list']}/memberships/add")
    assert w.calls("/memberships/add") == 1
    again = adapter.sink.apply([_enroll(leads[0], "e0", "brochure")])
    assert again[0].already
    left = adapter.sink.apply([action("unenroll", leads[0], "u", from_="brochure")])
    assert states(left) == {"u": "confirmed"}
    assert w.crm.members(bound["brochure"]) == leads[1:]


def test_a_lost_list_add_is_repeated_since_that_does_no_harm(w: World) -> None:
    bound, lead = _bound(w), w.lead()
    w.server.faults.add(Fault("drop_after", path="/memberships/add"))
    receipts = w.adapter(enrollments=bound).sink.apply([_enroll(lead, "e", "brochure")])
    assert states(receipts) == {"e": "confirmed"}
    assert w.crm.members(bound["brochure"]) == [lead]


def test_a_list_that_fills_itself_refuses(w: World) -> None:
    receipts = w.adapter(enrollments=_bound(w)).sink.apply([_enroll(w.lead(), "e", "dynamic")])
    assert states(receipts) == {"e": "failed"}


def test_a_sequence_wants_the_user_id_and_the_inbox_of_the_sender(w: World) -> None:
    bound, lead = _bound(w), w.lead()
    adapter = w.adapter(enrollments=bound)
    user = next(owner.user_id for owner in adapter.source.owners() if owner.id == w.ana)
    assert states(adapter.sink.apply([_enroll(lead, "e", "nurture", sender=w.ana)])) == {"e": "confirmed"}
    assert w.server.requests[-1][1].endswith(f"?userId={user}")
    assert w.crm.members(bound["nurture"]) == [lead]


def test_a_sequence_is_asked_first_whether_the_contact_is_in_one(w: World) -> None:
    bound, lead = _bound(w), w.lead()
    adapter = w.adapter(enrollments=bound)
    adapter.sink.apply([_enroll(lead, "a", "nurture", sender=w.ana)])
    same = adapter.sink.apply([_enroll(lead, "a", "nurture", sender=w.ana)])
    assert (states(same), same[0].already) == ({"a": "confirmed"}, True)
    other = adapter.sink.apply([_enroll(lead, "b", "other", sender=w.ana)])
    assert (states(other), other[0].code) == ({"b": "failed"}, "ALREADY_ENROLLED")


def test_a_lost_sequence_enrolment_sends_no_second_first_mail_even_when_it_has_ended_since(w: World) -> None:
    bound, lead = _bound(w), w.lead()
    adapter = w.adapter(enrollments=bound)
    todo = [_enroll(lead, "e", "nurture", sender=w.ana)]
    assert states(adapter.sink.look_up(todo)) == {"e": "retry"}
    w.server.faults.add(Fault("drop_after", "POST", path="/sequences/enrollments"))
    assert states(adapter.sink.apply(todo)) == {"e": "unknown"}
    assert states(adapter.sink.look_up(todo)) == {"e": "confirmed"}
    w.crm.end_sequence(lead)
    assert states(adapter.sink.look_up(todo)) == {"e": "confirmed"}


def test_a_refused_sequence_says_hubspots_words(w: World) -> None:
    lead = w.lead()
    w.crm.portal.inbox_limit = 0
    (receipt,) = w.adapter(enrollments=_bound(w)).sink.apply([_enroll(lead, "e", "nurture", sender=w.ana)])
    assert (receipt.state, receipt.code) == ("failed", "SequenceError.SEND_LIMIT_EXCEEDED")


def test_a_sender_who_left_and_a_sequence_to_leave_are_refused_without_asking_for_either(w: World) -> None:
    lead, bound = w.lead(), _bound(w)
    w.crm.deactivate(w.ben)
    adapter = w.adapter(enrollments=bound)
    adapter.source.owners()
    (gone,) = adapter.sink.apply([_enroll(lead, "a", "nurture", sender=w.ben)])
    (left,) = adapter.sink.apply([action("unenroll", lead, "b", from_="nurture")])
    assert (gone.code, gone.state) == ("NO_SENDER", "failed")
    assert "cannot end a sequence enrolment by API" in left.message
    assert w.calls("/sequences") == 0


def test_workflows_take_and_give_back_by_e_mail_address(w: World) -> None:
    bound, lead = _bound(w), w.lead()
    adapter = w.adapter(enrollments=bound)
    assert states(adapter.sink.apply([_enroll(lead, "a", "flow")])) == {"a": "confirmed"}
    assert w.crm.members(bound["flow"]) == [lead]
    assert states(adapter.sink.apply([action("unenroll", lead, "b", from_="flow")])) == {"b": "confirmed"}
    assert w.crm.members(bound["flow"]) == []
    w.server.faults.add(Fault("drop_after", "POST", path="/workflows/"))
    assert states(adapter.sink.apply([_enroll(lead, "c", "flow")])) == {"c": "unknown"}
    assert states(adapter.sink.look_up([_enroll(lead, "c", "flow")])) == {"c": "unknown"}


def test_a_single_mail_goes_out_once_however_often_it_is_asked_for(w: World) -> None:
    bound, lead = _bound(w), w.lead()
    adapter = w.adapter(enrollments=bound)
    w.server.faults.add(Fault("drop_after", path="/single-send"))
    for _ in range(2):
        assert states(adapter.sink.apply([_enroll(lead, "a", "thanks")])) == {"a": "confirmed"}
    assert [send.result for send in w.crm.portal.sends].count("SENT") == 1


def test_a_name_that_is_bound_to_nothing_fails_and_the_others_go_on(w: World) -> None:
    receipts = w.adapter(enrollments=_bound(w)).sink.apply(
        [_enroll(w.lead(), "a", "nowhere"), _enroll(w.lead(), "b", "brochure")]
    )
    assert states(receipts) == {"a": "failed", "b": "confirmed"}


# -- when nothing may be written ---------------------------------------------------------------------------------------


def test_a_missing_scope_gives_nothing_up_and_names_itself(w: World) -> None:
    lead = w.lead()
    w.crm.remove_scope("crm.objects.contacts.write")
    with pytest.raises(ConfigError, match=r"crm\.objects\.contacts\.write"):
        w.adapter().sink.apply([task(lead, "a", w.ana)])


def test_an_outage_in_the_middle_of_enrolments_leaves_the_rest_for_later(w: World) -> None:
    bound, leads = _bound(w), [w.lead() for _ in range(3)]
    adapter = w.adapter(enrollments=bound)
    adapter.source.owners()
    w.server.faults.add(Fault("answer", "GET", "/sequences/", skip=1, times=None, status=429, body=SECONDLY))
    receipts = adapter.sink.apply([_enroll(lead, f"e{n}", "nurture", sender=w.ana) for n, lead in enumerate(leads)])
    assert states(receipts) == {"e0": "confirmed", "e1": "retry", "e2": "retry"}
    with pytest.raises(RetryableError):
        adapter.sink.apply([_enroll(leads[1], "e1", "nurture", sender=w.ana)])


def test_a_stop_lets_the_mail_in_flight_go_out_and_leaves_the_rest(w: World) -> None:
    bound, leads = _bound(w), [w.lead() for _ in range(3)]
    adapter = w.adapter(enrollments=bound, should_stop=lambda: True)
    receipts = adapter.sink.apply([_enroll(lead, f"e{n}", "thanks") for n, lead in enumerate(leads)])
    assert states(receipts) == {"e0": "confirmed", "e1": "retry", "e2": "retry"}
    assert len(w.crm.portal.sends) == 1


SECONDLY = {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}


def test_our_own_writes_come_back_as_history_of_the_crm_with_the_instant_to_know_them_by(w: World) -> None:
    lead = w.lead()
    adapter = w.adapter()
    reader = Reader(w)
    reader.read("lead", adapter=adapter)
    adapter.sink.apply([action("reassign", lead, "a", owner=w.ben)])
    reader.read("lead", adapter=adapter)
    (change,) = reader.changes.values()
    assert (change.field, change.old, change.new, change.exact) == ("owner", w.ana, w.ben, True)
    assert NEEDS.history["lead"] == {"status", "owner"}
