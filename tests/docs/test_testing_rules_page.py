"""docs/testing-rules.md: its rule file is played, and its failure is what the command prints."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from connector.cli.main import main
from rules.cases.reader import read_cases
from rules.loader import load_rules
from rules.testing import Bench
from rules.vocabulary.cases import CASE_WORDS
from tests.cases import TEAM

PAGE = Path(__file__).parents[2] / "docs" / "testing-rules.md"


def _block(beginning: str) -> str:
    """The indented block of the page that begins so."""
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found = [dedent(block).strip("\n") + "\n" for block in blocks]
    return next(block for block in found if block.startswith(beginning))


def _workspace(folder: Path, rules: str) -> Path:
    (folder / "rules").mkdir()
    (folder / "followup.yaml").write_text("crm: salesforce\n", encoding="utf-8")
    (folder / "team.yaml").write_text(TEAM, encoding="utf-8")
    (folder / "rules" / "a.yaml").write_text(rules, encoding="utf-8")
    return folder


def test_the_pages_cases_go_as_expected_and_cover_their_rule(tmp_path: Path) -> None:
    loaded = load_rules(_workspace(tmp_path, _block("version: 1")))
    read = read_cases(loaded)
    assert (loaded.problems, read.problems) == ((), ())
    report = Bench(loaded.ruleset).run(read.cases)
    assert (len(report.cases), report.failed) == (2, [])
    [covered] = report.rules
    assert (covered.fired, covered.stopped, covered.sides) == (1, 1, ())


def test_the_pages_failure_is_what_the_command_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    rules = _block("version: 1").replace(
        '{at: "2026-03-20 09:00", nothing: true}', '{at: "2026-03-09 09:00", task: call}'
    )
    with pytest.raises(SystemExit) as ended:
        main(["test", "--workspace", str(_workspace(tmp_path, rules))])
    assert ended.value.code == 1
    told = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert told[: told.index("")] == _block("FAIL").splitlines()


def test_every_word_of_a_case_stands_in_the_page_or_explains_itself_in_the_shipped_cases() -> None:
    playbooks = Path(__file__).parents[2] / "rules" / "playbooks"
    text = PAGE.read_text(encoding="utf-8") + "".join(
        path.read_text(encoding="utf-8") for path in sorted(playbooks.rglob("*.yaml"))
    )
    happenings = {word.name for word in CASE_WORDS if word.where in ("a case", "a case's record")}
    assert [name for name in sorted(happenings) if not re.search(rf"\b{name}\b", text)] == []
