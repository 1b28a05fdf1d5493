"""Cases of rule files, written and played in tests: a workspace of text, and what came of its cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from rules.cases.reader import Cases, read_cases
from rules.cases.result import Failure, Played, Report
from rules.loader import Loaded, load_rules
from rules.testing import Bench

TEAM = """\
people:
  ana: {crm: ana@example.com, manager: eva}
  ben: {crm: ben@example.com, manager: eva}
  cleo: {crm: cleo@example.com, manager: eva}
  eva: {crm: eva@example.com}
pools:
  inbound: {members: [ana, ben, cleo]}
calendars:
  office: {zone: Europe/Berlin, hours: {mon-thu: "09:00-18:00", fri: "09:00-16:00"}, holidays: DE}
"""

CALL = """\
  - id: week-one-call
    why: Every new lead is called within a week
    when: {created: true}
    wait: 5 business days
    unless: {attempts: {type: call, at_least: 1}}
    then: [{task: {type: call, subject: "Call {lead.name}", due: 1 business day}}]
    once: per lead
"""


@dataclass
class Written:
    """A workspace with one rule file of rules and cases."""

    folder: Path
    rules: str = CALL
    tests: str = ""
    team: str = TEAM
    head: str = "version: 1\n"
    tail: str = ""
    others: Mapping[str, str] = field(default_factory=dict)

    def write(self) -> Path:
        """Put the files there; the workspace's folder."""
        (self.folder / "rules").mkdir(parents=True, exist_ok=True)
        (self.folder / "team.yaml").write_text(self.team, encoding="utf-8")
        (self.folder / "rules" / "a.yaml").write_text(self.text, encoding="utf-8")
        for name, text in self.others.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder

    @property
    def text(self) -> str:
        """The rule file."""
        return f"{self.head}rules:\n{dedented(self.rules)}tests:\n{dedented(self.tests)}{self.tail}"

    @property
    def first_line(self) -> int:
        """The line of the file on which the first case stands."""
        return self.text[: self.text.index("tests:")].count("\n") + 2

    def loaded(self) -> Loaded:
        """The rules and the cases as they are written."""
        return load_rules(self.write(), enrollments=frozenset({"brochure", "welcome"}))

    def read(self) -> Cases:
        """The cases, read."""
        loaded = self.loaded()
        assert not loaded.problems, loaded.problems
        return read_cases(loaded)

    def report(self, engine: str = "plain", statuses: Mapping[str, str] | None = None) -> Report:
        """The cases, played; none may have a mistake."""
        loaded = self.loaded()
        assert not loaded.problems, loaded.problems
        read = read_cases(loaded)
        assert not read.problems, read.problems
        return Bench(loaded.ruleset, engine, statuses).run(read.cases)

    def played(self, engine: str = "plain") -> Played:
        """The only case, played."""
        [only] = self.report(engine).cases
        return only


def dedented(text: str) -> str:
    """A list of YAML as it stands under its key."""
    lines = dedent(text).strip("\n")
    return "".join(f"  {line}\n" for line in lines.splitlines())


def did(played: Played) -> list[str]:
    """What the rules did, in order."""
    return [entry.text for entry in played.entries if entry.what in ("done", "held")]


def wrong(played: Played) -> list[str]:
    """The expectations that were not met."""
    return [failure.check.text for failure in played.failures]


def only_failure(played: Played) -> Failure:
    """What went wrong, once."""
    [failure] = played.failures
    return failure
