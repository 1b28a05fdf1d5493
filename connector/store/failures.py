"""Turns what the database says into one line that a person can act on; no SQL and no values get into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from connector.domain.errors import StoreError
from connector.store.codec import UnreadableError

_CURES = {
    "SQLITE_NOTADB": "the state {place} is damaged or no state at all; {away}",
    "SQLITE_CORRUPT": "the state {place} is damaged; {away}",
    "SQLITE_FULL": "there is no room left for the state {place}; free some space or move it, then run again: what was "
    "committed before is safe",
    "SQLITE_READONLY": "the state {place} cannot be written: the file, its folder or the disk is read-only for this user; "
    "make it writable or set FOLLOWUP_STORE to a place that is",
    "SQLITE_CANTOPEN": "the state {place} cannot be opened: check that its folder exists and is writable for this user, "
    "or set FOLLOWUP_STORE to another place",
    "SQLITE_PERM": "the state {place} cannot be opened: this user may not read it; change its owner or its mode",
    "SQLITE_BUSY": "the state {place} is in use by another process for too long; wait for it to end and run again",
    "SQLITE_LOCKED": "the state {place} is in use by another process for too long; wait for it to end and run again",
    "SQLITE_IOERR": "the disk failed under the state {place}; check the disk and run again: what was committed before is "
    "safe",
}
_AWAY = "move it away and run again: nothing is lost in the CRM; rules will take what already matches as baseline"


def cure(place: str, error: BaseException | None) -> str:
    """What happened to the state kept at `place` and what to do, in one line."""
    name = getattr(error, "sqlite_errorname", "")
    for code, text in _CURES.items():
        if name.startswith(code):
            return text.format(place=place, away=_AWAY)
    if isinstance(error, sqlite3.Error):
        return f"the state {place} could not be read or written ({name or type(error).__name__}); {_AWAY}"
    said = getattr(error, "sqlstate", None) or type(error).__name__
    return f"the state {place} could not be read or written ({said}); check that the database is up and reachable"


def damaged(place: str) -> str:
    """What to do with a state that is not as it was written, in one line."""
    return f"the state {place} is damaged; {_AWAY}"


@contextmanager
def told_plainly(place: str) -> Iterator[None]:
    """Any failure of the database inside the block comes out as a StoreError with its cure."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(cure(place, getattr(error, "orig", None) or error)) from None
    except sqlite3.Error as error:
        raise StoreError(cure(place, error)) from None
    except UnreadableError:
        raise StoreError(damaged(place)) from None
