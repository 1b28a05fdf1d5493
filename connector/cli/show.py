"""`followup show RUN`: every write of one pass."""

from __future__ import annotations

from pathlib import Path

import click

from connector.bootstrap import load_workspace
from connector.cli.console import Terminal
from connector.cli.documents import summary_document, write_document
from connector.cli.options import json_option, print_json, workspace_option
from connector.cli.tables import Teller, names_of, run_line, zone_of
from connector.store import open_store


@click.command("show", epilog="Example: followup show latest")
@click.argument("run")
@workspace_option
@json_option
def command(run: str, workspace: Path | None, as_json: bool) -> int:
    """Show every write of the pass RUN (an id of `followup log`, its beginning, or `latest`) with old and new value."""
    loaded = load_workspace(workspace)
    store = open_store(loaded.settings.store_url, clock=loaded.clock())
    try:
        with store.begin() as uow:
            runs = [item for item in uow.runs(10_000) if run == "latest" or item.id.startswith(run)]
            if not runs:
                click.echo(f"followup: there is no pass {run}; `followup log` lists them", err=True)
                return 1
            entries = uow.outbox(run=runs[0].id)
            people = names_of(uow.owners())
    finally:
        store.close()
    if as_json:
        print_json({**summary_document(runs[0]), "writes": [write_document(entry) for entry in entries]})
    else:
        teller = Teller(Terminal(), zone_of(loaded), people)
        run_ = runs[0]
        teller.line(f"[bold]{run_.id}[/] {run_.command} at {teller.when(run_.now)}: {run_line(run_)}")
        teller.writes(entries)
    return 0
