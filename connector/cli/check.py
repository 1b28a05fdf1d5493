"""`followup check`: the rule files, offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from connector.bootstrap import findings, load_workspace
from connector.cli.options import json_option, print_json, workspace_option
from connector.cli.problems import problem_line, problem_row
from connector.domain.errors import ConfigError, Problem
from rules.cases.reader import read_cases
from rules.checks.catalogue import Entry, catalogue


@click.command("check", epilog="Example: followup check --workspace my-team --strict")
@click.option("--strict", is_flag=True, help="Warnings, too, make it end with 2.")
@click.option("--explain", "code", metavar="CODE", help="Tell what a code such as F401 means, with examples, and end.")
@workspace_option
@json_option
def command(strict: bool, code: str | None, workspace: Path | None, as_json: bool) -> int:
    """Check followup.yaml, team.yaml and rules/*.yaml without a CRM: every mistake as file:line:column: message.

    Besides mistakes of writing, those in the cases under `tests:` included, it tells rules that can never act, that contradict
    each other, that start themselves again, and leads that no rule looks after. docs/checks.md lists all of it by its code.
    """
    if code is not None:
        return _explain(code, as_json)
    loaded = load_workspace(workspace)
    rules = loaded.loaded.ruleset.rules
    found = (*loaded.problems, *read_cases(loaded.loaded).problems, *findings(loaded))
    problems = sorted(found, key=lambda problem: (problem.file, problem.line, problem.column))
    if as_json:
        print_json({"rules": len(rules), "problems": [problem_row(problem) for problem in problems]})
    else:
        for problem in problems:
            click.echo(problem_line(problem))
        click.echo(_summary(len(rules), problems), err=True)
    return 2 if any(strict or problem.level == "error" for problem in problems) else 0


def _summary(rules: int, problems: Sequence[Problem]) -> str:
    warnings = sum(problem.level == "warning" for problem in problems)
    errors = len(problems) - warnings
    wrong = f"{errors} to mend" if errors else "nothing to mend"
    doubts = f", {warnings} to look at" if warnings else ""
    return f"{'1 rule' if rules == 1 else f'{rules} rules'} would run, {wrong}{doubts}"


def _explain(code: str, as_json: bool) -> int:
    """One entry of docs/checks.md."""
    known = catalogue().get(code.upper())
    if known is None:
        raise ConfigError(f"there is no code {code[:20]}; there are {', '.join(catalogue())}")
    if as_json:
        print_json({name: getattr(known, name) for name in Entry.__slots__})
    else:
        click.echo(f"{known.code} ({known.level}): {known.sentence}\n{known.cure}\n")
        click.echo(f"Not so:\n\n{known.bad}\n\nBut so:\n\n{known.good}")
    return 0
