"""Shipped rule files to start from, for either CRM: `first-follow-up`, the short start, and a file for each procedure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

FIRST = "first-follow-up"
"""A whole workspace in one: what most teams begin with."""

PROCEDURES = (
    "new-lead",
    "first-week",
    "first-month",
    "offer-and-accept",
    "reminders",
    "interested-brochure",
    "recycle",
    "attempts",
    "back-to-source",
    "match-and-hand-over",
    "material-sent",
    "scoring",
    "nurture",
    "next-step",
    "friday",
    "deal-follow-up",
)
"""One file each, which go together: any of them, or all."""

PLAYBOOKS = (FIRST, *PROCEDURES)
CRMS = ("salesforce", "hubspot")

Crm = Literal["salesforce", "hubspot"]

_BLOCK = re.compile(r"# \[(\w+)\]")
_NEEDS = re.compile(r"^# Needs: (.+)$", re.MULTILINE)
_TAG = re.compile(r" *# for: (.+)$")


def playbook_files(name: str, crm: Crm) -> Mapping[str, str]:
    """The files of a workspace with one playbook: their paths inside the workspace, and their text.

    Raises ValueError for a playbook or CRM that is not shipped.
    """
    return workspace_files((name,), crm)


def workspace_files(names: Sequence[str], crm: Crm) -> Mapping[str, str]:
    """The files of a workspace with these playbooks, and with those that they need.

    `first-follow-up` stands alone, since its rules are the short form of several others. Raises ValueError for what is
    not shipped, and for what does not go together.
    """
    for name in names:
        if name not in PLAYBOOKS:
            raise ValueError(f"there is no playbook {name}; there is {', '.join(PLAYBOOKS)}")
    if crm not in CRMS:
        raise ValueError(f"there is no playbook for {crm}; there is one for {', '.join(CRMS)}")
    if FIRST in names:
        if len(set(names)) > 1:
            raise ValueError(f"{FIRST} is the short form of several others; take it alone, or leave it out")
        found = dict(_texts(files(__package__) / FIRST, ""))
    else:
        chosen = _with_needs(names)
        base = files(__package__) / "base"
        found = {name: _chosen_lines(text, chosen) for name, text in _texts(base, "")}
        found |= {f"rules/{name}.yaml": _text(name) for name in PROCEDURES if name in chosen}
    return found | {"followup.yaml": _for_crm(found["followup.yaml"], crm)}


def summary(name: str) -> str:
    """What a playbook is for: the first sentence of its file."""
    text = (
        _text(name)
        if name in PROCEDURES
        else (files(__package__) / FIRST / "rules" / "follow-up.yaml").read_text("utf-8")
    )
    opening = " ".join(line.removeprefix("#").strip() for line in _comment(text))
    return opening.partition(". ")[0].rstrip(".") + "."


def needs(name: str) -> tuple[str, ...]:
    """The playbooks that one cannot do without."""
    found = _NEEDS.search(_text(name)) if name in PROCEDURES else None
    return tuple(word.strip() for word in found[1].split(",")) if found else ()


def _comment(text: str) -> Iterator[str]:
    """The comment that a file begins with."""
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        yield line


def _with_needs(names: Sequence[str]) -> frozenset[str]:
    chosen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in chosen:
            chosen.add(name)
            waiting += needs(name)
    return frozenset(chosen)


def _text(name: str) -> str:
    return (files(__package__) / f"{name}.yaml").read_text("utf-8")


def _texts(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _texts(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".yaml"):
            yield prefix + item.name, item.read_text(encoding="utf-8")


def _chosen_lines(text: str, chosen: frozenset[str]) -> str:
    """The lines that some chosen playbook wants, without the remark that says for which they are."""
    lines = []
    for line in text.splitlines():
        tag = _TAG.search(line)
        if tag is None or chosen.intersection(word.strip() for word in tag[1].split(",")):
            lines.append(line if tag is None else line[: tag.start()])
    return "\n".join(lines) + "\n"


def _for_crm(text: str, crm: str) -> str:
    """The settings with the CRM's own block in force and the other one commented out."""
    block = ""
    lines = []
    for line in text.splitlines():
        opening = _BLOCK.match(line)
        if opening:
            block = opening[1]
        elif block in CRMS and line:
            bare = line.removeprefix("# ")
            line = bare if block == crm else f"# {bare}"
        lines.append(line)
    return "\n".join(lines) + "\n"
