"""`followup test`: the given/when/then cases in the rule files, with a moved clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from connector.bootstrap import Workspace, load_workspace
from connector.cli.case_runs import play
from connector.cli.case_tables import CaseTeller, of_files, of_rules, report_document
from connector.cli.console import Terminal
from connector.cli.options import json_option, print_json, workspace_option
from connector.cli.problems import problem_line, problem_row
from connector.domain.errors import ConfigError, FollowupError, Problem
from connector.settings import workspace_folder
from rules.cases.expected import of_rule
from rules.cases.model import Case
from rules.cases.reader import Cases, read_cases
from rules.cases.result import Report
from rules.loader import FOLDER

LOOK_EVERY = 0.3
"""Seconds between two looks at the files while they are watched."""


@click.command("test", epilog="Example: followup test --rule week-one-call --watch")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--rule", help="Only the cases of this rule or cadence.")
@click.option("--watch", is_flag=True, help="Play the cases again whenever a file is saved; Ctrl-C ends it.")
@workspace_option
@json_option
def command(files: tuple[str, ...], rule: str | None, watch: bool, workspace: Path | None, as_json: bool) -> int:
    """Play the cases under `tests:` in the rule files, of FILE only when one is named. No CRM and no state is needed.

    Ends with 0 when all went as expected, 1 when one did not, 2 when a file has a mistake.
    """
    wanted = _Wanted(rule, files)
    if not watch:
        return _once(workspace, wanted, as_json)
    if as_json:
        raise click.UsageError("--json prints one document; leave --watch out")
    folder = workspace_folder(workspace)
    return _watch(folder, lambda: _once(workspace, wanted, as_json=False))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which cases are to be played."""

    rule: str | None
    files: tuple[str, ...]

    def files_of(self, workspace: Workspace) -> frozenset[str]:
        """The rule files that are meant, as problems name them; ConfigError for one that is not there."""
        there = {path.name: f"{FOLDER}/{path.name}" for path in (workspace.folder / FOLDER).glob("*.y*ml")}
        unknown = next((name for name in self.files if Path(name).name not in there), None)
        if unknown is not None:
            raise ConfigError(f"there is no rule file `{unknown}`; there are: {', '.join(sorted(there)) or 'none'}")
        return frozenset(there[Path(name).name] for name in self.files)

    def rules_of(self, workspace: Workspace) -> frozenset[str]:
        """The rules that are meant; ConfigError for one that is not there."""
        ids = [rule.id for rule in workspace.loaded.ruleset.rules]
        found = frozenset(name for name in ids if of_rule(name, self.rule))
        if not found and self.rule not in workspace.loaded.quarantined:
            raise ConfigError(f"there is no rule `{self.rule}`; there are: {', '.join(ids) or 'none'}")
        return found

    def pick(self, cases: Sequence[Case], files: frozenset[str]) -> Sequence[Case]:
        """The cases that are meant."""
        found = [case for case in cases if not files or case.place.file in files]
        return [case for case in found if self.rule is None or _is_about(case, self.rule)]


def _is_about(case: Case, rule: str) -> bool:
    named = {case.rule, *(expectation.rule for expectation in case.expectations)}
    return any(name is not None and (of_rule(name, rule) or of_rule(rule, name)) for name in named)


def _once(folder: Path | None, wanted: _Wanted, as_json: bool) -> int:
    """Play the cases and show what came of it; the exit code."""
    workspace = load_workspace(folder)
    loaded = workspace.loaded
    files = wanted.files_of(workspace)
    rules = wanted.rules_of(workspace) if wanted.rule is not None else None
    read = read_cases(loaded)
    report = play(workspace, wanted.pick(read.cases, files))
    report = of_files(report, files) if files else report
    report = of_rules(report, rules) if rules is not None else report
    problems = [problem for problem in (*loaded.problems, *read.problems) if problem.level == "error"]
    _show(report, read, problems, as_json)
    if problems:
        return 2
    return 1 if report.failed else 0


def _show(report: Report, read: Cases, problems: Sequence[Problem], as_json: bool) -> None:
    if as_json:
        rows = [problem_row(problem) for problem in problems]
        print_json({**report_document(report, read.passed_over), "problems": rows})
        return
    teller = CaseTeller(Terminal())
    for problem in problems:
        click.echo(problem_line(problem))
    for played in report.failed:
        teller.failed(played)
    teller.summary(report, read.passed_over)


# -- watching --------------------------------------------------------------------------------------------------------


def _watch(folder: Path, play: Callable[[], int]) -> int:
    """Play whenever a file of the workspace is saved, until Ctrl-C."""
    seen: frozenset[tuple[str, int, int]] | None = None
    pause = threading.Event()
    try:
        while True:
            there = _stamps(folder)
            if there != seen:
                seen = there
                _told(play)
                click.echo("watching the files; Ctrl-C ends it", err=True)
            pause.wait(LOOK_EVERY)
    except KeyboardInterrupt:
        click.echo("", err=True)
        return 0


def _told(play: Callable[[], int]) -> None:
    """Play once; a workspace that cannot be read is told, and watched further."""
    try:
        play()
    except FollowupError as error:
        click.echo(f"followup: {error}", err=True)


def _stamps(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Every file that the cases depend on, with its size and when it was saved; one that is just being replaced is absent."""
    found: set[tuple[str, int, int]] = set()
    for path in (folder / "followup.yaml", folder / "team.yaml", *(folder / FOLDER).glob("*.y*ml")):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.add((path.name, stat.st_size, stat.st_mtime_ns))
    return frozenset(found)
