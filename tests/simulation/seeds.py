"""One seed or scenario, played in whatever process: never without an end, and never without an answer."""

from __future__ import annotations

import signal
import traceback
from types import FrameType

from tests.simulation.draw import scenario
from tests.simulation.play import Outcome, play
from tests.simulation.scenario import Scenario, Violation

LONGEST = 180
"""Seconds after which a seed counts as hanging."""


class HangingError(Exception):
    """A seed does not come to an end."""


def _alarm(_signal: int, _frame: FrameType | None) -> None:
    raise HangingError(f"no end after {LONGEST} seconds")


def played(drawn: Scenario) -> Outcome:
    """What came of a scenario; a simulation that breaks itself is a violation, too."""
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(LONGEST)
    try:
        return play(drawn)
    except Exception:
        return Outcome(drawn.seed, [Violation("simulation", -1, traceback.format_exc(limit=-8))])
    finally:
        signal.alarm(0)


def of_seed(seed: int) -> Outcome:
    """What came of a seed."""
    return played(scenario(seed))
