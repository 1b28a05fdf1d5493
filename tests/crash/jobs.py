"""What is tried on one bench: `python -m tests.crash.jobs CRM FLAVOUR some|all JOB...`, with the shim loaded.

The suite tries a share of each job that is chosen by a fixed seed; `all` tries everything. A line of JSON tells what came of
each job; progress goes to stderr.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.crash import points, power, trouble
from tests.crash.bench import SCRATCH, Bench
from tests.crash.points import Expected, Left, Trace
from tests.crash.shim import KILL_AFTER, KILL_BEFORE

T = TypeVar("T")

SEED = 20260302

STRIDE = 8
"""Of the second kill's ways to be left, how far apart those are that `make crashes` tries behind one first kill."""

LOOKS = 12
"""At which of its first looks at the clock a pass finds it set back."""


@dataclass
class Report:
    """What a job tried, and what did not hold."""

    crm: str
    flavour: str
    job: str
    points: int
    tried: int = 0
    covered: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


class Job:
    """One bench with the pass traced, and the means to try many things on it."""

    def __init__(self, crm: str, flavour: str, folder: Path, every: bool) -> None:
        self.bench = Bench(crm, flavour, folder)
        self.trace, self.expected = self.bench.play(points.undisturbed)
        self.left = points.kills(self.trace, self.bench.state)
        self.alike = points.classes({point: self.left[point] for point in self.trace.points})
        self.every = every
        self._who = (crm, flavour)
        self._told = time.monotonic()

    def do(self, name: str) -> Report:
        """One job."""
        began = time.monotonic()
        self.report = Report(*self._who, name, self.trace.counts.points)
        self.dice = random.Random(f"{SEED} {self._who} {name}")
        JOBS[name](self)
        self.report.seconds = round(time.monotonic() - began, 1)
        return self.report

    def share(self, items: Iterable[T], most: int) -> list[T]:
        """All of them, or `most` of them: one out of each stretch, so that no part of the pass is left out."""
        every = list(items)
        if self.every or len(every) <= most:
            return every
        bounds = [len(every) * at // most for at in range(most + 1)]
        return [every[self.dice.randrange(low, high)] for low, high in itertools.pairwise(bounds)]

    def try_all(self, items: Sequence[T], attempt: Callable[[T], object], tell: Callable[[T], str] = str) -> None:
        """Try each; an attempt that fails is told, and the others go on."""
        for number, item in enumerate(items, 1):
            self.report.tried += 1
            try:
                attempt(item)
            except AssertionError as error:
                self.report.failures.append(f"{self.report.job} at {tell(item)}: {str(error)[-1500:]}")
                self._progress(f"FAILED at {tell(item)}")
            if time.monotonic() - self._told > 10:
                self._progress(f"{number} of {len(items)}")

    def _progress(self, what: str) -> None:
        self._told = time.monotonic()
        report = self.report
        print(f"  {report.crm} {report.flavour} {report.job}: {what}", file=sys.stderr, flush=True)


def kills(job: Job) -> None:
    """A kill before every point: every state is opened; each way to be left is really killed and run again to the end."""
    job.report.covered = len(job.trace.points)
    # Without a key field more has to be looked up, and more can go wrong: there the suite leaves none out.
    most = len(job.alike) if job.report.flavour == "marker" else 6
    ways = [job.dice.choice(same) for same in job.alike.values()]
    chosen = list(job.trace.points) if job.every else job.share(ways, most)
    job.try_all(chosen, lambda point: points.once(job.bench, point, job.left[point], job.expected))


def torn(job: Job) -> None:
    """A kill in the middle of every write to the disk leaves what a kill before or behind it leaves."""
    halves = points.torn(job.trace, job.bench.state)
    job.report.covered = len(halves)

    def sound(point: int) -> None:
        assert halves[point] in (job.left[point].state, job.left[point + 1].state), "half a write leaves a third state"

    job.try_all(list(halves), sound)


def network(job: Job) -> None:
    """A kill just before, and just behind, something is sent: what is left is what the log foretells."""
    sends = job.trace.network
    job.report.covered = len(sends)
    behind = {at: Left(job.left[at].state, job.trace.crm[job.trace.asked(at + 1)]) for at in sends}
    job.try_all(job.share(sends, 4), lambda at: points.leaves(job.bench, at, job.left[at], KILL_BEFORE))
    job.try_all(job.share(sends, 12), lambda at: points.leaves(job.bench, at, behind[at], KILL_AFTER))


def pairs(job: Job) -> None:
    """Killed, and killed again in the next pass: once somewhere for some of the ways to be left, or `STRIDE` apart for all."""
    firsts = [job.dice.choice(same) for same in job.alike.values()]
    if job.every:
        _many_pairs(job, firsts, STRIDE)
        return
    chosen = job.share(firsts, 7 if job.report.flavour == "marker" else 3)
    strata = [number / len(chosen) for number in range(len(chosen))]
    job.dice.shuffle(strata)  # so that early and late seconds meet early and late firsts
    job.report.covered = len(chosen)

    def die_twice(pair: tuple[int, float]) -> None:
        again = points.after(job.bench, pair[0]).points
        points.twice(job.bench, pair[0], again[int(pair[1] * len(again))], job.expected)

    job.try_all(list(zip(chosen, strata, strict=True)), die_twice)


def every_pair(job: Job) -> None:
    """Killed, and killed again in the next pass, at every pair of ways to be left: hours."""
    _many_pairs(job, [job.dice.choice(same) for same in job.alike.values()], 1)


def _many_pairs(job: Job, firsts: Sequence[int], stride: int) -> None:
    """For every way to be left by the first kill every `stride`-th way of the second, others each time.

    So each first and each second point is met, by itself or by one that leaves the same; what is left alike is run once.
    """
    known: set[Left] = set()
    for number, first in enumerate(firsts):
        again = points.after(job.bench, first)
        found = points.kills(again, job.bench.state)
        ways = points.classes({second: found[second] for second in again.points})
        chosen = sorted(ways, key=lambda way: ways[way][0])[number % stride :: stride]
        job.report.covered += sum(len(ways[way]) for way in chosen) * len(job.alike[job.left[first]])
        seconds = [ways[way][0] for way in chosen if way not in known]
        known.update(chosen)
        job.try_all(seconds, lambda at, first=first: points.twice(job.bench, first, at, job.expected))  # type: ignore[misc]


def cuts(job: Job) -> None:
    """A power cut before every point, which takes what was not synced, in whole or in part."""
    found = power.cuts(job.bench, job.trace)
    job.report.covered = len(job.trace.points) * len(power.CUTS)
    other = power.unlike_a_kill(found, job.left)
    job.report.tried = len(found) - len(other)
    job.try_all(
        other,
        lambda cut: power.endured(job.bench, cut, job.expected),
        lambda cut: f"{cut.point}, {cut.what} not synced lost",
    )


def _in_trouble(kind: str, most: int, count: Callable[[Trace], int]) -> Callable[[Job], None]:
    def run(job: Job) -> None:
        every = range(1, count(job.trace) + 1)
        chosen = job.share(every, most)
        job.report.covered = len(chosen)
        job.try_all(chosen, lambda at: trouble.met(job.bench, kind, at, job.expected))

    return run


def clock_between(job: Job) -> None:
    """Killed, and the clock is set back before the next pass."""
    chosen = job.share(((at, back) for back in trouble.STEPS_BACK for at in job.trace.points), 6)
    job.report.covered = len(chosen)
    job.try_all(chosen, lambda one: trouble.stepped_back(job.bench, *one, job.expected))


def clock_during(job: Job) -> None:
    """The clock is set back in the middle of the pass."""
    chosen = job.share(((looks, back) for back in trouble.STEPS_BACK for looks in range(LOOKS)), 4)
    job.report.covered = len(chosen)
    job.try_all(chosen, lambda one: trouble.stepping(job.bench, *one, job.expected))


def together(job: Job) -> None:
    """Two passes at once, the second one a little later each time."""
    chosen = job.share([at / 100 for at in range(40)], 4)
    job.report.covered = len(chosen)
    job.try_all(chosen, lambda seconds: trouble.together(job.bench, seconds, job.expected))


JOBS: dict[str, Callable[[Job], None]] = {
    "kills": kills,
    "torn": torn,
    "network": network,
    "pairs": pairs,
    "every-pair": every_pair,
    "cuts": cuts,
    "sync": _in_trouble("sync", 6, lambda trace: trace.counts.syncs),
    "full": _in_trouble("full", 5, lambda trace: trace.counts.disk),
    "read-only": _in_trouble("read-only", 5, lambda trace: trace.counts.disk),
    "term": _in_trouble("term", 6, lambda trace: trace.counts.points),
    "clock-between": clock_between,
    "clock-during": clock_during,
    "together": together,
}


def main(crm: str, flavour: str, how: str, *names: str) -> None:
    """Do these jobs and tell what came of each."""
    with tempfile.TemporaryDirectory(prefix="followup-crash-", dir=SCRATCH) as folder:
        job = Job(crm, flavour, Path(folder), how == "all")
        for name in names:
            print(json.dumps(asdict(job.do(name))), flush=True)


__all__ = ["JOBS", "Expected", "Report", "main"]

if __name__ == "__main__":
    main(*sys.argv[1:])
