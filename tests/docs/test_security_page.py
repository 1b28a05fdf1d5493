"""The page for a security review claims nothing that no test holds, and names only tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.hubspot.client import OWN_HOSTS
from adapters.salesforce.client import TRUSTED

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def known_tests() -> set[str]:
    return {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def claims() -> list[str]:
    """The rows of every table, without their headings."""
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    return [row for row, after in zip(rows, [*rows[1:], ""], strict=True) if "---" not in row and "---" not in after]


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 40
    assert named - known_tests() == set()


@pytest.mark.parametrize("claim", claims(), ids=lambda row: row[2:50])
def test_every_claim_of_the_page_names_the_test_that_holds_it(claim: str) -> None:
    assert "`test_" in claim


def test_the_page_names_every_host_that_is_spoken_to() -> None:
    for host in (*OWN_HOSTS, *TRUSTED):
        assert f"`{host.lstrip('.')}`" in PAGE


def test_the_files_that_the_page_links_to_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).resolve().is_file(), target
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "docs/security.md" in security
