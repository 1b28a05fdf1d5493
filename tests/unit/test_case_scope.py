"""Which rules act in a case: those of its file, so that a file's cases pass wherever the file is used, or all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases import Written

OTHER = """\
version: 1
rules:
  - id: brings-in
    why: A new lead is interested
    when: {created: true}
    then: [{set: {status: interested}}]
    once: per lead
"""
RULE = """\
- id: answers
  why: Only what is new is called
  when: {created: true}
  wait: 1 days
  if: {status: new}
  then: [{task: {type: call, subject: Call}}]
  once: per lead
"""


@pytest.mark.parametrize(
    ("words", "expected"), [("", "task: call"), ("with: file", "task: call"), ("with: all", "nothing: true")]
)
def test_a_case_has_the_rules_of_its_file_unless_it_asks_for_all(tmp_path: Path, words: str, expected: str) -> None:
    case = f"""
        - rule: answers
          lead: {{created: "2026-03-02 09:00"}}
          {words}
          expect: [{{at: "2026-03-04 09:00", {expected}}}]
    """
    assert Written(tmp_path, RULE, case, others={"rules/b.yaml": OTHER}).played().passed


def test_a_case_about_a_rule_of_another_file_has_that_files_rules_as_well(tmp_path: Path) -> None:
    case = """
        - rule: brings-in
          lead: {created: "2026-03-02 09:00"}
          expect: [{at: "2026-03-04 09:00", set: {status: interested}}]
    """
    assert Written(tmp_path, RULE, case, others={"rules/b.yaml": OTHER}).played().passed


def test_a_file_of_cases_alone_is_about_all_rules(tmp_path: Path) -> None:
    alone = 'version: 1\ntests:\n  - lead: {created: "2026-03-02 09:00"}\n'
    alone += '    expect: [{at: "2026-03-04 09:00", set: {status: interested}}]\n'
    report = Written(tmp_path, RULE, "[]", others={"rules/b.yaml": OTHER, "rules/c.yaml": alone}).report()
    assert [played.passed for played in report.cases] == [True]
