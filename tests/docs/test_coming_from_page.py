"""docs/coming-from.md: each of its five translations is loaded, has nothing to mend, and its cases go as expected."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules.cases.reader import read_cases
from rules.loader import load_rules
from rules.playbooks import FIRST, workspace_files
from rules.testing import Bench
from tests.ending import ended

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
TRANSLATIONS = re.findall(
    r"^## (\d)\. .+?^```yaml rules\n(.+?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def test_there_are_five() -> None:
    assert [number for number, _ in TRANSLATIONS] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(("number", "text"), TRANSLATIONS, ids=[number for number, _ in TRANSLATIONS])
def test_a_translation_does_what_it_says(tmp_path: Path, number: str, text: str) -> None:
    (tmp_path / "rules").mkdir()
    settings = workspace_files((FIRST,), "salesforce")
    (tmp_path / "team.yaml").write_text(settings["team.yaml"], encoding="utf-8")
    (tmp_path / "rules" / "a.yaml").write_text(text, encoding="utf-8")
    loaded = load_rules(tmp_path, enrollments=frozenset({"brochure", "welcome"}))
    cases = read_cases(loaded)
    assert (loaded.problems, cases.problems) == ((), ())
    report = Bench(loaded.ruleset).run(cases.cases)
    assert len(report.cases) >= 2
    told = [(played.case.title, [failure.check.text for failure in played.failures]) for played in report.failed]
    assert told == []


def test_no_translation_has_a_finding_but_that_it_is_only_a_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, text in TRANSLATIONS:
        folder = tmp_path / number
        (folder / "rules").mkdir(parents=True)
        for name, written in workspace_files(("attempts", "interested-brochure"), "salesforce").items():
            if not name.startswith("rules/"):
                (folder / name).write_text(written, encoding="utf-8")
        (folder / "rules" / "a.yaml").write_text(text, encoding="utf-8")
        assert ended("check", "--workspace", str(folder)) == 0
        found = capsys.readouterr().out
        assert set(re.findall(r"\[(F\d+)", found)) <= {"F601"}, found
