"""Every case that ever failed, and the same few new ones of each target every time. `make fuzz` looks further."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.target import CORPUS, load, quick
from tests.fuzz.targets import TARGETS

KEPT = sorted(CORPUS.glob("*/*.json"))


def test_every_kept_case_has_a_target() -> None:
    assert KEPT
    assert {path.parent.name for path in KEPT} <= set(TARGETS)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_failed_once_fails_no_more(path: Path) -> None:
    TARGETS[path.parent.name].check(load(path))


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_short_look_finds_nothing(name: str) -> None:
    tally = quick(TARGETS[name])
    assert tally.failing is None, f"{tally.error}\n{tally.failing}"
    assert tally.examples >= TARGETS[name].quick // 2


PARENT = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from tests.fuzz.workers import end_with_parent
pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent)
print(pool.submit(os.getpid).result(), flush=True)
pool.submit(time.sleep, 60).result()
"""


def test_no_worker_outlives_a_run_that_is_killed() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)
        parent.kill()
        # The worker holds the other end of the pipe, too: it is at its end when both are gone.
        assert parent.communicate(timeout=20) == ("", None)
