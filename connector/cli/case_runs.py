"""Plays the cases of a workspace: by itself, or in two processes where there are many."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

from connector.bootstrap import Workspace
from rules.cases.model import Case
from rules.cases.result import Report
from rules.model import RuleSet
from rules.testing import Bench, Part, report_of

MANY = 300
"""From so many cases on a second process is worth its start, which takes as long as some fifty cases."""

PROCESSES = 2


def play(workspace: Workspace, cases: Sequence[Case]) -> Report:
    """Play the cases; the report is the same however many processes it takes."""
    rules = (workspace.loaded.ruleset, workspace.settings.engine, workspace.settings.statuses)
    bench = Bench(*rules)
    if len(cases) < MANY or multiprocessing.cpu_count() < PROCESSES:
        return bench.run(cases)
    queues, half = bench.queues(cases), len(cases) // PROCESSES
    # The other process makes a bench of its own: this one is changing while what is submitted is still being sent.
    with ProcessPoolExecutor(1, initializer=_leave_signals) as other:
        second = other.submit(_part, *rules, cases[half:], queues)
        first = bench.play(cases[:half], queues)
        return report_of([first, second.result()])


def _leave_signals() -> None:
    """Ctrl-C is for the process that a person started; it ends the other one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _part(
    ruleset: RuleSet, engine: str, statuses: Mapping[str, str], cases: Sequence[Case], queues: Sequence[str]
) -> Part:
    return Bench(ruleset, engine, statuses).play(cases, queues)
