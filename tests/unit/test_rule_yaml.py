"""YAML is read strictly, and whatever is in a file gives a tree or a fault with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.yamlfile import MAX_BYTES, MAX_DEPTH, MAX_FAULTS, load_mapping, locate, parse_yaml, plain


def faults(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in parse_yaml(data).faults]


def read(text: str) -> object:
    root = parse_yaml(text.encode()).root
    assert root is not None
    return plain(root)


def test_every_scalar_stays_the_text_that_is_written() -> None:
    text = "a: no\nb: 16:00\nc: 2026-03-02\nd: 0123\ne: null\non: 1e3\n'quoted': \"yes\"\n"
    assert read(text) == {
        "a": "no", "b": "16:00", "c": "2026-03-02", "d": "0123", "e": "null", "on": "1e3", "quoted": "yes",
    }  # fmt: skip


def test_places_count_from_one_and_in_characters() -> None:
    root = parse_yaml("ü: {ä: b,\n  c: [d, e]}\n".encode()).root
    assert root is not None
    assert locate(root, ("ü", "ä")) == (1, 8)
    assert locate(root, ("ü", "ä"), key=True) == (1, 5)
    assert locate(root, ("ü", "c", 1)) == (2, 10)


def test_a_path_that_is_not_in_the_file_gives_what_would_hold_it() -> None:
    root = parse_yaml(b"a:\n  b: {c: d}\n").root
    assert root is not None
    assert locate(root, ("a", "b", "missing")) == (2, 6)
    assert locate(root, ("a", "long form", "b", "c")) == (2, 10)
    assert locate(root, ("a", "b", "c", "=", 0)) == (2, 10)
    assert locate(root, ("nothing",)) == (1, 1)


def test_a_byte_order_mark_is_tolerated() -> None:
    assert plain(parse_yaml(b"\xef\xbb\xbfa: b\n").root) == {"a": "b"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: `a` is here twice, first in line 1; keep one"),
        ("a: !!python/object:os.system x\n", "1:4: a tag (`!...`) stands here; tags are not allowed, put text in quotes"),
        ("a: ! x\n", "1:4: a tag (`!...`) stands here; tags are not allowed, put text in quotes"),
        ("a: &x b\n", "1:4: `&x` is an anchor; anchors are not allowed, remove it"),
        ("a: *x\n", "1:4: `*x` is an alias; write the value out, aliases are not allowed"),
        ("? [a, b]\n: c\n", "1:3: a key must be a word: a list, a mapping or nothing cannot be one"),
        ("a: b\n---\nc: d\n", "2:1: a second document begins here; a file holds one, so remove the `---`"),
        ("", "1:1: this file is empty"),
        ("# nothing but a comment\n", "1:1: this file is empty"),
        ("---\n", "1:1: this file is empty"),
        ("a: b\nc: \x00\n", "2:4: an invisible character (U+0000) stands here; remove it"),
        ("a: b\u202ec: d\n", "1:5: an invisible character (U+202E) stands here; remove it"),
        ("a: b\u2028c: d\n", "1:5: an invisible character (U+2028) stands here; remove it"),
        (b"a: b\nc: \xff\n", "2:4: this file is not UTF-8; save it as UTF-8"),
        (b"\xed\xa0\x80: lone surrogate", "1:1: this file is not UTF-8; save it as UTF-8"),
        ("a: b".encode("utf-16"), "1:1: this file is not UTF-8; save it as UTF-8"),
        ("a: b: c\n", "1:5: this is not YAML: a `:` too many, or this line is indented differently from the one above it"),
        ("a: [1, 2\nb: 3\n", "1:4: this is not YAML: the list opened with `[` is not closed with `]`, or lacks a `,`"),
        ("a: 'x\n", "1:4: this is not YAML: a quote is opened here and never closed"),
        ("a:\n  b: 1\n c: 2\n", "3:2: this is not YAML: this line is indented differently from those above it"),
        (
            "\ta: 1\n",
            "1:1: this is not YAML: no text starts with this character; put the text in quotes, and indent with spaces, "
            "not tabs",
        ),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_told_with_its_place(text: str | bytes, message: str) -> None:
    assert faults(text) == [message]


def test_forty_levels_are_read_and_one_more_is_refused() -> None:
    assert not faults("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    deep = faults("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2))
    assert deep == [f"1:{MAX_DEPTH + 2}: this is nested more than 40 levels deep"]
    assert faults("[" * 500_000) == deep


def test_a_bomb_of_aliases_is_refused_without_being_unfolded() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    found = faults("\n".join(lines))
    assert len(found) == 60 + 2 * 59
    assert all("is an a" in message for message in found)


def test_every_fault_is_told_not_only_the_first() -> None:
    assert [message.split(": ")[0] for message in faults("a: &x 1\nb: !t 2\na: 3\n")] == ["1:4", "2:4", "3:1"]


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"a" * (MAX_BYTES + 1))
    for path, message in (
        (large, "this file is larger than 1 MB; split it"),
        (tmp_path / "none.yaml", "this file does not exist"),
        (tmp_path, "this is not a file"),
    ):
        mapping, problems, place_of = load_mapping(path)
        assert mapping is None
        assert [str(problem) for problem in problems] == [f"{path.name}:1:1: {message}"]
        assert place_of(("a",)) == (1, 1)


def test_a_mapping_comes_with_a_function_that_knows_its_places(tmp_path: Path) -> None:
    path = tmp_path / "followup.yaml"
    path.write_text("crm: salesforce\nlimits:\n  api_calls_share: 2\n")
    mapping, problems, place_of = load_mapping(path)
    assert mapping == {"crm": "salesforce", "limits": {"api_calls_share": "2"}}
    assert problems == ()
    assert place_of(("limits", "api_calls_share")) == (3, 20)
    assert place_of(("limits", "api_calls_share"), key=True) == (3, 3)


def test_a_list_is_no_mapping(tmp_path: Path) -> None:
    path = tmp_path / "followup.yaml"
    path.write_text("- crm\n")
    mapping, problems, _ = load_mapping(path)
    assert mapping is None
    assert [problem.line for problem in problems] == [1]


def test_after_a_thousand_faults_the_rest_is_not_read() -> None:
    assert len(faults("a: 1\n" * 100_000)) == MAX_FAULTS
