"""The pass's exclusive lock: taken at once or not at all, and gone with the process that held it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock

from sqlalchemy import Engine, text

from connector.domain.errors import BusyError, StoreError

ADVISORY_KEY = int.from_bytes(b"followup", "big", signed=True)
"""The number of the advisory lock in a PostgreSQL database, the product's name read as a 64-bit integer."""


@contextmanager
def file_lock(path: Path, now: datetime) -> Iterator[None]:
    """Hold the lock file `path`; the kernel lets go of it when the process dies, so no stale lock can stay."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreError(f"the lock {path} cannot be made ({error.strerror}); make its folder writable") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(_busy(str(path), _holder(handle))) from None
        with suppress(OSError):  # who holds it is a courtesy: on a full disk the lock itself still holds
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} since {now:%Y-%m-%d %H:%M:%S} UTC".encode(), 0)
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    return os.pread(handle, 200, 0).decode("ascii", "replace").strip()


def _busy(place: str, holder: str = "") -> str:
    who = f" ({holder})" if holder else ""
    return f"another run{who} holds the lock {place}; wait for it to end, or stop it, and run again"


@contextmanager
def advisory_lock(engine: Engine, place: str) -> Iterator[None]:
    """Hold PostgreSQL's advisory lock on a connection of its own; the server lets go when the connection drops."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_KEY}).scalar():
            raise BusyError(_busy(f"of {place}"))
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_KEY})


@contextmanager
def thread_lock(lock: Lock, place: str) -> Iterator[None]:
    """Hold a lock inside this process, for a state in memory that no other process can see."""
    if not lock.acquire(blocking=False):
        raise BusyError(_busy(f"of {place}"))
    try:
        yield
    finally:
        lock.release()
