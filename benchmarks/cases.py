"""`python -m benchmarks.cases [COUNT]`: how long `followup test` takes for so many cases of the shipped playbook's rules."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rules.playbooks import playbook_files

COUNT = 1_000
PROGRAM = (sys.executable, "-c", "from connector.cli.main import main; main()")

CASES = (
    """\
  - rule: first-call
    lead: {{owner: ana, created: "2026-03-{day:02d} 09:00"}}
    expect:
      - {{at: "2026-03-{day:02d} 09:00", task: {{type: call, to: ana}}}}
""",
    """\
  - rule: week-one-call
    lead: {{owner: ben, created: "2026-03-{day:02d} 09:00"}}
    timeline:
      - {{at: "2026-03-{day:02d} 10:00", email_sent: true}}
      - {{at: "2026-03-{day:02d} 15:00", call: connected}}
    expect:
      - {{at: "2026-03-20 09:00", nothing: true}}
""",
    """\
  - rule: recycle-after-6
    lead: {{owner: ana, assigned: "2026-03-{day:02d} 09:00"}}
    timeline:
      - {{at: "2026-03-{day:02d} 10:00", call: no_answer, times: 5}}
      - {{at: "2026-03-{day:02d} 16:00", call: no_answer}}
    expect:
      - {{at: "2026-03-{day:02d} 16:00", nothing: true}}
      - {{at: "2026-03-{later:02d} 16:00", reassign: {{from: ana}}}}
""",
    """\
  - rule: never-again
    lead: {{owner: cleo, created: "2026-03-{day:02d} 09:00", enrolled: brochure}}
    timeline:
      - {{at: "2026-03-{day:02d} 11:00", status: do_not_contact}}
    expect:
      - {{at: "2026-03-{day:02d} 11:00", unenroll: brochure}}
""",
)


def cases(count: int) -> Iterator[str]:
    """So many cases, a quarter of each sort, on the days of a week."""
    for number in range(count):
        day = 2 + number % 3
        yield CASES[number % len(CASES)].format(day=day, later=day + 2)


def workspace(folder: Path, count: int) -> None:
    """The shipped playbook with so many cases in a file of their own."""
    for name, text in playbook_files("first-follow-up", "salesforce").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    text = "version: 1\nrules: []\ntests:\n" + "".join(cases(count))
    (folder / "rules" / "many-cases.yaml").write_text(text, encoding="utf-8")


def seconds(count: int) -> float:
    """How long the command takes, its start included."""
    with tempfile.TemporaryDirectory(prefix="followup-cases-") as name:
        workspace(Path(name), count)
        started = time.monotonic()
        done = subprocess.run([*PROGRAM, "test", "--workspace", name], capture_output=True, text=True, check=False)
        took = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"the cases did not go as expected:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return took


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    print(f"{wanted:,} cases: {seconds(wanted):.2f} s")
