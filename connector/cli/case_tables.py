"""What `followup test` shows: the cases that went otherwise, and what all of them cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from connector.cli.console import Terminal
from connector.cli.options import plain
from rules.cases.expected import Deed, when
from rules.cases.result import Covered, Entry, Failure, Obstacle, Played, Report, Side

MARKS: Mapping[str, str] = {
    "event": "",
    "done": "[cyan]does[/]",
    "held": "[magenta]holds[/]",
    "notice": "[yellow]note[/]",
    "alarm": "[red]alarm[/]",
    "met": "[green]ok[/]",
    "failed": "[red]NOT[/]",
}
"""How the timeline marks what a line is."""

TOLD = 3
"""Deeds and obstacles that one line names; the others are counted."""


@dataclass(frozen=True)
class CaseTeller:
    """Prints cases for people, clock times as the case writes them."""

    console: Terminal

    def line(self, text: str) -> None:
        """One line, never broken by us."""
        self.console.print(text, soft_wrap=True, highlight=False)

    def failed(self, played: Played) -> None:
        """A case that went otherwise: a line for each expectation, then what happened when."""
        for failure in played.failures:
            self.line(f"[red]FAIL[/] [bold]{escape(played.case.title)}[/]: {escape(sentence(failure, played))}")
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("when", "", "what", "rule"):
            table.add_column(name, overflow="fold", no_wrap=name in ("when", ""))
        for entry in played.entries:
            table.add_row(
                when(entry.at, played.case.zone), MARKS[entry.what], escape(_text(entry)), escape(_rule(entry, played))
            )
        self.console.print(table)
        self.line("")

    def summary(self, report: Report, passed_over: int) -> None:
        """How many went as expected, and what they cover."""
        count, failed = len(report.cases), len(report.failed)
        more = f", {passed_over} of rules with a mistake passed over" if passed_over else ""
        verdict = f"[red]{failed} not as expected[/]" if failed else "[green]all as expected[/]"
        self.line(f"{_count(count, 'case')}: {verdict if count else 'nothing to play'}{more}")
        rules = report.rules
        if not rules:
            return
        self.line(f"{sum(rule.fired > 0 for rule in rules)} of {_count(len(rules), 'rule')} fired in a case")
        self.named("never fired", [rule.rule for rule in rules if not rule.fired])
        self.named("never stopped", [rule.rule for rule in rules if rule.fired and rule.guards and not rule.stopped])
        for name, sides in half_seen(report):
            told = ", ".join(f"{side.path} never {'true' if side.never else 'false'}" for side in sides)
            self.line(f"  [yellow]one way only[/]: {escape(name)}: {escape(told)}")

    def named(self, what: str, rules: Sequence[str]) -> None:
        """The rules of which something has to be said."""
        if rules:
            self.line(f"  [yellow]{what}[/]: {escape(', '.join(rules))}")


def half_seen(report: Report) -> Sequence[tuple[str, Sequence[Side]]]:
    """The conditions that were seen one way only: of rules that were due at all, then what several share."""
    rules = [(rule.rule, rule.sides) for rule in report.rules if rule.sides and (rule.fired or rule.stopped)]
    return [*rules, *((shared.name, shared.sides) for shared in report.shared)]


def sentence(failure: Failure, played: Played) -> str:
    """What was expected, what came instead, and what stood in the way."""
    at = when(failure.at, played.case.zone)
    if failure.problem:
        return f"at {at}: {failure.problem}"
    parts = [f"expected {failure.check.text} by {at}", _instead(failure, played)]
    if failure.obstacles:
        parts.append(f"in the way: {_some([_obstacle(each) for each in failure.obstacles], '; ')}")
    return "; ".join(parts)


def _instead(failure: Failure, played: Played) -> str:
    if not failure.instead:
        return "nothing was done"
    deeds = [f"{deed.text} ({deed.rule}, {when(deed.at, played.case.zone)})" for deed in failure.instead]
    return f"instead: {_some(deeds, ', ')}"


def _obstacle(each: Obstacle) -> str:
    reason = each.reason
    said = f" {reason.path}: {reason.text}" if reason is not None else ""
    return f"{each.rule} ({each.outcome}){said}"


def _some(items: Sequence[str], joint: str) -> str:
    more = f"{joint}and {len(items) - TOLD} more" if len(items) > TOLD else ""
    return joint.join(items[:TOLD]) + more


def _text(entry: Entry) -> str:
    if entry.what == "held":
        return entry.text.removeprefix("held: ")
    return f"expected: {entry.text}" if entry.what in ("met", "failed") else entry.text


def _rule(entry: Entry, played: Played) -> str:
    """Who did it; who was expected to, where that is not plain."""
    return "" if entry.rule is None or (entry.what == "met" and entry.rule == played.case.rule) else entry.rule


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


# -- the document ----------------------------------------------------------------------------------------------------


def report_document(report: Report, passed_over: int) -> dict[str, object]:
    """What `test --json` prints, without the problems of the files."""
    return {
        "cases": len(report.cases),
        "failed": len(report.failed),
        "passed_over": passed_over,
        "results": [_result(played) for played in report.cases],
        "coverage": {
            "rules": [_covered(rule) for rule in report.rules],
            "shared": [
                {"name": shared.name, "file": shared.file, "one_way": [_side(side) for side in shared.sides]}
                for shared in report.shared
            ],
        },
    }


def _result(played: Played) -> dict[str, object]:
    case = played.case
    return {
        "file": case.place.file,
        "line": case.place.line,
        "rule": case.rule,
        "name": case.name or None,
        "record": case.subject.kind,
        "passed": played.passed,
        "failures": [_failure(failure, played) for failure in played.failures],
        "timeline": [
            {"at": plain(entry.at), "what": entry.what, "text": entry.text, "rule": entry.rule}
            for entry in played.entries
        ],
    }


def _failure(failure: Failure, played: Played) -> dict[str, object]:
    place = failure.check.place
    return {
        "at": plain(failure.at),
        "line": place.line,
        "expected": failure.check.text,
        "problem": failure.problem or None,
        "instead": [_deed(deed) for deed in failure.instead],
        "in_the_way": [
            {
                "rule": each.rule,
                "outcome": each.outcome,
                "path": each.reason.path if each.reason else None,
                "text": each.reason.text if each.reason else None,
            }
            for each in failure.obstacles
        ],
        "text": sentence(failure, played),
    }


def _deed(deed: Deed) -> dict[str, object]:
    kind = deed.action.kind if deed.action is not None else None
    return {"at": plain(deed.at), "rule": deed.rule, "kind": kind, "held": deed.held, "text": deed.text}


def _covered(rule: Covered) -> dict[str, object]:
    return {
        "id": rule.rule,
        "file": rule.file,
        "line": rule.line,
        "fired": rule.fired,
        "stopped": rule.stopped,
        "one_way": [_side(side) for side in rule.sides],
    }


def _side(side: Side) -> dict[str, object]:
    return {"path": side.path, "never": side.never}


def of_files(report: Report, files: frozenset[str]) -> Report:
    """The report without the rules of other files."""
    rules = [rule for rule in report.rules if rule.file in files]
    return Report(report.cases, rules, [shared for shared in report.shared if shared.file in files])


def of_rules(report: Report, rules: frozenset[str]) -> Report:
    """The report about these rules alone."""
    shared = [shared for shared in report.shared if shared.rules <= rules]
    return Report(report.cases, [rule for rule in report.rules if rule.rule in rules], shared)
