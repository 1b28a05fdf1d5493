"""When a rule's clock starts: activities, tasks, offers, times of the week, the CRM's own score."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from connector.domain.model import Offer, OfferState, RecordState
from rules.basics import NO_WAIT, Duration
from rules.model import ActivityIs, Every, OfferSettled, ScoreCrosses, TaskCompleted, TaskOverdue, Trigger
from rules.occasion import Occasions
from rules.trigger import occasions
from tests.builders import (
    ANA,
    REF,
    adopted,
    at,
    calendars,
    call,
    change,
    email,
    facts,
    judged,
    lead,
    meeting,
    moment,
    note,
    outcome,
    rule,
    span,
    state,
    task,
)

NOW = "2026-03-20 12:00"


def found(
    trigger: Trigger, of: RecordState, now: str = NOW, wait: Duration = NO_WAIT, clock: str = "office"
) -> Occasions:
    return occasions(trigger, facts(of, now), wait, calendars()[clock])


def started(trigger: Trigger, of: RecordState, now: str = NOW, clock: str = "office") -> dict[str, datetime]:
    """The occasions' ids and starts."""
    return {each.id: each.start for each in found(trigger, of, now, clock=clock).found}


# -- activity ------------------------------------------------------------------------------------------------------


def test_every_activity_of_the_wanted_kinds_is_an_occasion_of_its_own() -> None:
    of = state(
        call("2026-03-03 10:00", id="c1"),
        call("2026-03-03 11:00", direction="inbound", id="c2"),
        email("2026-03-04 10:00", None, id="m1"),
        note("2026-03-05 10:00", id="n1"),
    )
    assert started(ActivityIs(("call",)), of) == {"activity@c1": at("2026-03-03 10:00")}
    assert list(started(ActivityIs(("call_inbound", "email_received", "note")), of)) == [
        "activity@c2",
        "activity@m1",
        "activity@n1",
    ]


def test_our_own_notes_and_open_tasks_and_automatic_mail_are_nobodys_activity() -> None:
    of = state(
        note("2026-03-05 10:00", key="r.0123456789abcdef"),
        call("2026-03-06 10:00", key="r.1123456789abcdef", done=False),
        email("2026-03-07 10:00", automated=True),
    )
    every_word = ActivityIs(("call", "email_sent", "email_received", "note"))
    assert started(every_word, of) == {}
    assert found(every_word, of).none == "no call, email sent, email received or note yet"


@pytest.mark.parametrize("spelling", ["no_answer", "No answer", "NO_ANSWER", "no-answer"])
def test_an_outcome_is_the_same_in_any_spelling(spelling: str) -> None:
    of = state(call("2026-03-03 10:00", id="c1", outcome=spelling), call("2026-03-04 10:00", outcome="connected"))
    assert list(started(ActivityIs(("call",), ("no_answer",)), of)) == ["activity@c1"]


def test_an_activity_may_be_asked_for_by_its_subject() -> None:
    of = state(call("2026-03-03 10:00", id="c1", subject="Budget for PRICING"), call("2026-03-04 10:00"))
    pricing = ActivityIs(("call",), subject_contains="pricing")
    assert list(started(pricing, of)) == ["activity@c1"]
    assert found(pricing, state()).none == "no call about `pricing` yet"


def test_a_mail_that_was_opened_or_clicked_is_an_occasion_also_when_it_went_to_many() -> None:
    read = email("2026-03-03 10:00", id="m1", automated=True, opened=at("2026-03-05 08:00"))
    assert started(ActivityIs(("email_opened",)), state(read)) == {
        "activity@m1#opened@2026-03-05T08:00:00+00:00": at("2026-03-05 08:00")
    }
    assert started(ActivityIs(("email_clicked",)), state(read)) == {}
    assert started(ActivityIs(("email_opened",)), state(read), now="2026-03-04 12:00") == {}


def test_a_meeting_counts_when_it_is_over_and_as_booked_when_it_was_entered() -> None:
    of = state(meeting("2026-03-25 10:00", "2026-03-25 11:00", id="e1", created=at("2026-03-18 09:00")))
    assert started(ActivityIs(("meeting_booked",)), of) == {"activity@e1": at("2026-03-18 09:00")}
    assert started(ActivityIs(("meeting",)), of) == {}
    assert found(ActivityIs(("meeting",)), of).changes_at == at("2026-03-25 11:00")
    assert started(ActivityIs(("meeting",)), of, now="2026-03-25 11:00") == {"activity@e1": at("2026-03-25 11:00")}


def test_a_booking_of_unknown_day_counts_now_and_a_wait_after_it_begins_with_the_meeting() -> None:
    of = state(meeting("2026-03-25 10:00", "2026-03-25 11:00"))
    booked = ActivityIs(("meeting_booked",))
    assert found(booked, of).found[0].start == at(NOW)
    assert found(booked, of, wait=span(1, "days")).found[0].start == at("2026-03-25 10:00")


# -- tasks ---------------------------------------------------------------------------------------------------------

LATE = TaskOverdue(span(1, "business days"))


def test_a_task_is_overdue_so_long_after_its_due_instant_ours_included() -> None:
    ours = task("2026-03-03 10:00", "2026-03-06 15:00", id="t1", key="r.0123456789abcdef")
    assert started(LATE, state(ours)) == {"overdue@t1": at("2026-03-09 15:00")}
    assert outcome(rule(LATE), state(ours), "2026-03-09 14:59") == "waits"
    assert judged(rule(LATE), state(ours), "2026-03-09 14:59").next_at == at("2026-03-09 15:00")
    assert outcome(rule(LATE), state(ours), "2026-03-09 15:00") == "fires"


def test_a_task_due_on_a_day_is_overdue_after_that_day() -> None:
    on_friday = task("2026-03-03 10:00", date(2026, 3, 6), id="t1")
    assert started(TaskOverdue(span(1, "hours")), state(on_friday)) == {"overdue@t1": at("2026-03-07 01:00")}


def test_tasks_that_are_done_put_aside_undated_or_of_another_type_are_not_overdue() -> None:
    of = state(
        task("2026-03-03 10:00", "2026-03-06 15:00", done=True),
        task("2026-03-03 11:00", "2026-03-06 15:00", deferred=True),
        task("2026-03-03 12:00"),
        task("2026-03-03 13:00", "2026-03-06 15:00", id="t4"),
    )
    assert list(started(LATE, of)) == ["overdue@t4"]
    calls = TaskOverdue(span(1, "days"), ("call",))
    assert started(calls, of) == {}
    assert found(calls, of).none == "no open call task with a due day"


def test_a_task_that_was_overdue_before_the_rule_is_baseline() -> None:
    old = state(task("2026-03-03 10:00", "2026-03-06 15:00", id="t1"))
    new = moment("2026-03-16 09:00", adopted("2026-03-16 09:00", baselined=False))
    found_ = judged(rule(LATE), old, new)
    assert (found_.verdict.outcome, [each.occasion for each in found_.marks]) == ("baseline", ["overdue@t1"])


def test_completing_a_task_starts_a_clock_in_either_crm() -> None:
    in_hubspot = task("2026-03-03 10:00", done=True, id="t1", ended=at("2026-03-04 16:00"))
    in_salesforce = call("2026-03-05 16:00", id="t2", task_type="call", outcome="connected")
    of = state(in_hubspot, in_salesforce, call("2026-03-06 10:00"), task("2026-03-07 10:00"))
    assert started(TaskCompleted(), of) == {
        "completed@t1": at("2026-03-04 16:00"),
        "completed@t2": at("2026-03-05 16:00"),
    }
    assert list(started(TaskCompleted(("todo",)), of)) == ["completed@t1"]
    assert list(started(TaskCompleted(("call",), ("Connected",)), of)) == ["completed@t2"]
    assert found(TaskCompleted(("email",)), of).none == "no email task was completed"


def offer(settled: str | None, is_: OfferState, key: str = "r.0123456789abcdef", number: int = 1) -> Offer:
    ended = None if settled is None else at(settled)
    return Offer(
        REF, "offers", "created", number, "inbound", "ana", ANA.id, at("2026-03-03 09:00"), at("2026-03-03 13:00"),
        key, is_, ended,
    )  # fmt: skip


def test_the_task_of_an_offer_is_no_completed_task_whoever_closed_it() -> None:
    closed = task("2026-03-03 10:00", done=True, id="t1", key="r.0123456789abcdef")
    for is_ in ("accepted", "rejected", "expired"):
        assert started(TaskCompleted(), state(closed, offer("2026-03-03 12:00", is_))) == {}
    assert list(started(TaskCompleted(), state(closed))) == ["completed@t1"]


# -- offers --------------------------------------------------------------------------------------------------------


def test_an_offer_starts_the_clock_when_it_is_settled_in_that_way() -> None:
    of = state(offer("2026-03-03 12:00", "rejected"), offer("2026-03-03 15:00", "accepted", "r.k2", 2))
    assert started(OfferSettled("accepted"), of) == {"offer@r.k2#accepted": at("2026-03-03 15:00")}
    assert started(OfferSettled("rejected"), of) == {"offer@r.0123456789abcdef#rejected": at("2026-03-03 12:00")}
    assert found(OfferSettled("expired"), of).none == "no offer ran out"
    assert found(OfferSettled("accepted"), state(offer(None, "open"))).found == ()


# -- every ---------------------------------------------------------------------------------------------------------

FRIDAYS = Every((4,), time(16))


def test_a_time_of_the_week_comes_again_and_again_on_the_calendars_clock() -> None:
    # The clocks of Berlin go forward on 2026-03-29.
    of = state()
    slots = started(FRIDAYS, of, "2026-04-02 12:00", clock="berlin")
    assert list(slots.values()) == [at("2026-03-20 15:00"), at("2026-03-27 15:00")]
    after = found(FRIDAYS, of, "2026-04-04 12:00", clock="berlin")
    # 2026-04-03 is Good Friday.
    assert [each.start for each in after.found] == [at("2026-03-20 15:00"), at("2026-03-27 15:00")]
    assert after.changes_at == at("2026-04-10 14:00")


def test_a_time_of_the_week_exists_outside_working_hours_too() -> None:
    sundays = Every((6,), time(10))
    assert list(started(sundays, state()).values()) == [at("2026-03-08 10:00"), at("2026-03-15 10:00")]
    assert found(sundays, state()).changes_at == at("2026-03-22 10:00")


def test_times_before_the_record_was_created_do_not_count() -> None:
    young = state(lead("2026-03-20 16:30"))
    before = found(FRIDAYS, young, "2026-03-25 12:00")
    assert (before.found, before.changes_at) == ((), at("2026-03-27 16:00"))
    assert before.none == "every Friday 16:00: none yet since the record was created"
    assert list(started(FRIDAYS, young, "2026-03-27 16:00").values()) == [at("2026-03-27 16:00")]


def test_a_weekly_rule_fires_each_week_once_and_says_when_next() -> None:
    weekly = rule(FRIDAYS)
    first = judged(weekly, state(), "2026-03-06 16:00")
    assert first.match is not None
    assert first.match.occasion == "every@2026-03-06T16:00:00+00:00"
    assert first.next_at == at("2026-03-13 16:00")
    assert judged(weekly, state(), "2026-03-05 16:00").next_at == at("2026-03-06 16:00")


# -- the CRM's own score -------------------------------------------------------------------------------------------

SIXTY = ScoreCrosses(60)


def test_a_score_of_the_crm_crosses_upwards_only_and_every_time() -> None:
    of = state(
        lead(score=70),
        change("score", 20, 65, "2026-03-03 10:00"),
        change("score", 65, 90, "2026-03-04 10:00"),
        change("score", 90, 30, "2026-03-05 10:00"),
        change("score", 30, "60", "2026-03-06 10:00"),
        change("score", None, 70, "2026-03-07 10:00", origin="us"),
    )
    assert started(SIXTY, of) == {
        "score@2026-03-03T10:00:00+00:00#60": at("2026-03-03 10:00"),
        "score@2026-03-06T10:00:00+00:00#60": at("2026-03-06 10:00"),
    }
    assert started(SIXTY, state(lead(score=80))) == {"score@2026-03-02T09:00:00+00:00#60": at("2026-03-02 09:00")}
    assert found(SIXTY, state(lead(score=59))).none == "score has not risen to 60"


def test_a_completed_task_may_be_asked_for_by_its_outcome_and_must_be_a_persons() -> None:
    of = state(
        task("2026-03-02 10:00", done=True, ended=at("2026-03-04 10:00"), outcome="Connected", id="t1"),
        task("2026-03-02 10:00", done=True, ended=at("2026-03-05 10:00"), outcome="No Answer", id="t2"),
        task("2026-03-02 10:00", done=True, ended=at("2026-03-06 10:00"), outcome="connected", automated=True, id="t3"),
    )
    assert started(TaskCompleted(outcomes=("connected",)), of) == {"completed@t1": at("2026-03-04 10:00")}
    assert set(started(TaskCompleted(), of)) == {"completed@t1", "completed@t2"}
