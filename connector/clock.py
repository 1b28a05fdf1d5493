"""The only place that asks what time it is."""

from __future__ import annotations

import threading
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock. Waiting ends early once `stop` is set, so that a SIGTERM is never slept through."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds, or until asked to stop."""
        if seconds > 0:
            self._stop.wait(seconds)


class FixedClock(SystemClock):
    """A clock that stands at one instant, for `FOLLOWUP_NOW` and tests; waiting still takes real time."""

    def __init__(self, instant: datetime, stop: threading.Event | None = None) -> None:
        super().__init__(stop)
        if instant.tzinfo is None:
            raise ValueError("an instant needs a time zone, such as 2026-03-02T09:00:00Z")
        self._instant = instant.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it was set to."""
        return self._instant

    def move_to(self, instant: datetime) -> None:
        """Set it to another instant."""
        self._instant = instant.astimezone(UTC)
