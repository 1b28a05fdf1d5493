"""What a person reads in a terminal: plans, runs and explanations as tables and short lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connector.domain.errors import Problem
from connector.domain.model import OutboxEntry, Plan, PlannedAction, Reason, RunSummary, Value, Verdict
from connector.run import PassResult

SIGNS: Mapping[str, str] = {
    "fires": "[green]fires[/]",
    "waits": "[yellow]waits[/]",
    "blocked": "[red]blocked[/]",
    "done": "[cyan]done[/]",
    "baseline": "[dim]baseline[/]",
    "held": "[magenta]held[/]",
    "no": "[dim]no[/]",
}


NOBODY: Mapping[str, str] = {}


def when(instant: datetime | None) -> str:
    """An instant for people, in UTC to the minute."""
    return "-" if instant is None else f"{instant:%a %Y-%m-%d %H:%M} UTC"


def value_text(value: Value) -> str:
    """A field's value for people; long text is cut."""
    if value is None or value == "":
        return "(empty)"
    text = when(value) if isinstance(value, datetime) else " ".join(str(value).split())
    return text if len(text) <= 70 else text[:67] + "..."


def action_line(action: PlannedAction, people: Mapping[str, str] = NOBODY) -> str:
    """One write in one line; `people` names owners by their ids."""
    fields = action.fields
    if action.kind == "task":
        owner = people.get(str(fields.get("owner")), fields.get("owner"))
        due = fields.get("due")
        until = when(due) if isinstance(due, datetime) else value_text(due)
        return f"{fields.get('type')} task for {value_text(owner)}: {value_text(fields.get('subject'))} (due {until})"
    if action.kind == "reassign":
        old, new = action.old.get("owner"), fields.get("owner")
        named = fields.get("owner_name") or people.get(str(new), new)
        return f"owner {value_text(people.get(str(old), old))} -> {value_text(named)}"
    if action.kind == "set":
        return ", ".join(f"{n} {value_text(action.old.get(n))} -> {value_text(v)}" for n, v in fields.items())
    if action.kind in ("enroll", "unenroll"):
        return f"{action.kind} {fields.get('in') or fields.get('from')}"
    return f"note: {value_text(fields.get('text'))}"


def print_plan(console: Console, plan: Plan, result: PassResult, most: int | None = None) -> None:
    """A one-screen summary, then one line per write."""
    rules = Counter((action.rule, action.kind) for action in plan.actions)
    held = Counter(action.rule for record in plan.records for action in record.held)
    held.update(match.rule for match in (*plan.held, *plan.waiting))
    console.print(f"[bold]Plan for {when(result.summary.now)}[/]")
    table = Table(box=None, pad_edge=False)
    for name in ("rule", "writes", "how many"):
        table.add_column(name, justify="right" if name == "how many" else "left")
    for (rule, kind), count in sorted(rules.items()):
        table.add_row(escape(rule), kind, str(count))
    for rule, count in sorted(held.items()):
        table.add_row(escape(rule), "[magenta]held back[/]", str(count))
    for rule, count in sorted(result.baseline.items()):
        table.add_row(escape(rule), "[dim]baseline: older than the rule, left alone[/]", str(count))
    console.print(table if table.rows else "nothing to do")
    for action in plan.actions[:most]:
        console.print(f"  {action.record}  {escape(action_line(action, result.people))}", soft_wrap=True)
        console.print(f"      [dim]{escape(action.rule)}: {escape(action.why)}[/]", soft_wrap=True)
    if most is not None and len(plan.actions) > most:
        console.print(f"  ... and {len(plan.actions) - most} more")
    for match in (*plan.held, *plan.waiting):
        console.print(
            f"  {match.record}  [magenta]held back[/]: {escape(match.rule)}: {escape(match.why)}", soft_wrap=True
        )


def print_notes(console: Console, problems: Sequence[Problem], notices: Sequence[str]) -> None:
    """What a person should know beside the figures."""
    for problem in problems:
        console.print(f"[red]not running[/] {escape(str(problem))}", soft_wrap=True)
    for notice in notices:
        console.print(f"[yellow]note[/] {escape(notice)}", soft_wrap=True)


def run_line(summary: RunSummary) -> str:
    """A pass in one line, as the log keeps it."""
    counts = summary.counts
    read, written = counts.get("read"), counts.get("written")
    if not isinstance(read, Mapping) or not isinstance(written, Mapping):
        return summary.message
    told = (
        f"read {read['records']} records, {read['activities']} activities, {read['changes']} changes; "
        f"evaluated {counts['evaluated']}; planned {counts['planned']}, wrote {written['confirmed']}, "
        f"dropped {counts['dropped']}, failed {written['failed']}, unknown {written['unknown']}, "
        f"held {counts['held']}, left over {counts['left_over']}; {counts['api_calls']} API calls"
    )
    return f"{told}. {summary.message}" if summary.message else told


def print_runs(console: Console, runs: Sequence[RunSummary]) -> None:
    """The log: newest first."""
    table = Table(box=None, pad_edge=False)
    for name in ("run", "at", "command", "exit", "what"):
        table.add_column(name, no_wrap=name != "what")
    for run in runs:
        code = "-" if run.exit_code is None else str(run.exit_code)
        table.add_row(run.id, when(run.now), run.command, code, escape(run_line(run)))
    console.print(table if runs else "No pass yet: `followup run` makes the first one.")


def print_writes(console: Console, entries: Sequence[OutboxEntry], people: Mapping[str, str] = NOBODY) -> None:
    """Every write of a pass."""
    for entry in entries:
        sign = {"confirmed": "green", "held": "magenta", "dropped": "yellow"}.get(entry.state, "red")
        more = f": {escape(entry.message)}" if entry.message and entry.state != "confirmed" else ""
        console.print(
            f"[{sign}]{entry.state}[/] {entry.action.record}  {escape(action_line(entry.action, people))}{more}\n"
            f"      [dim]{escape(entry.action.rule)}: {escape(entry.action.why)}[/]",
            soft_wrap=True,
        )


def _sign(reason: Reason) -> str:
    """What a reason means for the rule: what holds under `unless` stops it."""
    if reason.holds is None:
        return "[yellow]?[/]"
    stops = reason.holds == ("unless" in reason.path.split("."))
    return "[red]x[/]" if stops else "[green]+[/]"


def print_verdicts(console: Console, verdicts: Sequence[Verdict], rule: str | None = None) -> None:
    """Why, why not and when next, rule by rule."""
    for verdict in verdicts:
        if rule is not None and verdict.rule != rule:
            continue
        following = f", next at {when(verdict.next_at)}" if verdict.next_at else ""
        console.print(
            f"{SIGNS[verdict.outcome]} [bold]{escape(verdict.rule)}[/]{following}  [dim]{verdict.file}:{verdict.line}[/]"
        )
        for reason in verdict.reasons:
            mark = _sign(reason)
            console.print(f"    {mark} [dim]{escape(reason.path)}[/] {escape(reason.text)}", soft_wrap=True)
