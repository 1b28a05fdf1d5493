"""`followup apply FILE`: exactly a saved plan."""

from __future__ import annotations

from pathlib import Path

import click

from connector.bootstrap import connect, load_workspace
from connector.cli.console import Terminal
from connector.cli.documents import broken_off_told, run_document
from connector.cli.options import (
    LOGGER,
    configure_log,
    json_option,
    print_json,
    progress_shown,
    stopping,
    workspace_option,
)
from connector.cli.saved_plans import SavedPlan
from connector.cli.tables import Teller, run_line, zone_of
from connector.run import apply_plan


@click.command("apply", epilog="Example: followup plan --out monday.json && followup apply monday.json")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@workspace_option
@json_option
def command(file: Path, workspace: Path | None, as_json: bool) -> int:
    """Write exactly the plan in FILE. What the rules no longer decide, or the record no longer allows, is dropped."""
    saved = SavedPlan(file)
    loaded = load_workspace(workspace)
    configure_log(loaded)
    with (
        stopping(loaded),
        connect(loaded) as connection,
        progress_shown(as_json) as progress,
        broken_off_told(connection, as_json),
    ):
        saved.check(connection.store)
        result = apply_plan(connection, saved, progress)
    if as_json:
        print_json(run_document(result))
    LOGGER.info("%s: %s", result.summary.id, run_line(result.summary))
    Teller(Terminal(stderr=True), zone_of(loaded)).notes(result.problems, result.notices)
    return result.exit_code
