"""Whatever is done to the shipped files, loading them tells what is wrong, where, and never fails itself."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.errors import Problem
from rules.loader import Loaded, load_rules
from rules.playbooks import playbook_files
from rules.vocabulary import WORDS
from rules.yamlfile import load_mapping, parse_yaml

FILES = dict(playbook_files("first-follow-up", "salesforce"))
SOUND = {"first-call", "week-one-call", "recycle-after-6", "interested-brochure", "next-step", "never-again"}
KEY = re.compile(r"[A-Za-z_-]+(?=:)")
VALUE = re.compile(r"(?<=: )[^\s{},\[\]]+")
HOSTILE = (
    "\x00", "\ud800", "!!python/object/apply:os.system [x]", "&a *a", "\u2028", "\ufeff", "{{{{{{{{", "]]", "'", '"', "\t",
    "9" * 5_000, "{a: " * 60, "- " * 60, "%YAML 9.9", "---", "...", "?", ": :", "|", ">", "@", "`", "\r", "💥", "nan", "1e999",
)  # fmt: skip

Mutation = Callable[[str, random.Random], str]


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def drop_a_line(text: str, chance: random.Random) -> str:
    lines = _lines(text)
    del lines[chance.randrange(len(lines))]
    return "".join(lines)


def repeat_a_line(text: str, chance: random.Random) -> str:
    lines = _lines(text)
    at = chance.randrange(len(lines))
    return "".join([*lines[: at + 1], *lines[at:]])


def swap_two_lines(text: str, chance: random.Random) -> str:
    lines = _lines(text)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def indent_a_line(text: str, chance: random.Random) -> str:
    lines = _lines(text)
    at = chance.randrange(len(lines))
    lines[at] = " " * chance.randint(1, 5) + lines[at] if chance.random() < 0.5 else lines[at].lstrip()
    return "".join(lines)


def _replace(pattern: re.Pattern[str], text: str, chance: random.Random, new: Callable[[str], str]) -> str:
    found = chance.choice(list(pattern.finditer(text)))
    return text[: found.start()] + new(found.group()) + text[found.end() :]


def misspell_a_key(text: str, chance: random.Random) -> str:
    return _replace(KEY, text, chance, lambda key: key[:-1] + chance.choice("xyzq") + key[-1:])


def rename_a_key(text: str, chance: random.Random) -> str:
    return _replace(KEY, text, chance, lambda key: chance.choice(WORDS).name)


def change_a_value(text: str, chance: random.Random) -> str:
    values = [
        "[]",
        "{}",
        "''",
        "0",
        "-1",
        "true",
        "none",
        "[a, b]",
        "{a: b}",
        "5 days",
        "ana",
        "2026-02-31",
        "x" * 300,
        "{lead.x}",
    ]
    return _replace(VALUE, text, chance, lambda value: chance.choice(values))


def insert_something_hostile(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(HOSTILE) + text[at:]


def cut_the_rest(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


MUTATIONS: tuple[Mutation, ...] = (
    drop_a_line, repeat_a_line, swap_two_lines, indent_a_line, misspell_a_key, rename_a_key, change_a_value,
    insert_something_hostile, cut_the_rest,
)  # fmt: skip


def load(folder: Path, files: dict[str, str]) -> Loaded:
    (folder / "rules").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    return load_rules(folder, enrollments=frozenset({"brochure"}))


def assert_told(problem: Problem, files: dict[str, str]) -> None:
    """The problem has a place inside its file and says one short line in words."""
    if problem.line == 0:
        assert problem.file == "rules"
        return
    # A break that YAML knows and editors do not is refused, so "\n" and "\r" are all there are.
    lines = re.split(r"\r\n|\r|\n", files[problem.file])
    assert 1 <= problem.line <= len(lines)
    assert 1 <= problem.column <= len(lines[problem.line - 1]) + 2
    assert 10 < len(problem.message) < 1_200
    assert "\n" not in problem.message
    for dump in ("Value error", "Input should", "Field required", "type=", "pydantic", "Traceback", "None"):
        assert dump not in problem.message, problem.message


@pytest.mark.parametrize("seed", range(10))
def test_three_hundred_mutations_of_the_shipped_files_are_told_with_file_and_line(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    noticed = 0
    for _ in range(30):
        files = dict(FILES)
        name = chance.choice([each for each in FILES if each != "followup.yaml"])
        for _ in range(chance.choice([1, 1, 1, 3])):
            files[name] = chance.choice(MUTATIONS)(files[name], chance) or "\n"
        found = load(tmp_path, files)
        for problem in found.problems:
            assert_told(problem, files)
        noticed += bool(found.problems)
        assert not found.quarantined & {rule.id for rule in found.ruleset.rules}
    assert noticed >= 10, "most mutations must be noticed"


def test_the_files_are_sound_as_shipped(tmp_path: Path) -> None:
    found = load(tmp_path, FILES)
    assert found.problems == ()
    assert {rule.id for rule in found.ruleset.rules} == SOUND


def test_every_misspelt_key_of_the_rules_is_told_at_its_place(tmp_path: Path) -> None:
    name = "rules/follow-up.yaml"
    text = FILES[name]
    code = re.sub(r"#.*", lambda comment: " " * len(comment.group()), text)
    for key in KEY.finditer(code):
        mutant = text[: key.end()] + "q" + text[key.end() :]
        found = load(tmp_path, FILES | {name: mutant})
        line = text.count("\n", 0, key.start()) + 1
        column = key.start() - text.rfind("\n", 0, key.start())
        places = {(problem.file, problem.line, problem.column) for problem in found.problems}
        assert (name, line, column) in places, (key.group(), sorted(map(str, found.problems)))


def test_every_key_left_out_is_told_or_optional(tmp_path: Path) -> None:
    """A line that is left out changes what is loaded or is told: nothing disappears without a trace."""
    name = "rules/follow-up.yaml"
    before = load(tmp_path, FILES).ruleset
    lines = FILES[name].splitlines(keepends=True)
    for at, line in enumerate(lines):
        if not line.strip() or line.strip().startswith("#"):
            continue
        found = load(tmp_path, FILES | {name: "".join(lines[:at] + lines[at + 1 :])})
        optional = line.strip() in ("for: lead", "calendar: office", "if_nobody: hold", "once: per occasion")
        assert found.problems or found.ruleset != before or optional, line


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_tree_or_a_fault(data: bytes) -> None:
    found = parse_yaml(data)
    assert found.root is not None or found.faults
    for fault in found.faults:
        assert fault.line >= 1
        assert fault.column >= 1
        assert "\n" not in fault.message


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>?%@\"'#,\n \t", max_size=80))
def test_any_punctuation_gives_a_mapping_or_a_problem(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "followup.yaml"
    path.write_text(text)
    mapping, problems, place_of = load_mapping(path)
    assert mapping is not None or problems
    assert min(place_of(("a", 0, "b"))) >= 1
