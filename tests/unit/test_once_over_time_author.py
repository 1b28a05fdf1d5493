"""What happens while `once` is used up is over with when it no longer is; what lasts is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases import Written, did

LEAD = 'lead: {created: "2026-03-02 09:00", owner: ana}'


def _rule(when: str, once: str, more: str = "") -> str:
    return f"- id: r\n  why: A rule\n  when: {when}\n  then: [{{note: seen}}]\n  once: {once}\n{more}"


def _played(folder: Path, rules: str, events: str, until: str) -> list[str]:
    tests = f'- rule: r\n  {LEAD}\n  timeline: [{events}]\n  expect: [{{at: "{until}", note: seen}}]'
    return did(Written(folder, rules, tests).played())


STATUS = '{{at: "2026-03-{0:02d} 10:00", status: {1}}}'


def test_a_status_taken_again_within_the_period_is_not_answered_when_the_period_is_over(tmp_path: Path) -> None:
    events = ", ".join(STATUS.format(*each) for each in ((3, "interested"), (10, "working"), (11, "interested")))
    assert _played(tmp_path, _rule("{becomes: {status: interested}}", "per 30 days"), events, "2026-08-01 09:00") == [
        'note "seen"'
    ]


def test_a_status_taken_again_after_the_period_is_answered(tmp_path: Path) -> None:
    events = ", ".join(STATUS.format(*each) for each in ((3, "interested"), (10, "working"), (20, "interested")))
    rules = _rule("{becomes: {status: interested}}", "per 14 days")
    assert _played(tmp_path, rules, events, "2026-08-01 09:00") == ['note "seen"'] * 2


@pytest.mark.parametrize(
    ("once", "change"), [("per owner", "owner: ben"), ("per status", "status: working")], ids=["owner", "status"]
)
def test_a_call_to_the_last_owner_or_in_the_last_status_is_not_new_to_the_next(
    tmp_path: Path, once: str, change: str
) -> None:
    events = (
        '{at: "2026-03-03 10:00", call: no_answer}, {at: "2026-03-04 10:00", call: no_answer},'
        f'{{at: "2026-03-09 10:00", {change}}}'
    )
    rules = _rule("{activity: {type: call}}", once)
    assert _played(tmp_path, rules, events, "2026-08-01 09:00") == ['note "seen"']
    again = f'{events}, {{at: "2026-03-10 10:00", call: no_answer}}'
    assert _played(tmp_path, rules, again, "2026-08-01 09:00") == ['note "seen"'] * 2


def test_a_wait_that_ends_while_once_is_used_up_ends_for_good(tmp_path: Path) -> None:
    events = (
        '{at: "2026-03-03 10:00", call: no_answer}, {at: "2026-03-05 10:00", call: no_answer},'
        '{at: "2026-03-20 10:00", owner: ben}'
    )
    rules = _rule("{activity: {type: call}}", "per owner", "  wait: 1 day\n")
    assert _played(tmp_path, rules, events, "2026-08-01 09:00") == ['note "seen"']


def test_a_silence_that_lasts_is_told_again_when_the_period_is_over(tmp_path: Path) -> None:
    events = '{at: "2026-03-06 10:00", call: no_answer}'
    rules = _rule("{quiet: 2 days}", "per 30 days")
    assert _played(tmp_path, rules, events, "2026-08-01 09:00") == ['note "seen"'] * 2


def _cadence(folder: Path, start: str, more: str, events: str) -> list[str]:
    cadence = (
        f"cadences:\n  - id: two\n    why: A cadence\n    start: {start}\n    {more}\n"
        "    steps: [{note: first}, {after: 3 days, note: second}]\n"
    )
    case = f'- rule: two\n  {LEAD}\n  timeline: [{events}]\n  expect: [{{at: "2026-03-20 10:00", nothing: true}}]'
    unheard = _rule("{becomes: {rating: hot}}", "per lead")
    return did(Written(folder, unheard, case, tail=cadence).played())


def test_a_second_beginning_within_the_period_neither_starts_nor_disturbs_a_cadence(tmp_path: Path) -> None:
    events = ", ".join(STATUS.format(*each) for each in ((3, "working"), (4, "new"), (5, "working")))
    assert _cadence(tmp_path, "{becomes: {status: working}}", "once: per 10 days", events) == [
        'note "first"',
        'note "second"',
    ]


def test_a_cadence_whose_time_of_the_week_was_passed_over_has_not_begun(tmp_path: Path) -> None:
    events = STATUS.format(17, "working")
    assert _cadence(tmp_path, "{every: monday 09:00}", "if: {status: working}", events) == []
