"""The layout of the state: what the migrations make is what the code reads, from every layout there ever was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from connector.domain.errors import StoreError
from connector.store import open_store
from connector.store.migrate import migrate, migrations, version
from connector.store.tables import metadata

LATEST = max(migrations())


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 2, 9, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a store does not wait")


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def layout(connection: Connection) -> dict[str, set[str]]:
    found = inspect(connection)
    return {table: {column["name"] for column in found.get_columns(table)} for table in found.get_table_names()}


def test_migrations_are_numbered_without_a_gap() -> None:
    assert list(migrations()) == list(range(1, LATEST + 1))


def test_the_migrated_layout_is_the_one_the_code_reads(connection: Connection) -> None:
    migrate(connection, "here")
    assert layout(connection) == {name: set(table.columns.keys()) for name, table in metadata.tables.items()}
    found = inspect(connection)
    for name, table in metadata.tables.items():
        keys = [column.name for column in table.primary_key.columns]
        assert found.get_pk_constraint(name)["constrained_columns"] == keys, name


def test_migrating_twice_changes_nothing(connection: Connection) -> None:
    migrate(connection, "here")
    connection.execute(text("INSERT INTO cursors VALUES ('leads', '1')"))
    migrate(connection, "here")
    assert version(connection) == LATEST
    assert connection.execute(text("SELECT cursor FROM cursors")).scalar() == "1"


def test_a_newer_layout_is_refused_untouched(connection: Connection) -> None:
    migrate(connection, "here")
    connection.execute(text("UPDATE store_version SET version = :new"), {"new": LATEST + 1})
    before = layout(connection)
    with pytest.raises(StoreError, match="upgrade followup"):
        migrate(connection, "here")
    assert layout(connection) == before


def test_a_migration_that_stops_half_way_leaves_the_state_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    store = open_store(url, clock=FixedClock())
    with store.begin() as unit:
        unit.save_cursor("leads", "1")
    store.close()
    broken = {**migrations(), LATEST + 1: ["ALTER TABLE cursors ADD COLUMN extra TEXT", "ALTER TABLE nowhere ADD x"]}
    monkeypatch.setattr("connector.store.migrate.migrations", lambda: broken)
    with pytest.raises(StoreError):
        open_store(url, clock=FixedClock())
    monkeypatch.undo()
    store = open_store(url, clock=FixedClock())
    with store.begin() as unit:
        assert unit.cursor("leads") == "1"
        assert "extra" not in layout(unit._connection)["cursors"]
    store.close()


def test_a_new_migration_runs_on_an_existing_state_and_keeps_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    store = open_store(url, clock=FixedClock())
    with store.begin() as unit:
        unit.save_cursor("leads", "1")
    store.close()
    newer = {**migrations(), LATEST + 1: ["ALTER TABLE cursors ADD COLUMN extra TEXT"]}
    monkeypatch.setattr("connector.store.migrate.migrations", lambda: newer)
    store = open_store(url, clock=FixedClock())
    with store.begin() as unit:
        assert version(unit._connection) == LATEST + 1
        assert unit.cursor("leads") == "1"
    store.close()
