"""`followup explain RECORD`: why, why not, and when next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click
from rich.console import Console

from connector.bootstrap import Workspace, load_workspace
from connector.cli.documents import explain_document
from connector.cli.options import json_option, print_json, workspace_option
from connector.cli.tables import Teller, zone_of
from connector.domain.errors import ConfigError
from connector.domain.model import OutboxEntry, Reason, RecordRef, Verdict
from connector.domain.ports import UnitOfWork
from connector.evaluate import moment_of
from connector.store import open_store

LANDED: Mapping[str, bool] = {"confirmed": True, "failed": False, "dead": False, "dropped": False, "held": False}
"""Whether a write is in the CRM; what is on its way is not known."""


@click.command("explain", epilog="Example: followup explain 00Q5e00000AbCdEEAV --rule recycle-after-6")
@click.argument("record")
@click.option("--rule", help="Only this rule.")
@workspace_option
@json_option
def command(record: str, rule: str | None, workspace: Path | None, as_json: bool) -> int:
    """Say, rule by rule, why RECORD was followed up, why not, and when next. RECORD is a CRM id or the page's address.

    It speaks of the record as the last pass or plan read it.
    """
    loaded = load_workspace(workspace)
    ids = [rule_.id for rule_ in loaded.rulebook().rules]
    if rule is not None and rule not in ids:
        raise ConfigError(f"there is no rule `{rule}`; there are: {', '.join(ids) or 'none'}")
    clock = loaded.clock()
    store = open_store(loaded.settings.store_url, clock=clock)
    try:
        with store.begin() as uow:
            refs = _find(uow, record)
            if len(refs) != 1:
                return _not_one(record, refs)
            verdicts = _verdicts(uow, loaded, refs[0])
    finally:
        store.close()
    verdicts = [verdict for verdict in verdicts if rule is None or verdict.rule == rule]
    if as_json:
        print_json(explain_document(refs[0], clock.now(), verdicts))
    else:
        teller = Teller(Console(), zone_of(loaded))
        teller.line(f"[bold]{refs[0]}[/] at {teller.when(clock.now())}")
        teller.verdicts(verdicts)
    return 0


def _verdicts(uow: UnitOfWork, loaded: Workspace, ref: RecordRef) -> Sequence[Verdict]:
    rulebook = loaded.rulebook()
    schema, owners = uow.schema(), uow.owners()
    if schema is not None:
        rulebook.bind(schema, owners)
    state = uow.states([ref])[0]
    moment = moment_of(uow, loaded.settings.crm_name, loaded.clock().now(), owners)
    writes = uow.our_writes(ref)
    return [_with_writes(verdict, writes) for verdict in rulebook.explain(state, moment)]


def _with_writes(verdict: Verdict, writes: Sequence[OutboxEntry]) -> Verdict:
    """A rule that has dealt with an occasion also says what became of its last writes: done is not always written."""
    mine = [entry for entry in writes if entry.action.rule == verdict.rule]
    if verdict.outcome not in ("done", "held") or not mine:
        return verdict
    last = [entry for entry in mine if entry.action.occasion == mine[-1].action.occasion]
    told = (
        Reason(
            f"then.{entry.action.position}",
            LANDED.get(entry.state),
            f"{entry.action.kind} {entry.state}" + (f": {entry.message}" if entry.message else ""),
        )
        for entry in sorted(last, key=lambda entry: entry.action.position)
    )
    return replace(verdict, reasons=(*verdict.reasons, *told))


def _find(uow: UnitOfWork, text: str) -> Sequence[RecordRef]:
    """By id, by `kind:id`, or by the parts of a page's address, the last one first."""
    found = uow.find(text)
    for part in reversed(urlsplit(text).path.split("/")) if not found else ():
        found = uow.find(part) if part else ()
        if found:
            break
    return found


def _not_one(text: str, refs: Sequence[RecordRef]) -> int:
    if refs:
        click.echo(f"followup: {text} is several records: name one of {', '.join(map(str, refs))}", err=True)
    else:
        click.echo("followup: no such record in the state; a pass or plan reads what is new in the CRM", err=True)
    return 1
