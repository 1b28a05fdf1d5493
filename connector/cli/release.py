"""`followup release`: held actions go with the next pass."""

from __future__ import annotations

from pathlib import Path

import click

from connector.bootstrap import load_workspace
from connector.cli.options import json_option, print_json, workspace_option
from connector.store import open_store


@click.command("release", epilog="Example: followup release --rule recycle-after-6 --first 25")
@click.option("--rule", help="Only what this rule holds.")
@click.option("--first", type=click.IntRange(1), help="Only so many, the oldest first.")
@workspace_option
@json_option
def command(rule: str | None, first: int | None, workspace: Path | None, as_json: bool) -> int:
    """Let held actions go with the next pass; each record is re-read and checked before it is written, as always."""
    loaded = load_workspace(workspace)
    clock = loaded.clock()
    store = open_store(loaded.settings.store_url, clock=clock)
    try:
        with store.lock(), store.begin() as uow:
            released = uow.release(rule, first, clock.now())
            left = uow.outbox_counts().get("held", 0)
    finally:
        store.close()
    if as_json:
        print_json({"released": released, "held": left})
    else:
        click.echo(f"{released} released for the next `followup run`, {left} still held")
    return 0
