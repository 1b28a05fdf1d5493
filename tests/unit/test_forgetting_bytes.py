"""Forgetting ends with the file written anew: some builds of SQLite leave what is deleted readable in it."""

from __future__ import annotations

from pathlib import Path

from connector.clock import FixedClock
from connector.forgetting import forget
from connector.store import open_store
from tests.core import NOW, lead, ref


def test_no_byte_of_who_was_forgotten_stays_where_sqlite_only_unlinks_what_is_deleted(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    store = open_store(f"sqlite:///{file}", clock=FixedClock(NOW))
    with store.begin() as uow:
        uow._connection.exec_driver_sql("PRAGMA secure_delete=OFF")
        uow.save_records([lead(f"{n:04}", note="x" * 300) for n in range(100)], NOW)
        uow.save_records([lead("one", name="Zebulon Quarx", note="y" * 300)], NOW)
    assert b"Zebulon" in file.read_bytes()
    assert forget(store, [ref("one")], NOW)
    store.close()
    assert b"Zebulon" not in file.read_bytes()
