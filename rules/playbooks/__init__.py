"""Shipped workspaces: complete rule files to start from, for either CRM."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

PLAYBOOKS = ("first-follow-up",)
CRMS = ("salesforce", "hubspot")

_BLOCK = re.compile(r"# \[(\w+)\]")


def playbook_files(name: str, crm: Literal["salesforce", "hubspot"]) -> Mapping[str, str]:
    """The files of a playbook for a CRM: their paths inside the workspace, and their text.

    Raises ValueError for a playbook or CRM that is not shipped.
    """
    if name not in PLAYBOOKS:
        raise ValueError(f"there is no playbook {name}; there is {', '.join(PLAYBOOKS)}")
    if crm not in CRMS:
        raise ValueError(f"there is no playbook for {crm}; there is one for {', '.join(CRMS)}")
    found = dict(_texts(files(__package__) / name, ""))
    return found | {"followup.yaml": _for_crm(found["followup.yaml"], crm)}


def _texts(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _texts(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".yaml"):
            yield prefix + item.name, item.read_text(encoding="utf-8")


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
