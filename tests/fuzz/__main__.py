"""`python -m tests.fuzz --seconds 60`: new cases for every target, side by side on all cores; failures are kept and told.

`python -m tests.fuzz --replay FILE` looks at one kept case again and shows the whole error.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import secrets
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import monotonic

from tests.fuzz.target import CORPUS, Tally, load, save
from tests.fuzz.targets import TARGETS, explored
from tests.fuzz.workers import end_with_parent


def main() -> int:
    """1 when a case failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="in all [default: 60]")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=None, help="begin here instead of at random")
    parser.add_argument("--replay", type=Path, help="one case of the corpus")
    options = parser.parse_args()
    if options.replay is not None:
        TARGETS[options.replay.resolve().parent.name].check(load(options.replay))
        print("this case passes")
        return 0
    return _explore(options.target or list(TARGETS), options.seconds, options.seed)


def _explore(names: list[str], seconds: float, seed: int | None) -> int:
    seed = secrets.randbelow(10**6) if seed is None else seed
    cores = min(os.cpu_count() or 1, 4)
    shares = sum(TARGETS[name].share for name in names)
    slices = {name: seconds * cores * TARGETS[name].share / max(shares, cores) for name in names}
    began, failures, examples = monotonic(), 0, 0
    print(f"seed {seed}, {len(names)} targets, {seconds:g} s on {cores} cores")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=spawn, initializer=end_with_parent) as pool:
        jobs = [
            (name, pool.submit(explored, name, part, seed * 100 + number))
            for name in names
            for number, part in enumerate(_parts(slices[name], seconds))
        ]
        found: dict[str, list[Tally]] = {}
        for name, job in jobs:
            found.setdefault(name, []).append(job.result())
    for name, tallies in found.items():
        count = sum(tally.examples for tally in tallies)
        failed = [tally for tally in tallies if tally.failing is not None]
        examples, failures = examples + count, failures + len(failed)
        print(f"{name:12} {count:7} examples, {len(failed)} failures   {TARGETS[name].about}")
        for tally in failed:
            path = save(TARGETS[name], tally.failing or {})
            print(f"    {tally.error[:400]}")
            print(f"    kept: {path.relative_to(CORPUS.parents[2])}; again: python -m tests.fuzz --replay {path}")
    print(
        json.dumps(
            {"fuzz": {"seed": seed, "seconds": round(monotonic() - began), "examples": examples, "failures": failures}}
        )
    )
    return 1 if failures else 0


def _parts(whole: float, longest: float) -> list[float]:
    """The time of a target in parts that cores can share, none of them longer than the run."""
    count = max(1, round(whole / (longest / 4)))
    return [whole / count] * count


if __name__ == "__main__":
    sys.exit(main())
