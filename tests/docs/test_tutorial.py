"""docs/tutorial.md: its files are written and its commands run in the order of the page, and print what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ending import ended

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_tutorial_goes_as_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    (tmp_path / "rules").mkdir()
    printed = ""
    commands = 0
    for language, name, text in BLOCKS:
        if language == "yaml":
            (tmp_path / name).write_text(text, encoding="utf-8")
        elif language == "sh":
            for line in text.splitlines():
                program, *words = line.split()
                assert program == "followup"
                ended(*words)
                commands += 1
            captured = capsys.readouterr()
            printed = captured.out + captured.err
        else:
            for line in text.splitlines():
                assert line in printed, printed
    assert commands == 7
