"""What `pause` and `resume` share: the state without the pass's lock, and the list of what is paused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from connector.bootstrap import Workspace
from connector.cli.options import plain, print_json
from connector.domain.decision import EVERYTHING, Pause
from connector.domain.storage import UnitOfWork
from connector.store import open_store


@contextmanager
def state(loaded: Workspace) -> Iterator[UnitOfWork]:
    """A transaction on the state; a pass that is running goes on, and sees the change before its next batch."""
    store = open_store(loaded.settings.store_url, clock=loaded.clock())
    try:
        with store.begin() as uow:
            yield uow
    finally:
        store.close()


def name_of(rule: str) -> str:
    """How a line calls what is paused."""
    return "everything" if rule == EVERYTHING else rule


def resume_command(rule: str) -> str:
    """What lets it go on."""
    return "followup resume" + (f" --rule {rule}" if rule != EVERYTHING else "")


def tell(line: str, changed: bool, pauses: Mapping[str, Pause], as_json: bool) -> None:
    """What was done, and what is paused now."""
    if as_json:
        rows = [{"rule": pause.rule or None, "since": plain(pause.at), "why": pause.why} for pause in pauses.values()]
        print_json({"changed": changed, "paused": rows})
        return
    click.echo(line)
    for pause in pauses.values():
        click.echo(f"paused: {name_of(pause.rule)}, {pause.told.removeprefix('paused ')}")
