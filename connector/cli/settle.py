"""`followup settle`: a person says what became of writes that the CRM refused, or does not tell of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from connector.bootstrap import load_workspace
from connector.cli.console import Terminal
from connector.cli.documents import write_document
from connector.cli.naming import checked, with_cadences
from connector.cli.options import json_option, print_json, workspace_option
from connector.cli.tables import Teller, names_of, zone_of
from connector.deadletters import Word, settle, waiting
from connector.domain.decision import is_of
from connector.domain.errors import ConfigError
from connector.domain.undone import UNDO
from connector.store import open_store

_TOLD: Mapping[Word, str] = {
    "landed": "noted as written",
    "again": "sent once more by the next `followup run`",
    "drop": "dropped",
}


@click.command("settle", epilog="Example: followup settle first-call.0c1f6d0b5a9e8d77 --landed")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--landed", is_flag=True, help="It is in the CRM: I looked.")
@click.option("--again", is_flag=True, help="It is not in the CRM, or what was in the way is mended: send it.")
@click.option("--drop", is_flag=True, help="Leave it; the rule does not try again on this occasion.")
@click.option("--rule", help="All of this rule, or of the steps of this cadence, that wait, instead of KEYs.")
@workspace_option
@json_option
def command(keys: tuple[str, ...], rule: str | None, workspace: Path | None, as_json: bool, **said: bool) -> int:
    """List the writes that failed for good, or whose outcome the CRM does not tell; or say what became of them."""
    word = _word(said)
    if word is not None and bool(keys) == bool(rule):
        raise ConfigError("name the writes: one or more KEYs, or --rule ID for all of a rule's")
    loaded = load_workspace(workspace)
    clock = loaded.clock()
    store = open_store(loaded.settings.store_url, clock=clock)
    try:
        with store.begin() as uow:
            people = names_of(uow.owners())
            every = waiting(uow)
        checked(rule, loaded, with_cadences(each.action.rule for each in every))
        found = [each for each in every if is_of(each.action.rule, rule) and (not keys or each.action.key in keys)]
        if word is not None:
            with store.lock():
                found = list(settle(store, keys or [each.action.key for each in found], word, clock.now()))
    finally:
        store.close()
    if as_json:
        print_json({"said": word, "writes": [write_document(entry) for entry in found]})
    elif word is not None:
        undoing = word == "again" and all(entry.action.rule == UNDO for entry in found)
        told = "sent once more by the next `followup undo` of their pass" if undoing else _TOLD[word]
        click.echo(f"{len(found)} {'write' if len(found) == 1 else 'writes'} {told}")
    elif found:
        Teller(Terminal(), zone_of(loaded), people).writes(found, keys=True)
    else:
        click.echo("nothing waits for a person: no write failed for good, and the outcome of each is known")
    return 0


def _word(said: Mapping[str, bool]) -> Word | None:
    """What is said of the writes, if anything. ConfigError: two things at once, of which one may be for good."""
    words = [word for word in _TOLD if said[word]]
    if len(words) > 1:
        raise ConfigError("say one of --landed, --again and --drop: they are different things")
    return words[0] if words else None
