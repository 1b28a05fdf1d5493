"""`followup pause`: a rule, or everything, stands still without a deploy."""

from __future__ import annotations

from pathlib import Path

import click

from connector.bootstrap import load_workspace
from connector.cli.naming import checked
from connector.cli.options import json_option, workspace_option
from connector.cli.pausing import name_of, resume_command, state, tell
from connector.domain.decision import EVERYTHING, Pause


@click.command("pause", epilog='Example: followup pause --rule recycle-after-6 --why "wrong pool, see Eva"')
@click.option("--rule", help="Only this rule, or the steps of this cadence [default: everything].")
@click.option("--why", default="", metavar="TEXT", help="What to tell everybody who wonders.")
@workspace_option
@json_option
def command(rule: str | None, why: str, workspace: Path | None, as_json: bool) -> int:
    """Stop a rule, or everything, at once: a pass that is running stops before its next batch, too.

    Nothing is lost: what is due stays due, and `followup resume` lets it go on.
    """
    loaded = load_workspace(workspace)
    with state(loaded) as uow:
        checked(rule, loaded, uow.pauses())
        name = rule or EVERYTHING
        changed = uow.pause(Pause(name, loaded.clock().now(), " ".join(why.split())))
        pauses = uow.pauses()
    cure = resume_command(name)
    line = f"{name_of(name)} is paused: nothing of it is written until `{cure}`, what is due stays due"
    tell(line if changed else f"{name_of(name)} was {pauses[name].told} already", changed, pauses, as_json)
    return 0
