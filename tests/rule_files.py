"""A workspace with a team and one rule file, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.loader import Loaded, load_rules
from rules.model import Rule

TEAM = """\
people:
  ana: {crm: ana@example.com, manager: eva}
  ben: {crm: ben@example.com}
  eva: {crm: eva@example.com}
pools: {inbound: {members: [ana, ben]}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
"""
RULE = """\
version: 1
rules:
  - id: a-rule
    why: because
    when: {created: true}
    then: [{note: text}]
    once: per lead
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "rules").mkdir()
    return tmp_path


def load(workspace: Path, text: str, name: str = "a.yaml") -> Loaded:
    (workspace / "rules" / name).write_text(text)
    return load_rules(workspace, enrollments=frozenset({"brochure"}))


def told(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.problems]


def only(loaded: Loaded) -> Rule:
    assert told(loaded) == []
    (rule,) = loaded.ruleset.rules
    return rule


def with_line(line: str) -> str:
    """A file whose rule has this in line 4, in the place of what it had under the same key."""
    key = line.partition(":")[0]
    lines = [each for each in RULE.splitlines() if not each.strip().startswith(f"{key}:")]
    return "\n".join([*lines[:3], f"    {line}", *lines[3:]]) + "\n"
