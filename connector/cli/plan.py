"""`followup plan`: what a pass would write."""

from __future__ import annotations

import json
from pathlib import Path

import click

from connector.bootstrap import connect, load_workspace
from connector.cli.console import Terminal
from connector.cli.documents import plan_document
from connector.cli.options import (
    configure_log,
    json_option,
    plain,
    print_json,
    progress_shown,
    stopping,
    workspace_option,
)
from connector.cli.private_files import write_private
from connector.cli.saved_plans import sealed
from connector.cli.tables import Teller, zone_of
from connector.notices import baseline_lines
from connector.run import EXIT_CHANGES, plan_pass


@click.command("plan", epilog="Example: followup plan --out monday.json && followup apply monday.json")
@workspace_option
@json_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan for `followup apply`; it names prospects, so only you may read it.",
)
@click.option("--exit-code", is_flag=True, help="Exit 4 when there is anything to write.")
def command(workspace: Path | None, as_json: bool, out: Path | None, exit_code: bool) -> int:
    """Read the CRM and show what a pass would write: a summary, then one line per write. Nothing is written to it."""
    loaded = load_workspace(workspace)
    configure_log(loaded)
    with stopping(loaded), connect(loaded) as connection, progress_shown(as_json) as progress:
        result = plan_pass(connection, progress)
        document = sealed(connection.store, plan_document(result))
    if out is not None:
        write_private(out, json.dumps(document, indent=2, default=plain, ensure_ascii=False) + "\n")
    if as_json:
        print_json(document)
    else:
        Teller(Terminal(), zone_of(loaded), result.people).plan(result)
        if out is not None:
            click.echo(f"saved: `followup apply {out}` writes exactly this")
    older = baseline_lines(result.baseline, result.would)
    Teller(Terminal(stderr=True), zone_of(loaded)).notes(result.problems, (*result.notices, *older))
    return result.exit_code if exit_code and result.exit_code == EXIT_CHANGES else 0
