"""A power cut instead of a kill: what was not synced is gone, in whole or in part, and the CRM has what it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.crash.bench import Bench, World, state_in
from tests.crash.images import CUTS, Disk, Files
from tests.crash.points import Expected, Left, Trace, killed, settle


@dataclass(frozen=True)
class Cut:
    """A power cut before a point, with the files that are there when the machine is up again."""

    point: int
    what: str
    files: Files


def cuts(bench: Bench, trace: Trace) -> dict[Left, Cut]:
    """One power cut for everything that any power cut of the pass can leave."""
    disk = Disk.of(trace.before)
    found: dict[Left, Cut] = {}
    by_point: dict[int, list[int]] = {}
    for at, step in enumerate(trace.steps):
        by_point.setdefault(step.point, []).append(at)
    for point in range(1, trace.counts.points + 2):
        for at in by_point.get(point - 1, ()):
            disk.take(trace.steps[at])
        crm = trace.crm[trace.asked(point)]
        for what in CUTS:
            files = disk.cut(what)
            found.setdefault(Left(state_in(files, bench.state), crm), Cut(point, what, files))
    return found


def unlike_a_kill(found: Mapping[Left, Cut], left: Mapping[int, Left]) -> list[Cut]:
    """The power cuts that leave what no kill leaves."""
    known = set(left.values())
    return [cut for what, cut in found.items() if what not in known]


def endured(bench: Bench, cut: Cut, expected: Expected) -> None:
    """The machine goes down there, comes up again, and the next pass runs to the end."""

    def script(world: World) -> None:
        killed(world, cut.point, None)
        world.put(cut.files)
        settle(world, expected, 1)

    bench.play(script)
