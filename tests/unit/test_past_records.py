"""A record as a pass would have seen it at an instant of the past, and what of that nobody knows."""

from __future__ import annotations

from dataclasses import replace

from connector.domain.model import Offer, RecordState
from rules.past import as_of, seen_at, unknown_at
from tests.builders import ANA, BEN, REF, assigned, at, call, change, enrollment, lead, mark, state

THEN = "2026-03-05 12:00"


def modified(of: RecordState, when: str, first_seen: str = "2026-03-02 09:00") -> RecordState:
    return replace(of, record=replace(of.record, modified=at(when)), first_seen=at(first_seen))


def test_a_record_is_not_there_before_its_creation() -> None:
    assert seen_at(state(lead("2026-03-06 09:00")), at(THEN)) is None
    assert seen_at(state(lead("2026-03-05 12:00")), at(THEN)) is not None


def test_everything_after_the_instant_is_cut() -> None:
    of = state(
        lead(status="Interested", owner=BEN.id),
        change("status", "Open - Not Contacted", "Working - Contacted", "2026-03-04 09:00"),
        change("status", "Working - Contacted", "Interested", "2026-03-06 09:00"),
        assigned(BEN, "2026-03-07 09:00", ANA),
        call("2026-03-04 10:00"),
        call("2026-03-06 10:00"),
        mark("fired", "created", "2026-03-06 10:00"),
        Offer(REF, "r", "o", 1, "inbound", "ana", ANA.id, at("2026-03-06 10:00"), at("2026-03-06 14:00"), "k"),
    )
    then = seen_at(of, at(THEN))
    assert then is not None
    assert (then.record.status, then.record.owner) == ("Working - Contacted", ANA.id)
    assert (len(then.changes), len(then.activities), then.marks, then.offers) == (1, 1, (), ())


def test_what_was_converted_or_deleted_later_was_live() -> None:
    for flag in ("converted", "deleted"):
        of = modified(state(lead(**{flag: True})), "2026-03-06 09:00")  # type: ignore[arg-type]
        then, later = seen_at(of, at(THEN)), seen_at(of, at("2026-03-06 09:00"))
        assert then is not None
        assert later is not None
        assert (getattr(then.record, flag), getattr(later.record, flag)) == (False, True)


def test_all_is_known_of_a_record_that_was_not_modified_since() -> None:
    assert unknown_at(modified(state(lead()), "2026-03-05 11:00"), at(THEN)) == ()


def test_from_the_first_reading_on_status_owner_and_fields_with_changes_are_known() -> None:
    of = modified(state(lead(country="DE", score=5), change("score", 1, 5, "2026-03-06 09:00")), "2026-03-09 09:00")
    found = unknown_at(of, at(THEN))
    assert "country" in found
    assert not {"status", "owner", "score"} & set(found)


def test_before_the_first_reading_only_what_the_crm_itself_told_is_known() -> None:
    told = change("status", "Open - Not Contacted", "Interested", "2026-03-06 09:00")
    of = modified(state(lead(status="Interested"), told), "2026-03-09 09:00", first_seen="2026-03-08 09:00")
    found = unknown_at(of, at(THEN))
    assert "owner" in found
    assert "status" not in found
    rough = modified(
        state(lead(status="Interested"), replace(told, exact=False)), "2026-03-09 09:00", "2026-03-08 09:00"
    )
    assert "status" in unknown_at(rough, at(THEN))


def test_a_field_goes_back_through_all_its_later_changes() -> None:
    of = state(
        lead(status="Interested"),
        change("status", "Open - Not Contacted", "Working - Contacted", "2026-03-06 09:00"),
        change("status", "Working - Contacted", "Interested", "2026-03-07 09:00"),
    )
    assert as_of(of, at(THEN)).record.status == "Open - Not Contacted"


def test_an_enrolment_made_later_was_none_and_an_offer_settled_later_was_open() -> None:
    made, until, answered = at("2026-03-04 10:00"), at("2026-03-04 14:00"), at("2026-03-06 10:00")
    offer = Offer(REF, "r", "o", 1, "inbound", "ana", ANA.id, made, until, "k", "accepted", answered)
    of = state(enrollment("early", "2026-03-04 09:00"), enrollment("late", "2026-03-06 09:00"), offer)
    then = as_of(of, at(THEN))
    assert [each.name for each in then.enrollments] == ["early"]
    assert [(each.state, each.settled) for each in then.offers] == [("open", None)]
    assert as_of(of, answered).offers == (offer,)


def test_a_call_that_a_task_became_later_was_an_open_task_without_an_outcome() -> None:
    logged = call(
        "2026-03-06 10:00",
        created=at("2026-03-04 09:00"),
        ended=at("2026-03-06 10:00"),
        task_type="call",
        outcome="connected",
    )
    [then] = as_of(state(logged), at(THEN)).activities
    assert (then.type, then.done, then.outcome, then.direction) == ("task", False, None, None)
