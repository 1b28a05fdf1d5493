"""`followup init DIR`: a commented workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    texts = {folder / name: (schema_line(name) if name.endswith(".yaml") else "") + files[name] for name in files}
    missing = _missing(texts)
    write_schemas(folder)  # before the files: when these are all there, nothing is missing
    for target in missing:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Exchanged whole, so that the file of an `init` that was killed is as it should be, or not there.
        part = target.with_name(f".{target.name}.part")
        part.write_text(texts[target], encoding="utf-8")
        part.replace(target)
        click.echo(f"wrote {target}")
    click.echo(
        "next: put your people into team.yaml, then `followup check`, `followup test` and `followup doctor` there"
    )
    return 0


def _missing(texts: Mapping[Path, str]) -> Sequence[Path]:
    """The files that are still to be written: all of them, or those that an `init` which was killed did not come to.

    ConfigError where one is there that is not as it would be written, and where nothing is missing.
    """
    there = [path for path in texts if path.exists()]
    other = [path for path in there if not path.is_file() or path.read_bytes() != texts[path].encode()]
    if other or len(there) == len(texts):
        raise ConfigError(f"{(other or there)[0]} is there already; name another folder, nothing was written")
    for path in there:
        click.echo(f"{path} is there already, as it would be written")
    return [path for path in texts if path not in there]
