"""The README is run: every shell block, in order, in one empty folder, against the sandbox."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.loader import load_rules
from tests.company import Company, company

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


# What the test cannot have is replaced by something that does the same here: make sets up a virtual environment first,
# which is the one this runs in; docker maps the workspace into the container and starts the console script.
MAKE = """#!/bin/sh
case "$1" in
  demo) exec followup demo --crm salesforce ;;
  test) exec make_real -n -C "$ROOT" test ;;
esac
"""
DOCKER = """#!/bin/sh
[ "$1" = build ] && exit 0
[ "$1" = run ] || exit 1
shift
while [ "$1" != crm-followup ]; do
  case "$1" in *:/work) export FOLLOWUP_WORKSPACE="${1%:/work}" ;; esac
  shift
done
shift
exec followup "$@"
"""
FOLLOWUP = '#!/bin/sh\nexec "{python}" -c "from connector.cli.main import main; main()" "$@"\n'


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    real = subprocess.run(["which", "make"], capture_output=True, text=True, check=True).stdout.strip()
    os.symlink(real, bin_ / "make_real")
    for name, text in (("make", MAKE), ("docker", DOCKER), ("followup", FOLLOWUP.format(python=sys.executable))):
        script = bin_ / name
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOLLOWUP_")}
    ours = {"ROOT": str(ROOT), "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    return tmp_path, {**kept, "PATH": f"{bin_}:{os.environ['PATH']}", **ours}


def _connected(block: str, salesforce: Company, hubspot: Company) -> str:
    """The reader's own values: here those of the sandbox."""
    given = {
        "https://NAME.my.salesforce.com": salesforce.server.url,
        "CLIENT_ID=...": "CLIENT_ID=sandbox",
        "CLIENT_SECRET=...": "CLIENT_SECRET=sandbox-secret",
        "ACCESS_TOKEN=...": f"ACCESS_TOKEN=sandbox-token; export FOLLOWUP_HUBSPOT__BASE_URL={hubspot.server.url}",
    }
    for theirs, ours in given.items():
        block = block.replace(theirs, ours)
    return block


def test_every_command_block_of_the_readme_runs(shell: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, env = shell
    found = blocks("sh")
    assert len(found) >= 6
    with company("salesforce", tmp_path / "s") as salesforce, company("hubspot", tmp_path / "h") as hubspot:
        exports = ""
        for block in found:
            block = _connected(block, salesforce, hubspot)
            script = f"set -eu\n{exports}\n{_pointed_at(block, salesforce, hubspot)}"
            done = subprocess.run(
                ["/bin/sh", "-c", script], env=env, cwd=folder, capture_output=True, text=True, timeout=300, check=False
            )
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
            exports += "".join(f"{line}\n" for line in re.split(r"\n|; ", block) if line.startswith("export "))


def _pointed_at(block: str, salesforce: Company, hubspot: Company) -> str:
    """The workspaces of the README name the playbook's people and targets; here the sandbox's are named instead."""
    lines = []
    for line in block.splitlines():
        lines.append(line)
        made = re.match(r"followup init (\S+) --crm (\w+)", line)
        if made:
            firm = salesforce if made.group(2) == "salesforce" else hubspot
            for name in ("followup.yaml", "team.yaml"):
                lines.append(f"cp {firm.folder / name} {made.group(1)}/{name}")
    return "\n".join(lines)


def test_the_rule_of_the_readme_loads(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    [rule] = blocks("yaml")
    (tmp_path / "rules" / "readme.yaml").write_text(rule)
    loaded = load_rules(tmp_path)
    assert loaded.problems == ()
    assert [rule.id for rule in loaded.ruleset.rules] == ["week-one-call"]


def test_the_readme_names_every_command_and_exit_code() -> None:
    for code in range(6):
        assert f"| {code} |" in README
    for command in ("demo", "test"):
        assert f"make {command}" in README
