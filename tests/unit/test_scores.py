"""Scores from the lines of rule files: their points, how they fade, where they are read, and when they rise."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from connector.domain.model import RecordState
from rules.actions import NoteAction
from rules.basics import NO_WAIT, Template
from rules.model import AttemptsTest, FieldTest, Once, ScoreCrosses, ScoreLine
from rules.points import Part, Score, seconds_of, whole
from rules.rulebook import FileRulebook
from rules.score import Scorer
from rules.trigger import occasions
from tests.builders import (
    OWNERS,
    PLACE,
    REF,
    adopted,
    at,
    calendars,
    call,
    change,
    email,
    facts,
    field_is,
    judged,
    lead,
    mark,
    meeting,
    moment,
    points,
    rule,
    ruleset,
    schema,
    span,
    state,
)

INDUSTRY = points(20, "our best industries", if_=field_is("industry", "software", "finance"))
OPENED = points(5, "opened mails", activity="email_opened", at_most=20, half_life=span(14, "days"))
CALLS = points(10, "talks", activity="call")


def opened(*days: int) -> list[object]:
    return [email(f"2026-03-{day:02d} 09:00", opened=at(f"2026-03-{day:02d} 10:00")) for day in days]


def value(of: RecordState, now: str, *lines: ScoreLine) -> int:
    score = facts(of, now, scores=lines).score
    assert score is not None
    return score.value


def test_a_score_is_the_sum_of_its_lines_and_lists_its_reasons() -> None:
    of = state(lead(industry="Software"), *opened(3, 3), call("2026-03-03 12:00"))  # type: ignore[arg-type]
    score = facts(of, "2026-03-03 12:00", scores=(INDUSTRY, OPENED, CALLS)).score
    assert score is not None
    assert (score.value, score.text) == (40, "40 (20 our best industries, 10 opened mails, 10 talks)")
    assert facts(state(), "2026-03-03 12:00", scores=(INDUSTRY,)).score == Score(at("2026-03-03 12:00"), ())


def test_an_unknown_condition_gives_no_points() -> None:
    assert value(state(lead(hidden=["industry"])), "2026-03-03 12:00", INDUSTRY) == 0
    assert value(state(lead(industry=None)), "2026-03-03 12:00", INDUSTRY) == 0


def test_points_of_activities_fade_by_half_and_half_again() -> None:
    line = points(40, activity="email_opened", half_life=span(14, "days"))
    of = state(*opened(3))  # type: ignore[arg-type]
    days = ["2026-03-03 10:00", "2026-03-17 10:00", "2026-03-31 10:00", "2026-04-14 10:00"]
    assert [value(of, day, line) for day in days] == [40, 20, 10, 5]


def test_a_line_gives_no_more_than_its_bound_either_way() -> None:
    many = state(*(call(f"2026-03-{day:02d} 10:00") for day in range(3, 13)))
    assert value(many, "2026-03-20 12:00", points(5, activity="call", at_most=20)) == 20
    assert value(many, "2026-03-20 12:00", points(-5, activity="call", at_most=20)) == -20
    assert value(many, "2026-03-20 12:00", points(-5, activity="call")) == -50


def test_points_for_every_full_step_of_the_value() -> None:
    line = points(2, "big", per_value=1000)
    assert [value(state(lead(value=worth)), "2026-03-03 12:00", line) for worth in (2999, "3000", -5, None)] == [
        4,
        6,
        0,
        0,
    ]
    assert value(state(lead(value=99999)), "2026-03-03 12:00", points(2, per_value=1000, at_most=30)) == 30


def test_half_a_point_counts_as_one() -> None:
    assert [Score(at("2026-03-03 12:00"), (Part("", given),)).value for given in (59.5, 59.49, -0.5, -0.51)] == [
        60,
        59,
        0,
        -1,
    ]


# -- where a score is read -----------------------------------------------------------------------------------------

HOT = field_is("score", 30, op="at_least")


def test_conditions_read_the_score_and_tell_its_reasons() -> None:
    of = state(lead(industry="finance", score=99, hidden=["score"]), *opened(3, 3))  # type: ignore[arg-type]
    found = judged(rule(if_=HOT), of, "2026-03-03 12:00", scores=(INDUSTRY, OPENED))
    assert found.verdict.outcome == "fires"
    assert found.verdict.reasons[-1].text == "score is 30 (20 our best industries, 10 opened mails)"
    low = judged(rule(if_=HOT), state(lead(score=99)), "2026-03-03 12:00", scores=(INDUSTRY,))
    assert low.verdict.reasons[-1].text == "score is 0, not at least 30"
    assert judged(rule(if_=HOT), state(lead(score=99)), "2026-03-03 12:00").verdict.outcome == "fires"


def test_a_condition_names_the_instant_at_which_the_score_has_faded_too_far() -> None:
    line = points(40, activity="email_opened", half_life=span(14, "days"))
    of = state(*opened(3))  # type: ignore[arg-type]
    verdict = judged(rule(if_=HOT), of, "2026-03-03 12:00", scores=(line,)).verdict
    assert verdict.next_at is not None
    assert value(of, verdict.next_at.isoformat(), line) == 29
    assert value(of, (verdict.next_at - timedelta(seconds=1)).isoformat(), line) == 30
    far = judged(rule(if_=field_is("score", 0, op="at_least")), of, "2026-03-03 12:00", scores=(line,)).verdict
    assert far.next_at is None


def test_a_score_of_growing_and_fading_lines_is_looked_at_in_time() -> None:
    good = points(40, activity="email_opened", half_life=span(10, "days"))
    bad = points(-30, activity="call", half_life=span(2, "days"))
    of = state(*opened(3), call("2026-03-03 10:00"))  # type: ignore[arg-type]
    when, seen = at("2026-03-03 12:00"), []
    test = FieldTest("score", "at_least", (20,), "if.score", PLACE)
    for _ in range(40):
        verdict = judged(rule(if_=test), of, moment(when.isoformat()), scores=(good, bad)).verdict
        seen.append(verdict.outcome)
        if verdict.next_at is None or verdict.next_at > at("2026-04-30 00:00"):
            break
        minutes = int((verdict.next_at - when) / timedelta(minutes=1))
        for minute in range(0, minutes, max(1, minutes // 5)):
            at_this = (when + timedelta(minutes=minute)).isoformat()
            assert (value(of, at_this, good, bad) >= 20) is (verdict.outcome == "fires")
        when = verdict.next_at
    assert seen[0] == "blocked"
    assert "fires" in seen
    assert seen[-1] == "blocked"


def test_the_score_of_a_record_stands_in_texts() -> None:
    telling = rule(then=(NoteAction(Template(("The score is ", "score", "")), PLACE),))
    book = FileRulebook(ruleset(telling, scores=(INDUSTRY,)))
    when = moment("2026-03-03 12:00")
    decisions = book.evaluate([state(lead(industry="finance"))], when)
    (action,) = book.plan(decisions, when).actions
    assert action.fields["text"] == "The score is 20"


def test_a_line_speaks_the_words_of_the_crm_and_one_it_cannot_speak_counts_nothing() -> None:
    told = points(20, if_=field_is("status", "working"))
    odd = points(50, if_=field_is("mood", "good"))
    book = FileRulebook(ruleset(rule(ScoreCrosses(10)), scores=(told, odd)))
    (problem,) = book.bind(schema(), OWNERS)
    assert problem.message.endswith("this line of the score counts nothing")
    assert problem.rule is None
    (decision,) = book.evaluate([state(lead(status="Working - Contacted"))], moment("2026-03-03 12:00"))
    assert [match.rule for match in decision.matches] == ["r"]


def test_a_line_that_asks_for_the_score_sees_the_crms() -> None:
    both = (INDUSTRY, points(5, if_=field_is("score", 50, op="over")))
    assert value(state(lead(industry="finance", score=60)), "2026-03-03 12:00", *both) == 25
    assert value(state(lead(industry="finance", score=10)), "2026-03-03 12:00", *both) == 20


# -- rising --------------------------------------------------------------------------------------------------------

SIXTY = ScoreCrosses(60)


def rises(of: RecordState, now: str, *lines: ScoreLine, to: float = 60) -> list[datetime]:
    found = occasions(ScoreCrosses(to), facts(of, now, scores=lines), NO_WAIT, calendars()["office"])
    return [each.start for each in found.found]


def test_a_score_rises_with_the_activity_that_took_it_there() -> None:
    line = points(30, activity="call")
    of = state(*(call(f"2026-03-{day:02d} 10:00") for day in (3, 4, 5)))
    assert rises(of, "2026-03-20 12:00", line) == [at("2026-03-04 10:00")]
    once = state(call("2026-03-03 10:00"))
    found = occasions(SIXTY, facts(once, "2026-03-03 12:00", scores=(line,)), NO_WAIT, calendars()["office"])
    assert (found.found, found.none) == ((), "score is 30 (30 interest), it has not risen to 60")


def test_a_score_that_faded_rises_again() -> None:
    line = points(40, activity="call", half_life=span(2, "days"))
    of = state(*(call(f"2026-03-{day:02d} {hour}") for day in (3, 13) for hour in ("10:00", "11:00")))
    assert rises(of, "2026-03-20 12:00", line) == [at("2026-03-03 11:00"), at("2026-03-13 11:00")]


def test_a_score_rises_with_a_field_and_a_record_may_be_created_beyond_the_limit() -> None:
    line = points(60, if_=field_is("industry", "finance"))
    moved = state(lead(industry="finance"), change("industry", "steel", "finance", "2026-03-05 10:00"))
    assert rises(moved, "2026-03-20 12:00", line) == [at("2026-03-05 10:00")]
    assert rises(state(lead(industry="finance")), "2026-03-20 12:00", line) == [at("2026-03-02 09:00")]
    worth = state(lead(value=5000), change("value", 100, 5000, "2026-03-06 10:00"))
    assert rises(worth, "2026-03-20 12:00", points(20, per_value=1000)) == [at("2026-03-06 10:00")]


def test_a_line_about_what_happened_is_looked_at_as_it_was_then() -> None:
    tried = points(60, if_=AttemptsTest(2, None, ("call",), "anyone", "created", "if.attempts", PLACE))
    of = state(*(call(f"2026-03-{day:02d} 10:00") for day in (3, 4, 5)))
    assert rises(of, "2026-03-20 12:00", tried) == [at("2026-03-04 10:00")]


def test_a_meeting_booked_for_later_raises_the_score_when_it_was_booked() -> None:
    line = points(60, activity="meeting_booked")
    of = state(meeting("2026-03-25 10:00", "2026-03-25 11:00", created=at("2026-03-18 09:00")))
    assert rises(of, "2026-03-20 12:00", line) == [at("2026-03-18 09:00")]
    unknown = state(meeting("2026-03-25 10:00", "2026-03-25 11:00"))
    assert rises(unknown, "2026-03-20 12:00", line) == [at("2026-03-20 12:00")]
    assert rises(unknown, "2026-03-26 12:00", line) == [at("2026-03-25 10:00")]


def test_the_occasion_of_a_rise_tells_the_reasons() -> None:
    of = state(lead(industry="finance"), *(call(f"2026-03-{day:02d} 10:00") for day in (3, 4, 5, 6)))
    found = occasions(SIXTY, facts(of, "2026-03-20 12:00", scores=(INDUSTRY, CALLS)), NO_WAIT, calendars()["office"])
    assert [each.text for each in found.found] == [
        "score rose to 60 (20 our best industries, 40 talks) on 2026-03-06 10:00"
    ]
    assert [each.id for each in found.found] == ["score@2026-03-06T10:00:00+00:00#60"]


@pytest.mark.parametrize("kind", ["contact", "deal"])
def test_the_lines_of_one_kind_say_nothing_of_another(kind: str) -> None:
    other = lead(ref=type(REF)("salesforce", kind, "003"), score=7)
    scoring = Scorer((INDUSTRY,), calendars())
    assert scoring.score(facts(state(other), "2026-03-03 12:00")) is None
    assert facts(state(other), "2026-03-03 12:00", scores=(INDUSTRY,)).field("score") == (True, 7)


def test_what_a_day_that_comes_nearer_adds_is_no_rise() -> None:
    soon = points(50, "renews soon", if_=field_is("custom.renewal", op="within", duration=span(7, "days")))
    of = state(lead(**{"custom.renewal": at("2026-03-30 09:00")}), call("2026-03-25 12:00"))
    rises = Scorer((soon, CALLS), calendars()).rises(50, facts(of, "2026-03-26 12:00", scores=(soon, CALLS)))
    assert rises is not None
    assert rises.found == ()
    rises = Scorer((soon, CALLS), calendars()).rises(60, facts(of, "2026-03-26 12:00", scores=(soon, CALLS)))
    assert rises is not None
    assert [each.at for each in rises.found] == [at("2026-03-25 12:00")]


def test_half_a_point_counts_as_one_whatever_its_neighbour_and_however_it_was_added_up() -> None:
    assert [whole(number) for number in (0.5, 1.5, 2.5, 39.49999999999999, 39.49, -0.5)] == [1, 2, 3, 40, 39, 0]


def test_a_half_life_of_a_month_has_thirty_days() -> None:
    assert seconds_of(span(2, "months")) == seconds_of(span(60, "days")) == 60 * 86_400


def test_a_rise_that_edited_lines_put_elsewhere_in_the_past_is_not_acted_on_again() -> None:
    calls = [call(f"2026-03-{day:02d} 10:00") for day in (3, 4, 5)]
    done = mark("fired", "score@2026-03-05T10:00:00+00:00#60", "2026-03-05 10:10")
    climbs, known = rule(ScoreCrosses(60), once=Once("occasion")), adopted("2020-01-01 00:00")
    now = moment("2026-03-20 12:00", known)
    before = judged(climbs, state(*calls, done), now, scores=(points(20, activity="call"),))
    assert before.verdict.outcome == "done"
    edited = (points(30, activity="call"),)
    assert judged(climbs, state(*calls), now, scores=edited).match is not None
    after = judged(climbs, state(*calls, done), now, scores=edited)
    assert (after.verdict.outcome, after.match) == ("done", None)
    fell = (points(70, activity="call", half_life=span(1, "days")),)
    again = judged(climbs, state(*calls, done, call("2026-03-15 10:00")), now, scores=fell)
    assert again.match is not None, "a rise that came later is one of its own"
