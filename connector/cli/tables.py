"""What a person reads in a terminal: plans, runs and explanations as tables and short lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.table import Table

from connector.bootstrap import Workspace
from connector.cli.console import Terminal
from connector.domain.decision import Finding, OutboxEntry, PlannedAction, Reason, RunSummary, Verdict
from connector.domain.errors import Problem
from connector.domain.model import Owner, Value
from connector.run import PassResult

OUTCOMES: Mapping[str, str] = {
    "fires": "[green]fires[/]",
    "waits": "[yellow]waits[/]",
    "blocked": "[red]blocked[/]",
    "done": "[cyan]done[/]",
    "baseline": "[dim]baseline[/]",
    "held": "[magenta]held[/]",
    "no": "[dim]no[/]",
}

LEVELS: Mapping[str, str] = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}

STATES: Mapping[str, str] = {"confirmed": "green", "held": "magenta", "dropped": "yellow", "pending": "cyan"}


ALIKE = 10
"""So many matches that are held back for one reason are listed one by one; more of them are told in one line."""

FIGURES: Mapping[str, str] = {
    "changed": "read.records",
    "looked at": "evaluated",
    "planned": "planned",
    "wrote": "written.confirmed",
    "dropped": "dropped",
    "failed": "written.failed",
    "unknown": "written.unknown",
    "held": "held",
    "left over": "left_over",
    "calls": "api_calls",
}
"""The figures of the log, and where their figures stand in a run's document."""


def zone_of(workspace: Workspace) -> ZoneInfo:
    """The zone in which a team reads clock times: that of its office calendar, else of its first one, else UTC."""
    calendars = workspace.loaded.ruleset.team.calendars
    named = calendars.get("office") or next(iter(calendars.values()), None)
    return ZoneInfo(named.zone if named is not None else "UTC")


def names_of(owners: Sequence[Owner]) -> Mapping[str, str]:
    """The people's names under their CRM ids."""
    return {owner.id: owner.name for owner in owners}


@dataclass(frozen=True)
class Teller:
    """Prints for people: clock times in the team's zone, people by name."""

    console: Terminal
    zone: ZoneInfo
    people: Mapping[str, str] = field(default_factory=dict)

    def line(self, text: str) -> None:
        """One line, never broken by us."""
        self.console.print(text, soft_wrap=True, highlight=False)

    def when(self, instant: datetime | None) -> str:
        """An instant to the minute, with its zone."""
        return "-" if instant is None else f"{instant.astimezone(self.zone):%a %Y-%m-%d %H:%M %Z}"

    def value(self, value: Value) -> str:
        """A field's value; long text is cut."""
        if value is None or value == "":
            return "(empty)"
        text = self.when(value) if isinstance(value, datetime) else " ".join(str(value).split())
        return text if len(text) <= 70 else text[:67] + "..."

    def owner(self, value: Value) -> str:
        """A person by name."""
        return self.value(self.people.get(str(value), value))

    def action(self, action: PlannedAction) -> str:
        """One write in one line."""
        fields, old = action.fields, action.old
        match action.kind:
            case "task":
                told = f"{fields.get('type')} task for {self.owner(fields.get('owner'))}"
                return f"{told}: {self.value(fields.get('subject'))} (due {self.value(fields.get('due'))})"
            case "offer":
                until = self.value(fields.get("until"))
                return f"offer of pool {fields.get('pool')} to {self.owner(fields.get('owner'))} until {until}"
            case "amend":
                return f"task {fields.get('task')}: {self._amended(action)}"
            case "reassign":
                return f"owner {self.owner(old.get('owner'))} -> {self.owner(fields.get('owner'))}"
            case "set":
                return ", ".join(f"{n} {self.value(old.get(n))} -> {self.value(v)}" for n, v in fields.items())
            case "note":
                return f"note: {self.value(fields.get('text'))}"
            case _:
                return f"{action.kind} {fields.get('in') or fields.get('from')}"

    def _amended(self, action: PlannedAction) -> str:
        """What changes on a task that is there."""
        fields, old = action.fields, action.old
        told = ["closed"] if fields.get("done") is True else []
        if "owner" in fields:
            told.append(f"owner {self.owner(old.get('owner'))} -> {self.owner(fields['owner'])}")
        if "due" in fields:
            told.append(f"due {self.value(old.get('due'))} -> {self.value(fields['due'])}")
        if "subject" in fields:
            told.append(f"subject {self.value(fields['subject'])}")
        return ", ".join(told)

    def plan(self, result: PassResult, most: int | None = None) -> None:
        """A one-screen summary, then one line per write."""
        plan = result.plan
        self.line(f"[bold]Plan for {self.when(result.summary.now)}[/]")
        table = self._summary(result)
        self.console.print(table if table.rows else "nothing to do")
        for action in plan.actions[:most]:
            self.line(f"  {escape(str(action.record))}  {escape(self.action(action))}")
            self.line(f"      [dim]{escape(action.rule)}: {escape(action.why)}[/]")
        if most is not None and len(plan.actions) > most:
            self.line(f"  ... and {len(plan.actions) - most} more")
        kept_back = (*plan.held, *plan.waiting)
        alike = Counter((match.rule, match.why) for match in kept_back)
        for (rule, why), count in alike.items():
            if count > ALIKE:
                self.line(f"  {count:,} matches  [magenta]held back[/]: {escape(rule)}: {escape(why)}")
        for match in (match for match in kept_back if alike[match.rule, match.why] <= ALIKE):
            self.line(
                f"  {escape(str(match.record))}  [magenta]held back[/]: {escape(match.rule)}: {escape(match.why)}"
            )

    def _summary(self, result: PassResult) -> Table:
        plan = result.plan
        rules = Counter((action.rule, action.kind) for action in plan.actions)
        held = Counter(action.rule for record in plan.records for action in record.held)
        held.update(match.rule for match in (*plan.held, *plan.waiting))
        table = Table(box=None, pad_edge=False)
        for name in ("rule", "writes", "how many"):
            table.add_column(name, justify="right" if name == "how many" else "left")
        for (rule, kind), count in sorted(rules.items()):
            table.add_row(escape(rule), kind, str(count))
        for rule, count in sorted(held.items()):
            table.add_row(escape(rule), "[magenta]held back[/]", str(count))
        for rule, count in sorted(result.baseline.items()):
            table.add_row(escape(rule), "[dim]baseline: older than the rule, left alone[/]", str(count))
        return table

    def notes(self, problems: Sequence[Problem], notices: Sequence[str]) -> None:
        """What a person should know beside the figures."""
        for problem in problems:
            self.line(f"[red]not running[/] {escape(str(problem))}")
        for notice in notices:
            self.line(f"[yellow]note[/] {escape(notice)}")

    def runs(self, runs: Sequence[RunSummary]) -> None:
        """The log: newest first, a line for each pass with the figures that are not nought."""
        for run in runs:
            code = "not ended" if run.exit_code is None else f"exit {run.exit_code}"
            told = ", ".join(f"{name} {count}" for name, count in figures(run).items() if count not in ("", "0"))
            nothing = f"`followup show {run.id}` tells what it wrote" if run.exit_code is None else "nothing done"
            self.line(f"{run.id}  {self.when(run.now)}  {run.command:5}  {code}  {told or nothing}")
            if run.message:
                self.line(f"    {escape(run.message)}")
        if not runs:
            self.line("No pass yet: `followup run` makes the first one.")

    def writes(self, entries: Sequence[OutboxEntry], *, keys: bool = False) -> None:
        """Writes and what became of them, each with its key where a person may need it."""
        for entry in entries:
            more = f": {escape(entry.message)}" if entry.message and entry.state != "confirmed" else ""
            state = f"[{STATES.get(entry.state, 'red')}]{entry.state}[/]"
            self.line(f"{state} {escape(str(entry.action.record))}  {escape(self.action(entry.action))}{more}")
            origin = f"{entry.action.key}  " if keys else ""
            self.line(f"      {origin}[dim]{escape(entry.action.rule)}: {escape(entry.action.why)}[/]")

    def verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Why, why not and when next, rule by rule; `+` lets the rule act, `x` stops it, `?` is not known."""
        for verdict in verdicts:
            following = f", next at {self.when(verdict.next_at)}" if verdict.next_at else ""
            place = f"[dim]{escape(verdict.file)}:{verdict.line}[/]"
            self.line(f"{OUTCOMES[verdict.outcome]} [bold]{escape(verdict.rule)}[/]{following}  {place}")
            for reason in verdict.reasons:
                origin = self.origin(reason)
                told = f"  [dim]({escape(origin)})[/]" if origin else ""
                self.line(f"    {_sign(reason)} [dim]{escape(reason.path)}[/] {escape(reason.text)}{told}")

    def origin(self, reason: Reason) -> str:
        """Where what a reason says comes from, and since when it stands."""
        return ", ".join(part for part in (reason.source, self.when(reason.at) if reason.at else "") if part)

    def findings(self, findings: Sequence[Finding]) -> None:
        """The lines of `doctor`, each with its cure."""
        for finding in findings:
            self.line(f"{LEVELS[finding.level]} {escape(finding.subject)}: {escape(finding.text)}")
            if finding.cure:
                self.line(f"       cure: {escape(finding.cure)}")


def _sign(reason: Reason) -> str:
    """What a reason means for the rule: what holds under `unless`, or as a guard, stops it."""
    if reason.holds is None:
        return "[yellow]?[/]"
    forbids = bool({"unless", "guard"} & set(reason.path.split(".")))
    return "[red]x[/]" if reason.holds == forbids else "[green]+[/]"


def figures(summary: RunSummary) -> Mapping[str, str]:
    """The figures of a pass, empty for one that did not end."""
    counts: dict[str, object] = dict(summary.counts)
    for part in ("read", "written"):
        inner = counts.get(part)
        counts.update({f"{part}.{name}": value for name, value in inner.items()} if isinstance(inner, Mapping) else {})
    return {name: str(counts.get(path, "")) for name, path in FIGURES.items()}


def run_line(summary: RunSummary) -> str:
    """A pass in one line, as the log keeps it."""
    counts = summary.counts
    read, written = counts.get("read"), counts.get("written")
    if not isinstance(read, Mapping) or not isinstance(written, Mapping):
        return summary.message or "did not end: it was killed, or is still running"
    told = (
        f"read {read['records']} records, {read['activities']} activities, {read['changes']} changes; "
        f"evaluated {counts['evaluated']}; planned {counts['planned']}, wrote {written['confirmed']}, "
        f"dropped {counts['dropped']}, failed {written['failed']}, unknown {written['unknown']}, "
        f"held {counts['held']}, left over {counts['left_over']}; {counts['api_calls']} API calls"
    )
    return f"{told}. {summary.message}" if summary.message else told
