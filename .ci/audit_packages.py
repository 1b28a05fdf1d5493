"""Asks a vulnerability database about every locked package, by pip-audit. Exit 0: none known, 1: some, 2: not checked.

Whoever has no network is told that nothing was checked: silence is no clean bill.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def audit(lock: Path, tool: tuple[str, ...] = (sys.executable, "-m", "pip_audit")) -> int:
    """Check one lock and print what is known of its packages."""
    command = [*tool, "--disable-pip", "--require-hashes", "--requirement", str(lock), "--format", "json"]
    done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    try:
        packages = [each for each in json.loads(done.stdout)["dependencies"] if "skip_reason" not in each]
    except (ValueError, KeyError, TypeError):
        packages = []
    if not packages:
        print(f"{lock.name}: NOT CHECKED, no vulnerability database could be asked; run it where there is a network")
        return 2
    known = [(each, flaw) for each in packages for flaw in each["vulns"]]
    for each, flaw in known:
        fixed = ", ".join(flaw.get("fix_versions") or ()) or "no version"
        print(f"{each['name']} {each['version']}: {flaw['id']}, mended in {fixed}")
    print(f"{lock.name}: {len(known)} known vulnerabilities in {len(packages)} packages")
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(max(audit(ROOT / "requirements" / name) for name in sys.argv[1:] or ("run.lock",)))
