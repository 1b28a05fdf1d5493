"""One rule on one record again and again: what was done before, what was there before, silences that begin anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.model import MarkKind, RecordState
from rules.basics import NO_WAIT
from rules.model import (
    AttemptsReach,
    Backfill,
    Created,
    FieldChange,
    NoNextStep,
    Once,
    QuietFor,
    Replied,
    RepliedTest,
)
from tests.builders import (
    ANA,
    BEN,
    PLACE,
    adopted,
    assigned,
    at,
    call,
    call_task,
    change,
    email,
    field_is,
    judged,
    lead,
    mark,
    moment,
    outcome,
    rule,
    span,
    state,
)
from tests.judging import SILENCE, WEEK_ONE, reasons

# -- once ----------------------------------------------------------------------------------------------------------

REPLY = rule(Replied(), then=(call_task(),))


def answered(*more: object) -> RecordState:
    return state(email("2026-03-03 10:00", None, id="m1"), *more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "expected"), [("fired", "done"), ("lost", "done"), ("held", "held"), ("baseline", "baseline")]
)
def test_an_occasion_that_was_dealt_with_is_not_dealt_with_again(kind: MarkKind, expected: str) -> None:
    for per in ("lead", "owner", "occasion"):
        once = replace(REPLY, once=Once(per))  # type: ignore[arg-type]
        assert outcome(once, answered(mark(kind, "reply@m1", "2026-03-04 10:00")), "2026-03-10 09:00") == expected


def test_once_per_lead_is_used_up_for_good_but_not_by_baseline() -> None:
    second = email("2026-03-09 10:00", None, id="m2")
    fired = judged(REPLY, answered(second, mark("fired", "reply@m1", "2026-03-04 10:00")), "2026-03-10 09:00")
    assert (fired.verdict.outcome, fired.next_at) == ("done", None)
    assert fired.verdict.reasons[-1].text == "once per lead: done on 2026-03-04 10:00"
    baseline = answered(second, mark("baseline", "reply@m1", "2026-03-04 10:00"))
    assert outcome(REPLY, baseline, "2026-03-10 09:00") == "fires"
    held = answered(second, mark("held", "reply@m1", "2026-03-04 10:00"))
    assert outcome(REPLY, held, "2026-03-10 09:00") == "done"


def test_another_rules_marks_are_not_ours() -> None:
    of = answered(mark("fired", "reply@m1", "2026-03-04 10:00", rule="another"))
    assert outcome(REPLY, of, "2026-03-10 09:00") == "fires"


def test_once_per_occasion_fires_again_on_the_next_one() -> None:
    each = replace(REPLY, once=Once("occasion"))
    of = answered(
        email("2026-03-09 10:00", None, id="m2"), mark("fired", "reply@m1", "2026-03-04 10:00", scope="reply@m1")
    )
    found = judged(each, of, "2026-03-10 09:00")
    assert found.match is not None
    assert (found.match.occasion, found.match.scope) == ("reply@m2", "reply@m2")


def test_once_per_owner_and_per_status_fire_again_for_another_one() -> None:
    second = email("2026-03-09 10:00", None, id="m2")
    per_owner = replace(REPLY, once=Once("owner"))
    of = answered(second, mark("fired", "reply@m1", "2026-03-04 10:00", scope=ANA.id))
    assert outcome(per_owner, of, "2026-03-10 09:00") == "done"
    assert outcome(per_owner, replace(of, record=lead(owner=BEN.id)), "2026-03-10 09:00") == "fires"
    per_status = replace(REPLY, once=Once("status"))
    of = answered(second, mark("fired", "reply@m1", "2026-03-04 10:00", scope="Open - Not Contacted"))
    assert outcome(per_status, of, "2026-03-10 09:00") == "done"
    assert outcome(per_status, replace(of, record=lead(status="Interested")), "2026-03-10 09:00") == "fires"


def test_once_per_period_is_free_again_when_the_period_ends() -> None:
    quarterly = replace(REPLY, once=Once("period", span(90, "days")))
    of = answered(email("2026-06-02 10:00", None, id="m2"), mark("fired", "reply@m1", "2026-03-04 10:00"))
    assert outcome(quarterly, of, "2026-06-02 09:59") == "done"
    assert outcome(quarterly, of, "2026-06-02 10:00") == "fires"


def test_what_happens_within_the_period_is_passed_over_for_good() -> None:
    quarterly = replace(REPLY, once=Once("period", span(90, "days")))
    of = answered(email("2026-03-09 10:00", None, id="m2"), mark("fired", "reply@m1", "2026-03-04 10:00"))
    judgement = judged(quarterly, of, "2026-03-10 09:00")
    assert (judgement.verdict.outcome, judgement.verdict.next_at) == ("done", None)
    of = replace(of, marks=(*of.marks, *judgement.marks))
    assert outcome(quarterly, of, "2026-06-02 10:00") == "done"


# -- restart -------------------------------------------------------------------------------------------------------

SOON_AFTER = replace(REPLY, wait=span(2, "days"), once=Once("occasion"))


def test_starting_again_restarts_the_wait() -> None:
    of = answered(email("2026-03-04 10:00", None, id="m2"))
    verdict = judged(SOON_AFTER, of, "2026-03-05 12:00").verdict
    assert (verdict.outcome, verdict.next_at) == ("waits", at("2026-03-06 10:00"))
    fired = judged(SOON_AFTER, of, "2026-03-06 10:00").match
    assert fired is not None
    assert fired.occasion == "reply@m2"


def test_an_occasion_whose_wait_was_over_before_the_next_began_is_not_replaced() -> None:
    of = answered(email("2026-03-09 10:00", None, id="m2"))
    late = judged(SOON_AFTER, of, "2026-03-10 09:00")
    assert late.match is not None
    assert late.match.occasion == "reply@m1"
    assert late.next_at == at("2026-03-11 10:00")
    done = replace(of, marks=(mark("fired", "reply@m1", "2026-03-10 09:00", scope="reply@m1"),))
    verdict = judged(SOON_AFTER, done, "2026-03-10 09:00").verdict
    assert (verdict.outcome, verdict.next_at) == ("waits", at("2026-03-11 10:00"))


def test_what_is_blocked_or_held_gives_way_when_a_newer_occasion_is_due() -> None:
    of = answered(email("2026-03-09 10:00", None, id="m2"))
    blocked = judged(replace(SOON_AFTER, if_=field_is("country", "DE")), of, "2026-03-10 09:00").verdict
    assert (blocked.outcome, blocked.next_at) == ("blocked", at("2026-03-11 10:00"))
    held = replace(of, marks=(mark("held", "reply@m1", "2026-03-08 09:00", scope="reply@m1"),))
    verdict = judged(SOON_AFTER, held, "2026-03-10 09:00").verdict
    assert (verdict.outcome, verdict.next_at) == ("held", at("2026-03-11 10:00"))
    assert outcome(SOON_AFTER, held, "2026-03-11 10:00") == "fires"


def test_the_latest_of_several_that_are_due_is_acted_on() -> None:
    of = answered(email("2026-03-09 10:00", None, id="m2"))
    found = judged(SOON_AFTER, of, "2026-03-20 09:00")
    assert found.match is not None
    assert found.match.occasion == "reply@m2"


def test_a_status_that_flapped_between_two_passes_still_counts() -> None:
    interested = rule(FieldChange("becomes", "status", ("Interested",)), once=Once("occasion"))
    of = state(
        change("status", "Open - Not Contacted", "Interested", "2026-03-03 10:00"),
        change("status", "Interested", "Open - Not Contacted", "2026-03-03 10:01"),
    )
    assert outcome(interested, of, "2026-03-03 10:05") == "fires"


def test_recycling_after_six_attempts_without_a_reply() -> None:
    recycle = rule(
        AttemptsReach(6, ("call",), "anyone", "assigned"),
        wait=span(2, "business days"),
        unless=RepliedTest(True, "assigned", "unless.replied", PLACE),
        calendar="berlin",
        once=Once("owner"),
    )
    five = [call(f"2026-03-03 {hour:02d}:00") for hour in range(9, 14)]
    sixth = call("2026-03-06 16:00+01:00")  # Friday, at closing
    of = state(*five, sixth)
    assert outcome(recycle, state(*five), "2026-03-10 15:00") == "no"
    assert judged(recycle, of, "2026-03-10 15:59+01:00").next_at == at("2026-03-10 16:00+01:00")
    assert outcome(recycle, of, "2026-03-10 16:00+01:00") == "fires"
    assert outcome(recycle, state(*five, sixth, email("2026-03-09 09:00", None)), "2026-03-10 16:00+01:00") == "blocked"
    fired = mark("fired", "attempts@2026-03-02T09:00:00+00:00", "2026-03-10 16:00+01:00", scope=ANA.id)
    given_on = state(lead(owner=BEN.id), *five, sixth, fired, assigned(BEN, "2026-03-10 15:01", ANA, origin="us"))
    assert outcome(recycle, given_on, "2026-03-20 09:00") == "no"


# -- baseline and backfill -----------------------------------------------------------------------------------------


def test_what_was_due_before_the_rule_was_new_is_taken_as_baseline_whatever_the_conditions_say() -> None:
    impossible = replace(WEEK_ONE, if_=field_is("country", "DE"))
    for each in (WEEK_ONE, impossible):
        found = judged(each, state(), moment("2026-03-12 09:00", adopted("2026-03-12 09:00", baselined=False)))
        assert found.verdict.outcome == "baseline"
        assert found.match is None
        assert [(one.occasion, one.kind, one.at) for one in found.marks] == [
            ("created", "baseline", at("2026-03-12 09:00"))
        ]


def test_a_rule_nobody_adopted_yet_is_new_now() -> None:
    unknown = moment("2026-03-12 09:00", adoptions={})
    assert judged(WEEK_ONE, state(), unknown).verdict.outcome == "baseline"


def test_what_comes_due_after_the_rule_was_new_fires() -> None:
    before = moment("2026-03-12 09:00", adopted("2026-03-06 09:00", baselined=False))
    assert judged(WEEK_ONE, state(), before).marks == ()
    assert judged(WEEK_ONE, state(), before).verdict.outcome == "fires"


def test_once_a_baseline_is_taken_no_more_marks_are_made() -> None:
    taken = moment("2026-03-12 09:00", adopted("2026-03-12 08:00", baselined=True))
    found = judged(WEEK_ONE, state(), taken)
    assert (found.verdict.outcome, found.marks) == ("fires", ())


def test_every_old_occasion_is_taken_so_that_none_fires_when_a_newer_one_goes() -> None:
    of = answered(email("2026-03-09 10:00", None, id="m2"))
    new = moment("2026-03-12 09:00", adopted("2026-03-12 09:00", baselined=False))
    assert [one.occasion for one in judged(REPLY, of, new).marks] == ["reply@m1", "reply@m2"]
    again = replace(of, marks=(mark("baseline", "reply@m2", "2026-03-12 09:00"),))
    assert [one.occasion for one in judged(REPLY, again, new).marks] == ["reply@m1"]


@pytest.mark.parametrize("trigger", [SILENCE, NoNextStep()])
def test_a_lasting_state_is_baseline_only_where_the_whole_rule_matched(trigger: QuietFor | NoNextStep) -> None:
    new = moment("2026-03-12 09:00", adopted("2026-03-12 09:00", baselined=False))
    found = judged(rule(trigger), state(), new)
    assert found.verdict.outcome == "baseline"
    assert len(found.marks) == 1
    blocked = judged(rule(trigger, if_=field_is("country", "DE")), state(), new)
    assert (blocked.verdict.outcome, blocked.marks) == ("blocked", ())


def test_backfill_all_fires_on_what_is_older_than_the_rule() -> None:
    new = moment("2026-03-12 09:00", adopted("2026-03-12 09:00", baselined=False))
    found = judged(replace(WEEK_ONE, backfill=Backfill("all")), state(), new)
    assert (found.verdict.outcome, found.marks) == ("fires", ())
    assert found.match is not None
    assert not found.match.backfill


def test_a_spread_backfill_lets_so_many_go_each_day() -> None:
    spread = replace(WEEK_ONE, backfill=Backfill("spread", 20))
    new = adopted("2026-03-12 09:00", baselined=False)
    found = judged(spread, state(), moment("2026-03-12 10:00", new, backfilled={"r": 19}))
    assert found.match is not None
    assert found.match.backfill
    full = judged(spread, state(), moment("2026-03-12 10:00", new, backfilled={"r": 20}))
    assert (full.verdict.outcome, full.next_at) == ("waits", at("2026-03-13 00:00"))
    younger = judged(spread, state(lead("2026-03-10 09:00")), moment("2026-03-17 10:00", new, backfilled={"r": 20}))
    assert younger.match is not None
    assert not younger.match.backfill


# -- silence -------------------------------------------------------------------------------------------------------


def test_a_silence_that_fired_is_over_with_the_next_activity_and_begins_anew() -> None:
    quiet = rule(SILENCE, once=Once("occasion"))
    fired = mark(
        "fired", "quiet@2026-03-02T09:00:00+00:00", "2026-03-09 09:00", scope="quiet@2026-03-02T09:00:00+00:00"
    )
    assert outcome(quiet, state(), "2026-03-09 09:00") == "fires"
    assert outcome(quiet, state(fired), "2026-03-10 09:00") == "done"
    verdict = judged(quiet, state(fired, call("2026-03-10 10:00")), "2026-03-10 12:00").verdict
    assert (verdict.outcome, verdict.next_at) == ("waits", at("2026-03-17 10:00"))


def test_a_wait_of_nothing_leaves_no_reason() -> None:
    verdict = judged(rule(Created(), wait=NO_WAIT), state(), "2026-03-10 09:00").verdict
    assert reasons(verdict) == [("when.created", True)]
