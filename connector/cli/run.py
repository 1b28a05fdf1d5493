"""`followup run`: one pass."""

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
from connector.cli.tables import Teller, run_line, zone_of
from connector.notices import baseline_lines
from connector.run import run_pass


@click.command("run", epilog="Example: followup run --workspace /etc/followup --json")
@workspace_option
@json_option
def command(workspace: Path | None, as_json: bool) -> int:
    """One pass for cron: read the CRM, decide, write back, confirm.

    Exits 0 when all is done, 3 when something is held, failed or left over, 5 at once when another run holds the lock.
    """
    loaded = load_workspace(workspace)
    configure_log(loaded)
    with (
        stopping(loaded),
        connect(loaded) as connection,
        progress_shown(as_json) as progress,
        broken_off_told(connection, as_json),
    ):
        result = run_pass(connection, progress)
    if as_json:
        print_json(run_document(result))
    LOGGER.info("%s: %s", result.summary.id, run_line(result.summary))
    older = baseline_lines(result.baseline, result.would)
    Teller(Terminal(stderr=True), zone_of(loaded)).notes(result.problems, (*result.notices, *older))
    return result.exit_code
