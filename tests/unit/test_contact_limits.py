"""Contact limits over all rules: what is a touch, how long another waits, and what was refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import (
    OWNERS,
    PLACE,
    REF,
    adopted,
    at,
    call,
    call_task,
    email,
    enroll,
    enrollment,
    judged,
    lead,
    mark,
    meeting,
    moment,
    note,
    outcome,
    rule,
    ruleset,
    schema,
    span,
    state,
    task,
    team,
)

from connector.domain.actions import action_key
from connector.domain.decision import Plan, PlannedAction
from connector.domain.model import Activity, Mark, RecordState
from rules.actions import RuleAction, TaskAction
from rules.basics import Place
from rules.model import Once, Replied, Rule
from rules.rulebook import FileRulebook
from rules.team import ContactLimits, Team
from rules.template import parse

NOW = "2026-03-10 10:00"  # a Tuesday
A_DAY = team(contact=ContactLimits(min_gap=span(1, "days")))
TWO_A_WEEK = team(contact=ContactLimits(max_per_week=2))


def asking(type_: str, **more: Any) -> TaskAction:
    return replace(call_task(), type=type_, **more)  # type: ignore[arg-type]


def ours(type_: str, due: str | None, of: str = "other", number: int = 0) -> Activity:
    """An open task that another rule of ours made."""
    key = f"{of}.{number:016x}"
    return task("2026-03-08 08:00", due, task_type=type_, key=key, id=f"{of}{number}{due}")


CALLS = rule(then=(asking("call"),))
WRITES = rule(then=(asking("email"),))
MAILS = rule(then=(enroll(),))
TOUCHING = pytest.mark.parametrize("the_rule", [CALLS, WRITES, MAILS, rule(then=(asking("preferred"),))])


# -- what a touch is, and who waits for it -------------------------------------------------------------------------


@TOUCHING
def test_a_touch_waits_for_the_end_of_the_gap_after_the_last_one(the_rule: Rule) -> None:
    for touch in (
        call("2026-03-09 15:00"),
        email("2026-03-09 15:00"),
        meeting("2026-03-09 14:00", "2026-03-09 15:00"),
        enrollment("welcome", "2026-03-09 15:00"),
    ):
        verdict = judged(the_rule, state(touch), NOW, A_DAY).verdict
        assert (verdict.outcome, verdict.next_at) == ("blocked", at("2026-03-10 15:00"))
        assert verdict.reasons[-1].path == "guard.min_gap"
        assert outcome(the_rule, state(touch), "2026-03-10 15:00", A_DAY) == "fires"


@TOUCHING
def test_what_is_no_touch_holds_nothing_back(the_rule: Rule) -> None:
    for harmless in (
        email("2026-03-10 09:00", None),
        call("2026-03-10 09:00", direction="inbound"),
        note("2026-03-10 09:00"),
        task("2026-03-10 09:00", "2026-03-10 12:00", task_type="call"),
        ours("todo", "2026-03-10 12:00"),
    ):
        assert outcome(the_rule, state(harmless), NOW, A_DAY) == "fires"


def test_a_rule_without_contact_and_one_that_is_always_let_through_never_wait() -> None:
    touched = state(call("2026-03-10 09:00"))
    assert outcome(rule(then=(asking("todo"),)), touched, NOW, A_DAY) == "fires"
    assert outcome(replace(CALLS, contact="always"), touched, NOW, A_DAY) == "fires"
    assert outcome(CALLS, touched, NOW, team()) == "fires", "without limits there are none"


@TOUCHING
def test_an_open_task_of_ours_is_a_touch_as_of_its_due_whether_or_not_somebody_does_it(the_rule: Rule) -> None:
    for due, until in (
        ("2026-03-11 09:59", "2026-03-12 09:59"),
        ("2026-03-11 10:00", None),
        ("2026-03-09 10:01", "2026-03-10 10:01"),
        ("2026-03-09 10:00", None),
    ):
        expected = "fires" if until is None else "blocked"
        verdict = judged(the_rule, state(ours("call", due)), NOW, A_DAY).verdict
        assert verdict.outcome == expected
        if until is not None:
            assert verdict.next_at == at(until), "a call that nobody makes does not hold the others back for ever"
            assert verdict.reasons[-1].text == (
                f"a task of ours (call) is open, due on {due}: inside the minimum gap of 1 day"
            )
    assert outcome(the_rule, state(ours("email", None)), NOW, A_DAY) == "blocked"


def test_a_completed_task_to_call_is_a_touch_whether_or_not_the_call_was_logged_and_once() -> None:
    done = task("2026-03-08 08:00", task_type="call", done=True, ended=at("2026-03-09 15:00"))
    assert judged(MAILS, state(done), NOW, A_DAY).next_at == at("2026-03-10 15:00")
    assert outcome(MAILS, state(replace(done, deferred=True)), NOW, A_DAY) == "fires"
    assert outcome(MAILS, state(replace(done, task_type="todo")), NOW, A_DAY) == "fires"
    assert outcome(MAILS, state(done, call("2026-03-09 14:30")), NOW, TWO_A_WEEK) == "fires"
    assert outcome(MAILS, state(done, call("2026-03-09 13:30")), NOW, TWO_A_WEEK) == "blocked"


# -- the week ------------------------------------------------------------------------------------------------------


def test_open_tasks_of_one_rule_are_one_touch_of_the_week() -> None:
    one = (ours("call", "2026-03-12 10:00"), ours("email", "2026-03-13 10:00", number=1))
    assert outcome(MAILS, state(*one), NOW, TWO_A_WEEK) == "fires"
    assert outcome(MAILS, state(*one, ours("call", "2026-03-16 10:00", "third")), NOW, TWO_A_WEEK) == "blocked"
    assert outcome(MAILS, state(*one, ours("call", "2026-03-18 10:00", "third")), NOW, TWO_A_WEEK) == "fires"


def test_a_match_that_enrolled_and_asked_for_a_call_is_one_touch_of_the_week() -> None:
    both = rule(id="both", then=(enroll("welcome"), call_task()))
    known = [both, MAILS]
    book = FileRulebook(ruleset(*known, of=TWO_A_WEEK))
    assert book.bind(None, OWNERS) == ()
    sent = (enrollment("welcome", "2026-03-09 10:00"), mark("fired", "created", "2026-03-09 10:00", rule="both"))
    asked = task("2026-03-09 10:00", "2026-03-11 10:00", task_type="call", key=action_key("both", REF, "created", 1))
    when = moment(NOW)
    assert book.explain(state(*sent, asked), when)[1].outcome == "fires"
    assert book.explain(state(*sent, ours("call", "2026-03-11 10:00")), when)[1].outcome == "blocked"


def test_what_a_cap_holds_back_has_touched_nobody() -> None:
    again = replace(CALLS, when=Replied(), once=Once("occasion"))
    answer = email("2026-03-10 09:00", None, id="m2")
    for kind, expected in (("held", "fires"), ("lost", "fires"), ("fired", "blocked")):
        other = mark(kind, "reply@m1", "2026-03-10 09:30", scope="reply@m1")  # type: ignore[arg-type]
        assert outcome(again, state(answer, other), NOW, A_DAY) == expected


def test_a_full_week_ends_when_enough_touches_are_a_week_old() -> None:
    of = state(call("2026-03-05 10:00"), ours("call", "2026-03-09 10:00"))
    verdict = judged(MAILS, of, NOW, TWO_A_WEEK).verdict
    assert (verdict.outcome, verdict.next_at) == ("blocked", at("2026-03-12 10:00"))
    assert verdict.reasons[-1].text == "2 contacts within a week, 2 allowed, until 2026-03-12 10:00"
    never_due = judged(
        MAILS, state(ours("call", "2026-03-09 10:00"), ours("call", None, "third")), NOW, TWO_A_WEEK
    ).verdict
    assert (never_due.outcome, never_due.next_at) == ("blocked", at("2026-03-16 10:00"))


def test_a_match_of_ours_is_one_touch_before_and_after_its_task_is_read_back() -> None:
    again = replace(CALLS, when=Replied(), once=Once("occasion"), contact="within_limits")
    answer = email("2026-03-10 09:00", None, id="m2")
    fired = mark("fired", "reply@m1", "2026-03-09 10:00", scope="reply@m1")
    one = team(contact=ContactLimits(max_per_week=1))
    assert outcome(again, state(answer, fired), NOW, one) == "blocked"
    key = action_key("r", REF, "reply@m1", 0)
    read = task("2026-03-09 10:05", "2026-03-20 10:00", task_type="call", key=key)
    assert outcome(again, state(answer, fired, replace(read, deleted=True)), NOW, one) == "fires", (
        "nobody was contacted"
    )
    done = call("2026-03-09 16:00", key=key)
    assert judged(again, state(answer, fired, done), NOW, one).next_at == at("2026-03-16 16:00")
    assert outcome(again, state(answer, fired, read), "2026-03-13 10:00", one) == "blocked", "its own task is open"


def test_an_enrolment_of_ours_is_known_from_its_mark_until_it_is_read_back() -> None:
    both = rule(id="both", then=(enroll("welcome"), call_task()))
    book = FileRulebook(ruleset(both, rule(id="todo", then=(asking("todo"),)), MAILS, of=A_DAY))
    assert book.bind(None, OWNERS) == ()

    def mails(*read: Any, by: str = "both") -> str:
        fired = mark("fired", "created", "2026-03-09 15:00", rule=by)
        return book.explain(state(fired, *read), moment(NOW))[-1].outcome

    assert mails() == "blocked", "nothing of it has been read"
    assert mails(task("2026-03-09 15:00", "2026-03-20 10:00", key=action_key("both", REF, "created", 1))) == "blocked"
    assert mails(enrollment("welcome", "2026-02-01 10:00")) == "blocked", "that was an earlier one"
    assert mails(enrollment("welcome")) == "blocked", "nobody knows since when"
    assert mails(enrollment("welcome", "2026-03-09 14:30")) == "blocked", "the CRM's clock may be behind"
    assert mails(enrollment("welcome", "2026-03-09 09:59")) == "blocked"
    assert mails(by="todo") == "fires", "a match that makes no contact is no touch"


def test_an_enrolment_of_ours_that_was_read_back_is_not_counted_beside_its_mark() -> None:
    book = FileRulebook(ruleset(replace(MAILS, id="first"), MAILS, of=TWO_A_WEEK))
    assert book.bind(None, OWNERS) == ()
    fired = mark("fired", "created", "2026-03-09 10:00", rule="first")
    name = MAILS.then[0].name  # type: ignore[union-attr]
    for since in ("2026-03-09 09:30", "2026-03-09 10:00", "2026-03-09 10:20"):
        assert book.explain(state(fired, enrollment(name, since)), moment(NOW))[1].outcome == "fires"
        other = enrollment(f"{name} too", since)
        assert book.explain(state(fired, other), moment(NOW))[1].outcome == "blocked", (
            "that is somebody else's, beside it"
        )


# -- what was refused ----------------------------------------------------------------------------------------------


def test_nobody_is_called_who_has_refused_calls() -> None:
    verdict = judged(CALLS, state(lead(do_not_call=True)), NOW).verdict
    assert verdict.outcome == "blocked"
    assert (verdict.reasons[-1].path, verdict.reasons[-1].text) == ("guard.do_not_call", "has refused calls")
    for record in (lead(do_not_call=None), lead(hidden=["do_not_call"])):
        assert outcome(CALLS, state(record), NOW) == "fires", "that nobody knows is no refusal"
    assert outcome(WRITES, state(lead(do_not_call=True)), NOW) == "fires"


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({}, "call"),
        ({"prefers": "Phone"}, "call"),
        ({"prefers": "E-Mail"}, "email"),
        ({"prefers": "email", "opted_out": True}, "call"),
        ({"prefers": "phone", "do_not_call": True}, "email"),
        ({"prefers": "email", "hidden": ["opted_out"]}, "email"),
        ({"do_not_call": True, "opted_out": True}, None),
    ],
)
def test_a_preferred_task_goes_by_the_channel_that_is_liked_and_not_refused(fields: Any, channel: str | None) -> None:
    preferred = rule(then=(asking("preferred"),))
    (decision, plan) = planned([preferred], lead(**fields))
    assert [action.fields["type"] for action in plan.actions] == ([channel] if channel else [])
    if channel is None:
        assert decision.reasons[-1].text == "has refused calls and has opted out of mails"


def test_a_preferred_task_that_is_open_by_either_channel_is_not_made_again() -> None:
    preferred = rule(then=(asking("preferred"),))
    for type_ in ("call", "email"):
        assert outcome(preferred, state(ours(type_, "2026-03-20 10:00", "r")), NOW) == "blocked"
    assert outcome(preferred, state(ours("todo", "2026-03-20 10:00", "r")), NOW) == "fires"


# -- two rules in one pass -----------------------------------------------------------------------------------------


def planned(rules: list[Rule], record: Any, *more: Any, on: Team | None = None) -> tuple[Any, Plan]:
    """The first rule's verdict in `explain`, and the plan."""
    book = FileRulebook(ruleset(*rules, of=on))
    assert book.bind(schema(), OWNERS) == ()
    when = moment(NOW, *(adopted("2020-01-01 00:00", rule=each.id) for each in rules))
    of = state(record, *more)
    return book.explain(of, when)[0], book.plan(book.evaluate([of], when), when)


def named(name: str, action: RuleAction, line: int, **more: Any) -> Rule:
    return rule(id=name, then=(action,), place=Place("a.yaml", line, 1), **more)


def test_of_two_touches_in_one_pass_the_higher_priority_wins_and_the_other_stays_due() -> None:
    mail, ring = named("mail", enroll(), 1), named("ring", call_task(), 2, priority=5)
    verdict, plan = planned([mail, ring], lead(), on=A_DAY)
    assert [action.rule for action in plan.actions] == ["ring"]
    assert [(each.rule, each.kind) for each in plan.records[0].marks] == [("ring", "fired")]
    assert plan.records[0].next_at == at(NOW), "it is looked at again in the next pass, and waits for the gap"
    assert plan.notices == (f"{REF}: mail lost to ring over a touch inside the minimum gap",)
    assert verdict.outcome == "blocked"
    assert verdict.reasons[-1].text == "lost to ring over a touch inside the minimum gap"
    fired = Mark("ring", "created", "", at(NOW), "fired")
    assert planned([mail, ring], lead(), fired, on=A_DAY)[0].reasons[-1].path == "guard.min_gap"
    assert len(planned([mail, ring], lead())[1].actions) == 2, "without a gap both go"


def test_what_is_always_let_through_comes_first_and_counts() -> None:
    mail, ring = named("mail", enroll(), 1, priority=9), named("ring", call_task(), 2, contact="always")
    _, plan = planned([mail, ring], lead(), on=A_DAY)
    assert [action.rule for action in plan.actions] == ["ring"]
    both = [replace(mail, contact="always"), ring]
    assert len(planned(both, lead(), on=A_DAY)[1].actions) == 2


def test_the_week_leaves_room_for_so_many_rules_of_one_pass() -> None:
    rules = [named(f"r{line}", asking("call"), line) for line in range(1, 4)]
    _, plan = planned(rules, lead(), call("2026-03-09 09:00"), on=team(contact=ContactLimits(max_per_week=3)))
    assert [action.rule for action in plan.actions] == ["r1", "r2"]
    assert plan.notices == (f"{REF}: r3 lost to r2 over the last touch of the week",)


def test_several_actions_of_one_match_are_one_touch() -> None:
    both = rule(then=(enroll(), call_task()))
    _, plan = planned([both], lead(), on=team(contact=ContactLimits(span(1, "days"), 1)))
    assert [action.kind for action in plan.actions] == ["enroll", "task"]


# -- just before the write -----------------------------------------------------------------------------------------


def dropped(the_rule: Rule, position: int, *fresh: Any, on: Team = A_DAY) -> str | None:
    """Why an action that was decided on an untouched lead is dropped when it is read like this now."""
    book = FileRulebook(ruleset(the_rule, of=on))
    assert book.bind(schema(), OWNERS) == ()
    when = moment(NOW)
    action: PlannedAction = book.plan(book.evaluate([state()], when), when).actions[position]
    of: RecordState = state(*fresh, Mark("r", "created", "", at(NOW), "fired"))
    reason = book.recheck(action, of, moment("2026-03-10 10:05"))
    return reason.path if reason else None


def test_a_contact_made_meanwhile_or_a_refusal_drops_the_write() -> None:
    for the_rule in (CALLS, WRITES, MAILS):
        assert dropped(the_rule, 0) is None
        assert dropped(the_rule, 0, call("2026-03-10 10:02")) == "guard.min_gap"
        assert dropped(the_rule, 0, ours("call", "2026-03-10 12:00")) == "guard.min_gap"
    assert dropped(replace(CALLS, contact="always"), 0, call("2026-03-10 10:02")) is None
    assert dropped(CALLS, 0, lead(do_not_call=True)) == "guard.do_not_call"
    assert dropped(WRITES, 0, lead(do_not_call=True)) is None


def test_what_the_same_match_wrote_before_does_not_hold_back_the_rest_of_it() -> None:
    both = rule(then=(asking("email"), asking("call", subject=parse("Ring"))), place=PLACE)
    first = replace(ours("call", "2026-03-10 12:00"), key=action_key("r", REF, "created", 1))
    assert dropped(both, 0, first) is None
    assert dropped(both, 1, call("2026-03-10 10:02")) is None, "the first of them decided"


def test_of_several_limits_the_one_that_ends_last_holds_and_a_gap_begins_with_the_last_touch() -> None:
    both = team(contact=ContactLimits(min_gap=span(1, "days"), max_per_week=2))
    of = state(call("2026-03-06 15:00"), call("2026-03-09 15:00"))
    verdict = judged(CALLS, of, NOW, both).verdict
    assert (verdict.outcome, verdict.next_at) == ("blocked", at("2026-03-13 15:00"))
    assert judged(CALLS, of, NOW, A_DAY).verdict.next_at == at("2026-03-10 15:00")
