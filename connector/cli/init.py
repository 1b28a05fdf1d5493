"""`followup init DIR`: a commented workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from connector.cli.editors import schema_line, write_schemas
from connector.domain.errors import ConfigError
from rules.playbooks import playbook_files

PLAYBOOK = "first-follow-up"


@click.command("init", epilog="Example: followup init my-team --crm hubspot && followup check --workspace my-team")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--crm", type=click.Choice(["salesforce", "hubspot"]), default="salesforce", show_default=True)
def command(folder: Path, crm: Literal["salesforce", "hubspot"]) -> int:
    """Write a commented workspace into DIR: followup.yaml, team.yaml and rules that carry a whole follow-up procedure."""
    files = playbook_files(PLAYBOOK, crm)
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
    click.echo("next: put your people into team.yaml, then `followup check` and `followup doctor` there")
    return 0
