"""`followup resume`: what was paused goes on."""

from __future__ import annotations

from pathlib import Path

import click

from connector.bootstrap import load_workspace
from connector.cli.naming import checked
from connector.cli.options import json_option, workspace_option
from connector.cli.pausing import name_of, state, tell
from connector.domain.decision import EVERYTHING, pause_of


@click.command("resume", epilog="Example: followup resume --rule recycle-after-6")
@click.option("--rule", help="Only this rule, or the steps of this cadence [default: the pause of everything].")
@workspace_option
@json_option
def command(rule: str | None, workspace: Path | None, as_json: bool) -> int:
    """Let a rule, or everything, go on with the next pass. Rules that were paused by themselves stay so until named."""
    loaded = load_workspace(workspace)
    with state(loaded) as uow:
        checked(rule, loaded, uow.pauses())
        name = rule or EVERYTHING
        changed = uow.resume(name)
        pauses = uow.pauses()
    still = pause_of(pauses, name)
    line = f"{name_of(name)} goes on with the next `followup run`"
    if not changed:
        line = f"{name_of(name)} was not paused" + ("" if rule else " as a whole")
    if still is not None:
        line += f", but {name_of(still.rule)} is {still.told}"
    tell(line, changed, pauses, as_json)
    return 0
