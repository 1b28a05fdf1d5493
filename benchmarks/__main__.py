"""`make bench`: the figures of docs/performance.md, from one run on this machine.

Each pass is a process of its own; the sandbox is another one, whose processor time is told apart by `cpu`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.replay import replay
from benchmarks.serve import START
from rules.playbooks import playbook_files

ROOT = Path(__file__).parent.parent
TEAM = """\
people: {ana: {crm: ana@example.com}, ben: {crm: ben@example.com}, cleo: {crm: cleo@example.com}, eva: {crm: eva@example.com}}
pools: {inbound: {members: [ana, ben, cleo]}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-18:00"}, holidays: DE}}
"""


class Org:
    """The sandbox process."""

    def __init__(self, process: subprocess.Popen[str], told: Mapping[str, Any]) -> None:
        self._process = process
        self.url = str(told["url"])
        self.target = told["target"]

    def say(self, words: str) -> Mapping[str, int]:
        """Give an order and hear how much was asked of the sandbox so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]


@contextmanager
def org(crm: str, leads: int, calls: int) -> Iterator[Org]:
    """A sandbox with so many leads and so many calls on each."""
    command = [sys.executable, "-m", "benchmarks.serve", crm, str(leads), str(calls)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Org(process, json.loads(process.stdout.readline()))
        assert process.stdin is not None
        process.stdin.write("stop\n")
        process.stdin.close()
        process.wait(30)


def one_pass(folder: Path, world: Org, hours: float, **more: str) -> Mapping[str, Any]:
    """A pass at START plus so many hours."""
    world.say(f"move {hours}")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOLLOWUP_")}
    env = {
        **kept,
        "FOLLOWUP_NOW": (START + timedelta(hours=hours)).isoformat(),
        "FOLLOWUP_SALESFORCE__LOGIN_URL": world.url,
        "FOLLOWUP_SALESFORCE__CLIENT_ID": "sandbox",
        "FOLLOWUP_SALESFORCE__CLIENT_SECRET": "sandbox-secret",
        "FOLLOWUP_HUBSPOT__ACCESS_TOKEN": "sandbox-token",
        "FOLLOWUP_HUBSPOT__BASE_URL": world.url,
        "FOLLOWUP_LIMITS__PER_RULE_PER_RUN": "1000",
        **more,
    }
    command = [sys.executable, "-m", "benchmarks.one_pass", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def workspace(folder: Path, crm: str, target: Mapping[str, str]) -> None:
    """The shipped playbook, bound to the sandbox's people and brochure."""
    for name, text in playbook_files("first-follow-up", "salesforce" if crm == "salesforce" else "hubspot").items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(TEAM if name == "team.yaml" else text, encoding="utf-8")
    kept = [line for line in (folder / "followup.yaml").read_text().splitlines() if not line.startswith("enrollments")]
    text = "\n".join(line for line in kept if not line.lstrip().startswith("brochure:"))
    (folder / "followup.yaml").write_text(f"{text}\nenrollments: {{brochure: {json.dumps(target)}}}\n")


def size(crm: str, leads: int, calls: int) -> None:
    """First read and baseline of an org, a pass with 100 changes, and a quiet one."""
    with tempfile.TemporaryDirectory() as name, org(crm, leads, calls) as world:
        folder = Path(name)
        workspace(folder, crm, world.target)
        print(f"\n{crm}: {leads:,} leads, {leads * calls:,} activities")
        say("first read and baseline", one_pass(folder, world, 1))
        say("quiet pass", one_pass(folder, world, 26))
        world.say("move 27")
        world.say("change 100")
        say("pass with 100 changes", one_pass(folder, world, 27.5))
        say("quiet pass", one_pass(folder, world, 27.6))


def say(what: str, told: Mapping[str, Any]) -> None:
    """One figure line."""
    counts = told["counts"]
    print(
        f"  {what:26} {told['seconds']:7.2f} s  cpu {told['cpu']:6.2f} s  peak {told['peak_mb']:6.1f} MB  "
        f"calls {counts['api_calls']:4}  evaluated {counts['evaluated']:6}  written {counts['written']['confirmed']:4}  "
        f"baseline {sum(told['baseline'].values())}",
        flush=True,
    )


def start_up() -> None:
    """How long `followup --help` takes, as a multiple of starting Python with nothing."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "followup --help": [sys.executable, "-c", "from connector.cli.main import main; main()", "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(9):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
            taken[name].append(time.perf_counter() - began)
    print("\nstart-up, median of 9")
    for name, seconds in taken.items():
        print(f"  {name:26} {median(seconds):7.3f} s")


def main() -> None:
    """Measure everything, or what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("what", nargs="?", choices=["passes", "replay"], default="passes")
    parser.add_argument("--crm", choices=["salesforce", "hubspot"], help="only this one")
    parser.add_argument("--leads", type=int, help="[default: 20,000 for passes, 10,000 for a replay]")
    parser.add_argument("--calls", type=int, default=3, help="activities per lead")
    parser.add_argument("--processes", type=int, default=1, help="of a replay")
    given = parser.parse_args()
    if given.what == "replay":
        replay(given.leads or 10_000, days=90, processes=given.processes)
        return
    start_up()
    for crm in [given.crm] if given.crm else ["salesforce", "hubspot"]:
        size(crm, given.leads or 20_000, given.calls)


if __name__ == "__main__":
    main()
