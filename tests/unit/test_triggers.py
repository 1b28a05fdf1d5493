"""When a rule's clock starts: the occasions of each trigger."""

from __future__ import annotations

from datetime import datetime

from connector.domain.model import RecordState
from rules.basics import NO_WAIT, Duration
from rules.model import Assigned, AttemptsReach, Created, FieldChange, NoNextStep, QuietFor, Replied, Trigger
from rules.occasion import Occasions
from rules.trigger import occasions
from tests.builders import (
    ANA,
    BEN,
    EVA,
    QUEUE,
    assigned,
    at,
    calendars,
    call,
    change,
    email,
    facts,
    lead,
    meeting,
    note,
    span,
    state,
    task,
)

NOW = "2026-03-20 12:00"
CREATED = "2026-03-02T09:00:00+00:00"
ANYTHING = ("call", "email", "meeting", "note")
WEEK_OF_SILENCE = QuietFor(span(7, "days"), ANYTHING, "anyone")
SIX_CALLS = AttemptsReach(6, ("call",), "anyone", "assigned")


def found(trigger: Trigger, of: RecordState, now: str = NOW, wait: Duration = NO_WAIT) -> Occasions:
    return occasions(trigger, facts(of, now), wait, calendars()["office"])


def started(trigger: Trigger, of: RecordState, now: str = NOW) -> dict[str, datetime]:
    """The occasions' ids and starts."""
    return {each.id: each.start for each in found(trigger, of, now).found}


def test_a_record_is_created_once() -> None:
    assert started(Created(), state()) == {"created": at("2026-03-02 09:00")}


# -- becomes, leaves, changes --------------------------------------------------------------------------------------

INTERESTED = FieldChange("becomes", "status", ("Interested",))


def test_every_time_a_status_becomes_the_value_is_an_occasion_of_its_own() -> None:
    flapped = state(
        lead(status="Working - Contacted"),
        change("status", "Open - Not Contacted", "Interested", "2026-03-03 10:00"),
        change("status", "Interested", "Working - Contacted", "2026-03-04 10:00"),
        change("status", "Working - Contacted", "interested", "2026-03-05 10:00"),
        change("status", "interested", "Working - Contacted", "2026-03-05 11:00"),
    )
    assert list(started(INTERESTED, flapped).values()) == [at("2026-03-03 10:00"), at("2026-03-05 10:00")]
    leaves = FieldChange("leaves", "status", ("Interested",))
    assert list(started(leaves, flapped).values()) == [at("2026-03-04 10:00"), at("2026-03-05 11:00")]
    assert len(started(FieldChange("changes", "status"), flapped)) == 4


def test_an_occasion_of_a_change_is_named_after_field_and_change() -> None:
    moved = state(change("status", "Open - Not Contacted", "Interested", "2026-03-03 10:00"))
    assert list(started(INTERESTED, moved)) == ["status#status:2026-03-03 10:00"]


def test_a_change_from_another_value_does_not_count() -> None:
    trigger = FieldChange("becomes", "status", ("Interested",), ("Working - Contacted",))
    moved = state(change("status", "Open - Not Contacted", "Interested", "2026-03-03 10:00"))
    assert started(trigger, moved) == {}
    moved = state(change("status", "working - contacted", "Interested", "2026-03-03 10:00"))
    assert len(started(trigger, moved)) == 1


def test_our_own_change_starts_no_clock() -> None:
    assert started(INTERESTED, state(change("status", None, "Interested", "2026-03-03 10:00", origin="us"))) == {}


def test_a_value_there_from_the_beginning_counts_as_become_at_creation_when_no_history_speaks() -> None:
    born = lead(status="Interested")
    assert started(INTERESTED, state(born)) == {f"status@{CREATED}#Interested": at("2026-03-02 09:00")}
    known = state(born, change("status", "Open - Not Contacted", "Interested", "2026-03-03 10:00"))
    assert list(started(INTERESTED, known).values()) == [at("2026-03-03 10:00")]
    from_working = FieldChange("becomes", "status", ("Interested",), ("Working - Contacted",))
    assert started(from_working, state(born)) == {}
    assert started(FieldChange("leaves", "status", ("Interested",)), state(born)) == {}


def test_what_has_not_happened_is_said() -> None:
    assert found(INTERESTED, state()).none == "status has not become Interested"
    assert found(INTERESTED, state(lead(hidden=["status"]))).found == ()


# -- assigned ------------------------------------------------------------------------------------------------------


def test_being_created_with_a_person_as_owner_and_every_later_person_is_an_assignment() -> None:
    of = state(lead(owner=EVA.id), assigned(BEN, "2026-03-03 10:00", ANA), assigned(EVA, "2026-03-04 10:00", BEN))
    assert list(started(Assigned(), of).values()) == [
        at("2026-03-02 09:00"),
        at("2026-03-03 10:00"),
        at("2026-03-04 10:00"),
    ]


def test_a_queue_is_no_person() -> None:
    of = state(lead(owner=QUEUE.id))
    assert started(Assigned(), of) == {}
    assert found(Assigned(), of).none == "no person was made owner"
    taken = state(lead(), assigned(ANA, "2026-03-03 10:00", QUEUE))
    assert started(Assigned(), taken) == {"assigned@2026-03-03T10:00:00+00:00": at("2026-03-03 10:00")}


def test_our_own_assignment_starts_no_clock() -> None:
    of = state(lead(owner=BEN.id), assigned(BEN, "2026-03-03 10:00", ANA, origin="us"))
    assert list(started(Assigned(), of).values()) == [at("2026-03-02 09:00")]


# -- quiet ---------------------------------------------------------------------------------------------------------


def test_silence_begins_with_the_last_activity_that_counts() -> None:
    of = state(call("2026-03-03 10:00"), note("2026-03-05 10:00"))
    assert started(WEEK_OF_SILENCE, of) == {"quiet@2026-03-05T10:00:00+00:00": at("2026-03-12 10:00")}
    calls = QuietFor(span(7, "days"), ("call",), "anyone")
    assert list(started(calls, of).values()) == [at("2026-03-10 10:00")]


def test_without_activity_silence_begins_with_the_latest_assignment_ours_included_else_creation() -> None:
    assert list(started(WEEK_OF_SILENCE, state()).values()) == [at("2026-03-09 09:00")]
    of = state(lead(owner=BEN.id), assigned(BEN, "2026-03-04 10:00", ANA, origin="us"))
    assert list(started(WEEK_OF_SILENCE, of).values()) == [at("2026-03-11 10:00")]


def test_silence_of_the_owner_and_silence_of_the_lead_are_different_things() -> None:
    incoming = call("2026-03-04 11:00", direction="inbound")
    of = state(call("2026-03-03 10:00"), call("2026-03-04 10:00", BEN), incoming, email("2026-03-05 10:00", None))
    owner = QuietFor(span(7, "days"), ANYTHING, "owner")
    prospect = QuietFor(span(7, "days"), ANYTHING, "lead")
    assert list(started(owner, of).values()) == [at("2026-03-10 10:00")]
    assert list(started(prospect, of).values()) == [at("2026-03-12 10:00")]


def test_our_own_writes_and_automatic_mail_do_not_break_a_silence() -> None:
    of = state(
        note("2026-03-05 10:00", key="r.0123456789abcdef"),
        task("2026-03-06 10:00", key="r.1123456789abcdef"),
        email("2026-03-07 10:00", automated=True),
        call("2026-03-08 10:00", done=False, key="r.2123456789abcdef"),
        call("2026-03-09 10:00", deleted=True),
    )
    assert list(started(WEEK_OF_SILENCE, of).values()) == [at("2026-03-09 09:00")]


def test_a_task_of_ours_that_a_person_completed_as_a_call_breaks_the_silence() -> None:
    of = state(call("2026-03-05 10:00", key="r.0123456789abcdef"))
    assert list(started(WEEK_OF_SILENCE, of).values()) == [at("2026-03-12 10:00")]


def test_a_meeting_counts_when_it_is_over_and_was_not_called_off() -> None:
    held = state(meeting("2026-03-05 10:00", "2026-03-05 11:00"))
    assert list(started(WEEK_OF_SILENCE, held).values()) == [at("2026-03-12 11:00")]
    off = state(meeting("2026-03-05 10:00", "2026-03-05 11:00", outcome="CANCELED"))
    assert list(started(WEEK_OF_SILENCE, off).values()) == [at("2026-03-09 09:00")]
    coming = found(WEEK_OF_SILENCE, held, now="2026-03-05 10:30")
    assert coming.found[0].start == at("2026-03-09 09:00")
    assert coming.changes_at == at("2026-03-05 11:00")


def test_silence_in_working_time_is_measured_on_the_calendar() -> None:
    trigger = QuietFor(span(2, "business days"), ANYTHING, "anyone")
    assert list(started(trigger, state(call("2026-03-06 15:00"))).values()) == [at("2026-03-10 15:00")]


# -- attempts ------------------------------------------------------------------------------------------------------


def test_the_attempt_that_reaches_the_number_starts_the_clock() -> None:
    days = [f"2026-03-{day:02d} 10:00" for day in range(3, 10)]
    of = state(*map(call, days))
    assert started(SIX_CALLS, of) == {f"attempts@{CREATED}": at("2026-03-08 10:00")}
    assert found(SIX_CALLS, of).found[0].text == (
        "7 call attempts since assigned on 2026-03-02 09:00, number 6 on 2026-03-08 10:00"
    )


def test_too_few_attempts_are_counted_in_the_reason() -> None:
    of = state(call("2026-03-03 10:00"), call("2026-03-04 10:00"))
    assert found(SIX_CALLS, of).none == "2 call attempts since assigned on 2026-03-02 09:00, 6 needed"
    assert found(SIX_CALLS, state(call("2026-03-03 10:00"))).none.startswith("1 call attempt since")


def test_attempts_are_counted_anew_from_an_assignment_by_us_too() -> None:
    of = state(
        lead(owner=BEN.id),
        *(call(f"2026-03-{day:02d} 10:00") for day in range(3, 9)),
        assigned(BEN, "2026-03-09 10:00", ANA, origin="us"),
        *(call(f"2026-03-{day:02d} 10:00", BEN) for day in range(10, 16)),
    )
    assert started(SIX_CALLS, of) == {"attempts@2026-03-09T10:00:00+00:00": at("2026-03-15 10:00")}


def test_only_what_counts_as_an_attempt_is_counted() -> None:
    of = state(
        call("2026-03-03 10:00"),
        call("2026-03-03 11:00", direction="inbound"),
        email("2026-03-04 10:00"),
        email("2026-03-04 11:00", None),
        email("2026-03-04 12:00", automated=True),
        meeting("2026-03-05 10:00", "2026-03-05 11:00"),
        meeting("2026-03-06 10:00", "2026-03-06 11:00", outcome="canceled"),
        note("2026-03-07 10:00"),
        task("2026-03-08 10:00", done=True),
    )
    anything = AttemptsReach(3, ("call", "email_sent", "meeting"), "anyone", "created")
    assert list(started(anything, of).values()) == [at("2026-03-05 11:00")]
    assert started(AttemptsReach(4, ("call", "email_sent", "meeting"), "anyone", "created"), of) == {}


def test_attempts_of_the_owner_are_those_of_either_of_the_owners_ids() -> None:
    of = state(call("2026-03-03 10:00"), call("2026-03-04 10:00", BEN), call("2026-03-05 10:00", actor=ANA.user_id))
    assert list(started(AttemptsReach(2, ("call",), "owner", "created"), of).values()) == [at("2026-03-05 10:00")]


def test_attempts_since_the_status_begin_with_its_last_change() -> None:
    of = state(call("2026-03-03 10:00"), change("status", "a", "b", "2026-03-04 10:00"), call("2026-03-05 10:00"))
    assert list(started(AttemptsReach(1, ("call",), "anyone", "status"), of).values()) == [at("2026-03-05 10:00")]


def test_a_meeting_still_to_end_may_become_the_attempt_that_reaches_it() -> None:
    of = state(meeting("2026-03-05 10:00", "2026-03-05 11:00"))
    trigger = AttemptsReach(1, ("meeting",), "anyone", "created")
    assert found(trigger, of, now="2026-03-05 10:30").changes_at == at("2026-03-05 11:00")
    assert found(SIX_CALLS, of, now="2026-03-05 10:30").changes_at is None


# -- replied -------------------------------------------------------------------------------------------------------


def test_every_reply_is_an_occasion_named_after_its_activity() -> None:
    of = state(
        email("2026-03-03 10:00", None, id="m1"),
        email("2026-03-03 11:00", None, automated=True),
        email("2026-03-03 12:00"),
        call("2026-03-04 10:00", direction="inbound", id="c1"),
        call("2026-03-04 11:00"),
        meeting("2026-03-05 10:00", "2026-03-05 11:00", id="e1"),
        meeting("2026-03-06 10:00", "2026-03-06 11:00", outcome="cancelled"),
    )
    assert list(started(Replied(), of)) == ["reply@m1", "reply@c1", "reply@e1"]
    assert found(Replied(), state()).none == "no reply yet"


def test_a_meeting_booked_for_later_is_a_reply_now_unless_the_rule_waits_after_it() -> None:
    of = state(meeting("2026-03-25 10:00", "2026-03-25 11:00"))
    assert found(Replied(), of).found[0].start == at(NOW)
    assert found(Replied(), of, wait=span(1, "days")).found[0].start == at("2026-03-25 10:00")


# -- no next step --------------------------------------------------------------------------------------------------


def test_a_record_on_which_nothing_was_ever_planned_lacks_a_next_step_since_creation() -> None:
    assert started(NoNextStep(), state()) == {f"gap@{CREATED}": at("2026-03-02 09:00")}


def test_the_gap_begins_when_the_last_next_step_ended() -> None:
    of = state(
        task("2026-03-03 10:00", done=True),
        task("2026-03-04 10:00", done=True, ended=at("2026-03-05 16:00")),
        meeting("2026-03-04 11:00", "2026-03-04 12:00"),
    )
    assert started(NoNextStep(), of) == {"gap@2026-03-05T16:00:00+00:00": at("2026-03-05 16:00")}


def test_a_step_ends_at_the_same_instant_whether_the_crm_keeps_it_as_a_task_or_as_what_was_done() -> None:
    as_task = state(task("2026-03-03 10:00", done=True, ended=at("2026-03-05 16:00")))
    for done in (call("2026-03-05 16:00", key="r.0123456789abcdef"), email("2026-03-05 16:00")):
        assert started(NoNextStep(), state(done)) == started(NoNextStep(), as_task)
    reply = email("2026-03-06 10:00", None)
    incoming = call("2026-03-06 11:00", direction="inbound")
    assert started(NoNextStep(), state(*as_task.activities, reply, incoming)) == started(NoNextStep(), as_task)


def test_an_open_task_or_a_coming_meeting_is_a_next_step() -> None:
    assert found(NoNextStep(), state(task("2026-03-03 10:00", key="r.0123456789abcdef"))).none == (
        "1 open task on the record"
    )
    coming = found(NoNextStep(), state(meeting("2026-03-25 10:00", "2026-03-25 11:00")))
    assert coming.none == "a meeting until 2026-03-25 11:00"
    assert coming.changes_at == at("2026-03-25 11:00")
    called_off = state(meeting("2026-03-25 10:00", "2026-03-25 11:00", outcome="CANCELED"))
    assert len(started(NoNextStep(), called_off)) == 1
