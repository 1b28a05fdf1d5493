"""`followup test` as a rule author runs it: the page's own example, failures, coverage, documents, watching."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.cli.main import main
from tests.cases import CALL, TEAM, Written
from tests.company import CLI

EXAMPLE = """\
version: 1
defaults:
  for: lead                     # lead | contact | deal
  calendar: office              # from team.yaml
  unless: {any: [{status: [converted, do_not_contact]}, {opted_out: true}]}

rules:
  - id: week-one-call
    why: Every new lead is called within a week
    when: {created: true}
    wait: 5 business days
    unless: {attempts: {type: call, at_least: 1}}
    then:
      - task: {type: call, subject: "Call {lead.name} and qualify", due: 1 business day}
    once: per lead

  - id: recycle-after-6
    why: Six attempts without a reply; somebody else should try
    when: {attempts: {reach: 6, since: assigned}}
    wait: 2 business days
    unless: {replied: {since: assigned}}
    then:
      - set: {status: recycled}
      - reassign: {pool: inbound, except: previous_owners, if_nobody: hold}
    once: per owner
    limit: {per_run: 25, on_exceed: hold}

  - id: interested-brochure
    why: Interested prospects get the brochure
    when: {becomes: {status: interested}}
    then: [{enroll: {in: brochure, sender: owner}}]
    once: per 90 days

tests:
  - rule: recycle-after-6
    lead: {owner: ana, assigned: "2026-03-02 09:00"}
    timeline:
      - {at: "2026-03-03 10:00", call: no_answer, times: 5}
      - {at: "2026-03-06 16:00", call: no_answer}
    expect:
      - {at: "2026-03-10 15:59", nothing: true}
      - {at: "2026-03-10 16:00", reassign: {from: ana}}
"""
"""The example of the rule language's page, as it stands there."""

REPLIED = """\
- rule: week-one-call
  name: somebody called
  lead: {created: "2026-03-02 09:00"}
  timeline: [{at: "2026-03-03 10:00", call: no_answer}]
  expect: [{at: "2026-03-09 09:00", task: call}]
"""
FINE = """\
- rule: week-one-call
  lead: {created: "2026-03-02 09:00"}
  expect: [{at: "2026-03-09 09:00", task: call}]
"""
CONFIG = "crm: salesforce\nenrollments: {brochure: {campaign: 701000000000001AAA}}\n"


@dataclass(frozen=True)
class Done:
    """What a command said, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def followup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """The console script on the workspace of this test."""
    monkeypatch.setenv("FOLLOWUP_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        said = capsys.readouterr()
        return Done(int(str(ended.value.code)), said.out, said.err)

    return run


def _write(folder: Path, tests: str = FINE, rules: str = CALL) -> Written:
    written = Written(folder, rules, tests, others={"followup.yaml": CONFIG})
    written.write()
    return written


@pytest.mark.parametrize("engine", ["durable", "plain"])
def test_the_example_of_the_rule_language_goes_as_expected(
    tmp_path: Path, followup: Callable[..., Done], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLLOWUP_ENGINE", engine)
    if engine == "durable":
        pytest.importorskip("durable")
    written = _write(tmp_path)
    (written.folder / "rules" / "a.yaml").write_text(EXAMPLE, encoding="utf-8")
    done = followup("test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 case: all as expected" in done.stdout
    assert "never fired: week-one-call, interested-brochure" in done.stdout
    assert "one way only: recycle-after-6: unless.replied never true" in done.stdout


def test_a_failure_shows_the_timeline_what_came_instead_and_what_stood_in_the_way(
    tmp_path: Path, followup: Callable[..., Done]
) -> None:
    line = _write(tmp_path, FINE + REPLIED).first_line + 3
    done = followup("test")
    assert done.returncode == 1, done.stderr
    first, header, *rows = done.stdout.splitlines()
    assert first.startswith(
        f'FAIL rules/a.yaml:{line} week-one-call "somebody called": expected task call by Mon 2026-03-09 09:00; '
    )
    assert (
        "nothing was done; in the way: week-one-call (blocked) unless.attempts: 1 call attempt since created" in first
    )
    assert header.split() == ["when", "what", "rule"]
    assert [row.rstrip().split(maxsplit=3)[1:] for row in rows[:3]] == [
        ["2026-03-02", "09:00", "the lead is created"],
        ["2026-03-03", "10:00", "call no_answer"],
        ["2026-03-09", "09:00", "NOT  expected: task call  week-one-call"],
    ]
    assert "2 cases: 1 not as expected" in done.stdout


def test_the_document_says_the_same(tmp_path: Path, followup: Callable[..., Done]) -> None:
    _write(tmp_path, FINE + REPLIED)
    done = followup("test", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert set(document) == {"cases", "failed", "passed_over", "results", "coverage", "problems"}
    assert (document["cases"], document["failed"], document["problems"]) == (2, 1, [])
    fine, failed = document["results"]
    assert fine["passed"] is True
    assert fine["failures"] == []
    [failure] = failed["failures"]
    assert failure["expected"] == "task call"
    assert failure["at"] == "2026-03-09T08:00:00Z"
    assert failure["instead"] == []
    assert [(each["rule"], each["outcome"], each["path"]) for each in failure["in_the_way"]] == [
        ("week-one-call", "blocked", "unless.attempts")
    ]
    assert [entry["what"] for entry in failed["timeline"]] == ["event", "event", "failed"]
    [covered] = document["coverage"]["rules"]
    assert (covered["id"], covered["fired"], covered["stopped"], covered["one_way"]) == ("week-one-call", 1, 1, [])


def test_a_mistake_in_a_case_ends_with_two_and_the_others_are_played(
    tmp_path: Path, followup: Callable[..., Done]
) -> None:
    line = _write(tmp_path, FINE + FINE.replace("created:", "creatd:")).first_line + 4
    done = followup("test")
    assert done.returncode == 2
    assert f"rules/a.yaml:{line}:12: `creatd` is not known here; did you mean `created`?" in done.stdout
    assert "1 case: all as expected" in done.stdout
    checked = followup("check")
    assert checked.returncode == 2
    assert f"rules/a.yaml:{line}:12: `creatd`" in checked.stdout
    assert "1 rule would run" in checked.stderr, "a mistake in a case stops no rule"


def test_one_rule_or_one_file_alone(tmp_path: Path, followup: Callable[..., Done]) -> None:
    _write(tmp_path, FINE + REPLIED)
    other = "version: 1\nrules:\n  - {id: r, why: A note, when: {created: true}, then: [{note: seen}]}\n"
    other += (
        'tests:\n  - {rule: r, lead: {created: "2026-03-02 09:00"}, expect: [{at: "2026-03-02 09:00", note: seen}]}\n'
    )
    (tmp_path / "rules" / "b.yaml").write_text(other, encoding="utf-8")
    for arguments in (("--rule", "r"), ("rules/b.yaml",), (str(tmp_path / "rules" / "b.yaml"),), ("b.yaml",)):
        done = followup("test", *arguments)
        assert done.returncode == 0, done.stdout
        assert "1 case: all as expected" in done.stdout
        assert "week-one-call" not in done.stdout
    assert followup("test").returncode == 1
    assert (
        followup("test", "--rule", "nobodys").stderr
        == "followup: there is no rule `nobodys`; there are: week-one-call, r\n"
    )
    assert "there is no rule file `c.yaml`; there are: a.yaml, b.yaml" in followup("test", "c.yaml").stderr


def test_no_cases_are_no_failure(tmp_path: Path, followup: Callable[..., Done]) -> None:
    (tmp_path / "followup.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "team.yaml").write_text(TEAM, encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(f"version: 1\nrules:\n{CALL}", encoding="utf-8")
    done = followup("test")
    assert done.returncode == 0
    assert "0 cases: nothing to play" in done.stdout
    assert "never fired: week-one-call" in done.stdout


def test_watch_and_a_document_do_not_go_together(tmp_path: Path, followup: Callable[..., Done]) -> None:
    _write(tmp_path)
    done = followup("test", "--watch", "--json")
    assert done.returncode == 2
    assert "leave --watch out" in done.stderr


def test_two_processes_say_what_one_says(
    tmp_path: Path, followup: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, FINE + REPLIED + FINE + FINE)
    alone = followup("test", "--json")
    monkeypatch.setattr("connector.cli.case_runs.MANY", 2)
    monkeypatch.setattr("multiprocessing.cpu_count", lambda: 2)
    together = followup("test", "--json")
    assert (alone.returncode, together.returncode) == (1, 1)
    assert together.stderr == ""
    assert json.loads(alone.stdout) == json.loads(together.stdout)


# -- watching --------------------------------------------------------------------------------------------------------


def _heeds_ctrl_c() -> None:
    """What a shell starts in the background is told to ignore Ctrl-C, and so would be all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def watching(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`followup test --watch`; it is ended at the end, whatever happens."""
    environment = {**os.environ, "FOLLOWUP_WORKSPACE": str(folder), "FOLLOWUP_ENGINE": "plain", "PYTHONUNBUFFERED": "1"}
    with (folder / "told").open("wb") as told:
        process = subprocess.Popen(
            [*CLI, "test", "--watch"], stdout=told, stderr=subprocess.STDOUT, env=environment, preexec_fn=_heeds_ctrl_c
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(40)


def _waits_for(folder: Path, text: str, count: int = 1) -> str:
    """What was told, once it holds the text so many times; forty seconds at most, for a machine that does other things."""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        told = (folder / "told").read_text(encoding="utf-8")
        if told.count(text) >= count:
            return told
        time.sleep(0.05)
    raise AssertionError((folder / "told").read_text(encoding="utf-8"))


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is a signal of POSIX here")
def test_watch_plays_again_on_save_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    _write(tmp_path, REPLIED)
    with watching(tmp_path) as process:
        _waits_for(tmp_path, "1 case: 1 not as expected")
        _waits_for(tmp_path, "watching the files")
        _write(tmp_path, FINE)
        _waits_for(tmp_path, "1 case: all as expected")
        (tmp_path / "followup.yaml").write_text("crm: [", encoding="utf-8")
        told = _waits_for(tmp_path, "followup: followup.yaml")
        assert "Traceback" not in told
        _write(tmp_path, FINE)
        _waits_for(tmp_path, "1 case: all as expected", count=2)
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0
    assert "Traceback" not in (tmp_path / "told").read_text(encoding="utf-8")
