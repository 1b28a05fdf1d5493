"""Every point of a pass: what a kill there leaves, which points leave the same, and what comes of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.crash import oracle
from tests.crash.bench import MINUTES_BETWEEN, Bench, Order, World, state_in
from tests.crash.images import Disk, Files
from tests.crash.shim import KILL_AFTER, KILL_BEFORE, Counts, Step

_REQUEST = re.compile(r"(GET|POST|PATCH|PUT|DELETE) /")

KILLED = -9


@dataclass(frozen=True)
class Left:
    """What is left where a process died: the state and the CRM, as digests."""

    state: str
    crm: str


@dataclass(frozen=True)
class Trace:
    """A pass that was not killed: all it did, and what stood in the CRM after each request."""

    counts: Counts
    before: Files
    steps: Sequence[Step]
    crm: Sequence[str]

    @property
    def points(self) -> range:
        """The numbers of its points."""
        return range(1, self.counts.points + 1)

    @property
    def network(self) -> list[int]:
        """The points at which something is sent."""
        return [step.point for step in self.steps if step.what == "N"]

    def asked(self, point: int) -> int:
        """How many requests were sent whole before this point."""
        ends = [one.point for one, two in self._pairs() if two is None or _REQUEST.match(two.path)]
        return sum(end < point for end in ends)

    def _pairs(self) -> Iterator[tuple[Step, Step | None]]:
        sent = [step for step in self.steps if step.what == "N"]
        return zip(sent, [*sent[1:], None], strict=True)


@dataclass(frozen=True)
class Expected:
    """What the pass comes to when nobody disturbs it."""

    effects: Counter[str]
    lasting: Mapping[str, Counter[str]]


def trace(world: World, before: Files, minutes: int = 0) -> Trace:
    """A pass to its end, with its log."""
    world.watched = True
    world.crm_digests = [world.crm()]
    ended = world.run(Order(log=True, minutes=minutes))
    assert ended.code == 0, f"a pass that nobody disturbed ended with {ended.code}: {ended.said}"
    world.watched = False
    return Trace(ended.counts, before, world.bench.shim.log(), list(world.crm_digests))


def undisturbed(world: World) -> tuple[Trace, Expected]:
    """The pass, a quiet one behind it, and what both came to."""
    found = trace(world, world.bench.base)
    _quiet(world, MINUTES_BETWEEN)
    return found, Expected(oracle.effects(world.firm), oracle.lasting(world.bench.state))


def _quiet(world: World, minutes: int) -> None:
    before = world.crm()
    ended = world.run(Order(minutes=minutes))
    assert ended.code == 0, f"a quiet pass ended with {ended.code}: {ended.said}"
    assert world.crm() == before, "a quiet pass wrote something"


def kills(trace: Trace, state: Path) -> dict[int, Left]:
    """What a kill before each point leaves; one more point stands for the end. Every state is opened and proven sound."""
    disk = Disk.of(trace.before)
    steps = iter([*trace.steps, None])
    step = next(steps)
    found: dict[int, Left] = {}
    for point in range(1, trace.counts.points + 2):
        while step is not None and step.point < point:
            disk.take(step)
            step = next(steps)
        found[point] = Left(state_in(disk.killed(), state), trace.crm[trace.asked(point)])
    return found


def torn(trace: Trace, state: Path) -> dict[int, str]:
    """The state that a kill in the middle of each write leaves, by point: the first half of it is on the disk."""
    disk = Disk.of(trace.before)
    found: dict[int, str] = {}
    for step in trace.steps:
        if step.what == "W":
            half = Disk.of(disk.killed())
            half.take(replace(step, data=step.data[: len(step.data) // 2]))
            found[step.point] = state_in(half.killed(), state)
        disk.take(step)
    return found


def settle(world: World, expected: Expected, passes: int) -> None:
    """Run again to the end; then everything is as if nothing had happened, and a third pass is quiet."""
    ended = world.run(Order(minutes=passes * MINUTES_BETWEEN))
    assert ended.code == 0, f"the pass after the kill ended with {ended.code}: {ended.said}"
    _quiet(world, (passes + 1) * MINUTES_BETWEEN)
    wrong = oracle.unlike(expected.effects, oracle.effects(world.firm))
    found = oracle.lasting(world.bench.state)
    for table, rows in expected.lasting.items():
        wrong += [f"in {table} {line}" for line in oracle.unlike(rows, found[table])]
    assert not wrong, "\n".join(wrong)


def killed(world: World, point: int, expected: Left | None, mode: int = KILL_BEFORE, minutes: int = 0) -> None:
    """Really kill a pass there, and hold what is left against what the log foretells."""
    ended = world.run(Order(mode=mode, at=point, minutes=minutes))
    assert ended.code == KILLED, f"the pass was to be killed at {point} and ended with {ended.code}: {ended.said}"
    if expected is not None:
        left = Left(world.state(), world.crm())
        assert left == expected, f"a kill at {point} leaves something else than the log foretells"


def once(bench: Bench, point: int, left: Left | None, expected: Expected, mode: int = KILL_BEFORE) -> None:
    """Killed at a point, and run again to the end."""

    def script(world: World) -> None:
        killed(world, point, left, mode)
        settle(world, expected, 1)

    bench.play(script)


def leaves(bench: Bench, point: int, left: Left, mode: int = KILL_AFTER) -> None:
    """Killed at a point: what the log foretells is what is left."""
    bench.play(lambda world: killed(world, point, left, mode))


def after(bench: Bench, point: int) -> Trace:
    """What the pass after a kill at a point does, when it is not killed itself."""

    def script(world: World) -> Trace:
        killed(world, point, None)
        return trace(world, world.files(), MINUTES_BETWEEN)

    return bench.play(script)


def twice(bench: Bench, first: int, second: int, expected: Expected) -> None:
    """Killed at a point, killed at another when run again, and run to the end then."""

    def script(world: World) -> None:
        killed(world, first, None)
        killed(world, second, None, minutes=MINUTES_BETWEEN)
        settle(world, expected, 2)

    bench.play(script)


def classes(left: Mapping[int, Left]) -> dict[Left, list[int]]:
    """The points that leave the same, together."""
    found: dict[Left, list[int]] = {}
    for point, what in left.items():
        found.setdefault(what, []).append(point)
    return found
