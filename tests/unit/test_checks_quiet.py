"""`check` raises no false alarm: not on the shipped playbooks, not on an example of the pages for rule authors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest

from connector.bootstrap import findings, load_workspace
from rules.playbooks import CRMS, PLAYBOOKS, playbook_files

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(
    r"^```yaml (\w+)\n(.*?)^```$", (DOCS / "rules.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
TEAM = next(body for kind, body in BLOCKS if kind == "team")
CONFIG = """\
crm: salesforce
statuses: {new: New, working: Working, interested: Interested, recycled: Recycled, nurturing: Nurturing,
  qualified: Qualified, unqualified: Unqualified, converted: Converted, do_not_contact: Do Not Contact}
enrollments: {brochure: {campaign: "701000000000001AAA"}, welcome: {campaign: "701000000000002AAA"}}
"""
HEAD = "version: 1\nrules:\n"
RULE = {"when": "when: {created: true}", "then": "then: [{note: x}]", "once": "once: per lead"}

LANGUAGE = """\
version: 1
defaults:
  for: lead
  calendar: office
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
cadences:
  - id: inbound
    why: Eight touches over three weeks
    start: {created: true}
    if: {source: inbound}
    stop: {any: [{replied: true}, {status: [qualified, unqualified]}]}
    steps:
      - {after: 1 hour, task: {type: call, subject: "Call {lead.name}"}}
      - {after: 1 business day, enroll: {in: welcome, sender: owner}}
scores:
  - {if: {industry: [software, finance]}, points: 20, why: our best industries}
  - {per: {activity: email_opened}, points: 5, at_most: 20, half_life: 14 days, why: interest fades}
"""
"""The whole of the rule language in one file: what its first page shows."""


def said(folder: Path, rules: str) -> list[str]:
    (folder / "rules").mkdir()
    (folder / "followup.yaml").write_text(CONFIG)
    (folder / "team.yaml").write_text(TEAM)
    (folder / "rules" / "a.yaml").write_text(rules)
    return found(folder)


def found(folder: Path) -> list[str]:
    loaded = load_workspace(folder)
    return [f"{each} {each.code}" for each in (*loaded.problems, *findings(loaded))]


@pytest.mark.parametrize("name", PLAYBOOKS)
@pytest.mark.parametrize("crm", CRMS)
def test_the_shipped_playbooks_are_clean(tmp_path: Path, name: str, crm: Literal["salesforce", "hubspot"]) -> None:
    for file, text in playbook_files(name, crm).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    assert found(tmp_path) == []


def test_the_rule_languages_own_example_is_clean(tmp_path: Path) -> None:
    assert said(tmp_path, LANGUAGE) == []


def line_of(kind: str, line: str) -> str:
    code = line.partition(" #")[0].strip()
    part = code if kind == "once" else f"{kind}: [{{{code}}}]" if kind == "then" else f"{kind}: {{{code}}}"
    guard = "unless: {opted_out: true}\n    " if "enroll:" in code else ""
    return f"{HEAD}  - id: a\n    why: x\n    {guard}" + "\n    ".join((RULE | {kind: part}).values()) + "\n"


def examples() -> list[str]:
    files: list[str] = []
    for kind, body in BLOCKS:
        if kind == "file":
            files.append(body)
        elif kind == "rule":
            files.append(HEAD + re.sub("^", "  ", body, flags=re.MULTILINE))
        elif kind != "team":
            files += [line_of(kind, line) for line in body.splitlines()]
    return files


@pytest.mark.parametrize("text", examples())
def test_the_examples_of_the_reference_are_clean(tmp_path: Path, text: str) -> None:
    # A single rule cannot look after every lead, and a page about words binds no fields of its own.
    assert [line for line in said(tmp_path, text) if line[-4:] not in ("F304", "F601", "F602")] == []
