"""What a person reads of a replay: what is missing, the rules, the days, and the last lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from connector.cli.tables import Teller
from connector.replay.compare import Line, Replay, Side, Tally, gap_text

SIGNS: Mapping[Side, str] = {
    "both": "[dim]=[/]",
    "would": "[green]+[/]",
    "did": "[red]-[/]",
    "held": "[magenta]![/]",
}

LEGEND = "[dim]= done then and now   + only these rules would   - only done then   ! held back by a cap[/]"


@dataclass(frozen=True)
class ReplayTeller:
    """Prints a replay; `teller` knows the zone and the people."""

    teller: Teller

    def replay(self, replay: Replay, limit: int) -> None:
        """A summary first, then the days, then the last `limit` lines, the newest last."""
        say, when = self.teller.line, self.teller.when
        say(f"[bold]Replay from {when(replay.since)} to {when(replay.until)}[/]")
        passes = "at the passes that were made" if replay.every == "runs" else f"a pass every {replay.every}"
        say(f"[dim]{replay.records:,} records, {passes}; nothing was written anywhere[/]")
        for gap in replay.gaps:
            say(f"[yellow]not known[/] {escape(gap_text(gap, self.teller.zone))}")
        self.teller.console.print()
        self.teller.console.print(_rules(replay))
        for rule, tally in replay.rules.items():
            for why, count in tally.caps.items():
                say(f"[magenta]held[/] {escape(rule)}: {count} writes, {escape(why)}")
            if tally.waiting:
                say(f"[yellow]waits[/] {escape(rule)}: {tally.waiting} records, such as: {escape(tally.waits)}")
        if replay.days:
            self.teller.console.print()
            self.teller.console.print(_days(replay))
        self._lines(replay, limit)

    def _lines(self, replay: Replay, limit: int) -> None:
        shown = replay.lines[len(replay.lines) - min(limit, len(replay.lines)) :]
        if not shown:
            return
        self.teller.console.print()
        if len(shown) < len(replay.lines):
            self.teller.line(f"the last {len(shown)} of {len(replay.lines):,} lines (--limit shows more)")
        self.teller.line(LEGEND)
        for line in shown:
            self._line(line)

    def _line(self, line: Line) -> None:
        teller, action = self.teller, line.action
        at = teller.when(line.at)
        teller.line(f"{SIGNS[line.side]} {at}  {action.record}  {escape(teller.action(action))}")
        note = f"; {line.note}" if line.note else ""
        teller.line(f"      [dim]{escape(action.rule)}: {escape(action.why + note)}[/]")


FIGURES: Mapping[str, str] = {
    "matches": "matches",
    "records": "records",
    "owners": "owners",
    "writes": "would",
    "held": "held",
    "waiting": "waiting",
    "baseline": "baseline",
    "really done": "did",
    "in both": "both",
}
"""A rule's figures in the order of reading; those that are nought for every rule are left out."""


def _rules(replay: Replay) -> Table:
    rows = {rule: {name: getattr(tally, of) for name, of in FIGURES.items()} for rule, tally in replay.rules.items()}
    shown = [name for name in FIGURES if any(row[name] for row in rows.values())]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("rule", no_wrap=True)
    for heading in shown:
        table.add_column(heading, justify="right")
    for rule, row in rows.items():
        table.add_row(escape(rule), *(_figure(row[name]) for name in shown))
    return table


def _days(replay: Replay) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("day", no_wrap=True)
    for heading in ("would", "really done", "in both", "held"):
        table.add_column(heading, justify="right")
    table.add_column("by rule")
    for day, rules in replay.days.items():
        total = Tally(
            *(sum(getattr(each, name) for each in rules.values()) for name in ("would", "did", "both", "held"))
        )
        by_rule = ", ".join(f"{rule} {each.would}" for rule, each in sorted(rules.items()) if each.would)
        figures = (_figure(value) for value in (total.would, total.did, total.both, total.held))
        table.add_row(f"{day:%a %Y-%m-%d}", *figures, escape(by_rule))
    return table


def _figure(value: int) -> str:
    return f"{value:,}" if value else "[dim]-[/]"
