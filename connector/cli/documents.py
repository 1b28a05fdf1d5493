"""The JSON documents of the commands: the contract that other people's scripts read (docs/contract.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from connector.cli.options import plain, print_json
from connector.domain.decision import HeldMatch, OutboxEntry, PlannedAction, Reason, RunSummary, Verdict
from connector.domain.errors import FollowupError
from connector.domain.model import RecordRef, Value
from connector.run import Connection, PassResult
from connector.undo_pass import UndoResult


def run_document(result: PassResult) -> dict[str, object]:
    """What `run --json` prints."""
    return {**summary_document(result.summary), **_older(result), "notices": list(result.notices)}


def _older(result: PassResult) -> dict[str, object]:
    """What new rules found that is older than they are, and what they would have done about it."""
    would = {rule: {"records": one.records, "writes": dict(one.writes)} for rule, one in result.would.items()}
    return {"baseline": dict(result.baseline), "would_have": would}


@contextmanager
def broken_off_told(connection: Connection, as_json: bool) -> Iterator[None]:
    """A pass that ends in an error still prints its one document: the figures as far as it came, and the error."""
    try:
        yield
    except FollowupError as error:
        if as_json:
            broken = connection.broken
            print_json({**(run_document(broken) if broken is not None else {}), "error": str(error)})
        raise


def summary_document(summary: RunSummary) -> dict[str, object]:
    """One run in figures."""
    return {"run": summary.id, "crm": summary.crm, "now": plain(summary.now), **summary.counts}


def plan_document(result: PassResult) -> dict[str, object]:
    """What `plan --json` prints, and what `apply` reads."""
    plan = result.plan
    held = [_held(action, record.reasons.get(action.key, ())) for record in plan.records for action in record.held]
    held += [_kept_back(match) for match in (*plan.held, *plan.waiting)]
    return {
        "now": plain(result.summary.now),
        "crm": result.summary.crm,
        "actions": [_action(action) for action in plan.actions],
        "held": held,
        **_older(result),
        "notices": list(result.notices),
    }


def _values(values: Mapping[str, Value]) -> dict[str, object]:
    return {name: plain(value) for name, value in values.items()}


def _action(action: PlannedAction) -> dict[str, object]:
    return {
        "key": action.key,
        "rule": action.rule,
        "record": str(action.record),
        "kind": action.kind,
        "fields": _values(action.fields),
        "old": _values(action.old),
        "why": action.why,
    }


def _held(action: PlannedAction, reasons: Sequence[Reason]) -> dict[str, object]:
    why = next((reason.text for reason in reasons if reason.path == "limit"), "over the rule's limit")
    return {**_action(action), "held": why}


def _kept_back(match: HeldMatch) -> dict[str, object]:
    return {"rule": match.rule, "record": str(match.record), "held": match.why}


def explain_document(
    ref: RecordRef, now: datetime, verdicts: Sequence[Verdict], at: datetime | None = None, notes: Sequence[str] = ()
) -> dict[str, object]:
    """What `explain --json` prints; `at` is the instant it speaks of when that is not now."""
    return {
        "record": str(ref),
        "now": plain(now),
        "at": plain(at or now),
        "next_at": plain(next_change(verdicts)),
        "notes": list(notes),
        "rules": [
            {
                "id": verdict.rule,
                "file": verdict.file,
                "line": verdict.line,
                "outcome": verdict.outcome,
                "reasons": [_reason(reason) for reason in verdict.reasons],
                "next_at": plain(verdict.next_at),
            }
            for verdict in verdicts
        ],
    }


def next_change(verdicts: Sequence[Verdict]) -> datetime | None:
    """The next instant at which time alone changes what any of the rules says; None: only news can."""
    return min((verdict.next_at for verdict in verdicts if verdict.next_at is not None), default=None)


def _reason(reason: Reason) -> dict[str, object]:
    return {
        "path": reason.path,
        "holds": reason.holds,
        "text": reason.text,
        "value": reason.value,
        "source": reason.source,
        "at": plain(reason.at),
    }


def write_document(entry: OutboxEntry) -> dict[str, object]:
    """One write of `show --json`."""
    return {
        **_action(entry.action),
        "state": entry.state,
        "attempts": entry.attempts,
        "crm_id": entry.crm_id,
        "message": entry.message,
        "at": plain(entry.updated),
    }


def undo_document(result: UndoResult, dry_run: bool) -> dict[str, object]:
    """What `undo --json` prints; of a dry run without an id, since that is no pass."""
    left = [{**_action(left.entry.action), "left": left.why} for left in result.left]
    document = summary_document(result.summary)
    writes = result.writes if dry_run else result.undone
    return {
        **document,
        "run": None if dry_run else document["run"],
        "undone": [write_document(entry) for entry in writes],
        "left": left,
        "before": result.before,
    }
