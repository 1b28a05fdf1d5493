"""What a case is judged by: whose rule, which instant, which words; and what is covered by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector.domain.decision import Decision, PlannedAction, Reason, Verdict
from rules.basics import Place
from rules.cases.coverage import Coverage
from rules.cases.expected import Deed, deed_of, meets, of_rule
from rules.cases.model import Check
from rules.cases.obstacle import obstacle
from rules.cases.result import Side
from rules.rulebook import FileRulebook
from tests.builders import REF, at, field_is, rule, state
from tests.cases import Written, only_failure, wrong

NOW = at("2026-03-09 08:00")
CASE = '- rule: week-one-call\n  lead: {{created: "2026-03-02 09:00"}}\n  expect: [{{at: "2026-03-09 09:00", {}}}]\n'


def done(**fields: str) -> Deed:
    action = PlannedAction("r.1", "r", REF, "task", {"type": "call", "due": NOW, **fields}, {}, "why", "o", 0)
    return deed_of(action, NOW, ZoneInfo("UTC"))


def test_a_rule_is_itself_or_a_step_of_the_cadence_that_is_meant_and_no_namesake() -> None:
    assert of_rule("call", "call")
    assert of_rule("call/2", "call")
    assert not of_rule("call-again", "call")


def test_an_owner_is_named_in_full_and_a_text_in_part_and_a_due_instant_to_the_minute() -> None:
    place, deed = Place("a.yaml", 1, 1), done(owner="ana", subject="Call Pat Prospect")

    def expected(**fields: object) -> bool:
        return meets(Check("action", "", place, "task", fields), deed)  # type: ignore[arg-type]

    assert expected(owner="Ana", subject="call pat", due=NOW)
    assert not expected(owner="an")
    assert not expected(due=at("2026-03-09 08:01"))


def test_a_case_fails_when_the_two_evaluators_do_not_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = FileRulebook.evaluate

    def at_odds(self: FileRulebook, *given: object) -> list[Decision]:
        found = evaluate(self, *given)  # type: ignore[arg-type]
        return [replace(each, alarms=("odd",)) for each in found]

    monkeypatch.setattr(FileRulebook, "evaluate", at_odds)
    played = Written(tmp_path, tests=CASE.format("task: call")).played()
    assert {failure.problem for failure in played.failures} == {"odd"}


def test_what_happens_after_the_last_expectation_is_not_played(tmp_path: Path) -> None:
    late = CASE.format("task: call").replace(
        "  expect", '  timeline: [{at: "2026-03-10 09:00", offer: accept}]\n  expect'
    )
    assert Written(tmp_path, tests=late).played().passed
    early = late.replace("2026-03-10 09:00", "2026-03-06 09:00")
    assert only_failure(Written(tmp_path, tests=early).played()).problem


def test_one_failed_expectation_leaves_the_others_alone(tmp_path: Path) -> None:
    two = CASE.format("task: call, note: x")
    assert wrong(Written(tmp_path, tests=two).played()) == ['note "x"']


def test_of_several_conditions_the_one_that_none_could_stand_in_for_is_in_the_way() -> None:
    either, alone = Reason("if.any.0.status", False, ""), Reason("if.country", False, "")
    assert obstacle(Verdict("r", "a.yaml", 3, "blocked", (either, alone))) is alone
    assert obstacle(Verdict("r", "a.yaml", 3, "blocked", (either,))) is either


def test_a_condition_counts_once_its_rule_is_due_and_cases_are_told_apart_when_counts_are_joined() -> None:
    first, second = (Coverage([rule(if_=field_is("country", "DE"))]) for _ in range(2))
    early = Verdict("r", "a.yaml", 3, "waits", (Reason("if.country", True, ""),))
    first.see(Decision(state(), (), (), None, (early,)))
    [covered] = first.rules()
    assert covered.sides == (Side("if.country", never=True), Side("if.country", never=False))
    first.fired("r")
    first.next_case()
    second.fired("r")
    second.next_case()
    first.add(second)
    assert first.rules()[0].fired == 2
