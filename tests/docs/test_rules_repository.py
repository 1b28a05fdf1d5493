"""The page on a repository of rules: its hooks and its action run what they say, and stop what they should."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from connector.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules-repository.md").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
BLOCKS = {kind: yaml.safe_load(body) for kind, body in re.findall(r"^```yaml ([\w-]+)\n(.*?)^```$", PAGE, re.M | re.S)}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RULES = """\
version: 1
rules:
  - id: week-one-call
    why: Every new lead is called within a week
    when: {created: true}
    wait: 5 days
    then: [{task: {type: call, subject: "Call {lead.name}"}}]
    once: per lead
  - id: next-step
    why: Every open lead has a next step
    when: {next_step: none}
    wait: 1 day
    then: [{task: {type: todo, subject: "Decide the next step"}}]
tests:
  - rule: week-one-call
    lead: {created: "2026-03-02 10:00"}
    expect: [{at: "2026-03-09 09:00", task: call}]
"""


def steps() -> list[str]:
    return [step["run"] for step in BLOCKS["action"]["jobs"]["check"]["steps"] if "run" in step]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULES)
    (tmp_path / "followup.yaml").write_text("crm: salesforce\n")
    (tmp_path / "team.yaml").write_text("people: {ana: {crm: ana@example.com}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ends_with(command: str) -> int:
    program, *arguments = shlex.split(command)
    assert program == "followup"
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("command", [hook["entry"] for hook in HOOKS] + steps()[1:])
def test_each_command_passes_sound_rules_and_stops_broken_ones(workspace: Path, command: str) -> None:
    assert ends_with(command) == 0
    (workspace / "rules" / "a.yaml").write_text(RULES.replace("wait: 5 days", "wait: 5 dys"))
    assert ends_with(command) == 2


def test_a_case_that_goes_otherwise_stops_the_change(workspace: Path) -> None:
    (workspace / "rules" / "a.yaml").write_text(RULES.replace("wait: 5 days", "wait: 8 days"))
    assert [ends_with(hook["entry"]) for hook in HOOKS] == [0, 1]


def test_the_hooks_run_for_the_files_of_a_workspace_and_no_other() -> None:
    for hook in HOOKS:
        files = re.compile(hook["files"])
        assert all(files.search(name) for name in ("rules/a.yaml", "crm/rules/b.yml", "team.yaml", "crm/followup.yaml"))
        assert not any(files.search(name) for name in ("rules/notes.txt", "docs/team.yaml.md", "rules/old/a.yaml"))
        assert hook["pass_filenames"] is False
        assert hook["language"] == "python"


def test_the_page_names_hooks_commands_and_package_that_exist() -> None:
    (repo,) = BLOCKS["pre-commit"]["repos"]
    assert [hook["id"] for hook in repo["hooks"]] == [hook["id"] for hook in HOOKS]
    assert repo["rev"] == f"v{PROJECT['version']}"
    assert steps()[0] == f"pip install {PROJECT['name']}"
    for command in re.findall(r"followup ([a-z]+)", "\n".join(steps()) + PAGE.partition("## What the change")[2]):
        assert command in COMMANDS
