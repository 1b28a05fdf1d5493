"""What `check` says of files that are nearly right: which rule is meant, and that cases stop no rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli.main import cli
from rules.loader import load_rules

DEFAULTS = """\
version: 1
defaults: {unless: {status: do_not_contact}}
rules:
  - {id: flat-no, why: A no is final, when: {becomes: {status: do_not_contact}}, then: [{note: Never again}]}
"""


def test_a_finding_in_the_defaults_names_the_rule(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(DEFAULTS)
    told = CliRunner().invoke(cli, ["check", "--workspace", str(tmp_path)]).stdout
    assert told.startswith("rules/a.yaml:2:")
    assert "the rule `flat-no` acts only after" in told


@pytest.mark.parametrize("written", ["tests:", "tests: no", "tests: {rule: flat-no}"])
def test_tests_that_are_no_list_are_a_mistake_and_stop_no_rule(tmp_path: Path, written: str) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(f"{DEFAULTS}{written}\n")
    loaded = load_rules(tmp_path)
    assert [rule.id for rule in loaded.ruleset.rules] == ["flat-no"]
    [problem] = loaded.problems
    assert (problem.line, problem.rule) == (5, None)
    assert "a list is expected" in problem.message
    assert "mended" not in problem.message
