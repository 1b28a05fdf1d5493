"""Every shipped playbook, alone and with all others: nothing to mend, and its cases come out as they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.bootstrap import load_workspace
from rules.cases.reader import read_cases
from rules.cases.result import Report
from rules.loader import Loaded, load_rules
from rules.playbooks import CRMS, FIRST, PLAYBOOKS, PROCEDURES, Crm, needs, summary, workspace_files
from rules.testing import Bench
from tests.ending import ended

PAGE = Path(__file__).parents[2] / "docs" / "playbooks.md"
ALL = "all"
BOOKS = [*PLAYBOOKS, ALL]


def _workspace(folder: Path, book: str, crm: Crm = "salesforce") -> Path:
    for name, text in workspace_files(PROCEDURES if book == ALL else (book,), crm).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _report(folder: Path, engine: str) -> tuple[Loaded, Report]:
    workspace = load_workspace(folder)
    cases = read_cases(workspace.loaded)
    assert (workspace.loaded.problems, cases.problems) == ((), ())
    return workspace.loaded, Bench(workspace.loaded.ruleset, engine, workspace.settings.statuses).run(cases.cases)


@pytest.mark.parametrize("crm", CRMS)
@pytest.mark.parametrize("book", BOOKS)
def test_check_has_nothing_to_say(tmp_path: Path, book: str, crm: Crm, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("check", "--strict", "--workspace", str(_workspace(tmp_path, book, crm))) == 0, capsys.readouterr().out


@pytest.mark.parametrize("book", BOOKS)
def test_the_cases_come_out_as_they_say_and_every_rule_is_seen_acting_and_not_acting(tmp_path: Path, book: str) -> None:
    loaded, report = _report(_workspace(tmp_path, book), "plain")
    assert [played.case.title for played in report.failed] == []
    covered = {each.rule: each for each in report.rules}
    assert set(covered) == {rule.id for rule in loaded.ruleset.rules}
    assert [rule for rule, each in covered.items() if not each.fired] == []
    assert [rule for rule, each in covered.items() if each.guards and not each.stopped] == []


@pytest.mark.parametrize("book", [FIRST, ALL])
def test_the_cases_come_out_the_same_under_either_engine(tmp_path: Path, book: str) -> None:
    pytest.importorskip("durable")
    _, plain = _report(_workspace(tmp_path, book), "plain")
    _, durable = _report(tmp_path, "durable")
    assert [played.entries for played in plain.cases] == [played.entries for played in durable.cases]


def test_a_playbook_brings_what_it_needs_and_no_more() -> None:
    files = workspace_files(("new-lead",), "salesforce")
    assert needs("new-lead") == ("scoring",)
    assert sorted(files) == ["followup.yaml", "rules/new-lead.yaml", "rules/scoring.yaml", "team.yaml"]
    assert "  thanks:" in files["followup.yaml"]
    assert "comparison" not in files["followup.yaml"]
    assert "# for:" not in "".join(files.values())
    assert "closers" not in files["team.yaml"]


def test_the_short_form_stands_alone() -> None:
    with pytest.raises(ValueError, match="take it alone"):
        workspace_files((FIRST, "recycle"), "hubspot")


def test_each_is_summed_up_in_one_sentence() -> None:
    told = [summary(name) for name in PLAYBOOKS]
    assert len(set(told)) == len(PLAYBOOKS)
    assert all(sentence.endswith(".") and len(sentence) < 160 for sentence in told)


def test_the_page_names_every_playbook_with_every_rule_of_it(tmp_path: Path) -> None:
    rows = re.findall(r"^\|[^|]+\| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {
        found[0]: set(re.findall(r"`([\w-]+)`", ids))
        for book, ids in rows
        if (found := re.findall(r"`([\w-]+)`", book))
    }
    ruleset = load_rules(_workspace(tmp_path, ALL)).ruleset
    held: dict[str, set[str]] = {}
    for rule in ruleset.rules:
        name = Path(rule.place.file).stem
        held.setdefault(name, set()).add(rule.step.cadence if rule.step else rule.id)
    assert told == held


def test_init_lists_them_and_writes_the_chosen_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("init", "--list") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in PLAYBOOKS)
    assert ended("init", str(tmp_path / "a"), "--playbook", "recycle", "--playbook", "friday") == 0
    assert sorted(path.name for path in (tmp_path / "a" / "rules").iterdir()) == ["friday.yaml", "recycle.yaml"]
    assert ended("init", str(tmp_path / "b"), "--playbook", FIRST, "--playbook", "friday") == 2
    assert not (tmp_path / "b").exists()


def _files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("written", range(6))
def test_an_init_that_was_killed_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], written: int
) -> None:
    begun: list[Path] = []
    write = Path.write_text

    def killed_at_the_next(path: Path, text: str, encoding: str) -> int:
        begun.append(path)
        if len(begun) > written:
            write(path, text[:100], encoding=encoding)
            raise KilledError
        return write(path, text, encoding=encoding)

    assert ended("init", str(tmp_path / "whole")) == 0
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", killed_at_the_next)
        with pytest.raises(KilledError):
            ended("init", str(tmp_path / "half"))
    capsys.readouterr()
    assert ended("init", str(tmp_path / "half")) == 0
    assert _files(tmp_path / "half") == _files(tmp_path / "whole")
    assert ended("init", str(tmp_path / "half")) == 2, "there is nothing left to do"


def test_init_touches_no_workspace_in_which_a_file_is_not_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("init", str(tmp_path)) == 0
    (tmp_path / "team.yaml").write_text("people: {}\n")
    (tmp_path / "followup.yaml").unlink()
    before = _files(tmp_path)
    assert ended("init", str(tmp_path)) == 2
    assert "team.yaml is there already; name another folder, nothing was written" in capsys.readouterr().err
    assert _files(tmp_path) == before
