"""Passes that are not killed but meet a bad disk, a stop signal, a wrong clock, or each other."""

from __future__ import annotations

from tests.crash import oracle
from tests.crash.bench import MINUTES_BETWEEN, Bench, Order, World
from tests.crash.points import Expected, killed, settle
from tests.crash.shim import DISK_FULL, READ_ONLY, SYNC_FAILS, TERM

KINDS = {"sync": SYNC_FAILS, "full": DISK_FULL, "read-only": READ_ONLY, "term": TERM}

ENDS = {"sync": (0, 1, 3), "full": (0, 1, 3), "read-only": (0, 1, 3), "term": (0, 3)}
"""How such a pass may end: it failed, or it did what it could; 0 only when all was done."""

STEPS_BACK = (3, 2 * 60, 3 * 24 * 60)
"""Minutes by which a clock is set back: an adjustment, a wrong zone, a wrong day."""


def met(bench: Bench, kind: str, at: int, expected: Expected) -> int:
    """A pass in trouble from there on says so in one line and in its exit code; the next one makes everything good."""

    def script(world: World) -> int:
        ended = world.run(Order(KINDS[kind], at, by_script=True))
        _told(kind, ended.code, ended.said)
        if ended.code == 0:
            wrong = oracle.unlike(expected.effects, oracle.effects(world.firm))
            assert not wrong, f"exit code 0, but {wrong}"
        world.state()
        settle(world, expected, 1)
        return ended.code

    return bench.play(script)


def _told(kind: str, code: int, said: str) -> None:
    """One line for people, beside the lines of the log; no traceback, and no fault of followup itself."""
    lines = [line for line in said.splitlines() if line and not line.startswith("{")]
    assert code in ENDS[kind], f"ended with {code}: {said}"
    assert "Traceback" not in said, said
    assert "fault of followup itself" not in said, said
    if code == 1:
        assert len(lines) == 1, f"not one line: {said}"
        assert lines[0].startswith("followup: "), said


def stepped_back(bench: Bench, point: int, minutes: int, expected: Expected) -> None:
    """Killed at a point; the clock is behind in the next pass, and right again in the one after it."""

    def script(world: World) -> None:
        killed(world, point, None)
        ended = world.run(Order(minutes=-minutes))
        assert ended.code in (0, 3), f"the pass with the clock set back ended with {ended.code}: {ended.said}"
        _caught_up(world, expected)

    bench.play(script)


def stepping(bench: Bench, looks: int, minutes: int, expected: Expected) -> None:
    """The clock is set back in the middle of a pass, after so many looks at it."""

    def script(world: World) -> None:
        ended = world.run(Order(clock_steps=(looks, minutes)))
        assert ended.code in (0, 3), f"the pass with the stepping clock ended with {ended.code}: {ended.said}"
        _caught_up(world, expected)

    bench.play(script)


def _caught_up(world: World, expected: Expected) -> None:
    """Once the clock is right again everything stands there as it would, once, but for what goes by the clock."""
    for passes in (1, 2):
        ended = world.run(Order(minutes=passes * MINUTES_BETWEEN))
        assert ended.code == 0, f"the pass with the right clock ended with {ended.code}: {ended.said}"
    before = world.crm()
    world.run(Order(minutes=3 * MINUTES_BETWEEN))
    assert world.crm() == before, "a quiet pass wrote something"
    found = oracle.effects(world.firm)
    wrong = oracle.unlike(oracle.timeless(expected.effects), oracle.timeless(found))
    wrong += [f"twice: {key}" for key in oracle.repeated(found)]
    assert not wrong, "\n".join(wrong)


def together(bench: Bench, seconds: float, expected: Expected) -> tuple[int, ...]:
    """Two passes at once: one of them exits 5, or they come one after the other; everything is written once."""

    def script(world: World) -> tuple[int, ...]:
        ended = world.run(Order(twin_after=seconds))
        assert sorted(ended.codes) in ([0, 0], [0, 5]), f"two passes ended with {ended.codes}: {ended.said}"
        settle(world, expected, 1)
        return ended.codes

    return bench.play(script)
