"""A step that is passed over begins the next one's wait, and that one comes at its hour although nothing else happens."""

from __future__ import annotations

from pathlib import Path

from tests.cases import CALL, Written

CADENCE = """\
cadences:
  - id: touches
    why: Three touches
    start: {created: true}
    stop: {replied: true}
    steps:
      - {after: 1 days, task: {type: call, subject: First}}
      - {after: 1 days, enroll: {in: welcome}}
      - {after: 1 days, task: {type: todo, subject: Third}}
"""


def test_the_step_after_a_refused_mail_comes_at_its_hour(tmp_path: Path) -> None:
    case = """
        - rule: touches
          lead: {created: "2026-03-02 10:00", opted_out: yes}
          expect:
            - {at: "2026-03-03 10:00", task: call}
            - {at: "2026-03-05 09:59", nothing: true}
            - {at: "2026-03-05 10:01", task: {type: todo, subject: third}}
    """
    assert Written(tmp_path, CALL, case, tail=CADENCE).played().passed


def test_so_does_the_step_after_one_whose_own_condition_does_not_hold(tmp_path: Path) -> None:
    case = """
        - rule: touches
          lead: {created: "2026-03-02 10:00", country: AT}
          expect:
            - {at: "2026-03-05 09:59", task: call}
            - {at: "2026-03-05 10:01", task: {type: todo, subject: third}}
    """
    cadence = CADENCE.replace("enroll: {in: welcome}", "note: Grüezi, if: {country: CH}")
    assert Written(tmp_path, CALL, case, tail=cadence).played().passed
