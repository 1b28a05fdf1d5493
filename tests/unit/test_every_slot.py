"""A time of the week is looked at then, and what becomes so in between waits for the next one."""

from __future__ import annotations

from pathlib import Path

from tests.cases import Written, did

FRIDAY = """\
- id: friday
  why: On Friday what stands still is looked at
  when: {every: friday 15:00}
  if: {age: {over: 7 days}}
  then: [{task: {type: todo, subject: Look, due: 1 business day}}]
  once: per occasion
"""


def test_what_becomes_so_after_friday_waits_for_the_next_one(tmp_path: Path) -> None:
    case = """
        - rule: friday
          lead: {created: "2026-03-04 09:00"}
          expect:
            - {at: "2026-03-13 14:59", nothing: true}
            - {at: "2026-03-13 15:00", task: todo}
    """
    played = Written(tmp_path, FRIDAY, case).played()
    assert played.passed, played.failures
    assert len(did(played)) == 1


def test_a_friday_that_was_passed_over_is_not_made_up_for_when_something_happens_later(tmp_path: Path) -> None:
    case = """
        - rule: friday
          lead: {created: "2026-03-04 09:00"}
          timeline:
            - {at: "2026-03-11 12:00", call: no_answer}
            - {at: "2026-03-12 12:00", status: working}
          expect:
            - {at: "2026-03-13 14:59", nothing: true}
    """
    assert Written(tmp_path, FRIDAY, case).played().passed
