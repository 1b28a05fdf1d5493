"""Whatever is done to the shipped files, loading them tells what is wrong, where, and never fails itself."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.errors import Problem
from rules.cases.reader import read_cases
from rules.loader import Loaded, load_rules
from rules.playbooks import playbook_files
from rules.vocabulary import WORDS
from rules.yamlfile import load_mapping, parse_yaml

FILES = dict(playbook_files("first-follow-up", "salesforce"))
EVERY = Path(__file__).parents[1] / "data" / "every-word"
WHOLE = {str(path.relative_to(EVERY)): path.read_text(encoding="utf-8") for path in sorted(EVERY.rglob("*.yaml"))}
"""A workspace that uses every word of the language."""
NAMES = [each for each in WHOLE if each != "followup.yaml"]
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
    for left in (folder / "rules").iterdir():
        left.unlink()
    for name, text in files.items():
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    loaded = load_rules(folder, enrollments=frozenset({"brochure", "welcome"}))
    return replace(loaded, problems=(*loaded.problems, *read_cases(loaded).problems))


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
def test_three_hundred_mutations_of_sound_files_are_told_with_file_and_line(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    noticed = 0
    for _ in range(30):
        name = chance.choice(NAMES)
        files = {each: WHOLE[each] for each in ("team.yaml", "rules/people.yaml", name)}
        for _ in range(chance.choice([1, 1, 1, 3])):
            files[name] = chance.choice(MUTATIONS)(files[name], chance) or "\n"
        found = load(tmp_path, files)
        for problem in found.problems:
            assert_told(problem, files)
        noticed += bool(found.problems)
        assert not found.quarantined & {rule.id for rule in found.ruleset.rules}
    assert noticed >= 10, "most mutations must be noticed"


# -- is it the right line? ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slip:
    """A slip of the author's: the file as it is then, and the line on which they would look for it."""

    text: str
    line: int


def _slip(text: str, start: int, end: int, new: str) -> Slip:
    return Slip(text[:start] + new + text[end:], text.count("\n", 0, start) + 1)


def _code(text: str) -> str:
    return re.sub(r"#.*", lambda comment: " " * len(comment.group()), text)


def _spot(pattern: str, text: str, chance: random.Random) -> re.Match[str]:
    return chance.choice(list(re.finditer(pattern, _code(text), re.MULTILINE)))


def a_letter_too_many(text: str, chance: random.Random) -> Slip:
    key = _spot(r"(?<![\w.\"])[a-z_]+(?=: )", text, chance)
    at = chance.randint(key.start() + 1, key.end())
    return _slip(text, at, at, chance.choice("xyzq"))


def a_letter_missing(text: str, chance: random.Random) -> Slip:
    key = _spot(r"(?<![\w.\"])[a-z_]{3,}(?=: )", text, chance)
    at = chance.randrange(key.start(), key.end())
    return _slip(text, at, at + 1, "")


def letters_swapped(text: str, chance: random.Random) -> Slip:
    key = _spot(r"(?<![\w.\"])[a-z_]{3,}(?=: )", text, chance)
    pairs = [at for at in range(key.start(), key.end() - 1) if text[at] != text[at + 1]]
    at = chance.choice(pairs)
    return _slip(text, at, at + 2, text[at + 1] + text[at])


def a_word_of_another_place(text: str, chance: random.Random) -> Slip:
    key = _spot(r"(?<![\w.\"])[a-z_]+(?=: )", text, chance)
    return _slip(
        text, *key.span(), chance.choice(["trigger", "condition", "delay", "assignee", "subject_line", "colour"])
    )


def a_unit_misspelt(text: str, chance: random.Random) -> Slip:
    unit = _spot(r"(?<=\d )(business )?(hour|day|minute)s?\b", text, chance)
    return _slip(text, *unit.span(), chance.choice(["dais", "working days", "hrs", "d"]))


def a_number_in_words(text: str, chance: random.Random) -> Slip:
    number = _spot(r"(?:points|at_most|crosses|weight|daily|per_run|at_least|priority): (?P<here>\d+)", text, chance)
    return _slip(text, *number.span("here"), chance.choice(["many", "twenty", "1.2.3"]))


def nobody_by_that_name(text: str, chance: random.Random) -> Slip:
    name = _spot(r"\b(ana|ben|eva|inbound|closers|brochure|welcome)\b(?=[,}\]\n])", text, chance)
    return _slip(text, *name.span(), f"{name.group()}{chance.choice('xyz')}")


def a_choice_that_is_none(text: str, chance: random.Random) -> Slip:
    found = _spot(r"\b(?:type|since|how|first|offer|to|by|on_exceed): (?P<here>[a-z_]+)(?=[,}\n])", text, chance)
    return _slip(text, *found.span("here"), f"{found['here']}_x")


def a_brace_left_open(text: str, chance: random.Random) -> Slip:
    brace = _spot(r"\}(?=\}?[,\]]?$)", text, chance)
    return _slip(text, *brace.span(), "")


def a_quote_left_open(text: str, chance: random.Random) -> Slip:
    quoted = _spot(r"\"[^\"\n]+(?P<end>\")", text, chance)
    return _slip(text, quoted.start("end"), quoted.end("end"), "")


def a_line_moved_in(text: str, chance: random.Random) -> Slip:
    line = _spot(r"^ +(?=[a-z-])", text, chance)
    return _slip(text, line.end(), line.end(), " " * chance.randint(1, 3))


def a_key_written_twice(text: str, chance: random.Random) -> Slip:
    line = _spot(r"^ +[a-z_]+: [^\n{\[]+$", text, chance)
    slip = _slip(text, line.end(), line.end(), f"\n{line.group()}")
    return Slip(slip.text, slip.line + 1)


def a_colon_without_a_blank(text: str, chance: random.Random) -> Slip:
    colon = _spot(r"(?<=[a-z]): (?=[a-z{\[])", text, chance)
    return _slip(text, *colon.span(), ":")


def something_yaml_knows_and_we_do_not(text: str, chance: random.Random) -> Slip:
    value = _spot(r"(?<=: )(?=[a-z])", text, chance)
    return _slip(text, *value.span(), chance.choice(["&a ", "!!str ", "*a ", "\x07"]))


SLIPS = (
    a_letter_too_many, a_letter_missing, letters_swapped, a_word_of_another_place, a_unit_misspelt, a_number_in_words,
    nobody_by_that_name, a_choice_that_is_none, a_brace_left_open, a_quote_left_open, a_line_moved_in, a_key_written_twice,
    a_colon_without_a_blank, something_yaml_knows_and_we_do_not,
)  # fmt: skip


def slips(seed: int, many: int) -> Iterator[tuple[str, str, Slip]]:
    """So many slips in the files of the whole workspace, of each kind as many."""
    chance = random.Random(seed)
    for number in range(many):
        slip = SLIPS[number % len(SLIPS)]
        fitting = [name for name in NAMES if _has(slip, WHOLE[name])]
        name = chance.choice(fitting)
        yield slip.__name__, name, slip(WHOLE[name], chance)


def _has(slip: Callable[[str, random.Random], Slip], text: str) -> bool:
    try:
        slip(text, random.Random(0))
    except IndexError:
        return False
    return True


def test_of_three_hundred_broken_files_the_right_line_is_told(tmp_path: Path) -> None:
    right, missed = 0, Counter[str]()
    broken = 0
    for kind, name, slip in slips(7, 500):
        files = {"team.yaml": WHOLE["team.yaml"], "rules/slip.yaml": WHOLE["rules/people.yaml"]}
        name = "team.yaml" if name == "team.yaml" else "rules/slip.yaml"
        files[name] = slip.text
        found = load(tmp_path, files)
        for problem in found.problems:
            assert_told(problem, files)
        if not found.problems:
            continue  # it means something, only something else
        broken += 1
        hit = any((problem.file, problem.line) == (name, slip.line) for problem in found.problems)
        right += hit
        missed[kind] += not hit
        if broken == 300:
            break
    print(f"{broken} broken files, the right line in {right / broken:.1%}; missed: {dict(+missed)}")
    assert broken == 300
    assert right / broken >= 0.95


def test_the_files_are_sound_as_shipped(tmp_path: Path) -> None:
    found = load(tmp_path, FILES)
    assert found.problems == ()
    assert {rule.id for rule in found.ruleset.rules} == SOUND


def test_every_misspelt_key_of_the_rules_is_told_at_its_place(tmp_path: Path) -> None:
    name = "rules/follow-up.yaml"
    text = FILES[name]
    code = re.sub(r"#.*|\"[^\"]*\"", lambda said: " " * len(said.group()), text)
    cases = code.index("\ntests:")
    rules = [key for key in KEY.finditer(code) if key.start() < cases]
    for key in (*rules, *list(KEY.finditer(code, cases))[::5]):  # the cases say the same few words over and over
        mutant = text[: key.end()] + "q" + text[key.end() :]
        found = load(tmp_path, {"team.yaml": FILES["team.yaml"], name: mutant})
        line = text.count("\n", 0, key.start()) + 1
        column = key.start() - text.rfind("\n", 0, key.start())
        places = {(problem.file, problem.line, problem.column) for problem in found.problems}
        assert (name, line, column) in places, (key.group(), sorted(map(str, found.problems)))


def test_every_key_left_out_is_told_or_optional(tmp_path: Path) -> None:
    """A line that is left out changes what is loaded or is told: nothing disappears without a trace."""
    name = "rules/follow-up.yaml"
    before = load(tmp_path, {"team.yaml": FILES["team.yaml"], name: FILES[name]})
    lines = FILES[name].splitlines(keepends=True)
    for at, line in enumerate(lines):
        if not line.strip() or line.strip().startswith("#"):
            continue
        found = load(tmp_path, {"team.yaml": FILES["team.yaml"], name: "".join(lines[:at] + lines[at + 1 :])})
        optional = line.strip() in ("for: lead", "calendar: office", "if_nobody: hold", "once: per occasion")
        assert found.problems or (found.ruleset, found.tests) != (before.ruleset, before.tests) or optional, line


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
