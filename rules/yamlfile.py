"""Reads a YAML file strictly: every scalar is text, every key and value knows its line and column.

Tags, anchors, aliases, duplicate keys, invisible characters and excess are refused, each with its place. YAML's own
guessing (`no` as false, `16:00` as 960, `on` as true) never happens: whoever asked for the file types the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import yaml

from connector.domain.errors import Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_FAULTS = 1_000
"""After so many the rest of a file is not read."""

Loc = tuple[str | int, ...]
"""Where something stands inside a file: keys and list positions from the top."""

# libyaml is some thirty times as fast; both parsers accept the same files, only their wording differs (see _PLAIN).
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Besides control characters: the line separators that YAML counts as line ends and no editor does, which would make
# every later line number wrong; and what turns the reading order round: it shows a reviewer another rule than runs.
_INVISIBLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)

_PLAIN = (
    ("mapping values are not allowed", "a `:` too many, or this line is indented differently from the one above it"),
    ("sequence entries are not allowed", "a list's `- ` begins on a line of its own"),
    ("could not find expected ':'", "a `:` is missing after this key"),
    ("expected ',' or ']'", "the list opened with `[` is not closed with `]`, or lacks a `,`"),
    ("expected ',' or '}'", "the mapping opened with `{` is not closed with `}`, or lacks a `,`"),
    ("expected <block end>", "this line is indented differently from those above it"),
    ("did not find expected key", "this line is indented differently from those above it"),
    ("did not find expected '-' indicator", "a list item begins with `- `, at the same indentation as the others"),
    ("unexpected end of stream", "a quote is opened here and never closed"),
    ("unknown escape character", "a backslash in double quotes starts an escape; write the text in single quotes"),
    (
        "cannot start any token",
        "no text starts with this character; put the text in quotes, and indent with spaces, not tabs",
    ),
    ("node content", "a value is missing here"),
)


@dataclass(frozen=True, slots=True)
class TextNode:
    """A scalar, as it is written."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping, its own place, and its value."""

    key: str
    line: int
    column: int
    value: Node


@dataclass(frozen=True, slots=True)
class MapNode:
    """Keys and values in the order of the file."""

    entries: Mapping[str, Entry]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ListNode:
    """The items of a list."""

    items: tuple[Node, ...]
    line: int
    column: int


Node = TextNode | MapNode | ListNode


class PlaceOf(Protocol):
    """Gives the line and column (from 1) of a value, or of its key; a path that is not in the file gives what holds it."""

    def __call__(self, loc: Loc, *, key: bool = False) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """What YAML itself has against a place of the file."""

    loc: Loc
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What was read: the tree (None when there is none) and everything that is wrong with the writing."""

    root: Node | None
    faults: tuple[Fault, ...] = ()


def plain(node: Node) -> object:
    """The tree as dicts, lists and text."""
    if isinstance(node, MapNode):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return node.text


def locate(node: Node, loc: Loc, *, key: bool = False) -> tuple[int, int]:
    """The line and column of the value at `loc`, or of its key.

    Segments that the file does not have are passed over: what validates a file may see a longer form of a short one.
    """
    place = (node.line, node.column)
    for segment in loc:
        if isinstance(node, MapNode) and isinstance(segment, str):
            entry = node.entries.get(segment)
            if entry is not None:
                node = entry.value
                place = (entry.line, entry.column) if key else (node.line, node.column)
        elif isinstance(node, ListNode) and isinstance(segment, int) and segment < len(node.items):
            node = node.items[segment]
            place = (node.line, node.column)
    return place


def load_mapping(path: Path) -> tuple[dict[str, object] | None, tuple[Problem, ...], PlaceOf]:
    """A YAML file that must hold one mapping, as dicts, lists and text; None when it cannot be used at all.

    With it come the problems found, under the file's name, and a function from a path of keys to line and column.
    """
    found = read_yaml(path)
    root = found.root
    problems = [Problem(path.name, fault.line, fault.column, fault.message) for fault in found.faults]
    if isinstance(root, MapNode):
        mapping = root

        def place_of(loc: Loc, *, key: bool = False) -> tuple[int, int]:
            return locate(mapping, loc, key=key)

        return {key: plain(entry.value) for key, entry in root.entries.items()}, tuple(problems), place_of
    if not problems:
        problems.append(Problem(path.name, 1, 1, "this file must hold keys and values, such as `crm: salesforce`"))
    return None, tuple(problems), lambda loc, *, key=False: (1, 1)


def read_yaml(path: Path) -> YamlFile:
    """Read and take apart one file; whatever is in it, the answer is a tree and faults, never an exception."""
    try:
        if not path.is_file():
            return _refused("this is not a file" if path.exists() else "this file does not exist")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return _refused(f"this file cannot be read: {error.strerror or 'the system refuses'}")
    if len(data) > MAX_BYTES:
        return _refused("this file is larger than 1 MB; split it")
    return parse_yaml(data)


def parse_yaml(data: bytes) -> YamlFile:
    """Take apart the bytes of a file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        return YamlFile(None, (_at(before, len(before), "this file is not UTF-8; save it as UTF-8"),))
    invisible = _INVISIBLE.search(text)
    if invisible:
        message = f"an invisible character (U+{ord(invisible.group()):04X}) stands here; remove it"
        return YamlFile(None, (_at(text, invisible.start(), message),))
    composer = _Composer(text)
    try:
        root = composer.document()
    except _RefusedError:
        root = None
    except yaml.MarkedYAMLError as error:
        composer.faults.append(_syntax(error, text))
        root = None
    except yaml.YAMLError:
        return _refused("this file is not YAML")
    return YamlFile(root, tuple(composer.faults))


def _refused(message: str) -> YamlFile:
    return YamlFile(None, (Fault((), 1, 1, message),))


def _at(text: str, position: int, message: str) -> Fault:
    *before, last = re.split(r"\r\n|\r|\n", text[:position])  # an editor ends a line at each of these
    return Fault((), len(before) + 1, len(last) + 1, message)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Fault:
    problem = error.problem or "something is missing"
    meaning = next((plain_words for words, plain_words in _PLAIN if words in problem), problem)
    # An open quote or bracket and a bare key are noticed further down; the cure is where they begin.
    earlier = any(words in problem for words in ("end of stream", "',' or", "expected ':'"))
    mark = (error.context_mark if earlier else None) or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines() or [""]
    if line > len(lines):  # the end of the file, seen from behind its last line
        line, column = len(lines), len(lines[-1]) + 1
    return Fault((), line, column, f"this is not YAML: {meaning}")


class _RefusedError(Exception):
    """Reading stops: the fault is already noted."""


@dataclass(slots=True)
class _Composer:
    """Makes the tree from parser events; recursion is bounded by MAX_DEPTH."""

    text: str
    faults: list[Fault] = field(default_factory=list)
    next_event: Callable[[], yaml.Event] = field(init=False)

    def __post_init__(self) -> None:
        self.next_event = iter(yaml.parse(self.text, Loader=_LOADER)).__next__

    def document(self) -> Node | None:
        """The tree of the file's one document, None when it is empty."""
        self.next_event()
        if isinstance(self.next_event(), yaml.StreamEndEvent):
            self.faults.append(Fault((), 1, 1, "this file is empty"))
            return None
        root = self.node(self.next_event(), ())
        self.next_event()
        rest = self.next_event()
        if not isinstance(rest, yaml.StreamEndEvent):
            self.fault(rest, (), "a second document begins here; a file holds one, so remove the `---`")
        if isinstance(root, TextNode) and not root.text:
            self.faults.append(Fault((), 1, 1, "this file is empty"))
            return None
        return root

    def node(self, event: yaml.Event, loc: Loc) -> Node:
        """The tree below an event."""
        line, column = _mark(event)
        if len(loc) > MAX_DEPTH:
            self.fault(event, loc, f"this is nested more than {MAX_DEPTH} levels deep")
            raise _RefusedError
        if isinstance(event, yaml.AliasEvent):
            self.fault(event, loc, f"`*{event.anchor}` is an alias; write the value out, aliases are not allowed")
            return TextNode("", line, column)
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self.decorations(event, loc)
        if isinstance(event, yaml.ScalarEvent):
            return TextNode(event.value, line, column)
        if isinstance(event, yaml.SequenceStartEvent):
            return ListNode(tuple(self.items(loc)), line, column)
        return MapNode(self.entries(loc), line, column)

    def decorations(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, loc: Loc) -> None:
        if event.anchor is not None:
            self.fault(event, loc, f"`&{event.anchor}` is an anchor; anchors are not allowed, remove it")
        if event.tag is not None:
            self.fault(event, loc, "a tag (`!...`) stands here; tags are not allowed, put text in quotes")

    def items(self, loc: Loc) -> list[Node]:
        found: list[Node] = []
        while not isinstance(event := self.next_event(), yaml.SequenceEndEvent):
            found.append(self.node(event, (*loc, len(found))))
        return found

    def entries(self, loc: Loc) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        while not isinstance(event := self.next_event(), yaml.MappingEndEvent):
            key = self.node(event, (*loc, "?"))
            name = key.text if isinstance(key, TextNode) else ""
            value = self.node(self.next_event(), (*loc, name))
            if not name:
                self.fault(event, loc, "a key must be a word: a list, a mapping or nothing cannot be one")
            elif name in found:
                first = found[name].line
                self.fault(event, (*loc, name), f"`{shown(name)}` is here twice, first in line {first}; keep one")
            else:
                found[name] = Entry(name, key.line, key.column, value)
        return found

    def fault(self, event: yaml.Event, loc: Loc, message: str) -> None:
        self.faults.append(Fault(loc, *_mark(event), message))
        if len(self.faults) >= MAX_FAULTS:
            raise _RefusedError


def _mark(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def shown(text: str) -> str:
    """A text of the file as a message can show it: on one line and short."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 40 else f"{one_line[:37]}..."
