"""Starts jobs in processes of their own, with the shim built once and loaded before everything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.crash import shim

ROOT = Path(__file__).parents[2]

NO_COMPILER = "no C compiler: the points of a pass cannot be counted (apt-get install gcc)"


def start(library: Path, crm: str, flavour: str, how: str, jobs: Sequence[str]) -> subprocess.Popen[str]:
    """Some jobs on one bench, a report of each on stdout, progress on stderr."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.crash.jobs", crm, flavour, how, *jobs]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOLLOWUP_")}
    environment = {**kept, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def reports_of(bench: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """What the jobs found, one by one; an AssertionError when they could not all be done."""
    with bench:
        assert bench.stdout is not None
        for line in bench.stdout:
            yield json.loads(line)
    assert bench.returncode == 0, "the jobs broke off: the traceback is on stderr"


def the_suite_on(crm: str) -> tuple[Callable[..., Any], Callable[..., None]]:
    """The fixture and the test of one CRM's file, so that two workers share the two CRMs."""

    @pytest.fixture(scope="module")
    def found(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
        """What all jobs of the suite found, each flavour on a bench of its own."""
        if shim.compiler() is None and os.environ.get("CI") != "true":
            pytest.skip(NO_COMPILER)
        library = shim.build(tmp_path_factory.mktemp("shim"))
        told = {}
        for flavour in dict.fromkeys(flavour for flavour, _ in SUITE):
            jobs = [job for one, job in SUITE if one == flavour]
            told |= {
                (flavour, report["job"]): report for report in reports_of(start(library, crm, flavour, "some", jobs))
            }
        return told

    @pytest.mark.parametrize(("flavour", "job"), SUITE)
    def holds(
        found: dict[tuple[str, str], dict[str, Any]],
        flavour: str,
        job: str,
        record_property: Callable[[str, object], None],
    ) -> None:
        report = found[flavour, job]
        record_property("crash points", f"{crm} {flavour}: {report['points']} points in a pass")
        assert report["tried"] > 0
        assert report["failures"] == [], "\n\n".join(report["failures"])

    return found, holds


SUITE = [
    ("marker", "kills"),
    ("marker", "pairs"),
    ("marker", "network"),
    ("marker", "torn"),
    ("marker", "cuts"),
    ("marker", "sync"),
    ("marker", "full"),
    ("marker", "read-only"),
    ("marker", "term"),
    ("marker", "clock-between"),
    ("marker", "clock-during"),
    ("marker", "together"),
    ("key_field", "kills"),
    ("key_field", "pairs"),
]
"""The jobs of the suite: flavour and name, each done in part; `make crashes` does all of it, in both flavours."""
