"""Hostile rule files, followup.yaml and team.yaml: each is refused or fine, with its place, in bounded time and memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from connector.bootstrap import load_workspace
from connector.domain.errors import ConfigError, Problem

RULE = "  - {id: call, why: x, when: {created: true}, then: [{note: x}]}\n"
MOST_SECONDS = 10.0
"""Of processor time, far beyond what any of them takes: what grows out of bounds takes minutes."""
MOST_MEMORY = 300_000_000

BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))

HOSTILE: dict[str, tuple[bytes, str]] = {
    "a bomb of aliases": (b"a0: &a0 [x]\n" + BOMB.encode(), "anchor"),
    "an alias to itself": (b"a: &a [*a]\n", "anchor"),
    "lists, deeply": (b"a: " + b"[" * 100_000, "40 levels"),
    "mappings, deeply": (b"a: " + b"{a: " * 100_000, "40 levels"),
    "indented mappings, deeply": ("\n".join(" " * n + "a:" for n in range(1_200)).encode(), "40 levels"),
    "a tag that runs code": (b"a: !!python/object/apply:os.system ['true']\n", "tags are not allowed"),
    "a tag of our own": (b"a: !include /etc/passwd\n", "tags are not allowed"),
    "a merge key": (b"a: &a {b: c}\nd: {<<: *a}\n", "anchor"),
    "a key twice": (b"crm: hubspot\ncrm: salesforce\n", "twice"),
    "a list as a key": (b"? [a, b]\n: c\n", "a key must be a word"),
    "Latin-1": ("why: Gr\u00fc\u00dfe\n".encode("latin-1"), "not UTF-8"),
    "UTF-16": ("a: b\n".encode("utf-16"), "not UTF-8"),
    "NUL": (b"a: b\x00c\n", "invisible character (U+0000)"),
    "a bell": (b"a: b\x07\n", "invisible character (U+0007)"),
    "right to left": ("a: b\u202ec\n".encode(), "U+202E"),
    "a second document": (b"a: b\n---\nc: d\n", "second document"),
    "two megabytes": (b"# " + b"x" * 2_000_000, "larger than 1 MB"),
    "nothing": (b"", "empty"),
    "one very long line": (b"a: [" + b"x, " * 100_000 + b"x]\n", ""),
    "one very long word": (b"a: " + b"x" * 990_000 + b"\n", ""),
    "thirty thousand keys": (b"".join(b"k%d: v\n" % n for n in range(30_000)), ""),
    "a number beyond numbers": (b"limits: {per_rule_per_run: " + b"9" * 100_000 + b"}\nversion: 1" + b"9" * 9_000, ""),
}
"""What stands in the file, and a part of what is said of it (empty: whatever is said of a file of that kind)."""


def workspace(folder: Path, name: str, content: bytes) -> Path:
    (folder / "rules").mkdir()
    (folder / "followup.yaml").write_text("crm: hubspot\n")
    (folder / "team.yaml").write_text("people:\n  ana: {crm: ana@example.com}\n")
    (folder / "rules" / "rules.yaml").write_text("version: 1\nrules:\n" + RULE)
    (folder / name).write_bytes(content)
    return folder


def problems_of(folder: Path) -> tuple[Problem, ...]:
    try:
        return load_workspace(folder).problems
    except ConfigError as error:
        return error.problems


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=list(HOSTILE))
@pytest.mark.parametrize("name", ["rules/rules.yaml", "team.yaml", "followup.yaml"])
def test_a_hostile_file_is_refused_with_its_place_in_bounded_time_and_memory(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    folder = workspace(tmp_path, name, content)
    began = time.process_time()
    found = problems_of(folder)
    assert time.process_time() - began < MOST_SECONDS
    assert found, "it is not taken for a good file"
    assert any(said in problem.message for problem in found), found[0]
    for problem in found:
        assert problem.file == name
        assert problem.line >= 1
        assert problem.column >= 1
        assert "\n" not in str(problem)
        assert len(str(problem)) < 2_000, str(problem)[:200]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "followup.yaml", b"\xef\xbb\xbfcrm: hubspot\n")
    assert problems_of(folder) == ()


def test_a_file_of_a_hundred_thousand_rules_is_refused_for_its_size_and_twelve_thousand_for_their_number(
    tmp_path: Path,
) -> None:
    rules = "".join(f"  - {{id: r{n}, why: x, when: {{created: true}}, then: [{{note: x}}]}}\n" for n in range(100_000))
    folder = workspace(tmp_path, "rules/rules.yaml", b"version: 1\nrules:\n" + rules.encode())
    assert "larger than 1 MB" in problems_of(folder)[0].message
    short = "version: 1\nrules:\n" + "".join(rules.splitlines(keepends=True)[:12_000])
    (folder / "rules" / "rules.yaml").write_text(short)
    began = time.process_time()
    found = problems_of(folder)
    assert time.process_time() - began < MOST_SECONDS
    assert found


def test_what_a_bomb_takes_of_memory_stays_small(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "rules/rules.yaml", HOSTILE["a bomb of aliases"][0])
    tracemalloc.start()
    try:
        problems_of(folder)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
