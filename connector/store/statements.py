"""What every part of the store says in the same way: insert-or-replace, and lists too long for one statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

CHUNK = 400
"""Values in one IN list: far below the 999 parameters that the oldest SQLite still in use allows."""


class Part:
    """One noun's share of a transaction; all parts work on the same connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The items in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert of the database's own kind, which knows ON CONFLICT."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], keep: Sequence[str] = ()) -> None:
    """Insert these rows or replace those with the same primary key, whose columns in `keep` stay as they are."""
    if not rows:
        return
    statement = insert_into(connection, table)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if not column.primary_key and column.name not in keep
    }
    key = list(table.primary_key.columns)
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=replaced), rows)
