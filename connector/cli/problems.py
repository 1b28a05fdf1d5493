"""What is wrong in a workspace's files, as a line for people and as a row of a document."""

from __future__ import annotations

from dataclasses import replace

from connector.domain.errors import Problem
from rules.checks.catalogue import catalogue


def problem_line(problem: Problem) -> str:
    """`file:line:column: message`, then the cure and the code; the rule has its name, for the place may be in `defaults`."""
    message = problem.message
    if problem.rule:
        message = message.replace("this rule", f"the rule `{problem.rule}`", 1)
    cure = f". {problem.cure[:1].upper()}{problem.cure[1:]}" if problem.cure else ""
    marks = [problem.code] if problem.code else []
    marks += ["warning"] if problem.level == "warning" else []
    return f"{replace(problem, message=message)}{cure}" + (f" [{' '.join(marks)}]" if marks else "")


def problem_row(problem: Problem) -> dict[str, object]:
    """A problem as `check --json` and `test --json` print it."""
    known = catalogue().get(problem.code)
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "rule": problem.rule,
        "code": problem.code,
        "level": problem.level,
        "cure": problem.cure or (known.cure if known is not None else ""),
    }
