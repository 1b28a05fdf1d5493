"""A cadence: each step waits from the one before it, is passed over where it may not be, and stops for good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connector.domain.decision import Decision, Moment
from connector.domain.model import Mark, RecordState
from rules.judge import Judgement
from rules.model import Created, Once, Replied, RepliedTest, Rule, SinceTest, Step, StepDone
from rules.rulebook import FileRulebook
from tests import builders
from tests.builders import (
    OWNERS,
    PLACE,
    adopted,
    at,
    call_task,
    email,
    enroll,
    field_is,
    lead,
    mark,
    moment,
    rule,
    ruleset,
    schema,
    span,
    state,
)

ANSWERED = RepliedTest(True, "created", "stop.replied", PLACE)
STEPS = 3


def step(number: int, **more: Any) -> Rule:
    """Step `number` of the cadence `in`: a call an hour after creation, then one on every next day."""
    own = {name: more.pop(name) for name in ("step_if", "step_unless") if name in more}
    stop = more.pop("stop", ANSWERED)
    first = number == 1
    return rule(
        Created() if first else StepDone(f"in/{number - 1}"),
        **{
            "id": f"in/{number}",
            "wait": span(1, "hours") if first else span(1, "days"),
            "once": Once("occasion"),
            "step": Step("in", number, STEPS, stop, own.get("step_if"), own.get("step_unless")),
            **more,
        },
    )


def done(number: int, when: str, occasion: str = "created", kind: Any = "fired") -> Mark:
    name = occasion if number == 1 else f"step@{occasion}"
    return mark(kind, name, when, scope=name, rule=f"in/{number}")


def judged(the_rule: Rule, of: RecordState, now: str | Moment) -> Judgement:
    """What a step says that had been adopted long before, unless the moment says otherwise."""
    known = moment(now, adopted("2020-01-01 00:00", rule=the_rule.id)) if isinstance(now, str) else now
    return builders.judged(the_rule, of, known)


def said(the_rule: Rule, of: RecordState, now: str) -> tuple[str, str | None]:
    """The outcome and the next instant."""
    verdict = judged(the_rule, of, now).verdict
    return verdict.outcome, None if verdict.next_at is None else f"{verdict.next_at:%Y-%m-%d %H:%M:%S}"


def test_a_step_waits_from_the_one_before_it() -> None:
    assert said(step(1), state(), "2026-03-02 09:30") == ("waits", "2026-03-02 10:00:00")
    assert said(step(1), state(), "2026-03-02 10:00") == ("fires", "2026-03-02 10:00:01")
    assert said(step(2), state(), "2026-03-02 10:00") == ("no", None)
    begun = state(done(1, "2026-03-02 10:05"))
    assert said(step(2), begun, "2026-03-02 12:00") == ("waits", "2026-03-03 10:05:00")
    found = judged(step(2), begun, "2026-03-03 10:05")
    assert found.match is not None
    assert (found.match.occasion, found.match.scope) == ("step@created", "step@created")
    assert said(step(3), begun, "2026-03-10 10:05") == ("no", None)
    further = state(done(1, "2026-03-02 10:05"), done(2, "2026-03-03 10:05"))
    assert said(step(2), further, "2026-03-03 12:00")[0] == "done"
    assert said(step(3), further, "2026-03-04 10:05") == ("fires", None)


def test_a_step_says_what_it_waits_for() -> None:
    def text(of: RecordState) -> str:
        return judged(step(3), of, "2026-03-10 10:05").verdict.reasons[0].text

    assert text(state()) == "in has not begun"
    assert text(state(done(1, "2026-03-02 10:05"))) == "step 2 of in has not been carried out yet"
    held = state(done(1, "2026-03-02 10:05"), done(2, "2026-03-03 10:05", kind="held"))
    assert text(held) == "step 2 of in is held back"
    lost = state(done(1, "2026-03-02 10:05"), done(2, "2026-03-03 10:05", kind="lost"))
    assert text(lost) == "step 2 of in lost to another rule on 2026-03-03 10:05"


def test_what_stops_a_cadence_stops_it_for_good() -> None:
    begun = (done(1, "2026-03-02 10:05"),)
    answered = state(*begun, email("2026-03-02 15:00", None))
    found = judged(step(2), answered, "2026-03-02 16:00")
    assert [(each.kind, each.occasion) for each in found.marks] == [("stopped", "step@created")]
    assert found.verdict.outcome == "done"
    told = "the cadence was stopped: 1 reply since created on 2026-03-02 09:00"
    assert found.verdict.reasons[-1].text == told
    # The reply is gone again, and the cadence stays stopped.
    later = state(*begun, *found.marks)
    assert said(step(2), later, "2026-03-09 10:00") == ("done", None)
    assert judged(step(2), later, "2026-03-09 10:00").verdict.reasons[-1].text == (
        "the cadence was stopped on 2026-03-02 16:00"
    )
    assert judged(step(3), later, "2026-03-09 10:00").verdict.reasons[0].text == "in was stopped"


def test_a_cadence_is_stopped_before_its_first_step_too() -> None:
    answered = state(email("2026-03-02 09:15", None))
    found = judged(step(1), answered, "2026-03-02 09:30")
    assert [each.kind for each in found.marks] == ["stopped"]
    assert said(step(2), state(*found.marks), "2026-03-04 09:30") == ("no", None)


def test_a_stop_that_nobody_can_see_holds_the_step_up_and_ends_nothing() -> None:
    stop = field_is("status", "Qualified", path="stop.status")
    found = judged(step(2, stop=stop), state(lead(hidden=["status"]), done(1, "2026-03-02 10:00")), "2026-03-04 10:00")
    assert (found.verdict.outcome, found.marks) == ("blocked", ())


def test_a_step_whose_own_condition_does_not_hold_is_passed_over_and_the_next_waits_from_then() -> None:
    own = step(2, step_if=field_is("country", "DE"))
    french = (lead(country="FR"), done(1, "2026-03-02 10:00"))
    assert said(own, state(*french), "2026-03-02 12:00")[0] == "waits"
    found = judged(own, state(*french), "2026-03-03 17:00")
    assert found.verdict.outcome == "done"
    assert found.verdict.reasons[-1].text == "the step is passed over: country is FR, not DE"
    assert [(each.kind, each.at) for each in found.marks] == [("skipped", at("2026-03-03 10:00"))]
    after = state(*french, *found.marks)
    assert said(own, after, "2026-03-03 18:00") == ("done", None)
    assert said(step(3), after, "2026-03-03 18:00") == ("waits", "2026-03-04 10:00:00")
    barred = step(2, step_unless=field_is("country", "FR", path="unless.country"))
    assert [each.kind for each in judged(barred, state(*french), "2026-03-03 17:00").marks] == ["skipped"]


def test_the_cadences_own_condition_blocks_and_passes_nothing_over() -> None:
    wanted = step(2, if_=field_is("country", "DE"))
    found = judged(wanted, state(lead(country="FR"), done(1, "2026-03-02 10:00")), "2026-03-04 10:00")
    assert (found.verdict.outcome, found.marks) == ("blocked", ())


def test_a_mail_that_is_refused_is_passed_over() -> None:
    mail = step(2, then=(enroll(),))
    for refused in (lead(opted_out=True), lead(hidden=["opted_out"])):
        found = judged(mail, state(refused, done(1, "2026-03-02 10:00")), "2026-03-03 10:00")
        assert [each.kind for each in found.marks] == ["skipped"]
    assert said(mail, state(done(1, "2026-03-02 10:00")), "2026-03-03 10:00")[0] == "fires"
    alone = judged(rule(then=(enroll(),)), state(lead(opted_out=True)), "2026-03-03 10:00")
    assert (alone.verdict.outcome, alone.marks) == ("blocked", ()), "a rule that is no step waits for news"


def test_a_cadence_that_begins_again_begins_with_its_first_step() -> None:
    first = step(1)
    again = replace(first, when=Replied(), step=replace(first.step, stop=None))  # type: ignore[type-var]
    second = step(2, stop=None)
    mails = (email("2026-03-03 09:00", None, id="m1"), email("2026-03-09 09:00", None, id="m2"))
    run = (done(1, "2026-03-03 10:00", "reply@m1"), done(2, "2026-03-04 10:00", "reply@m1"))
    assert said(again, state(*mails, *run), "2026-03-09 10:00")[0] == "fires"
    begun = state(*mails, *run, done(1, "2026-03-09 10:00", "reply@m2"))
    assert said(second, begun, "2026-03-09 12:00") == ("waits", "2026-03-10 10:00:00")
    assert said(step(3, stop=None), begun, "2026-03-09 12:00") == ("no", None), "the old run is over"


def test_once_per_lead_lets_a_cadence_run_but_once() -> None:
    second = step(2, stop=None, once=Once("lead"))
    run = (
        mark("fired", "step@a", "2026-03-03 10:00", rule="in/2"),
        mark("fired", "b", "2026-03-09 10:00", rule="in/1"),
    )
    assert said(second, state(*run), "2026-03-12 10:00")[0] == "done"
    passed = (replace(run[0], kind="skipped"), run[1])
    assert said(second, state(*passed), "2026-03-12 10:00")[0] == "fires", "a step that was passed over uses up nothing"


def test_a_cadence_new_to_the_workspace_does_not_begin_for_old_leads() -> None:
    new = moment("2026-03-12 09:00", adopted("2026-03-12 09:00", baselined=False, rule="in/1"))
    found = judged(step(1), state(), new)
    assert [each.kind for each in found.marks] == ["baseline"]
    verdict = judged(step(2), state(*found.marks), "2026-03-20 09:00").verdict
    assert (verdict.outcome, verdict.reasons[0].text) == ("no", "in has not begun")


def test_a_step_that_is_new_in_a_running_cadence_takes_what_is_long_due_as_baseline() -> None:
    new = moment("2026-03-12 09:00", adopted("2026-03-12 09:00", baselined=False, rule="in/2"))
    assert judged(step(2), state(done(1, "2026-03-02 10:00")), new).verdict.outcome == "baseline"
    assert judged(step(2), state(done(1, "2026-03-12 08:00")), new).verdict.outcome == "waits"


# -- a whole cadence -----------------------------------------------------------------------------------------------


def _decide(book: FileRulebook, of: RecordState, now: str) -> Decision:
    known = [adopted("2020-01-01 00:00", rule=f"in/{number}") for number in range(1, STEPS + 1)]
    (decision,) = book.evaluate([of], moment(now, *known))
    return decision


def test_steps_that_are_passed_over_pass_the_turn_on_in_the_same_pass() -> None:
    rules = (step(1), step(2, step_if=field_is("country", "DE")), step(3, then=(call_task(),)))
    for engine in ("plain", "auto"):
        book = FileRulebook(ruleset(*rules), engine=engine)
        assert book.bind(schema(), OWNERS) == ()
        of = state(lead(country="FR"), done(1, "2026-03-02 10:00"))
        decision = _decide(book, of, "2026-03-05 10:00")
        assert [(each.rule, each.kind) for each in decision.marks] == [("in/2", "skipped")]
        assert [match.rule for match in decision.matches] == ["in/3"]
        assert decision.alarms == ()


def test_stop_ends_a_cadence_wherever_it_is_and_only_there() -> None:
    book = FileRulebook(ruleset(*(step(number) for number in range(1, STEPS + 1))))
    of = state(email("2026-03-05 09:00", None), done(1, "2026-03-02 10:00"), done(2, "2026-03-03 10:00"))
    decision = _decide(book, of, "2026-03-05 09:30")
    assert [(each.rule, each.kind) for each in decision.marks] == [("in/3", "stopped")]
    assert (decision.matches, decision.next_at) == ((), None)


def test_a_step_that_is_passed_over_has_the_record_looked_at_again_at_once() -> None:
    begun = state(lead(status="Interested"), done(1, "2026-03-02 10:05"))
    where = step(2, step_if=field_is("status", "Working - Contacted"))
    assert said(where, begun, "2026-03-03 12:00") == ("done", "2026-03-03 12:00:01")
    last = replace(where, step=replace(where.step, of=2))
    assert said(last, begun, "2026-03-03 12:00") == ("done", None)


def test_a_call_that_was_refused_is_passed_over() -> None:
    refused = state(lead(do_not_call=True), done(1, "2026-03-02 10:05"))
    found = judged(step(2), refused, "2026-03-03 12:00")
    assert [(each.kind, each.at) for each in found.marks] == [("skipped", at("2026-03-03 10:05"))]
    assert found.verdict.reasons[-1].text == "the step is passed over: has refused calls"


def test_a_cadence_that_time_stops_is_looked_at_when_it_does() -> None:
    three_days_old = SinceTest("age", span(3, "days"), None, "stop.created", PLACE)
    begun = state(done(1, "2026-03-02 10:05"))
    assert (
        said(step(2, stop=three_days_old, wait=span(9, "days")), begun, "2026-03-03 12:00")[1] == "2026-03-05 09:00:00"
    )


def test_a_stop_is_stronger_than_whatever_else_a_step_was_marked_with() -> None:
    marks = (done(1, "2026-03-02 10:05"), done(1, "2026-03-02 10:06", kind="stopped"))
    assert said(step(2), state(*marks), "2026-03-10 10:00") == ("no", None)
    assert (
        judged(step(1), state(*marks), "2026-03-10 10:00")
        .verdict.reasons[-1]
        .text.startswith("the cadence was stopped")
    )
