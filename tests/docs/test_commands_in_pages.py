"""Every `followup ...` that a page, or a cure in the code, tells a reader to type can be typed, with those options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from connector.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = [file for name in ("connector", "rules", "adapters") for file in sorted((ROOT / name).rglob("*.py"))]


def _quoted(text: str) -> Iterator[tuple[str, list[str]]]:
    """The command and the long options of every `followup COMMAND ...` between backticks."""
    for line in re.findall(r"`followup ([^`\n]+)`", text):
        for part in line.split("&&"):
            words = part.removeprefix(" followup ").split()
            if words and re.fullmatch(r"[a-z]+", words[0]):
                yield words[0], [word.split("=")[0] for word in words if re.match(r"--[a-z]", word)]


def _known(name: str) -> set[str]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"there is no command `followup {name}`"
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return {*options, "--help"}


@pytest.mark.parametrize("file", [*PAGES, *CODE], ids=lambda file: str(file.relative_to(ROOT)))
def test_what_a_reader_is_told_to_type_can_be_typed(file: Path) -> None:
    for name, options in _quoted(file.read_text(encoding="utf-8")):
        assert set(options) <= _known(name), f"followup {name}"


def test_the_pages_quote_commands_with_options() -> None:
    found = [each for page in PAGES for each in _quoted(page.read_text(encoding="utf-8"))]
    assert ("release", ["--rule", "--first"]) in found
    assert len({name for name, _ in found}) > 12
