"""The vocabulary is complete: every word the files may hold is in it, means something, and its example loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rules import schema
from rules.cases import shape as case_shapes
from rules.cases.reader import read_cases
from rules.loader import load_rules
from rules.references import Names
from rules.schema import team as team_shapes
from rules.shape import Shape
from rules.vocabulary import FIELDS, WORDS, Word, nearest, word
from tests.word_files import example_workspace

IDS = [f"{each.where}: {each.name}" for each in WORDS]


@pytest.mark.parametrize("known", WORDS, ids=IDS)
def test_every_example_loads(tmp_path: Path, known: Word) -> None:
    (tmp_path / "rules").mkdir()
    for name, text in example_workspace(known).items():
        (tmp_path / name).write_text(text)
    loaded = load_rules(tmp_path, enrollments=frozenset({"brochure"}))
    cases = read_cases(loaded)
    assert [str(problem) for problem in (*loaded.problems, *cases.problems)] == []


def shapes() -> Iterator[type[Shape]]:
    for module in (schema, team_shapes, case_shapes):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Shape) and value is not Shape:
                yield value


@pytest.mark.parametrize(
    "shape", sorted(set(shapes()), key=lambda shape: shape.__name__), ids=lambda shape: shape.__name__
)
def test_every_word_a_file_may_hold_is_explained_and_no_other(shape: type[Shape]) -> None:
    explained = [known.name for known in WORDS if known.where == shape.where]
    fields = [*case_shapes.GIVEN_FIELDS, "custom.NAME"] if shape is case_shapes.SubjectShape else []
    assert sorted(explained + fields) == sorted(shape.words())


def test_the_meanings_are_sentences_for_people() -> None:
    assert len({(known.where, known.name) for known in WORDS}) == len(WORDS)
    assert all(known.meaning and not known.meaning.endswith(".") for known in WORDS)
    assert word("task", "due") is not None
    assert word("task", "deu") is None


def test_the_fields_are_the_conditions_about_fields() -> None:
    conditions = [known.name for known in WORDS if known.where == "a condition"]
    assert [name for name in conditions if name in FIELDS] == list(FIELDS)
    for name in set(FIELDS) - {"owner", "created"}:
        value = {"number": "1", "boolean": "no"}.get(FIELDS[name], "x")
        shape = schema.Trigger.model_validate({"becomes": {name: value}}, context=Names())
        assert shape.becomes is not None
        assert shape.becomes.field == name


@pytest.mark.parametrize(
    ("written", "allowed", "meant"),
    [
        ("trigger", ("id", "why", "when"), "when"),
        ("Unless", ("if", "unless"), "unless"),
        ("opted-out", ("opted_out", "title"), "opted_out"),
        ("xyzzy", ("if", "unless"), None),
        ("", ("if", "unless"), None),
        ("a" * 100_000, ("if", "unless"), None),
    ],
)
def test_the_nearest_word_is_found(written: str, allowed: tuple[str, ...], meant: str | None) -> None:
    assert nearest(written, allowed) == meant
