"""`followup log`: the passes."""

from __future__ import annotations

from pathlib import Path

import click

from connector.bootstrap import load_workspace
from connector.cli.console import Terminal
from connector.cli.documents import summary_document
from connector.cli.options import json_option, plain, print_json, workspace_option
from connector.cli.tables import Teller, zone_of
from connector.store import open_store


@click.command("log", epilog="Example: followup log --limit 5")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many passes, newest first.")
@workspace_option
@json_option
def command(limit: int, workspace: Path | None, as_json: bool) -> int:
    """List the passes, newest first: when, how they ended, and their figures."""
    loaded = load_workspace(workspace)
    store = open_store(loaded.settings.store_url, clock=loaded.clock())
    try:
        with store.begin() as uow:
            runs = uow.runs(limit)
    finally:
        store.close()
    if as_json:
        more = [{"command": r.command, "exit": r.exit_code, "message": r.message} for r in runs]
        rows = [
            {**summary_document(run), "finished": plain(run.finished), **extra}
            for run, extra in zip(runs, more, strict=True)
        ]
        print_json({"runs": rows})
    else:
        Teller(Terminal(), zone_of(loaded)).runs(runs)
    return 0
