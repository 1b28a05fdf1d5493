"""The page of promises names, for each of them, tests that there are, and commands of the Makefile that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_security_page import known_tests

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")


def promises() -> list[list[str]]:
    """The cells of every promise: what is promised, what holds it, where it ends."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| promise ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("promise", promises(), ids=lambda cells: cells[0][:50])
def test_every_promise_is_held_by_tests_that_are_there(promise: list[str]) -> None:
    assert len(promise) == 3
    named = set(re.findall(r"`(test_\w+)`", promise[1]))
    assert named
    # What dies in every way is one test on both CRMs, made in tests/crash/suite.py.
    assert named - known_tests() <= {"test_nothing_is_lost_and_nothing_written_twice"}


def test_what_the_page_says_can_be_made_can_be_made() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"`make (\w+)`", PAGE)
    assert set(named) == {"crashes", "simulate", "sabotage"}
    assert all(f"\n{name}:" in makefile for name in named)
    for crm in ("salesforce", "hubspot"):
        suite = (ROOT / "tests" / "crash" / f"test_crash_points_{crm}.py").read_text(encoding="utf-8")
        assert "test_nothing_is_lost_and_nothing_written_twice" in suite
