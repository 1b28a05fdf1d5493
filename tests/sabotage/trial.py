"""Runs some tests on a tree, in a process forked for it, and tells what became of them."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

NOT_A_VERDICT = (SyntaxError, ImportError, NameError)
"""What a test ends with when the changed code does not even run: that is no test noticing a fault."""

OPTIONS = (
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-W",
    "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
)
"""Beside those of the suite: hypothesis is loaded before the fork, so that pytest comes too late to rewrite it."""


class Recorder:
    """A pytest plugin that notes what passed, the first test that failed, and what could not be asked at all."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.skipped: list[str] = []
        self.seconds: dict[str, float] = {}
        self.failed = ""
        self.why = ""
        self.broken = ""
        self.all_failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.skipped:
            self.skipped.append(report.nodeid)
        elif report.passed and report.when == "call":
            self.passed.append(report.nodeid)

    def pytest_exception_interact(
        self,
        node: pytest.Item | pytest.Collector,
        call: pytest.CallInfo[object],
        report: pytest.TestReport | pytest.CollectReport,
    ) -> None:
        assert call.excinfo is not None
        self.all_failed.append(node.nodeid)
        told = f"{call.excinfo.typename}: {call.excinfo.value}".splitlines()[0]
        in_a_test = isinstance(report, pytest.TestReport) and report.when == "call"
        if not in_a_test or isinstance(call.excinfo.value, NOT_A_VERDICT):
            self.broken = self.broken or f"{node.nodeid}: {told}"
        elif not self.failed:
            self.failed, self.why = node.nodeid, told


def run(tree: Path, tests: Sequence[str], options: Sequence[str], answer: Path) -> None:
    """To be called in a process of its own: pytest in this tree, on what is imported from there; the answer as JSON."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with answer.with_suffix(".log").open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        _stand_in(tree)
        recorder = Recorder()
        code = pytest.main([*OPTIONS, *options, *tests], plugins=[recorder])
        told = {
            "code": int(code),
            "passed": recorder.passed,
            "skipped": recorder.skipped,
            "seconds": recorder.seconds,
            "failed": recorder.failed,
            "why": recorder.why,
            "broken": recorder.broken,
            "all_failed": recorder.all_failed,
            "elsewhere": _elsewhere(tree),
        }
    answer.write_text(json.dumps(told), encoding="utf-8")


def _stand_in(tree: Path) -> None:
    """From now on this tree is where everything of ours is imported from, in processes started from here too."""
    here = str(Path(__file__).resolve().parents[2])
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.dont_write_bytecode = False  # the copy is ours to fill; the next trial on it need not compile again
    sys.path[:] = [str(tree), *(entry for entry in sys.path if entry not in ("", here))]
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]


_OURS = ("connector", "rules", "adapters", "tests")


def _elsewhere(tree: Path) -> list[str]:
    """Modules of ours that were imported from anywhere but this tree; empty when none of ours was imported."""
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in _OURS}
    files = {name: getattr(module, "__file__", None) for name, module in ours.items()}
    wrong = [name for name, file in files.items() if file and not Path(file).resolve().is_relative_to(tree.resolve())]
    return wrong or ([] if any(files.values()) else ["nothing of ours was imported"])
