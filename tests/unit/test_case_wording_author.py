"""What a failed case tells its author about texts that a timeline has no room for."""

from __future__ import annotations

from pathlib import Path

from tests.cases import Written, only_failure

TASK = """\
- id: r
  why: A rule
  when: {created: true}
  then: [{task: {type: call, subject: Call, body: "Ask when they decide", priority: high}}]
"""
HANDED = """\
- id: r
  why: A rule
  when: {created: true}
  then: [{reassign: {to: ben, note: "Speaks German"}}]
  once: per lead
"""
LEAD = '- rule: r\n  lead: {created: "2026-03-02 09:00", owner: ana}\n'


def _failed(folder: Path, rules: str, wanted: str) -> tuple[str, str]:
    tests = f'{LEAD}  expect: [{{at: "2026-03-02 09:00", {wanted}}}]'
    failure = only_failure(Written(folder, rules, tests).played())
    return failure.check.text, failure.instead[0].text


def test_a_body_that_differs_is_told_with_what_was_expected(tmp_path: Path) -> None:
    wanted, did = _failed(tmp_path, TASK, "task: {body: budget}")
    assert wanted == 'task body "budget"'
    assert 'body "Ask when they decide' in did


def test_a_priority_that_differs_is_told(tmp_path: Path) -> None:
    wanted, did = _failed(tmp_path, TASK, "task: {type: call, priority: low}")
    assert wanted == 'task call priority "low"'
    assert did.endswith('priority "high"')


def test_a_hand_over_note_that_differs_is_told(tmp_path: Path) -> None:
    wanted, did = _failed(tmp_path, HANDED, "reassign: {to: ben, note: French}")
    assert wanted == 'reassign to ben note "French"'
    assert did.endswith('note "Speaks German"')


def test_what_was_not_asked_for_is_left_out(tmp_path: Path) -> None:
    _, did = _failed(tmp_path, TASK, "task: {to: eva}")
    assert "body" not in did
