"""A thousand cases are played in seconds: the figure is in docs/performance.md, the bound here is a generous one."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.cases import workspace
from rules.cases.reader import read_cases
from rules.loader import load_rules
from rules.testing import Bench


def test_two_hundred_cases_take_a_fifth_of_what_a_thousand_may(tmp_path: Path) -> None:
    workspace(tmp_path, 200)
    started = time.process_time()
    loaded = load_rules(tmp_path)
    report = Bench(loaded.ruleset, "plain").run(read_cases(loaded).cases)
    took = time.process_time() - started
    assert len(report.cases) >= 200
    assert not report.failed
    assert took < 2.0, "1,000 cases in 5 s is 1 s of processor time for 200; twice that is for a slower machine"
