"""One rule on one record: every outcome, its reasons, and when it could next change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.model import Enrollment, RecordRef
from rules.model import (
    AttemptsReach,
    DuringTest,
    FieldChange,
    NoNextStep,
    Once,
    Replied,
)
from rules.team import ContactLimits
from tests.builders import (
    BERLIN,
    PLACE,
    REF,
    any_of,
    at,
    call,
    email,
    enroll,
    enrollment,
    field_is,
    judged,
    lead,
    mark,
    meeting,
    outcome,
    rule,
    span,
    state,
    task,
    team,
)
from tests.judging import WEEK_ONE, reasons

# -- waits and fires -----------------------------------------------------------------------------------------------


def test_a_rule_waits_until_its_time_and_then_fires() -> None:
    waiting = judged(WEEK_ONE, state(), "2026-03-09 08:59")
    assert waiting.verdict.outcome == "waits"
    assert waiting.next_at == at("2026-03-09 09:00")
    assert waiting.match is None
    fired = judged(WEEK_ONE, state(), "2026-03-09 09:00")
    assert fired.verdict.outcome == "fires"
    assert fired.match is not None
    assert (fired.match.occasion, fired.match.scope, fired.match.due) == ("created", "", at("2026-03-09 09:00"))
    assert fired.match.record == REF
    assert not fired.match.backfill
    assert fired.marks == ()


@pytest.mark.parametrize(
    ("created", "ends"),
    [
        ("2026-03-02 10:00", "2026-03-02 11:00"),  # open then
        ("2026-03-06 15:30", "2026-03-09 09:00"),  # Friday after closing: Monday
        ("2026-03-07 10:00", "2026-03-09 09:00"),  # Saturday: Monday
        ("2026-03-03 02:00", "2026-03-03 09:00"),  # at night: that morning
    ],
)
def test_a_wait_by_the_clock_that_ends_in_closed_time_ends_at_the_next_opening(created: str, ends: str) -> None:
    office = team(calendars=(replace(BERLIN, name="office", zone="UTC"),))
    soon, born = rule(wait=span(1, "hours")), state(replace(lead(), created=at(created)))
    assert judged(soon, born, created, office).next_at == at(ends)
    assert outcome(soon, born, ends, office) == "fires"


def test_without_a_calendar_of_the_team_a_wait_by_the_clock_ends_where_it_ends() -> None:
    soon, born = rule(wait=span(1, "hours")), state(replace(lead(), created=at("2026-03-07 10:00")))
    assert judged(soon, born, "2026-03-07 10:00", team(calendars=())).next_at == at("2026-03-07 11:00")


def test_reasons_follow_the_file_and_tell_what_was_seen() -> None:
    both = replace(WEEK_ONE, if_=field_is("country", "DE"))
    verdict = judged(both, state(lead(country="DE")), "2026-03-10 09:00").verdict
    assert [(each.path, each.text) for each in verdict.reasons] == [
        ("when.created", "created on 2026-03-02 09:00"),
        ("wait", "5 business days after 2026-03-02 09:00 end on 2026-03-09 09:00"),
        ("if.country", "country is DE"),
        ("unless.attempts", "0 call attempts since created on 2026-03-02 09:00, not at least 1"),
    ]
    assert (verdict.rule, verdict.file, verdict.line) == ("r", PLACE.file, PLACE.line)


def test_what_has_not_happened_is_no() -> None:
    of_interest = rule(FieldChange("becomes", "status", ("Interested",)))
    verdict = judged(of_interest, state(), "2026-03-10 09:00").verdict
    assert (verdict.outcome, verdict.next_at) == ("no", None)
    assert reasons(verdict) == [("when.becomes", False)]


def test_no_for_want_of_a_meetings_end_looks_again_when_it_ends() -> None:
    of = state(meeting("2026-03-10 13:00", "2026-03-10 14:00"))
    for trigger in (NoNextStep(), AttemptsReach(1, ("meeting",), "anyone", "created")):
        verdict = judged(rule(trigger), of, "2026-03-10 09:00").verdict
        assert (verdict.outcome, verdict.next_at) == ("no", at("2026-03-10 14:00"))
        assert outcome(rule(trigger), of, "2026-03-10 14:00") == "fires"


# -- blocked -------------------------------------------------------------------------------------------------------


def test_a_condition_that_fails_blocks_until_there_is_news() -> None:
    verdict = judged(WEEK_ONE, state(call("2026-03-03 10:00")), "2026-03-10 09:00").verdict
    assert (verdict.outcome, verdict.next_at) == ("blocked", None)
    assert reasons(verdict)[-1] == ("unless.attempts", True)


def test_if_needs_a_plain_yes() -> None:
    wanted = rule(if_=field_is("country", "DE"))
    assert outcome(wanted, state(lead(country="DE")), "2026-03-10 09:00") == "fires"
    assert outcome(wanted, state(lead(country="FR")), "2026-03-10 09:00") == "blocked"
    assert outcome(wanted, state(lead(country=None)), "2026-03-10 09:00") == "blocked"
    assert outcome(wanted, state(), "2026-03-10 09:00") == "blocked"


def test_unless_stops_on_not_knowing_whether_somebody_opted_out() -> None:
    careful = rule(unless=any_of(field_is("opted_out", True, path="unless.any.0.opted_out")))
    verdict = judged(careful, state(lead(hidden=["opted_out"])), "2026-03-10 09:00").verdict
    assert verdict.outcome == "blocked"
    assert reasons(verdict)[-1] == ("unless.any.0.opted_out", None)
    assert outcome(rule(unless=field_is("country", "FR")), state(lead(country=None)), "2026-03-10 09:00") == "fires"


def test_a_blocked_rule_looks_again_when_time_may_unblock_it() -> None:
    in_hours = rule(if_=DuringTest("office", "if.during", PLACE))
    verdict = judged(in_hours, state(), "2026-03-07 12:00").verdict
    assert (verdict.outcome, verdict.next_at) == ("blocked", at("2026-03-09 09:00"))
    hopeless = replace(in_hours, unless=field_is("status", "Open - Not Contacted"))
    assert judged(hopeless, state(), "2026-03-07 12:00").next_at is None


@pytest.mark.parametrize(
    ("gone", "path"),
    [
        ({"converted": True}, "guard.converted"),
        ({"deleted": True}, "guard.deleted"),
        ({"merged_into": RecordRef("salesforce", "lead", "00Q2")}, "guard.merged"),
    ],
)
def test_a_record_that_is_gone_never_matches(gone: dict[str, object], path: str) -> None:
    verdict = judged(rule(), state(lead(**gone)), "2026-03-10 09:00").verdict  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.next_at) == ("blocked", None)
    assert reasons(verdict)[-1] == (path, True)


def test_an_open_task_of_the_same_rule_and_type_blocks() -> None:
    open_call = task("2026-03-09 10:00", key="r.0123456789abcdef", task_type="call")
    verdict = judged(rule(), state(open_call), "2026-03-10 09:00").verdict
    assert verdict.outcome == "blocked"
    assert verdict.reasons[-1].text == "an open call task of this rule is there"
    for other in (
        replace(open_call, key="another.0123456789abcdef"),
        replace(open_call, task_type="email"),
        replace(open_call, done=True),
        replace(open_call, key=None),
    ):
        assert outcome(rule(), state(other), "2026-03-10 09:00") == "fires"


def test_our_open_task_is_found_where_the_crm_keeps_it_as_a_call() -> None:
    of = state(call("2026-03-09 10:00", done=False, key="r.0123456789abcdef"))
    assert outcome(rule(), of, "2026-03-10 09:00") == "blocked"


# -- enrolment -----------------------------------------------------------------------------------------------------

BROCHURE = rule(then=(enroll(),))


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (lead(opted_out=True), "has opted out"),
        (lead(opted_out=None), "opt-out cannot be seen: enrolment stops"),
        (lead(hidden=["opted_out"]), "opt-out cannot be seen: enrolment stops"),
    ],
)
def test_nobody_is_enrolled_who_opted_out_or_may_have(record: object, text: str) -> None:
    verdict = judged(BROCHURE, state(record), "2026-03-10 09:00").verdict  # type: ignore[arg-type]
    assert verdict.outcome == "blocked"
    assert verdict.reasons[-1].text == text
    assert outcome(rule(), state(record), "2026-03-10 09:00") == "fires"  # type: ignore[arg-type]


def test_the_minimum_gap_holds_an_enrolment_back_until_it_is_over() -> None:
    on = team(contact=ContactLimits(min_gap=span(1, "business days")))
    for contact in (email("2026-03-06 15:00"), enrollment("welcome", "2026-03-06 15:00")):
        of = state(contact)
        verdict = judged(BROCHURE, of, "2026-03-09 09:00", on).verdict
        assert (verdict.outcome, verdict.next_at) == ("blocked", at("2026-03-09 15:00"))
        assert verdict.reasons[-1].path == "guard.min_gap"
        assert outcome(BROCHURE, of, "2026-03-09 15:00", on) == "fires"
        assert outcome(rule(), of, "2026-03-09 09:00", on) == "blocked", "a call is contact, too"
        assert outcome(rule(contact="always"), of, "2026-03-09 09:00", on) == "fires"
    assert outcome(BROCHURE, state(email("2026-03-06 15:00", None)), "2026-03-09 09:00", on) == "fires"


def test_so_many_contacts_a_week_and_no_more() -> None:
    on = team(contact=ContactLimits(max_per_week=2))
    of = state(email("2026-03-03 10:00"), email("2026-03-05 10:00"), enrollment("welcome", "2026-03-06 10:00"))
    verdict = judged(BROCHURE, of, "2026-03-09 09:00", on).verdict
    assert (verdict.outcome, verdict.next_at) == ("blocked", at("2026-03-12 10:00"))
    assert verdict.reasons[-1].text == "3 contacts within a week, 2 allowed, until 2026-03-12 10:00"
    assert outcome(BROCHURE, of, "2026-03-12 09:59", on) == "blocked"
    assert outcome(BROCHURE, of, "2026-03-12 10:00", on) == "fires"


def test_an_enrolment_we_wrote_counts_once_before_and_after_it_is_read_back() -> None:
    on = team(contact=ContactLimits(max_per_week=2))
    again = replace(BROCHURE, when=Replied(), once=Once("occasion"))
    parts = (email("2026-03-09 10:00", None, id="m2"), mark("fired", "reply@m1", "2026-03-06 10:00", scope="reply@m1"))
    assert outcome(again, state(*parts), "2026-03-09 12:00", on) == "fires"
    read = enrollment("brochure", "2026-03-06 10:05", active=False)
    assert outcome(again, state(*parts, read), "2026-03-09 12:00", on) == "fires"
    two = (*parts, read, enrollment("welcome", "2026-03-07 10:00"))
    assert outcome(again, state(*two), "2026-03-09 12:00", on) == "blocked"


def test_an_inactive_enrolment_without_a_date_counts_for_nothing() -> None:
    on = team(contact=ContactLimits(min_gap=span(1, "days")))
    assert outcome(BROCHURE, state(Enrollment(REF, "welcome", None)), "2026-03-10 09:00", on) == "fires"
