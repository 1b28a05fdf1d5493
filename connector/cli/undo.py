"""`followup undo RUN`: takes back what a pass wrote, where it is still as we left it."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from connector.bootstrap import connect, load_workspace
from connector.cli.console import Terminal
from connector.cli.documents import broken_off_told, undo_document
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
from connector.undo_pass import UndoResult, plan_of_undo, undo_pass


@click.command("undo", epilog="Example: followup undo latest --dry-run && followup undo latest")
@click.argument("run")
@click.option("--rule", help="Only what this rule, or this cadence, wrote.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken back; write nothing.")
@workspace_option
@json_option
def command(run: str, rule: str | None, dry_run: bool, workspace: Path | None, as_json: bool) -> int:
    """Take back what the pass RUN wrote (an id of `followup log`, its beginning, or `latest`), record by record.

    Owners and field values are put back and tasks are closed where they are still as that pass left them; enrolments end
    where the CRM can. What a person changed since is left, and said. It is a pass itself: `followup show` tells its
    writes, and run again it goes on where it broke off. Exits 0 when all is taken back, 3 when something is left.
    """
    loaded = load_workspace(workspace)
    configure_log(loaded)
    act = plan_of_undo if dry_run else undo_pass
    with (
        stopping(loaded),
        connect(loaded) as connection,
        progress_shown(as_json) as progress,
        broken_off_told(connection, as_json),
    ):
        result = act(connection, run, rule, progress)
    if as_json:
        print_json(undo_document(result, dry_run))
    else:
        _print(Teller(Terminal(), zone_of(loaded), result.people), result, dry_run)
    if not dry_run:
        LOGGER.info("%s: %s", result.summary.id, run_line(result.summary))
    return result.exit_code


def _print(teller: Teller, result: UndoResult, dry_run: bool) -> None:
    """Everything that is taken back, then everything that is left, each with its reason; then both in figures."""
    undoes = result.undoes
    teller.line(f"[bold]{undoes.id}[/] {undoes.command} at {teller.when(undoes.now)}")
    done = result.writes if dry_run else result.undone
    for entry in sorted(done, key=lambda each: (each.action.record, each.action.position)):
        word = "[cyan]would[/]" if dry_run else "[green]undone[/]"
        teller.line(f"{word} {entry.action.record}  {escape(teller.action(entry.action))}")
        teller.line(f"      [dim]{escape(entry.action.why)}[/]")
    for left in sorted(result.left, key=lambda each: each.entry.action.record):
        teller.line(f"[yellow]left[/] {left.entry.action.record}  {escape(teller.action(left.entry.action))}")
        teller.line(f"      {escape(left.entry.action.rule)}: {escape(left.why)}")
    nothing = "nothing left to take back"
    if not result.left and not result.before:
        nothing = "nothing of that pass is to be taken back; `followup log` lists the passes, with what each wrote"
    taken = f"{len(done)} {'to take back' if dry_run else 'taken back'}" if done else nothing
    counted = [taken, f"{len(result.left)} left" if result.left else "", f"{result.before} taken back before"]
    teller.line(", ".join(part for part in counted[: 3 if result.before else 2] if part))
