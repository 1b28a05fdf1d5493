"""`followup release`: held matches go with the next pass, at a pace, or are discarded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from connector.bootstrap import Workspace, load_workspace
from connector.cli.naming import checked, with_cadences
from connector.cli.options import json_option, print_json, workspace_option
from connector.domain.decision import HeldCount, is_of, pause_of
from connector.domain.errors import ConfigError
from connector.domain.storage import UnitOfWork
from connector.notices import many
from connector.store import open_store

NONE = HeldCount("", 0, 0, 0)


@click.command("release", epilog="Example: followup release --rule recycle-after-6 --first 25")
@click.option("--rule", help="Only what this rule holds, or the steps of this cadence.")
@click.option("--first", type=click.IntRange(1), help="Only so many matches, the oldest first; each one as a whole.")
@click.option("--drop", is_flag=True, help="Discard them instead: the rule does not act on these occasions.")
@click.option("--list", "listing", is_flag=True, help="Only say what is held, rule by rule.")
@workspace_option
@json_option
def command(
    rule: str | None, first: int | None, drop: bool, listing: bool, workspace: Path | None, as_json: bool
) -> int:
    """Let held matches go with the next pass; each record is re-read and checked before it is written, as always."""
    if listing and (drop or first is not None):
        raise ConfigError("--list only says what is held: leave out --first and --drop")
    loaded = load_workspace(workspace)
    clock = loaded.clock()
    store = open_store(loaded.settings.store_url, clock=clock)
    try:
        if listing:
            with store.begin() as uow:
                before = after = _named(uow, loaded, rule)
        else:
            with store.lock(), store.begin() as uow:
                before = _named(uow, loaded, rule)
                _refuse_paused(uow, rule, drop)
                act: Callable[..., int] = uow.discard if drop else uow.release
                act(rule, first, clock.now())
                after = uow.held()
        with store.begin() as uow:
            pauses = uow.pauses()
    finally:
        store.close()
    went = _sum(before, _sum([each for each in after if is_of(each.rule, rule)]))
    _tell(went, after, drop, listing, as_json)
    for each in after if not (as_json or drop) else ():
        pause = pause_of(pauses, each.rule)
        if pause is not None:
            click.echo(f"{each.rule} is {pause.told}: it holds until `followup resume`")
    return 0


def _sum(held: Sequence[HeldCount], less: HeldCount = NONE) -> HeldCount:
    """All of them together, without what is left of them."""
    matches, actions = sum(each.matches for each in held), sum(each.actions for each in held)
    return HeldCount("", matches - less.matches, 0, actions - less.actions)


def _named(uow: UnitOfWork, loaded: Workspace, rule: str | None) -> Sequence[HeldCount]:
    """What the rule holds; what a rule holds that is in no file any more can be named, too."""
    held = uow.held()
    checked(rule, loaded, with_cadences(each.rule for each in held))
    return [each for each in held if is_of(each.rule, rule)]


def _refuse_paused(uow: UnitOfWork, rule: str | None, drop: bool) -> None:
    pause = None if rule is None or drop else pause_of(uow.pauses(), rule)
    if pause is not None:
        raise ConfigError(f"{rule} is {pause.told}: `followup resume` first; nothing was released")


def _tell(went: HeldCount, left: Sequence[HeldCount], drop: bool, listing: bool, as_json: bool) -> None:
    rows = [{"rule": h.rule, "matches": h.matches, "records": h.records, "writes": h.actions} for h in left]
    if as_json:
        done = {"released": 0 if drop else went.actions, "discarded": went.actions if drop else 0}
        print_json({**done, "matches": went.matches, "held": _sum(left).actions, "rules": rows})
        return
    if not listing:
        told = f"{many(went.matches, 'match')} ({many(went.actions, 'write')})"
        how = "discarded: their rules do not act on these occasions" if drop else "released for the next `followup run`"
        click.echo(f"{told} {how}")
    for each in left:
        counts = f"{many(each.matches, 'match')} on {many(each.records, 'record')}, {many(each.actions, 'write')}"
        click.echo(f"held: {each.rule}: {counts}")
    if not left:
        click.echo("nothing is held" if listing else "nothing is held any more")
