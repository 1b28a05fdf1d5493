"""`followup init DIR`: a commented workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from connector.cli.editors import schema_line, write_schemas
from connector.domain.errors import ConfigError
from rules.playbooks import FIRST, PLAYBOOKS, PROCEDURES, summary, workspace_files

ALL = "all"


def _list(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        width = max(map(len, PLAYBOOKS))
        for name in PLAYBOOKS:
            click.echo(f"{name:{width}}  {summary(name)}")
        click.echo(f"{ALL:{width}}  All of them but {FIRST}, which is the short form of several.")
        context.exit(0)


@click.command("init", epilog="Example: followup init my-team --crm hubspot && followup check --workspace my-team")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--crm", type=click.Choice(["salesforce", "hubspot"]), default="salesforce", show_default=True)
@click.option(
    "--playbook",
    "names",
    metavar="NAME",
    type=click.Choice([*PLAYBOOKS, ALL]),
    multiple=True,
    help=f"Rules to begin with; may be given several times. [default: {FIRST}]",
)
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List the playbooks and end."
)
def command(folder: Path, crm: Literal["salesforce", "hubspot"], names: tuple[str, ...]) -> int:
    """Write a commented workspace into DIR: followup.yaml, team.yaml and rules that carry a whole follow-up procedure."""
    chosen = PROCEDURES if ALL in names else names or (FIRST,)
    try:
        files = workspace_files(chosen, crm)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise ConfigError(f"{folder / there[0]} is there already; name another folder, nothing was written")
    for name, text in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        line = schema_line(name) if target.suffix == ".yaml" else ""
        target.write_text(line + text, encoding="utf-8")
        click.echo(f"wrote {target}")
    write_schemas(folder)
    click.echo(
        "next: put your people into team.yaml, then `followup check`, `followup test` and `followup doctor` there"
    )
    return 0
