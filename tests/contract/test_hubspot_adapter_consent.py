"""Nobody is enrolled in HubSpot who may not be mailed: a null opt-out means that HubSpot has to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import urllib3
from hubspot_portal import NEEDS, World, action, states, world

import adapters.hubspot.client as client_module
from adapters.sandbox.faults import Fault
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import ConfigError, QuotaSpentError, RetryableError, ThrottledError

ASKING = r"/unsubscribe-all$"
WAYS = ["list", "sequence", "workflow", "single_send"]


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def _targets(w: World) -> dict[str, Mapping[str, str]]:
    return {
        "list": w.crm.add_enrollment_target("Brochure"),
        "sequence": w.crm.add_sequence("Nurture"),
        "workflow": w.crm.add_workflow("Flow"),
        "single_send": w.crm.add_single_send("Thanks"),
    }


def _enroll(w: World, lead: str, key: str = "e", name: str = "list") -> PlannedAction:
    return action("enroll", lead, key, in_=name, sender=w.ana)


def _one(w: World, lead: str, name: str = "list") -> Receipt:
    (receipt,) = w.adapter(enrollments=_targets(w)).sink.apply([_enroll(w, lead, "e", name)])
    return receipt


def _written(w: World) -> list[str]:
    return [path for _, path, _ in w.crm.writes]


def _answers(w: World, status: int, body: object, path: str = ASKING) -> None:
    w.server.faults.add(Fault("answer", "GET", path, times=None, status=status, body=body))


# -- what the contact itself says ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_contact_that_opted_out_is_not_enrolled_in_anything(w: World, way: str) -> None:
    receipt = _one(w, w.lead(opted_out=True), way)
    assert (receipt.state, receipt.code) == ("failed", "OPTED_OUT")
    assert "opted out" in receipt.message
    assert _written(w) == []


def test_a_contact_that_said_it_may_be_mailed_is_not_asked_about(w: World) -> None:
    assert _one(w, w.lead(opted_out=False)).state == "confirmed"
    assert w.calls("/communication-preferences") == 0


# -- null means: ask -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_null_opt_out_is_asked_of_hubspot_and_a_contact_that_left_all_mail_is_not_enrolled(
    w: World, way: str
) -> None:
    lead = w.lead()
    w.crm.unsubscribe(lead)
    assert w.crm.fields_of(lead)["opted_out"] is None
    receipt = _one(w, lead, way)
    assert (receipt.state, receipt.code) == ("failed", "OPTED_OUT")
    assert _written(w) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_null_opt_out_is_asked_of_hubspot_and_a_contact_that_left_nothing_is_enrolled(w: World, way: str) -> None:
    assert _one(w, w.lead(), way).state == "confirmed"
    (asked,) = [target for _, target in w.server.requests if "/communication-preferences" in target]
    assert asked.startswith("/communication-preferences/v4/statuses/mara.weber.0%40example.org/unsubscribe-all?")
    assert "channel=EMAIL" in asked
    assert "verbose=true" in asked


def test_an_opt_out_that_the_token_cannot_see_is_asked_all_the_same(w: World) -> None:
    lead = w.lead(opted_out=True)
    w.crm.hide_property("contacts", "hs_email_optout")
    assert _one(w, lead).code == "OPTED_OUT"


def test_a_portal_without_that_question_is_asked_for_the_single_subscriptions(w: World) -> None:
    out, free = w.lead(), w.lead()
    w.crm.unsubscribe(out)
    _answers(w, 404, {"category": "OBJECT_NOT_FOUND"})
    assert (_one(w, out).code, _one(w, free).state) == ("OPTED_OUT", "confirmed")


def test_a_contact_that_hubspot_does_not_know_of_at_either_place_waits(w: World) -> None:
    _answers(w, 404, {"category": "OBJECT_NOT_FOUND"}, "/communication-preferences")
    receipt = _one(w, w.lead())
    assert (receipt.state, receipt.message) == (
        "retry",
        "HubSpot does not say whether this contact may be mailed",
    )
    assert _written(w) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "<html>sign in</html>",
        {"results": None},
        {"status": "COMPLETE", "results": [{}]},
        {"status": "COMPLETE", "results": ["SUBSCRIBED"]},
        {"status": "COMPLETE", "results": [{"status": "A_NEW_WORD"}]},
        {"status": "PENDING", "results": []},
        {"status": "COMPLETE", "results": [], "numErrors": 1},
        {"status": "COMPLETE", "results": [], "errors": [{"category": "RATE_LIMITS"}]},
    ],
)
def test_an_answer_that_does_not_say_it_clearly_enrolls_nobody(w: World, body: object) -> None:
    _answers(w, 200, body)
    receipt = _one(w, w.lead())
    assert (receipt.state, receipt.message) == (
        "retry",
        "HubSpot does not say whether this contact may be mailed",
    )
    assert _written(w) == []


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([{"status": "SUBSCRIBED"}, {"status": "NOT_SPECIFIED"}], "confirmed"),
        ([{"status": "SUBSCRIBED"}, {"status": "UNSUBSCRIBED"}], "failed"),
        ([{"status": "unsubscribed", "wideStatusType": "BUSINESS_UNIT_WIDE"}], "failed"),
        ([{"status": "A_NEW_WORD"}, {"status": "UNSUBSCRIBED"}], "failed"),
    ],
)
def test_one_opt_out_among_the_statuses_is_enough(w: World, rows: list[object], state: str) -> None:
    _answers(w, 200, {"status": "COMPLETE", "results": rows})
    assert _one(w, w.lead()).state == state


# -- who may not ask -------------------------------------------------------------------------------------------------


def test_a_missing_scope_leaves_the_enrolments_for_later_names_itself_and_is_met_once(w: World) -> None:
    w.crm.remove_scope("communication_preferences.read")
    leads = [w.lead(), w.lead(), w.lead(opted_out=False)]
    adapter = w.adapter(enrollments=_targets(w))
    receipts = adapter.sink.apply([_enroll(w, lead, f"e{n}") for n, lead in enumerate(leads)])
    assert states(receipts) == {"e0": "retry", "e1": "retry", "e2": "confirmed"}
    assert all("communication_preferences.read" in one.message for one in receipts if one.state == "retry")
    assert w.calls("/communication-preferences") == 1


@pytest.mark.parametrize("status", [401, 403])
def test_any_refusal_to_answer_the_question_names_the_scope(w: World, status: int) -> None:
    _answers(w, status, {"category": "NOT_FOR_THIS_ACCOUNT"}, "/communication-preferences")
    receipt = _one(w, w.lead())
    assert receipt.state == "retry"
    assert "communication_preferences.read" in receipt.message


# -- who cannot be mailed --------------------------------------------------------------------------------------------


def test_a_contact_without_an_address_and_one_that_is_gone_fail_and_the_others_go_on(w: World) -> None:
    bare = w.crm.add_contact({"name": "No Mail"})
    receipts = w.adapter(enrollments=_targets(w)).sink.apply(
        [_enroll(w, bare, "a"), _enroll(w, "1", "b"), _enroll(w, w.lead(), "c")]
    )
    assert states(receipts) == {"a": "failed", "b": "failed", "c": "confirmed"}
    assert [one.code for one in receipts if one.state == "failed"] == ["NO_EMAIL", "RECORD_MISSING"]


def test_of_a_row_of_the_leads_object_its_contact_is_asked_and_enrolled(w: World) -> None:
    contacts = [w.crm.add_contact({"name": "A B", "email": f"c{n}@example.org"}) for n in range(2)]
    leads = [w.crm.add_lead_object(contact, "Lead", w.ana) for contact in contacts]
    w.crm.unsubscribe(contacts[1])
    targets = _targets(w)
    adapter = w.adapter(enrollments=targets, records={"lead": "leads"})
    receipts = adapter.sink.apply([_enroll(w, lead, f"e{n}") for n, lead in enumerate(leads)])
    assert states(receipts) == {"e0": "confirmed", "e1": "failed"}
    assert w.crm.members(targets["list"]) == contacts[:1]
    assert w.calls("/leads/batch/read") == 1


# -- what it costs, and when nothing can be asked ----------------------------------------------------------------------


def test_one_batch_of_enrolments_costs_one_reading_and_a_question_for_each_contact(w: World) -> None:
    adapter = w.adapter(enrollments=_targets(w))
    size = adapter.sink.batch_size("enroll")
    assert (size, adapter.sink.batch_size("task")) == (100, 100)
    leads = [w.lead() for _ in range(size)]
    receipts = adapter.sink.apply([_enroll(w, leads[n % size], f"e{n}") for n in range(size + 1)])
    assert set(states(receipts).values()) == {"confirmed"}
    assert adapter.api_calls == 1 + size + 1


def test_taking_somebody_off_asks_nothing(w: World) -> None:
    lead = w.lead(opted_out=True)
    receipts = w.adapter(enrollments=_targets(w)).sink.apply([action("unenroll", lead, "u", from_="list")])
    assert states(receipts) == {"u": "confirmed"}
    assert w.calls("/communication-preferences") + w.calls("/batch/read") == 0


def test_an_outage_of_the_question_leaves_all_for_later_after_three_tries(w: World) -> None:
    _answers(w, 503, {})
    leads = [w.lead() for _ in range(6)]
    receipts = w.adapter(enrollments=_targets(w)).sink.apply([_enroll(w, one, f"e{n}") for n, one in enumerate(leads)])
    assert set(states(receipts).values()) == {"retry"}
    assert w.calls("/communication-preferences") == 3 * 4
    assert _written(w) == []


def test_one_contact_that_cannot_be_asked_about_does_not_hold_up_the_others(w: World) -> None:
    poisoned, free = w.lead("Bad Egg"), w.lead()
    _answers(w, 500, {}, "bad.egg.0@example.org/unsubscribe-all")
    receipts = w.adapter(enrollments=_targets(w)).sink.apply([_enroll(w, poisoned, "a"), _enroll(w, free, "b")])
    assert states(receipts) == {"a": "retry", "b": "confirmed"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"policyName": "DAILY"}, QuotaSpentError),
        ({"policyName": "TEN_SECONDLY_ROLLING"}, ThrottledError),
    ],
)
def test_a_throttled_question_ends_the_batch_before_anything_is_written(
    w: World, body: object, error: type[Exception]
) -> None:
    _answers(w, 429, body)
    with pytest.raises(error):
        _one(w, w.lead())
    assert _written(w) == []


def test_a_question_that_times_out_ends_the_batch_before_anything_is_written(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "TIME_OUT", urllib3.Timeout(connect=0.2, read=0.2))
    w.server.faults.add(Fault("hang", "GET", ASKING, times=None))
    with pytest.raises(RetryableError, match="in time"):
        _one(w, w.lead())
    assert _written(w) == []


def test_an_address_is_in_no_message_and_no_log(w: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    said = []
    for status, body in ((404, {}), (403, {"category": "X"}), (400, {"message": "mara@x.org is bad"}), (500, {})):
        _answers(w, status, body, "/communication-preferences")
        said.append(_one(w, w.lead()).message)
        w.server.faults.clear()
    said.append(_one(w, w.lead(opted_out=True)).message)
    assert all("@" not in text and "%40" not in text and "mara" not in text.lower() for text in said)
    assert "example.org" not in caplog.text


# -- the doctor --------------------------------------------------------------------------------------------------------


def test_the_doctor_names_the_scope_as_soon_as_an_enrolment_is_bound(w: World) -> None:
    assert "enrolment opt-out" not in {one.subject for one in w.adapter().doctor(NEEDS)}
    adapter = w.adapter(enrollments=_targets(w))
    assert {one.subject: one.level for one in adapter.doctor(NEEDS)}["enrolment opt-out"] == "ok"
    w.crm.remove_scope("communication_preferences.read")
    finding = next(one for one in adapter.doctor(NEEDS) if one.subject == "enrolment opt-out")
    assert finding.level == "fail"
    assert "communication_preferences.read" in finding.cure


def test_a_token_that_may_not_read_contacts_is_a_matter_for_the_admin(w: World) -> None:
    w.crm.remove_scope("crm.objects.contacts.read")
    with pytest.raises(ConfigError, match=r"crm\.objects\.contacts\.read"):
        _one(w, w.lead())
    assert _written(w) == []
