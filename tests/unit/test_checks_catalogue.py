"""Every finding of `check` by its examples: the bad one gives exactly its code, the good one nothing at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.bootstrap import findings, load_workspace
from connector.domain.errors import Problem
from rules.checks.catalogue import catalogue, files, workspace


def found(folder: Path, example: str) -> tuple[Problem, ...]:
    for name, text in {**files(workspace()), **files(example)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        head = "version: 1\n" if text.startswith("rules:") else ""
        (folder / name).write_text(head + text, encoding="utf-8")
    loaded = load_workspace(folder)
    return (*loaded.problems, *findings(loaded))


@pytest.mark.parametrize("code", catalogue())
def test_the_bad_example_gives_exactly_its_code(tmp_path: Path, code: str) -> None:
    entry = catalogue()[code]
    problems = found(tmp_path, entry.bad)
    assert {(problem.code, problem.level) for problem in problems} == {(code, entry.level)}
    assert all(problem.line > 0 and problem.cure for problem in problems)


@pytest.mark.parametrize("code", catalogue())
def test_the_good_example_gives_nothing(tmp_path: Path, code: str) -> None:
    assert [str(problem) for problem in found(tmp_path, catalogue()[code].good)] == []
