"""`followup check`: the rule files, offline."""

from __future__ import annotations

from pathlib import Path

import click

from connector.bootstrap import load_workspace
from connector.cli.options import json_option, print_json, workspace_option
from rules.cases.reader import read_cases


@click.command("check", epilog="Example: followup check --workspace my-team")
@workspace_option
@json_option
def command(workspace: Path | None, as_json: bool) -> int:
    """Check followup.yaml, team.yaml and rules/*.yaml without a CRM: every mistake as file:line:column: message,
    those in the cases under `tests:` included."""
    loaded = load_workspace(workspace)
    rules = loaded.loaded.ruleset.rules
    cases = read_cases(loaded.loaded)
    problems = sorted((*loaded.problems, *cases.problems), key=lambda p: (p.file, p.line, p.column))
    if as_json:
        rows = [
            {"file": p.file, "line": p.line, "column": p.column, "message": p.message, "rule": p.rule} for p in problems
        ]
        print_json({"rules": len(rules), "problems": rows})
        return 2 if problems else 0
    for problem in problems:
        click.echo(str(problem))
    wrong = f", {len(problems)} to mend" if problems else ", nothing to mend"
    count = "1 rule" if len(rules) == 1 else f"{len(rules)} rules"
    click.echo(f"{count} would run{wrong}", err=True)
    return 2 if problems else 0
