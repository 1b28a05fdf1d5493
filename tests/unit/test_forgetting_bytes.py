"""Forgetting ends with the file written anew: some builds of SQLite leave what is deleted readable in it."""

from __future__ import annotations

from pathlib import Path

from connector.clock import FixedClock
from connector.forgetting import forget
from connector.ingest import ingest
from connector.store import open_store
from tests.core import NEEDS, NOW, World, call, lead, page, ref


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


def test_an_activity_that_turns_out_to_be_of_a_forgotten_record_goes_too() -> None:
    world = World()
    world.put(lead("one"))
    world.source.pages.append(page(call("c", subject="Zebulon Quarx")))  # told before it is told whose it is
    ingest(world.source, world.store, NEEDS, NOW)
    with world.store.begin() as uow:
        assert uow.activity_versions(["c"]) == {"c": "1"}
    forget(world.store, [ref("one")], NOW)
    world.source.pages.append(page(call("c", "one", version="2", subject="Zebulon Quarx")))
    ingest(world.source, world.store, NEEDS, NOW)
    with world.store.begin() as uow:
        assert uow.activity_versions(["c"]) == {}
