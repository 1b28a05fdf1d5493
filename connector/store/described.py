"""What the state remembers of the CRM's last description, read without touching anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from connector.domain.errors import StoreError
from connector.domain.model import CrmSchema, Owner
from connector.store.codec import owner_of, run_of, schema_of

_BUSY_SECONDS = 2.0
_RUNS = 50
"""Passes that are looked through for one that read the CRM to the end."""


@dataclass(frozen=True, slots=True)
class Described:
    """The CRM's fields, picklists and people as they were last read, and when."""

    schema: CrmSchema
    owners: tuple[Owner, ...]
    at: datetime


def last_description(url: str) -> Described | None:
    """How the CRM was last described; None when that is not known here.

    A SQLite file is opened for reading only: nothing is made, brought to another layout or waited for. A state on a
    database server is not asked, for that takes a network.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    path = Path(parsed.database or "")
    if parsed.get_backend_name() != "sqlite" or not path.is_file():
        return None
    try:
        name = f"file:{quote(str(path.resolve()))}?mode=ro"
        with closing(sqlite3.connect(name, uri=True, timeout=_BUSY_SECONDS)) as connection:
            return _read(connection)
    except (sqlite3.Error, StoreError):
        return None  # a damaged or older state is for `run` to tell


def _read(connection: sqlite3.Connection) -> Described | None:
    # The one description that is kept, everybody in it, and the passes, the newest first.
    schema = connection.execute("SELECT crm, data FROM crm_schema").fetchone()
    people = connection.execute("SELECT id, data FROM owners ORDER BY id").fetchall()
    rows = connection.execute("SELECT id, data FROM runs ORDER BY now DESC LIMIT ?", (_RUNS,)).fetchall()
    at = _last_read(rows)
    if schema is None or at is None:
        return None
    return Described(schema_of(*schema), tuple(owner_of(*row) for row in people), at)


def _last_read(rows: Sequence[tuple[str, str]]) -> datetime | None:
    """When the last pass that was not broken off read the CRM."""
    found = (run_of(*row) for row in rows)
    return next((run.now for run in found if run.exit_code in (0, 3)), None)
