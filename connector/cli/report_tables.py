"""The report in a terminal: a table of owners, the attempts, then the leads that need somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich import box
from rich.style import Style
from rich.table import Table
from rich.text import Text

from connector.cli.console import Terminal
from connector.report.model import CLOCK, Figures, Listed, Report, Row
from connector.report.words import ATTEMPTS, FIGURE, FIGURES, Change, Figure, Verdict

SHOWN = 10
"""Leads of a list that are shown; `--json` has all."""

OWNER, LEAD = 18, 30
"""Columns that a name may take: figures are never cut for a name."""

STYLES: Mapping[Verdict, str] = {"better": "green", "worse": "red", "same": "dim", "neither": "dim"}

WIDE = 112
"""From this many columns on all figures stand in one table; below it those of the first touch get one of their own."""

OF_FIRST_TOUCH = ("median", "p90", "within_1h", "within_24h")

HEADINGS: Mapping[str, str] = {
    "open": "open",
    "without_next_step": "no\nstep",
    "overdue": "over-\ndue",
    "untouched": "un-\ntouched",
    "median": "first\ntouch",
    "p90": "90 %\nin",
    "within_1h": "in\n1 h",
    "within_24h": "in\n24 h",
    "accepted": "offers",
    "recycled": "re-\ncycled",
    "held": "held",
}
"""Headings of two lines, so that the columns stay narrow."""

LEGEND = (
    "Small figures: the change since the period before; ▲ more, ▼ less, = the same. – is not known or not to be had."
)


@dataclass(frozen=True)
class ReportTeller:
    """Prints a report for people: clock times in the team's zone."""

    console: Terminal
    zone: ZoneInfo

    def report(self, report: Report) -> None:
        """The whole report."""
        period = report.period
        self._line(Text(f"Follow-up report, {self._day(period.since)} to {self._when(period.until)}", "bold"))
        read = (
            f"as the CRM was read {self._when(report.read_at)}" if report.read_at else "the CRM was not read to its end"
        )
        self._line(Text(f"against the period from {self._day(period.before)} on; {read}", "dim"))
        for figures in self._columns():
            self.console.print(owners_table(report, figures))
            self.console.print()
        self.console.print(attempts_table(report))
        self._line(Text(LEGEND, "dim"))
        self._line(Text(f"First touch: {CLOCK}", "dim"))
        for heading, leads, since in (
            ("Without a next step", report.without_next_step, "since"),
            ("Overdue", report.overdue, "due"),
            ("Untouched since assigned", report.untouched, "assigned"),
        ):
            self._list(heading, leads, since)
        for note in report.notes:
            self._line(Text.assemble(("note ", "yellow"), note))

    def _columns(self) -> Sequence[Sequence[Figure]]:
        if self.console.width >= WIDE:
            return [FIGURES]
        touch = [figure for figure in FIGURES if figure.id in OF_FIRST_TOUCH]
        return [[figure for figure in FIGURES if figure not in touch], touch]

    def _list(self, heading: str, leads: Sequence[Listed], since: str) -> None:
        if not leads:
            self._line(Text(f"{heading}: none", "green"))
            return
        self._line(Text(f"\n{heading}: {len(leads):,}, the oldest first", "bold"))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        for _ in range(4):
            table.add_column(no_wrap=True, overflow="ellipsis")
        for lead in leads[:SHOWN]:
            name = Text(_cut(lead.name, LEAD), Style(link=lead.url) if lead.url else "")
            owner = Text(_cut(lead.owner, OWNER))
            table.add_row(name, Text(str(lead.ref), "dim"), owner, f"{since} {self._since(lead)}")
        self.console.print(table)
        if len(leads) > SHOWN:
            self._line(Text(f"and {len(leads) - SHOWN:,} more; `followup report --json` has all", "dim"))

    def _line(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True, highlight=False)

    def _when(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%a %Y-%m-%d %H:%M %Z}"

    def _since(self, lead: Listed) -> str:
        return self._when(lead.since) if lead.day is None else f"{lead.day:%a %Y-%m-%d}"

    def _day(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%a %Y-%m-%d %H:%M}"


def owner_name(row: Row) -> str:
    """An owner as a row is headed; who is no active person is told apart."""
    told = {"queue": "queue", "inactive": "inactive", "unknown": "not listed"}.get(row.kind)
    return f"{row.name} ({told})" if told else row.name


def owners_table(report: Report, figures: Sequence[Figure] = FIGURES) -> Table:
    """These figures of every owner, the change of each below it; the total comes first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("owner", no_wrap=True)
    for figure in figures:
        table.add_column(HEADINGS[figure.id], justify="right", no_wrap=True)
    monthly = report.total.minimum is not None and FIGURE["accepted"] in figures
    if monthly:
        table.add_column("this\nmonth", justify="right", no_wrap=True)
    for row in (report.total, *report.rows):
        cells = [_cell(figure, row.now, row.before) for figure in figures]
        table.add_row(
            Text(_cut(owner_name(row), OWNER)),
            *cells,
            *([_month(row)] if monthly else []),
            style="bold" if row is report.total else "",
            end_section=row is report.total,
        )
    return table


def attempts_table(report: Report) -> Table:
    """How many open leads got how many attempts."""
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_edge=False,
        title="Open leads by attempts since they came in",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("attempts", no_wrap=True)
    for heading in ATTEMPTS:
        table.add_column(heading, justify="right", min_width=4)
    for row in (report.total, *(row for row in report.rows if row.now.open)):
        cells = [Text(f"{count:,}" if count else "·") for count in row.now.attempts]
        if row is report.total:
            steps = zip(row.now.attempts, row.before.attempts, strict=True)
            cells = [Text.assemble(f"{now:,}\n", (_step(now - before), "dim")) for now, before in steps]
        table.add_row(Text(_cut(owner_name(row), OWNER)), *cells, style="bold" if row is report.total else "")
    return table


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _step(step: int) -> str:
    return "=" if not step else f"▲+{step:,}" if step > 0 else f"▼−{-step:,}"


def _cell(figure: Figure, now: Figures, before: Figures) -> Text:
    change: Change | None = figure.change(now, before)
    told = Text.assemble(figure.text(now), "\n")
    return told.append(str(change), f"not bold {STYLES[change.verdict]}") if change else told


def _month(row: Row) -> Text:
    if row.minimum is None:
        return Text(f"{row.month}" if row.month else "")
    return Text(f"{row.month}/{row.minimum}", "" if row.month >= row.minimum else "yellow")
