"""Rules that are written correctly and can still never act are told like any other mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.loader import load_rules


def lint(folder: Path, conditions: str) -> list[str]:
    (folder / "rules").mkdir()
    rule = f"id: a, why: x, when: {{created: true}}, then: [{{note: x}}], {conditions}"
    (folder / "rules" / "a.yaml").write_text(f"version: 1\nrules:\n  - {{{rule}}}\n")
    loaded = load_rules(folder)
    assert [rule.id for rule in loaded.ruleset.rules] == ([] if loaded.problems else ["a"])
    assert all((problem.file, problem.line, problem.rule) == ("rules/a.yaml", 3, "a") for problem in loaded.problems)
    return [problem.message for problem in loaded.problems]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("if: {status: New}, unless: {status: [new, old]}", "`if.status` asks for what `unless.status` stops on"),
        ("if: {quiet: 7 days, size: 1}, unless: {any: [{quiet: 7 days}, {size: 3}]}", "`if.quiet` asks for what "
         "`unless.any.0.quiet` stops on"),
        ("if: {not: {score: {over: 5}}}, unless: {not: {score: {over: 5}}}", "`if.not` asks for what `unless.not` stops on"),
        ("if: {score: {over: 60, up_to: 60}}", "no `score` is over 60 and at_most 60"),
        ("if: {created: {after: 2026-03-02, before: 2026-03-01}}", "no `created` is after 2026-03-02 and before 2026-03-01"),
        ("if: {age: {over: 10 days, up_to: 3 days}}", "nothing is over 10 days and up to 3 days"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_act_is_pointed_out(tmp_path: Path, conditions: str, message: str) -> None:
    assert lint(tmp_path, conditions) == [f"{message}: this rule can never act"]


@pytest.mark.parametrize(
    "conditions",
    [
        "if: {status: [new, old]}, unless: {status: new}",
        "if: {status: new}, unless: {status: new, size: 1}",
        "if: {any: [{status: new}, {size: 1}]}, unless: {status: new}",
        "if: {score: {at_least: 60, at_most: 60}}",
        "if: {age: {over: 3 days, up_to: 1 month}}",
        "if: {attempts: {at_least: 1}}, unless: {attempts: {at_least: 1, type: call}}",
    ],
)
def test_a_rule_that_can_act_is_left_alone(tmp_path: Path, conditions: str) -> None:
    assert lint(tmp_path, conditions) == []
