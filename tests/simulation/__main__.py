"""`make simulate SEEDS=200 FIRST_SEED=1`: plays that many seeds on all cores and says what was kept and what was broken."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path

from tests.simulation import coverage
from tests.simulation.draw import scenario
from tests.simulation.play import Outcome
from tests.simulation.scenario import Scenario
from tests.simulation.seeds import of_seed, played
from tests.simulation.shrink import shrink


def smallest(outcome: Outcome, drawn: Scenario) -> Scenario:
    """The scenario without all that the first violation can do without."""
    wanted = outcome.violations[0].invariant

    def still(smaller: Scenario) -> bool:
        return any(violation.invariant == wanted for violation in played(smaller).violations)

    return shrink(drawn, still)


def _outcomes(seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(of_seed, seeds)
        return
    # Not the pool of concurrent.futures: with a limit of tasks per process it may wait for ever once all have reached it.
    with get_context("spawn").Pool(jobs, maxtasksperchild=100) as pool:
        yield from pool.imap_unordered(of_seed, seeds)


def _tell(outcome: Outcome, drawn: Scenario, shrinking: bool) -> None:
    print(f"\nseed {outcome.seed}, {drawn.crm}:")
    for violation in outcome.violations[:5]:
        print(f"  {violation}")
    if shrinking:
        small = smallest(outcome, drawn)
        print(f"the smallest scenario in which this happens:\n{small.dump()}")
        print("what happens in it:", *played(small).violations[:3], sep="\n  ")
    print(f"again: make simulate SEEDS=1 FIRST_SEED={outcome.seed}", flush=True)


def main() -> int:
    """Play the seeds; 0 when every promise was kept and every one of them was put to the test."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-shrink", action="store_true", help="tell the seed only")
    parser.add_argument("--scenario", type=Path, help="play a scenario from a file, as it is printed after a failure")
    given = parser.parse_args()
    if given.scenario:
        outcome = played(Scenario.load(given.scenario.read_text()))
        print(*outcome.violations or ["nothing was broken"], sep="\n")
        return bool(outcome.violations)
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    counts: Counter[str] = Counter()
    broken: list[Outcome] = []
    begun = time.monotonic()
    for number, outcome in enumerate(_outcomes(seeds, min(given.jobs, given.seeds)), 1):
        counts.update(outcome.counts)
        if outcome.violations:
            broken.append(outcome)
            print(f"seed {outcome.seed}: {str(outcome.violations[0])[:300]}", flush=True)
        if number % max(1, given.seeds // 10) == 0:
            print(
                f"{number} of {given.seeds} seeds, {len(broken)} broken, {time.monotonic() - begun:.0f} s", flush=True
            )
    for outcome in sorted(broken, key=lambda each: each.seed)[:10]:
        _tell(outcome, scenario(outcome.seed), not given.no_shrink)
    print(coverage.table(counts))
    never = coverage.missing(counts) if given.seeds >= coverage.ENOUGH else []
    if never:
        print(f"never exercised in {given.seeds} seeds: {', '.join(never)}")
    print(coverage.line(given.seeds, len(broken), counts))
    return bool(broken or never)


if __name__ == "__main__":
    sys.exit(main())
