"""What an audit says: one screen for people, one document for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time, timedelta

from rich.markup import escape
from rich.table import Table

from connector.audit.bench import MOST_CALLS
from connector.audit.model import Audit, Counted, Drift, Window
from connector.cli.options import plain
from connector.cli.tables import Teller
from connector.domain.model import KINDS, Value

SHOWN = 20
"""Ids of a window, windows, and lines of drift that fit on a screen; `--json` has all."""


def audit_document(found: Audit) -> dict[str, object]:
    """What `audit --json` prints."""
    repaired = found.repaired
    return {
        "crm": found.crm,
        "now": plain(found.now),
        "since": plain(found.since),
        "until": plain(found.until),
        "seed": found.seed,
        "windows": [_window(counted) for counted in found.windows],
        "drift": [_drift(drift) for drift in found.drift],
        "newer": found.newer,
        "sampled": {"records": found.records, "writes": found.writes, "unanswered": found.unanswered},
        "not_counted": list(found.not_counted),
        "left_out": found.left_out,
        "api_calls": found.calls,
        "repaired": None
        if repaired is None
        else {
            "records": repaired.records,
            "activities": repaired.activities,
            "read_again": {stream: plain(since) for stream, since in repaired.streams.items()},
        },
    }


def _window(counted: Counted) -> dict[str, object]:
    return {
        "stream": counted.stream,
        "since": plain(counted.window.since),
        "until": plain(counted.window.until),
        "crm": counted.crm,
        "store": counted.store,
        "missing": list(counted.missing),
        "extra": list(counted.extra),
        "newer": counted.newer,
        "forgotten": counted.forgotten,
    }


def _drift(drift: Drift) -> dict[str, object]:
    told: dict[str, object] = {"what": drift.what, "field": drift.field}
    return {**told, "stored": plain(drift.stored), "crm": plain(drift.crm)} if drift.shown else told


def tell_audit(teller: Teller, found: Audit) -> None:
    """A table of the windows that differ with the totals, the drift line by line, and what it comes to."""
    teller.console.print(_table(teller, found))
    odd = [counted for counted in found.windows if counted.differs]
    for counted in odd[:SHOWN]:
        _names(teller, counted, "not stored", counted.missing)
        _names(teller, counted, "not in the CRM", counted.extra)
    for drift in found.drift[:SHOWN]:
        teller.line(f"[red]drift[/] {escape(drift.what)}  {escape(_differs(teller, drift))}")
    if len(found.drift) > SHOWN:
        teller.line(f"      and {len(found.drift) - SHOWN} more: `--json` has all")
    _notes(teller, found)
    teller.line(_verdict(found, len(odd)))


def _table(teller: Teller, found: Audit) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("stream", "created"):
        table.add_column(name, no_wrap=True)
    for name in ("CRM", "stored", "not stored", "not in the CRM"):
        table.add_column(name, justify="right")
    for counted in [counted for counted in found.windows if counted.differs][:SHOWN]:
        figures = (counted.crm, counted.store, len(counted.missing), len(counted.extra))
        table.add_row(counted.stream, _when(teller, counted.window), *(f"{figure:,}" for figure in figures))
    for stream in dict.fromkeys(counted.stream for counted in found.windows):
        mine = [counted for counted in found.windows if counted.stream == stream]
        sums = (
            sum(counted.crm for counted in mine),
            sum(counted.store for counted in mine),
            sum(len(counted.missing) for counted in mine),
            sum(len(counted.extra) for counted in mine),
        )
        table.add_row(f"[bold]{stream}[/]", f"all {len(mine)} windows", *(f"{figure:,}" for figure in sums))
    return table


def _when(teller: Teller, window: Window) -> str:
    """A month or a day as such, anything else from when to when, on the team's clock."""
    until = window.until.astimezone(teller.zone)
    if window.since is None:
        return f"before {until:%Y-%m-%d}"
    since = window.since.astimezone(teller.zone)
    midnights = since.time() == until.time() == time()
    if midnights and until.date() == since.date() + timedelta(days=1):
        return f"{since:%Y-%m-%d}"
    if midnights and since.day == until.day == 1 and until.date() <= since.date() + timedelta(days=31):
        return f"{since:%Y-%m}"
    return f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}"


def _names(teller: Teller, counted: Counted, told: str, ids: Sequence[str]) -> None:
    if ids:
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        kind = f"{counted.stream}:" if counted.stream in KINDS else f"{counted.stream} "
        teller.line(f"[red]{told}[/] {escape(', '.join(f'{kind}{id_}' for id_ in ids[:SHOWN]))}{more}")


def _differs(teller: Teller, drift: Drift) -> str:
    if not drift.shown:
        return f"{drift.field} differs"
    if drift.field in ("the whole record", "our write"):
        return f"{drift.field} is {'stored and not in the CRM' if drift.stored else 'in the CRM and not stored'}"
    stored, crm = (_value(teller, drift.field, value) for value in (drift.stored, drift.crm))
    return f"{drift.field} is stored as {stored}, the CRM has {crm}"


def _value(teller: Teller, field: str, value: Value) -> str:
    if value is None:
        return "nothing"
    return teller.people.get(str(value), str(value)) if field == "owner" else teller.value(value)


def _notes(teller: Teller, found: Audit) -> None:
    forgotten = sum(counted.forgotten for counted in found.windows)
    notes = {
        f"{found.newer} changed since the last reading: the next pass reads them": found.newer,
        f"{forgotten} were forgotten on request, so they are rightly not stored": forgotten,
        f"{found.unanswered} of our writes could not be looked up": found.unanswered,
        f"not counted, for the CRM cannot be asked: {', '.join(found.not_counted)}": found.not_counted,
        f"{found.left_out} windows or samples were left out after {MOST_CALLS:,} calls: "
        "narrow the audit with --since and --until": found.left_out,
    }
    for note, applies in notes.items():
        if applies:
            teller.line(f"[yellow]note[/] {escape(note)}")


def _verdict(found: Audit, odd: int) -> str:
    looked = f"{found.records:,} read again, {found.writes:,} of our writes looked for, drawn by {found.seed}; "
    looked += f"{found.calls:,} API calls"
    if found.clean:
        return f"[green]no drift[/] in {len(found.windows)} windows; {looked}"
    told = f"[red]drift[/]: {odd} of {len(found.windows)} windows, {len(found.drift)} in the samples; {looked}"
    repaired = found.repaired
    if repaired is None:
        return f"{told}; `followup audit --repair` brings the store in line"
    again = f"; the next pass reads {', '.join(repaired.streams)} again" if repaired.streams else ""
    return f"{told}; repaired: records {repaired.records:,}, activities {repaired.activities:,}{again}"
