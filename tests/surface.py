"""A workspace with one rule file of the later words, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.domain.model import Owner
from rules.loader import Loaded, load_rules
from rules.model import Rule

TEAM = """\
people:
  ana: {crm: ana@example.com}
  ben: {crm: ben@example.com, cover: ana}
pools: {inbound: {members: [ana, ben], how: match, match: [skill, history]}, turns: {members: [ben, ana]}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
"""
HEAD = "version: 1\n"
RULE = "rules: [{{id: a, why: x, when: {{{}}}, then: [{{{}}}], once: per lead}}]\n"
OWNERS = (Owner("u1", "Ana", "ana@example.com"), Owner("u2", "Ben", "ben@example.com"))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "rules").mkdir()
    return tmp_path


def load(workspace: Path, text: str, name: str = "a.yaml") -> Loaded:
    (workspace / "rules" / name).write_text(HEAD + text)
    return load_rules(workspace, enrollments=frozenset({"brochure"}))


def told(loaded: Loaded) -> list[str]:
    return [str(problem).removeprefix("rules/a.yaml:") for problem in loaded.problems]


def rule(workspace: Path, when: str = "created: true", then: str = "note: x") -> Rule:
    loaded = load(workspace, RULE.format(when, then))
    assert told(loaded) == []
    return loaded.ruleset.rules[0]
