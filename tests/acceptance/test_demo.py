"""The demo is what a newcomer sees first: it runs by itself, is quick, and tells the same story of both CRMs."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.company import CLI

ROOT = Path(__file__).parent.parent.parent


def _demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("FOLLOWUP_")}
    env["TMPDIR"] = str(folder)
    command = [*CLI, "demo", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_three_weeks_on_both_crms_give_the_same_figures_and_no_lead_is_lost(tmp_path: Path) -> None:
    began = time.monotonic()
    done = _demo(tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 60
    document: dict[str, Any] = json.loads(done.stdout)
    weeks = {crm: [{**week, "api_calls": None} for week in told["weeks"]] for crm, told in document.items()}
    assert weeks["salesforce"] == weeks["hubspot"]
    before, *_, last = weeks["salesforce"]
    assert before["without_next_step"] == before["leads"]
    assert last["without_next_step"] < last["leads"] / 4
    assert all(sum(week[what] for week in weeks["hubspot"]) > 0 for what in ("tasks", "reassigned", "enrolled"))
    for told in document.values():
        assert told["plan"]["actions"]
        assert set(told["explain"]) == {"acted on", "waiting", "stopped"}
        assert any(rule["next_at"] for rule in told["explain"]["waiting"]["rules"] if rule["outcome"] == "waits")
        assert any(rule["outcome"] == "blocked" for rule in told["explain"]["stopped"]["rules"])


def test_the_demo_ends_with_what_to_try_next_and_writes_the_report_of_its_last_week(tmp_path: Path) -> None:
    done = _demo(tmp_path, "--crm", "hubspot", "--report", str(tmp_path))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report-hubspot.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("Ana Ferreira", "Ben Okafor", "Cleo Martin", "Who needs help"))
    assert "Salesforce: three weeks" not in done.stdout
    for command in ("followup init", "followup doctor", "followup plan"):
        assert command in done.stdout
