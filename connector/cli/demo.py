"""`followup demo`: three weeks on a local stand-in of both CRMs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import monotonic

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from connector.cli.console import Terminal
from connector.cli.documents import explain_document, plan_document
from connector.cli.options import json_option, print_json
from connector.cli.report import period_of, read_report, write_page
from connector.cli.stage import DAYS, Crm, Stage, Week, open_stage
from connector.cli.tables import Teller, zone_of

NAMES: dict[Crm, str] = {"salesforce": "Salesforce", "hubspot": "HubSpot"}

COLUMNS = (
    ("week", "number"),
    ("leads", "leads"),
    ("touched", "touched"),
    ("without a next step", "without_next_step"),
    ("tasks", "tasks"),
    ("reassigned", "reassigned"),
    ("enrolled", "enrolled"),
    ("held", "held"),
    ("API calls", "api_calls"),
)

NEXT = """\
[bold]Try it on your own CRM[/] (nothing is written there until you say `run`):
  followup init my-team --crm hubspot     a commented workspace with these rules
  followup doctor --workspace my-team     what is missing, and the cure
  followup plan --workspace my-team       what a pass would write
  followup demo --report .                their last week as a report page"""


@click.command("demo", epilog="Example: followup demo --crm hubspot")
@click.option("--crm", type=click.Choice(list(NAMES)), help="Only this one [default: first Salesforce, then HubSpot].")
@click.option(
    "--report",
    "reports",
    metavar="FOLDER",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Also write the end-of-week report of each CRM there, as a page.",
)
@json_option
def command(crm: Crm | None, reports: Path | None, as_json: bool) -> int:
    """Start a local stand-in of both CRMs, play three weeks of follow-up on each, and show what was done and why.

    No account is needed and nothing leaves this machine.
    """
    started = monotonic()
    console = Terminal(stderr=as_json)
    document: dict[str, object] = {}
    for name in [crm] if crm else list(NAMES):
        with open_stage(name) as stage:
            with _bar(NAMES[name]) as step:
                stage.play(step)
            if reports is not None:
                _report(console, stage, reports / f"report-{name}.html")
            document[name] = _told(console, stage)
    console.print(f"{NEXT}\n[dim]{monotonic() - started:.0f} s[/]")
    if as_json:
        print_json(document)
    return 0


def _report(console: Terminal, stage: Stage, file: Path) -> None:
    """The report of the last of the three weeks, on the evening of its Friday."""
    workspace = stage.workspace()
    zone = zone_of(workspace)
    report = read_report(workspace, period_of(stage.clock.peek(), None, zone), zone, quiet=True)
    if report is not None:
        write_page(report, file, zone)
        console.print(f"written: {file}")


@contextmanager
def _bar(name: str) -> Iterator[Callable[[], None]]:
    if not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("day {task.completed:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Terminal(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{name}: three weeks", total=DAYS + 1)
        yield lambda: progress.advance(task)


def _told(console: Terminal, stage: Stage) -> dict[str, object]:
    console.rule(f"[bold]{NAMES[stage.crm]}[/]: three weeks, two passes a working day", align="left")
    console.print(_table(stage.weeks))
    console.print("[dim]the 60 leads of before come back at 20 a day: `backfill` of the rule next-step[/]")
    planned = stage.plan_next_day()
    teller = Teller(console, zone_of(stage.workspace()), planned.people)
    teller.plan(planned, most=5)
    told = stage.telling()
    for role, ref, verdicts in told:
        console.print(f"\n[bold]{role}[/]: followup explain {ref}")
        teller.verdicts([verdict for verdict in verdicts if verdict.outcome not in ("no", "baseline")])
    console.print()
    return {
        "weeks": [asdict(week) for week in stage.weeks],
        "plan": plan_document(planned),
        "explain": {role: explain_document(ref, stage.clock.peek(), verdicts) for role, ref, verdicts in told},
    }


def _table(weeks: Sequence[Week]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading, _ in COLUMNS:
        table.add_column(heading, justify="right")
    for week in weeks:
        table.add_row(*(str(getattr(week, name)) for _, name in COLUMNS))
    return table
