"""The reference for rule authors: each of its examples loads, and it leaves out no word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules.cases.reader import read_cases
from rules.loader import load_rules
from rules.reference import BEGIN, END, reference, with_reference
from rules.testing import Bench
from rules.vocabulary import FIELDS, WORDS, Word

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml (\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
TEAM = next(body for kind, body in BLOCKS if kind == "team")
HEAD = "version: 1\nrules:\n"
RULE = {"when": "when: {created: true}", "then": "then: [{note: x}]", "once": "once: per lead"}


def rule(kind: str, line: str) -> str:
    """A rule file with one line of an example block in its place."""
    code = line.partition(" #")[0].strip()
    part = code if kind == "once" else f"{kind}: [{{{code}}}]" if kind == "then" else f"{kind}: {{{code}}}"
    return f"{HEAD}  - id: a\n    why: x\n    " + "\n    ".join((RULE | {kind: part}).values()) + "\n"


def examples() -> list[str]:
    """Every rule file of the page: blocks of single words give one file per line."""
    files: list[str] = []
    for kind, body in BLOCKS:
        if kind == "file":
            files.append(body)
        elif kind == "rule":
            files.append(HEAD + re.sub("^", "  ", body, flags=re.MULTILINE))
        elif kind != "team":
            files += [rule(kind, line) for line in body.splitlines()]
    return files


@pytest.mark.parametrize("text", examples())
def test_every_example_of_the_reference_loads(tmp_path: Path, text: str) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "rules" / "a.yaml").write_text(text)
    loaded = load_rules(tmp_path, enrollments=frozenset({"brochure"}))
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.ruleset.rules
    cases = read_cases(loaded)
    assert [str(problem) for problem in cases.problems] == []
    report = Bench(loaded.ruleset, "plain").run(cases.cases)
    assert [failure.check for played in report.failed for failure in played.failures] == []


def test_every_block_of_the_page_is_an_example() -> None:
    assert TEXT.count("```yaml") == len(BLOCKS)
    assert TEXT.count("```") == 2 * len(BLOCKS)
    assert len(examples()) > 50


@pytest.mark.parametrize("known", WORDS, ids=[f"{each.where}: {each.name}" for each in WORDS])
def test_every_word_of_the_language_is_in_the_reference(known: Word) -> None:
    place = TEXT.partition(BEGIN)[2]
    assert f"| `{known.name}` | {known.meaning} | `{known.example}` |" in place


def test_the_list_of_words_is_what_the_vocabulary_says() -> None:
    assert reference() in TEXT, "write it anew: followup schema --reference"
    assert with_reference(TEXT) == TEXT
    emptied = TEXT.replace(reference(), f"{BEGIN}{END}\n") + "more"
    assert with_reference(emptied) == TEXT + "more"


def test_every_field_is_in_the_reference() -> None:
    assert all(re.search(rf"\b{name}\b", TEXT) for name in FIELDS)


def test_the_glossary_defines_each_word_once_and_in_one_sentence() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    entries = [(word, meaning) for word, meaning in rows if word not in ("word", "---")]
    assert len({word for word, _ in entries}) == len(entries) > 40
    for word, meaning in entries:
        assert meaning.endswith("."), word
        assert not re.search(r"[a-z]\. [A-Z]", meaning), word
    words = {word for word, _ in entries}
    design = (
        "Adapter Record RecordRef Lead Activity Owner Page Cursor Snapshot Change Echo Trigger Condition Action Fact Match "
        "Trace Deadline Occasion PlannedAction Key Outbox Lease Receipt Plan Replay Baseline Cap"
    )
    assert set(design.split()) | {"Quarantined rule"} <= words
