"""What `followup check` can find, by code: a sentence, a cure, a bad and a good example (`catalogue.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from rules.yamlfile import MapNode, plain, read_yaml

FILE = Path(__file__).with_name("catalogue.yaml")
_NAMED = re.compile(r"# ((?:rules/)?[a-z]+\.yaml)\n?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of finding; the examples are the files of a workspace (see `files`)."""

    code: str
    level: Literal["error", "warning"]
    sentence: str
    cure: str
    bad: str
    good: str


@cache
def catalogue() -> Mapping[str, Entry]:
    """Every kind of finding, by its code, in the order of the page."""
    root = read_yaml(FILE).root
    assert isinstance(root, MapNode)  # noqa: S101 - the file is ours, and a test reads it
    return {code: _entry(code, plain(each.value)) for code, each in root.entries.items() if code.startswith("F")}


def entry(code: str) -> Entry:
    """The kind of finding with this code; KeyError when there is none."""
    return catalogue()[code]


def _entry(code: str, value: object) -> Entry:
    assert isinstance(value, dict)  # noqa: S101
    texts = {key: str(text).strip("\n") for key, text in value.items()}
    level: Literal["error", "warning"] = "warning" if texts["level"] == "warning" else "error"
    return Entry(code, level, texts["sentence"], texts["cure"], texts["bad"], texts["good"])


def workspace() -> str:
    """The files that all examples share."""
    root = read_yaml(FILE).root
    assert isinstance(root, MapNode)  # noqa: S101
    return str(plain(root.entries["workspace"].value))


def files(text: str) -> Mapping[str, str]:
    """An example as files: a line such as `# team.yaml` says where the lines below it stand, else in a rule file."""
    found: dict[str, list[str]] = {}
    name = "rules/example.yaml"
    for line in text.splitlines(keepends=True):
        named = _NAMED.fullmatch(line)
        if named:
            name = named[1]
        else:
            found.setdefault(name, []).append(line)
    return {name: "".join(lines) for name, lines in found.items()}


_FAMILIES = {
    "F1": "Files",
    "F2": "Words and values",
    "F3": "References",
    "F4": "Logic",
    "F5": "Contact",
    "F6": "Leads that nobody looks after",
}

_HEAD = """# What `followup check` finds

`followup check` reads the files of a workspace and needs no CRM. It prints one line for each finding,
`file:line:column: message`, followed by the cure and a code; this page explains the codes, and so does
`followup check --explain F401`. Errors make it end with 2. Warnings are worth a look: they are printed, and make it end with 2
only with `--strict`. `--json` prints the same as one document, each finding with its `code`, `level` and `cure`.

A mistake of writing (F101 to F303, and the plainest form of F401) keeps its rule from running, by name; the others run. What is
found beyond that stops no rule.
F311 to F319 compare the rules with the CRM as it described itself when the last pass read it; they say of which day that is. A
workspace that has never read its CRM, or keeps its state in PostgreSQL, does without them.

Nothing is reported that is not sure: where conditions are too many or too deep to look through, `check` says nothing.

Each example is the rules of this workspace, unless a line such as `# team.yaml` says that what is below it stands in that file:

```yaml
{workspace}```
"""


def page() -> str:
    """The page `docs/checks.md`."""
    parts = [_HEAD.format(workspace=workspace())]
    family = ""
    for each in catalogue().values():
        if each.code[:2] != family:
            family = each.code[:2]
            parts.append(f"## {_FAMILIES[family]}\n")
        level = "error" if each.level == "error" else "warning"
        parts.append(f"### {each.code}\n\n{each.sentence} ({level})\n\n{each.cure}\n")
        parts.append(f"Not so:\n\n```yaml\n{each.bad}\n```\n\nBut so:\n\n```yaml\n{each.good}\n```\n")
    return "\n".join(parts)
