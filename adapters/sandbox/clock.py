"""The sandbox's own clock: an instant that stands still until somebody moves it, or that ticks with every write."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """What time it is in the sandbox. `tick` moves it a little with each reading, so that stamps differ by default."""

    def __init__(self, start: datetime, tick: timedelta = timedelta(0)) -> None:
        if start.tzinfo is None:
            raise ValueError("the sandbox's clock needs an instant with a time zone")
        self._now = start.astimezone(UTC)
        self._tick = tick
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The present instant of the sandbox, in UTC; each call moves it by the tick."""
        with self._lock:
            instant = self._now
            self._now = instant + self._tick
            return instant

    def peek(self) -> datetime:
        """The present instant without moving the clock."""
        with self._lock:
            return self._now

    def move_to(self, instant: datetime) -> None:
        """Set the clock; backwards is allowed, clocks do step back."""
        with self._lock:
            self._now = instant.astimezone(UTC)

    def move_by(self, step: timedelta) -> None:
        """Move the clock by a step."""
        with self._lock:
            self._now += step
