"""`followup explain RECORD`: why, why not, and when next; at any instant of the past or the future."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import click
from rich.markup import escape

from connector.bootstrap import Workspace, load_workspace
from connector.cli.console import Terminal
from connector.cli.documents import explain_document, next_change
from connector.cli.options import instant, json_option, print_json, workspace_option
from connector.cli.tables import Teller, zone_of
from connector.cli.which import find_records, not_one
from connector.domain.decision import Moment, OutboxEntry, Reason, Verdict
from connector.domain.errors import ConfigError
from connector.domain.model import RecordRef, RecordState
from connector.domain.storage import UnitOfWork
from connector.domain.undone import UNDO
from connector.evaluate import moment_of, weighed
from connector.store import open_store
from rules.past import seen_at, unknown_at
from rules.rulebook import FileRulebook
from rules.sources import OUR_WRITE

LANDED: Mapping[str, bool] = {"confirmed": True, "failed": False, "dead": False, "dropped": False, "held": False}
"""Whether a write is in the CRM; what is on its way is not known."""


@dataclass(slots=True)
class Explanation:
    """What the rules say of a record at an instant, and what a reader has to know about that."""

    at: datetime
    verdicts: Sequence[Verdict] = ()
    notes: list[str] = field(default_factory=list)


@click.command(
    "explain", epilog="Example: followup explain 00Q5e00000AbCdEEAV --rule recycle-after-6 --at 2026-03-02T09:00"
)
@click.argument("record")
@click.option("--rule", help="Only this rule, or the steps of this cadence.")
@click.option("--at", "at_text", metavar="INSTANT", help="As of then: in the past, or later if nothing happens.")
@workspace_option
@json_option
def command(record: str, rule: str | None, at_text: str | None, workspace: Path | None, as_json: bool) -> int:
    """Say, rule by rule, why RECORD was followed up, why not, and when next. RECORD is a CRM id or the page's address.

    It speaks of the record as the last pass or plan read it; of the past as far as its history is stored, and says what
    is not known.
    """
    loaded = load_workspace(workspace)
    _known_rule(loaded, rule)
    clock, zone = loaded.clock(), zone_of(loaded)
    at = None if at_text is None else instant(at_text, zone, "--at")
    store = open_store(loaded.settings.store_url, clock=clock)
    try:
        with store.begin() as uow:
            refs = find_records(uow, record)
            if len(refs) != 1:
                return not_one(uow, record, refs)
            found = explain(uow, loaded, refs[0], at)
    finally:
        store.close()
    if found is None:
        click.echo("followup: the record was not there yet at that instant; name a later one with --at", err=True)
        return 1
    verdicts = [verdict for verdict in found.verdicts if rule in (None, verdict.rule, verdict.rule.partition("/")[0])]
    if as_json:
        print_json(explain_document(refs[0], clock.now(), verdicts, found.at, found.notes))
    else:
        _print(Teller(Terminal(), zone), refs[0], replace(found, verdicts=verdicts))
    return 0


def _print(teller: Teller, ref: RecordRef, found: Explanation) -> None:
    coming = next_change(found.verdicts)
    following = f"next change {teller.when(coming)}" if coming else "nothing changes by time alone: only news can"
    teller.line(f"[bold]{escape(str(ref))}[/] at {teller.when(found.at)}, {following}")
    for note in found.notes:
        teller.line(f"[yellow]note[/] {escape(note)}")
    teller.verdicts(found.verdicts)


def _known_rule(loaded: Workspace, rule: str | None) -> None:
    ids = [each.id for each in loaded.rulebook().rules]
    cadences = {id_.partition("/")[0] for id_ in ids if "/" in id_}
    if rule is not None and rule not in ids and rule not in cadences:
        raise ConfigError(f"there is no rule `{rule}`; there are: {', '.join([*sorted(cadences), *ids]) or 'none'}")


def explain(uow: UnitOfWork, loaded: Workspace, ref: RecordRef, at: datetime | None) -> Explanation | None:
    """What the rules say of a record, now or at another instant; None before it was created."""
    rulebook = loaded.rulebook()
    schema, owners = uow.schema(), uow.owners()
    if schema is not None:
        rulebook.bind(schema, owners)
    now = loaded.clock().now()
    found = Explanation(at or now)
    moment = moment_of(uow, loaded.settings.crm_name, found.at, owners)
    state = _state(uow.states([ref])[0], now, found)
    if state is None:
        return None
    if found.at < now:
        moment = _past(moment, rulebook, found)
    moment = weighed(uow, rulebook, moment, [state.record])
    writes = [entry for entry in uow.our_writes(ref) if entry.updated is None or entry.updated <= found.at]
    found.notes += _undo_notes(writes)
    found.verdicts = [_with_writes(verdict, writes) for verdict in rulebook.explain(state, moment)]
    return found


def _state(state: RecordState, now: datetime, found: Explanation) -> RecordState | None:
    """The record as it stands at the instant, with a note on what is not known of that."""
    if found.at > now:
        found.notes.append("later than now: this holds if nothing happens until then")
    if found.at >= now:
        return state
    then = seen_at(state, found.at)
    if then is not None and found.at < state.first_seen:
        found.notes.append(
            f"nothing of it was read before {state.first_seen:%Y-%m-%d %H:%M} UTC: this is its history in the CRM"
        )
    missing = [name for name in unknown_at(state, found.at) if name in ("owner", "status")]
    others = len(unknown_at(state, found.at)) - len(missing)
    if missing:
        found.notes.append(
            f"{' and '.join(missing)} before the first reading: not known, the first value read stands for it"
        )
    if others:
        found.notes.append(f"{others} fields have no stored history: today's values stand for them")
    return then


def _past(moment: Moment, rulebook: FileRulebook, found: Explanation) -> Moment:
    """The moment as far as it can be told of the past: rules that came later count as new at that instant."""
    met = {rule: each for rule, each in moment.adoptions.items() if each.at <= found.at}
    later = [rule.id for rule in rulebook.rules if rule.id not in met]
    if later:
        found.notes.append(f"not in use yet then: {', '.join(later)}")
    ledger = tuple(line for line in moment.assignments if line.at <= found.at)
    pauses = {rule: pause for rule, pause in moment.pauses.items() if pause.at <= found.at}
    return replace(moment, adoptions=met, assignments=ledger, backfilled={}, fired_today={}, lately={}, pauses=pauses)


def _with_writes(verdict: Verdict, writes: Sequence[OutboxEntry]) -> Verdict:
    """The verdict with the run of each of our writes it speaks of, and, once it has acted, what became of the last ones."""
    verdict = replace(verdict, reasons=tuple(_with_run(reason, writes) for reason in verdict.reasons))
    mine = [entry for entry in writes if entry.action.rule == verdict.rule]
    if verdict.outcome not in ("done", "held") or not mine:
        return verdict
    last = [entry for entry in mine if entry.action.occasion == mine[-1].action.occasion]
    back = _undone(writes)
    told = []
    for entry in sorted(last, key=lambda entry: entry.action.position):
        path, what = f"then.{entry.action.position}", f"{entry.action.kind} {entry.state}"
        what += f": {entry.message}" if entry.message else ""
        source = f"{OUR_WRITE}in run {entry.run}"
        told.append(Reason(path, LANDED.get(entry.state), what, entry.state, source, entry.updated))
        undo = back.get(entry.action.key)
        if undo is not None:
            source = f"{OUR_WRITE}in run {undo.run}"
            told.append(Reason(path, False, f"{entry.action.kind} undone", "undone", source, undo.updated))
    return replace(verdict, reasons=(*verdict.reasons, *told))


def _undone(writes: Sequence[OutboxEntry]) -> Mapping[str, OutboxEntry]:
    """What took our writes back, by the key of the write."""
    return {
        entry.action.occasion: entry for entry in writes if entry.action.rule == UNDO and entry.state == "confirmed"
    }


def _undo_notes(writes: Sequence[OutboxEntry]) -> Iterator[str]:
    """What was undone on the record, pass by pass: its marks stay, so that its rules do not do it again."""
    back = _undone(writes)
    runs = Counter((entry.run, back[entry.action.key].run) for entry in writes if entry.action.key in back)
    for (run, undo), count in sorted(runs.items()):
        done = "1 write" if count == 1 else f"{count} writes"
        yield f"{done} of run {run} on it undone in run {undo}; its rules do not do the same again on that occasion"


def _with_run(reason: Reason, writes: Sequence[OutboxEntry]) -> Reason:
    before, ours, key = reason.source.partition(OUR_WRITE)
    if not ours:
        return reason
    run = next((entry.run for entry in writes if entry.action.key == key), None)
    return replace(reason, source=f"{before}{OUR_WRITE}{f'in run {run}' if run else 'of an earlier time'}")
