"""`followup forget RECORD`: an erasure request."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click

from connector.bootstrap import load_workspace
from connector.cli.options import json_option, plain, print_json, workspace_option
from connector.cli.which import find_records, not_one, when_forgotten
from connector.domain.errors import ConfigError
from connector.domain.model import RecordRef
from connector.domain.storage import Store
from connector.forgetting import NOT_ERASED, belonging, forget, kinds_of_one_object
from connector.store import open_store

ELSEWHERE = "the rows are deleted; VACUUM FULL and the backups of the database are its admin's"


@click.command("forget", epilog="Example: followup forget 00Q5e00000AbCdEEAV")
@click.argument("record")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@workspace_option
@json_option
def command(record: str, yes: bool, workspace: Path | None, as_json: bool) -> int:
    """Erase RECORD, and what was merged with it, from the state for good; it is never stored or written to again.

    A keyed digest of its id stays, so that it is known again. It cannot be taken back; nothing is changed in the CRM.
    """
    loaded = load_workspace(workspace)
    now = loaded.clock().now()
    store = open_store(loaded.settings.store_url, clock=loaded.clock())
    try:
        with store.begin() as uow:
            one_object = kinds_of_one_object(loaded.settings.crm or "", loaded.settings.records.get("lead"))
            refs = _meant(find_records(uow, record), one_object)
            at = None if refs else when_forgotten(uow, record)
            if at is None and len(refs) != 1:
                return not_one(uow, record, refs)
            whole = belonging(uow, refs[0], one_object) if refs else ()
            went = uow.footprint(whole) if whole else {}
        if not whole:
            return _again(store, at, as_json)
        if not yes:
            _ask(refs[0], whole, went)
        with store.lock():
            with store.begin() as uow:  # while somebody thought about it, a pass may have read of a merge
                whole = belonging(uow, refs[0], one_object)
            rewritten = forget(store, whole, now)
    finally:
        store.close()
    _tell(now, went, rewritten, as_json)
    return 0


def _meant(refs: Sequence[RecordRef], one_object: frozenset[str]) -> Sequence[RecordRef]:
    """The records that are found; those that are one object of the CRM count as one."""
    return refs[:1] if {ref.kind for ref in refs} <= one_object else refs


def _again(store: Store, at: datetime | None, as_json: bool) -> int:
    """It was forgotten before, perhaps by a process that was killed before it had rewritten the file."""
    with store.lock():
        rewritten = store.scrub()
    _tell(at, {}, rewritten, as_json)
    return 0


def _ask(ref: RecordRef, whole: Sequence[RecordRef], went: Mapping[str, int]) -> None:
    click.echo(f"{ref} would go from the state, for good: {_sorts(went)}", err=True)
    for other in whole:
        if other != ref and other.kind == ref.kind:
            click.echo(f"with it {other}, which was merged with it", err=True)
    if not sys.stdin.isatty():
        raise ConfigError("nothing was forgotten: it cannot be taken back, so say --yes where nobody can be asked")
    click.confirm("Forget it?", abort=True, err=True)


def _sorts(went: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in went.items())


def _tell(at: datetime | None, went: Mapping[str, int], rewritten: bool, as_json: bool) -> None:
    if as_json:
        document = {"forgotten": plain(at), "went": dict(went), "rewritten": rewritten, "not_erased": list(NOT_ERASED)}
        print_json(document)
        return
    if went:
        click.echo(f"forgotten: {_sorts(went)}")
    elif at is not None:
        click.echo(f"it was forgotten on {at:%Y-%m-%d}; nothing of it is left")
    click.echo("the state file was rewritten: nothing of it can be read there" if rewritten else ELSEWHERE)
    click.echo("Not erased by this:")
    for line in NOT_ERASED:
        click.echo(f"- {line}")
