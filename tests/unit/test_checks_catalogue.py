"""Every finding of `check` by its examples: the bad one gives exactly its code, the good one nothing; the page has all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.bootstrap import findings, load_workspace
from connector.clock import FixedClock
from connector.domain.decision import RunSummary
from connector.domain.errors import Problem
from connector.domain.model import CrmSchema, FieldInfo, Owner
from connector.store import open_store
from rules.cases.reader import read_cases
from rules.checks.catalogue import catalogue, files, page, workspace
from tests.builders import ANA, BEN, EVA, at, schema

ROOT = Path(__file__).parents[2]
NOW = at("2026-03-02 09:00")
LEAD = {**schema().fields["lead"], "score": FieldInfo("score", "Score__c", "number", writable=False)}
CRM = CrmSchema("salesforce", {"lead": LEAD}, schema().statuses)
OF_THE_CRM = re.compile(r"F31\d")
SOURCES = [path for package in ("rules", "connector") for path in sorted((ROOT / package).rglob("*.py"))]


def written(folder: Path, example: str) -> None:
    for name, text in {**files(workspace()), **files(example)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        head = "version: 1\n" if text.startswith("rules:") else ""
        (folder / name).write_text(head + text, encoding="utf-8")


def described(folder: Path) -> None:
    """The state of a workspace that has read its CRM: four statuses, a rating, a score that nobody may write, a queue."""
    (folder / ".followup").mkdir()
    store = open_store(f"sqlite:///{folder / '.followup' / 'state.db'}", clock=FixedClock(NOW))
    with store.begin() as uow:
        uow.save_schema(CRM)
        uow.save_owners((ANA, BEN, EVA, Owner("00GR", "Recycling", queue=True)))
        uow.start_run(RunSummary("r1", "salesforce", NOW, "run", NOW, 0))
    store.close()


def found(folder: Path, example: str, *, crm: bool = False) -> tuple[Problem, ...]:
    written(folder, example)
    if crm:
        described(folder)
    loaded = load_workspace(folder)
    return (*loaded.problems, *read_cases(loaded.loaded).problems, *findings(loaded))


@pytest.mark.parametrize("code", catalogue())
def test_the_bad_example_gives_exactly_its_code(tmp_path: Path, code: str) -> None:
    entry = catalogue()[code]
    crm = OF_THE_CRM.fullmatch(code) is not None
    problems = found(tmp_path, entry.bad, crm=crm)
    assert {(problem.code, problem.level) for problem in problems} == {(code, entry.level)}
    assert all(problem.line > 0 for problem in problems)
    assert all("by the CRM's description of 2026-03-02" in problem.message for problem in problems if crm)


@pytest.mark.parametrize("code", catalogue())
def test_the_good_example_gives_nothing(tmp_path: Path, code: str) -> None:
    crm = OF_THE_CRM.fullmatch(code) is not None
    assert [str(problem) for problem in found(tmp_path, catalogue()[code].good, crm=crm)] == []


def test_every_code_of_the_source_is_explained_and_every_explained_one_is_in_the_source() -> None:
    used = {code for path in SOURCES for code in re.findall(r'"(F\d{3})"', path.read_text(encoding="utf-8"))}
    assert used == set(catalogue())


def test_the_page_is_made_of_the_catalogue() -> None:
    text = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert text == page(), (
        "write it anew: python -c 'from rules.checks.catalogue import page; print(page(), end=str())' > docs/checks.md"
    )


@pytest.mark.parametrize("code", catalogue())
def test_an_entry_is_one_sentence_with_a_cure(code: str) -> None:
    entry = catalogue()[code]
    assert re.fullmatch(r"[A-Z](?!.*\. [A-Z]).*\.", entry.sentence)
    assert entry.cure.endswith(".")
    assert entry.bad != entry.good
