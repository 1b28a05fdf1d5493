"""The round trip: each word is in the schema, in `schema WORD`, in the reference, in an example and in a case."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from rules.cases.reader import read_cases
from rules.glossary import explain_word
from rules.loader import load_rules
from rules.playbooks import PLAYBOOKS, playbook_files
from rules.reference import reference
from rules.testing import Bench
from rules.vocabulary import WORDS, Word
from tests.words_used import words_used

ROOT = Path(__file__).parents[2]
EVERY = ROOT / "tests" / "data" / "every-word"
LINES = {"when", "if", "then", "once"}
HEAD = "version: 1\nrules:\n"
IDS = [f"{each.where}: {each.name}" for each in WORDS]


@cache
def in_cases() -> frozenset[Word]:
    """The words of the workspace whose cases all pass, each rule acting in one of them."""
    files = [("followup.yaml", EVERY / "followup.yaml"), ("team.yaml", EVERY / "team.yaml")]
    files += [("rules", path) for path in sorted((EVERY / "rules").glob("*.yaml"))]
    return frozenset().union(*(words_used(name, path.read_text(encoding="utf-8")) for name, path in files))


@cache
def in_examples() -> frozenset[Word]:
    """The words of the playbooks and of the examples on the pages for authors."""
    found: set[Word] = set()
    for book in PLAYBOOKS:
        for name, text in playbook_files(book, "salesforce").items():
            found |= words_used(name, text)
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for kind, body in re.findall(r"^```yaml (\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            found |= of_block(kind, body)
    return frozenset(found)


def of_block(kind: str, body: str) -> set[Word]:
    """The words of one example: a whole file, rules, or lines of one word of a rule."""
    if kind in LINES:
        codes = (line.partition(" #")[0].strip() for line in body.splitlines() if line.strip())
        lines = [
            code if kind == "once" else f"{kind}: [{{{code}}}]" if kind == "then" else f"{kind}: {{{code}}}"
            for code in codes
        ]
        return set().union(*(words_used("rules", f"{HEAD}  - {line}\n") for line in lines))
    if kind == "rule":
        return words_used("rules", HEAD + re.sub("^", "  ", body, flags=re.MULTILINE))
    return words_used("team.yaml" if kind == "team" else "rules", body)


@pytest.mark.parametrize("engine", ["plain", "auto"])
def test_the_cases_of_every_word_pass_and_every_rule_acts_in_one(engine: str) -> None:
    loaded = load_rules(EVERY, enrollments=frozenset({"brochure", "welcome"}))
    cases = read_cases(loaded)
    assert [str(problem) for problem in (*loaded.problems, *cases.problems)] == []
    report = Bench(loaded.ruleset, engine).run(cases.cases)
    assert [failure.check for played in report.failed for failure in played.failures] == []
    assert [each.rule for each in report.rules if not each.fired] == []


@pytest.mark.parametrize("known", WORDS, ids=IDS)
def test_every_word_is_in_the_schema_the_terminal_the_reference_an_example_and_a_case(known: Word) -> None:
    (entry,) = (each for each in explain_word(known.name) if each.word == known)
    assert entry.holds or entry.inside or entry.word.example
    assert f"| `{known.name}` | {known.meaning} |" in reference()
    assert (known in in_examples(), known in in_cases()) == (True, True)
