"""The contract as other people's scripts see it: real processes, exit codes, documents, one line per failure."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox.faults import Fault
from connector.cli.main import COMMANDS, main
from tests.company import CLI, START, Company

HOUR = timedelta(hours=1)


def _one_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("{")]
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]


def _due_lead(firm: Company) -> str:
    firm.run()
    lead = firm.lead("Mara Weber")
    firm.run()
    firm.at(2 * HOUR)
    return lead


def test_run_prints_the_documented_figures(firm: Company) -> None:
    _due_lead(firm)
    done = firm.cli("run", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["crm"] == firm.crm
    assert document["planned"] == 1
    assert document["written"] == {"calls": 1, "confirmed": 1, "failed": 0, "unknown": 0}
    assert set(document) == {
        "run", "crm", "now", "read", "evaluated", "planned", "held", "dropped", "written", "api_calls", "left_over",
        "baseline", "would_have", "notices",
    }  # fmt: skip
    assert set(document["read"]) == {"calls", "records", "activities", "changes", "echoes"}
    assert document["api_calls"] >= document["read"]["calls"] + document["written"]["calls"]


def test_plan_writes_nothing_and_apply_writes_exactly_it(firm: Company) -> None:
    lead = _due_lead(firm)
    other = firm.lead("Other")
    before = len(firm.org.writes)
    planned = firm.cli("plan", "--json", "--exit-code", "--out", "plan.json")
    assert planned.returncode == 4, planned.stderr
    assert len(firm.org.writes) == before
    document = json.loads(planned.stdout)
    [action] = document["actions"]
    assert action["record"] == f"lead:{lead}"
    assert {"key", "rule", "record", "kind", "fields", "old", "why"} <= set(action)
    assert action["rule"] == "first-call"
    assert action["kind"] == "task"
    assert document["held"] == []
    firm.at(4 * HOUR)
    applied = firm.cli("apply", "plan.json", "--json")
    assert applied.returncode == 0, applied.stderr
    assert json.loads(applied.stdout)["written"]["confirmed"] == 1
    [task] = firm.tasks(lead)
    assert task.due.isoformat()[:10] == action["fields"]["due"][:10]
    assert firm.tasks(other) == [], "what the file does not name is not written"
    again = firm.cli("apply", "plan.json", "--json")
    assert json.loads(again.stdout)["written"]["confirmed"] == 0
    assert firm.run().writes.confirmed == 1, "what was left out is still due"


def test_explain_says_when_it_will_act(firm: Company) -> None:
    firm.run()
    lead = firm.lead()
    firm.run()
    done = firm.cli("explain", lead, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    [rule] = document["rules"]
    assert rule["outcome"] == "waits"
    assert rule["next_at"] == (START + HOUR).isoformat().replace("+00:00", "Z")
    assert {"id", "file", "line", "outcome", "reasons", "next_at"} == set(rule)
    assert set(document) == {"record", "now", "at", "next_at", "notes", "rules"}
    assert (document["next_at"], document["at"]) == (rule["next_at"], document["now"])
    assert all({"path", "holds", "text", "value", "source", "at"} == set(reason) for reason in rule["reasons"])
    assert all(reason["source"] for reason in rule["reasons"])
    text = firm.cli("explain", lead)
    assert "waits" in text.stdout
    unknown = firm.cli("explain", "nobody")
    assert unknown.returncode == 1
    _one_line(unknown.stderr)


def test_explain_says_of_a_finished_rule_what_became_of_its_writes(firm: Company) -> None:
    lead = _due_lead(firm)
    path = "/composite/sobjects" if firm.crm == "salesforce" else "/tasks/batch/create"
    refusal: object = [
        {"success": False, "errors": [{"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no"}]}
    ]
    status = 200
    if firm.crm == "hubspot":
        refusal, status = {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}, 400
    firm.server.faults.add(Fault("answer", "POST", path, status=status, body=refusal, times=None))
    assert firm.cli("run").returncode == 3
    firm.server.faults.clear()
    [rule] = json.loads(firm.cli("explain", lead, "--json").stdout)["rules"]
    [write] = [reason for reason in rule["reasons"] if reason["path"] == "then.0"]
    assert rule["outcome"] == "done"
    assert write["holds"] is False
    assert write["text"].startswith("task failed: ")
    assert write["source"].startswith("our own write in run ")


def test_explain_speaks_of_any_instant(firm: Company) -> None:
    lead = _due_lead(firm)
    firm.cli("run")
    firm.at(3 * HOUR)
    firm.set(lead, status="working")
    firm.run(4 * HOUR)

    def at(instant: str) -> dict[str, Any]:
        done = firm.cli("explain", lead, "--rule", "first-call", "--at", instant, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    early, later = at("2026-03-02T09:30"), at("2026-06-01")
    [rule] = early["rules"]
    assert (rule["outcome"], rule["next_at"]) == ("waits", (START + HOUR).isoformat().replace("+00:00", "Z"))
    [status] = [reason for reason in rule["reasons"] if reason["path"].endswith("status")]
    assert status["value"] == "new"
    assert later["notes"] == ["later than now: this holds if nothing happens until then"]
    [rule] = later["rules"]
    [status] = [reason for reason in rule["reasons"] if reason["path"].endswith("status")] or [{"value": "working"}]
    assert status["value"] == "working"
    before = firm.cli("explain", lead, "--at", "2026-01-01")
    assert before.returncode == 1
    assert "not there yet" in _one_line(before.stderr)
    wrong = firm.cli("explain", lead, "--at", "tomorrow")
    assert wrong.returncode == 2
    assert "--at tomorrow is no day and no instant" in _one_line(wrong.stderr)


def test_log_and_show_tell_what_was_written(firm: Company) -> None:
    lead = _due_lead(firm)
    firm.cli("run")
    runs = json.loads(firm.cli("log", "--json").stdout)["runs"]
    assert runs[0]["exit"] == 0
    shown = json.loads(firm.cli("show", "latest", "--json").stdout)
    [write] = shown["writes"]
    assert (write["record"], write["state"], write["kind"]) == (f"lead:{lead}", "confirmed", "task")
    assert "first-call" in firm.cli("show", runs[0]["run"]).stdout
    assert firm.cli("log").stdout.count("\n") >= len(runs)
    assert firm.cli("show", "nothing").returncode == 1


def test_doctor_finds_everything_in_order(firm: Company) -> None:
    done = firm.cli("doctor", "--json")
    findings = json.loads(done.stdout)["findings"]
    wrong = [finding for finding in findings if finding["level"] == "fail"]
    assert wrong == []
    assert done.returncode == 0
    assert firm.cli("doctor").returncode == 0


def test_a_second_run_at_the_same_time_ends_at_once_with_five(firm: Company) -> None:
    _due_lead(firm)
    firm.server.faults.add(Fault("hang", path="query|search"))
    first = subprocess.Popen([*CLI, "run"], env=firm.environment(), cwd=firm.folder, stderr=subprocess.DEVNULL)
    try:
        _wait_for(lambda: bool(firm.server.faults.struck))
        started = time.monotonic()
        second = firm.cli("run")
        assert second.returncode == 5
        assert time.monotonic() - started < 10
        _one_line(second.stderr)
    finally:
        first.kill()
        first.wait(10)
    assert firm.cli("run").returncode == 0, "a dead run holds no lock"


def test_a_stop_signal_lets_the_call_in_flight_finish_and_be_recorded(firm: Company) -> None:
    firm.run()
    leads = [firm.lead(f"Lead {number}") for number in range(450)]
    firm.options["limits"] = {"per_rule_per_run": 1000}
    firm.run()
    firm.at(2 * HOUR)
    path = "/composite/sobjects" if firm.crm == "salesforce" else "/batch/create"
    env = {**firm.environment(), "FOLLOWUP_LIMITS__PER_RULE_PER_RUN": "1000"}
    process = subprocess.Popen(
        [*CLI, "run", "--json"], env=env, cwd=firm.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _wait_for(lambda: any(method == "POST" and path in target for method, target in firm.server.requests))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    document = json.loads(out)
    written = document["written"]["confirmed"]
    assert written == len(firm.tasks())
    assert 0 < written < len(leads)
    assert document["left_over"] == len(leads) - written
    firm.run()
    assert len(firm.tasks()) == len(leads)


def _wait_for(condition, seconds: float = 60) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_the_workspace_may_be_named_before_or_behind_the_command(firm: Company) -> None:
    firm.rules("  - id: broken\n    why: x\n")
    place = str(firm.folder)
    for arguments in (("--workspace", place, "check"), ("check", "--workspace", place), ("-w", place, "check")):
        done = firm.cli(*arguments, FOLLOWUP_WORKSPACE="/nowhere")
        assert done.returncode == 2
        assert "rules/rules.yaml:" in done.stdout


def test_help_names_every_command_and_starts_quickly(capsys: pytest.CaptureFixture[str]) -> None:
    best = min(_timed_help() for _ in range(5))
    assert best < 0.3
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        told = capsys.readouterr()
        assert (ended.value.code, told.err) == (0, "")
        assert f"followup {name}" in told.out
        assert "Example: followup" in told.out


def _timed_help() -> float:
    started = time.monotonic()
    done = subprocess.run([*CLI, "--help"], capture_output=True, text=True, timeout=60, check=False, cwd=_root())
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)
    return time.monotonic() - started


def _root() -> Path:
    return Path(__file__).parent.parent.parent


@pytest.mark.parametrize(("crm", "other"), [("salesforce", "hubspot"), ("hubspot", "simple_salesforce")])
def test_only_the_sdk_of_the_crm_in_use_is_loaded(crm: str, other: str) -> None:
    program = f"import sys, adapters.{crm}, connector.cli.run; assert {other!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=_root())


def test_the_search_for_garbage_goes_on_once_a_command_is_loaded() -> None:
    program = (
        "import click, gc; from connector.cli.main import cli; "
        "assert cli.get_command(click.Context(cli), 'run') and gc.isenabled() and gc.get_freeze_count() > 100_000"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=_root())


def test_init_writes_a_workspace_that_checks_and_never_overwrites(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("FOLLOWUP_")}
    env["PYTHONPATH"] = str(_root())

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*CLI, *arguments]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    for crm in ("salesforce", "hubspot"):
        assert run("init", crm, "--crm", crm).returncode == 0
        checked = run("check", "--workspace", crm)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    again = run("init", "hubspot")
    assert again.returncode == 2
    assert re.search(r"nothing was written", _one_line(again.stderr))
