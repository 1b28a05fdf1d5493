"""The bill of materials says what a user installs, by the standard's own schema; a check that did not happen says so."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from rfc3987_syntax import syntax_helpers

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "requirements" / "run.lock"


def script(name: str) -> ModuleType:
    """A script of the build, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sbom(tmp_path: Path) -> Path:
    done = subprocess.run(
        [sys.executable, ".ci/sbom.py", str(tmp_path / "dist" / "sbom.json")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tmp_path / "dist" / "sbom.json"


@pytest.fixture
def _one_look_at_addresses_of_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grammar of an address takes all digits alike, and a look costs 50 ms: of a thousand hashes one is asked for."""
    real = cache(syntax_helpers.parse)
    monkeypatch.setattr(
        syntax_helpers, "parse", lambda term, value: real(term, re.sub("[0-9a-f]{64}", "0" * 64, value))
    )


@pytest.mark.usefixtures("_one_look_at_addresses_of_one_form")
def test_it_is_cyclonedx_1_6_by_the_schema_of_the_standard(sbom: Path) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.read_text()) is None


def test_it_names_every_locked_package_with_its_version_and_the_hash_of_every_file(sbom: Path) -> None:
    document = json.loads(sbom.read_text())
    text = LOCK.read_text()
    locked = dict(re.findall(r"^([a-z0-9][^\s=]*)==([^\s;\\]+)", text, re.MULTILINE))
    found = {each["name"]: each["version"] for each in document["components"]}
    assert found == locked
    assert len(found) > 30
    hashes = {
        part["content"]
        for each in document["components"]
        for file in each["externalReferences"]
        for part in file["hashes"]
    }
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", text))
    assert all(each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}" for each in document["components"])
    assert document["metadata"]["component"]["name"] == "crm-followup"
    assert not re.search(r"https?://(?!cyclonedx\.org)", sbom.read_text()), "it names no registry"


def test_the_same_lock_gives_the_same_bill(sbom: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, ".ci/sbom.py", str(tmp_path / "again.json")], cwd=ROOT, check=True)
    assert (tmp_path / "again.json").read_bytes() == sbom.read_bytes()


@pytest.mark.parametrize(
    "line", ["requests>=2", "requests==2.0", "-r other.txt", "requests @ file:///x --hash=sha256:0"]
)
def test_a_lock_with_a_package_that_is_not_pinned_by_hash_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a pinned package"):
        list(script("sbom").read_lock(f"# comment\n{line}\n"))


def _tool(folder: Path, output: str, code: int) -> tuple[str, ...]:
    tool = folder / "audit.py"
    tool.write_text(f"import sys\nprint({output!r})\nsys.exit({code})\n")
    return (sys.executable, str(tool))


@pytest.mark.parametrize(
    ("output", "code", "told", "expected"),
    [
        ("", 1, "NOT CHECKED", 2),
        ("connection refused", 1, "NOT CHECKED", 2),
        ('{"dependencies": []}', 0, "NOT CHECKED", 2),
        ('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', 0, "NOT CHECKED", 2),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', 0, "0 known vulnerabilities in 1", 0),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]}',
            1,
            "a 1: CVE-1, mended in 2",
            1,
        ),
    ],
)
def test_a_check_of_packages_tells_what_it_found_or_that_it_did_not_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str, code: int, told: str, expected: int
) -> None:
    assert script("audit_packages").audit(LOCK, _tool(tmp_path, output, code)) == expected
    assert told in capsys.readouterr().out
