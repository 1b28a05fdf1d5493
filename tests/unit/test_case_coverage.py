"""What the cases of a workspace cover: rules that never fired or were never stopped, conditions seen one way only."""

from __future__ import annotations

from pathlib import Path

from connector.domain.decision import Outcome, Reason, Verdict
from rules.cases.obstacle import obstacle, stops
from rules.cases.result import Covered, Side
from tests.cases import CALL, Written

LEAD = 'lead: {created: "2026-03-02 09:00"}'
FIRES = f'- rule: week-one-call\n  {LEAD}\n  expect: [{{at: "2026-03-09 09:00", task: call}}]\n'
STOPS = f"""\
- rule: week-one-call
  {LEAD}
  timeline: [{{at: "2026-03-03 10:00", call: connected}}]
  expect: [{{at: "2026-03-20 09:00", nothing: true}}]
"""


def _covered(folder: Path, tests: str, rules: str = CALL, head: str = "version: 1\n") -> Covered:
    return Written(folder, rules, tests, head=head).report().rules[0]


def test_a_rule_that_fired_only_was_never_stopped(tmp_path: Path) -> None:
    covered = _covered(tmp_path, FIRES)
    assert (covered.fired, covered.stopped, covered.guards) == (1, 0, True)
    assert covered.sides == (Side("unless.attempts", never=True),)


def test_a_rule_that_was_stopped_only_never_fired(tmp_path: Path) -> None:
    covered = _covered(tmp_path, STOPS)
    assert (covered.fired, covered.stopped) == (0, 1)
    assert covered.sides == (Side("unless.attempts", never=False),)


def test_both_ways_is_covered(tmp_path: Path) -> None:
    covered = _covered(tmp_path, FIRES + STOPS + FIRES)
    assert (covered.fired, covered.stopped, covered.sides) == (2, 1, ())


def test_conditions_count_only_once_the_rule_is_due(tmp_path: Path) -> None:
    early = f'- rule: week-one-call\n  {LEAD}\n  expect: [{{at: "2026-03-06 09:00", nothing: true}}]\n'
    covered = _covered(tmp_path, early)
    assert (covered.fired, covered.stopped) == (0, 0)
    assert {side.never for side in covered.sides} == {True, False}


def test_a_rule_without_conditions_cannot_be_stopped(tmp_path: Path) -> None:
    rules = "- {id: r, why: A note, when: {created: true}, then: [{note: seen}]}"
    assert not _covered(tmp_path, f'- {LEAD}\n  expect: [{{at: "2026-03-02 09:00", note: seen}}]\n', rules).guards


def test_what_a_file_shares_is_covered_by_any_of_its_rules(tmp_path: Path) -> None:
    head = "version: 1\ndefaults: {unless: {any: [{status: lost}, {opted_out: true}]}}\n"
    rules = CALL + "  - {id: r, why: A note, when: {created: true}, then: [{note: seen}]}\n"
    lost = '- rule: r\n  lead: {created: "2026-03-02 09:00", status: lost}\n'
    lost += '  expect: [{at: "2026-03-02 09:00", nothing: true}]\n'
    report = Written(tmp_path, rules, FIRES + lost, head=head).report()
    [shared] = report.shared
    assert (shared.name, shared.file, shared.rules) == (
        "defaults of rules/a.yaml",
        "rules/a.yaml",
        {"week-one-call", "r"},
    )
    assert shared.sides == (Side("defaults.unless.any.1.opted_out", never=True),)
    assert all(not side.path.startswith("defaults") for rule in report.rules for side in rule.sides)


def test_what_stops_a_cadence_is_covered_by_any_of_its_steps(tmp_path: Path) -> None:
    tail = """\
cadences:
  - id: inbound
    why: Several touches
    start: {created: true}
    stop: {replied: true}
    steps:
      - {after: 1 hour, note: first}
      - {after: 1 hour, note: second, unless: {status: working}}
"""
    through = (
        '- rule: inbound\n  lead: {created: "2026-03-02 09:00"}\n  expect: [{at: "2026-03-02 11:00", note: second}]\n'
    )
    report = Written(tmp_path, CALL, through, tail=tail).report()
    assert not report.failed
    [shared] = report.shared
    assert (shared.name, shared.sides) == ("cadence inbound", (Side("stop.replied", never=True),))
    second = next(rule for rule in report.rules if rule.rule == "inbound/2")
    assert [side.never for side in second.sides] == [True]
    stopped = through.replace(
        "  expect: [", '  timeline: [{at: "2026-03-02 10:30", email_received: true}]\n  expect: ['
    )
    stopped = stopped.replace("note: second", "note: first")
    assert Written(tmp_path, CALL, through + stopped, tail=tail).report().shared == []


# -- the first condition in the way ----------------------------------------------------------------------------------


def _verdict(outcome: Outcome, *reasons: Reason) -> Verdict:
    return Verdict("r", "rules/a.yaml", 3, outcome, reasons)


def test_what_stands_in_the_way_is_what_is_wanted_and_missing_or_not_wanted_and_there() -> None:
    fine = [Reason("if.status", True, ""), Reason("unless.replied", False, ""), Reason("if.not.status", False, "")]
    assert [stops(reason) for reason in fine] == [False, False, False]
    bad = [Reason("if.status", False, ""), Reason("if.score", None, ""), Reason("unless.replied", True, "")]
    bad += [Reason("unless.opted_out", None, ""), Reason("if.not.status", True, ""), Reason("guard.min_gap", True, "")]
    assert [stops(reason) for reason in bad] == [True] * 6
    assert obstacle(_verdict("blocked", *fine, bad[2], bad[0])) is bad[2]


def test_without_a_condition_it_is_the_trigger_the_wait_or_the_once() -> None:
    when, wait, once = Reason("when.created", True, ""), Reason("wait", False, ""), Reason("once", False, "")
    assert obstacle(_verdict("no", when)) is when
    assert obstacle(_verdict("waits", when, wait)) is wait
    assert obstacle(_verdict("waits", when)) is when
    assert obstacle(_verdict("done", when, once)) is once
    assert obstacle(_verdict("fires", when)) is None
