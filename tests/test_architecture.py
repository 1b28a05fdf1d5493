"""What must stay true of the code as a whole: sizes, the clock, broad excepts, the contract's documents."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import quantiles

import pytest

from connector.cli.main import COMMANDS
from connector.settings import Settings

ROOT = Path(__file__).parent.parent
FILES = sorted(file for package in ("connector", "rules", "adapters") for file in (ROOT / package).rglob("*.py"))


@cache
def _tree(file: Path) -> ast.Module:
    """A file's syntax, to be read only."""
    return ast.parse(file.read_text(encoding="utf-8"))


def functions() -> Iterator[tuple[str, int]]:
    """Every function with its length in lines."""
    for file in FILES:
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{file.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


def test_functions_and_files_are_small_rooms() -> None:
    lengths = dict(functions())
    assert [name for name, lines in lengths.items() if lines > 60] == []
    assert quantiles(lengths.values(), n=20)[-1] <= 40
    sizes = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert [name for name, lines in sizes.items() if lines > 500] == []
    assert quantiles(sizes.values(), n=20)[-1] <= 350


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        (r"datetime\.now\(|datetime\.utcnow|\btime\.time\(|date\.today", {"connector/clock.py"}),
        (r"^\s*except( Exception| BaseException)?( as \w+)?:", {"connector/cli/main.py"}),
        (r"os\.environ|getenv", {"connector/settings.py"}),
        (r"NotImplementedError|coming soon|not supported yet", set()),
        (r"^\s*(from|import) durable", {"rules/engine.py"}),
        (r"^\s*(from|import) simple_salesforce", {"adapters/salesforce/client.py"}),
        (r"^\s*(from|import) hubspot\b", {"adapters/hubspot/client.py"}),
    ],
)
def test_some_things_stand_in_one_place_only(pattern: str, allowed: set[str]) -> None:
    found = {
        str(file.relative_to(ROOT))
        for file in FILES
        if re.search(pattern, _code(file), re.MULTILINE)
    }  # fmt: skip
    assert found <= allowed


@cache
def _code(file: Path) -> str:
    """A file without its docstrings and comments."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = ""
    return ast.unparse(tree)


def test_nothing_is_imported_inside_a_function() -> None:
    inside = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in FILES
        for function in ast.walk(_tree(file))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    allowed = {"adapters/salesforce/__init__.py", "adapters/hubspot/__init__.py", "rules/engine.py"}
    assert {place.rpartition(":")[0] for place in inside} <= allowed, "only one adapter or engine is loaded late"


def test_the_contract_names_every_setting_and_the_changelog_every_command() -> None:
    contract = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"FOLLOWUP_{name.upper()}" in contract or f"{name}:" in contract, name
    readme = (ROOT / "README.md").read_text(encoding="utf-8") + contract + (ROOT / "CHANGELOG.md").read_text()
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", readme), command


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for line in (*project["dependencies"], *project["optional-dependencies"]["dev"]):
        name = re.split(r"[ <>=!;\[]", line)[0]
        assert name in reasons or name.split("-")[0] + "-*" in reasons, name


def test_every_locked_package_carries_its_hash() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        text = lock.read_text(encoding="utf-8")
        pinned = re.findall(r"^[a-z0-9][^\s=]*==", text, re.MULTILINE)
        assert len(pinned) > 5
        assert len(re.findall(r"^[a-z0-9][^\s=]*==.*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(pinned)
        assert "http" not in text, "a lock names no host"


def test_nothing_that_git_keeps_is_of_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert not [name for name in listed.stdout.splitlines() if name.endswith((".db", ".pyc", ".log"))]
