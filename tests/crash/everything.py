"""`make crashes`: every job on both CRMs and in both flavours, all of each, on two cores; prints points and progress.

`make crashes JOBS=kills` does one. `JOBS=every-pair` has to be asked for: it takes many hours.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.crash import scene, shim
from tests.crash.suite import NO_COMPILER, reports_of, start

# Not imported from jobs.py: that needs the shim, which only its own process has.
KILLS = ("kills", "torn", "network", "pairs", "cuts")
TROUBLE = ("sync", "full", "read-only", "term", "clock-between", "clock-during", "together")
JOBS = [*KILLS, *TROUBLE]


def main(wanted: Sequence[str]) -> int:
    """Do the jobs, the wanted ones when any are named; 1 when something did not hold."""
    if shim.compiler() is None:
        print(NO_COMPILER)
        return 1
    began = time.monotonic()
    tries = broken = 0
    with tempfile.TemporaryDirectory(prefix="followup-shim-") as folder:
        library = shim.build(Path(folder))
        # A job at a time, so that what matters most is known first; the two CRMs side by side, on two cores.
        for flavour, job in itertools.product(scene.FLAVOURS, wanted or JOBS):
            benches = [start(library, crm, flavour, "all", [job]) for crm in scene.CRMS]
            for found in itertools.chain.from_iterable(reports_of(bench) for bench in benches):
                tries += found["tried"]
                broken += bool(found["failures"])
                _tell(found)
    minutes = (time.monotonic() - began) / 60
    print(f"{tries:,} runs in {minutes:.0f} minutes, {broken} jobs did not hold")
    return int(broken > 0)


def _tell(found: dict[str, Any]) -> None:
    line = "{crm} {flavour} {job}: {points} points, {covered} covered, {tried} runs, {seconds:.0f} s".format(**found)
    print(f"{line}: {'FAILED' if found['failures'] else 'held'}", flush=True)
    for failure in found["failures"]:
        print(failure, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
