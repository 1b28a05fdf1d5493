"""A state that cannot be used says so in one line, with the cure, and without anything that is stored in it."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import weakref
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from connector.domain.errors import BusyError, ConfigError, StoreError
from connector.domain.model import Record, RecordRef
from connector.store import SqlStore, open_store

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a store does not wait")


def opened(path: Path) -> SqlStore:
    store = open_store(f"sqlite:///{path}", clock=FixedClock())
    weakref.finalize(store, store._engine.dispose)
    return store


def refusal(path: Path) -> str:
    """The one line with which this state is refused."""
    with pytest.raises(StoreError) as caught:
        opened(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "SELECT" not in message
    return message


def filled(path: Path) -> SqlStore:
    store = opened(path)
    refs = [RecordRef("hubspot", "lead", str(i)) for i in range(2000)]
    with store.begin() as unit:
        unit.save_records([Record(ref, {"email": "zoe@example.com"}, NOW, NOW, "1") for ref in refs], NOW)
    return store


def test_a_file_that_is_no_database_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is a letter and not a database " * 100)
    message = refusal(path)
    assert str(path) in message
    assert "move it away and run again: nothing is lost in the CRM" in message
    assert path.read_bytes().startswith(b"this is a letter"), "a file that is not ours stays as it is"


def test_a_damaged_state_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    filled(path).close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x7f" * (len(content) - 4096)
    path.write_bytes(content)
    assert "is damaged" in refusal(path)


def test_a_pass_does_not_begin_on_a_state_with_a_damaged_page(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    filled(path).close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    path.write_bytes(content)
    store = opened(path)
    with pytest.raises(StoreError, match="is damaged; move it away and run again"), store.lock():
        raise AssertionError("nothing is read or written on it")


def test_text_that_was_never_written_there_is_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = filled(path)
    with store.begin() as unit:
        unit._connection.exec_driver_sql("UPDATE records SET data = substr(data, 2) WHERE id = '7'")
    with pytest.raises(StoreError, match="is damaged; move it away and run again"), store.begin() as unit:
        unit.records([RecordRef("hubspot", "lead", "7")])


def test_a_state_damaged_in_the_middle_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    filled(path).close()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = os.urandom(len(content) - len(content) // 2)
    path.write_bytes(content)
    refs = [RecordRef("hubspot", "lead", str(i)) for i in range(2000)]
    with pytest.raises(StoreError, match="is damaged") as caught, opened(path).begin() as unit:
        unit.states(refs)
    assert "zoe" not in str(caught.value)
    assert caught.value.__cause__ is None, "the database's own words may carry values"


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE invoices (id INTEGER)")
    other.close()
    assert "is a database of something else" in refusal(path)


def test_a_state_of_a_newer_release_asks_for_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    opened(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("UPDATE store_version SET version = 9000")
    newer.close()
    assert "written by a newer release (layout 9000" in refusal(path)
    assert "upgrade followup" in refusal(path)


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = filled(path)
    with store.begin() as unit:
        unit.save_cursor("leads", "1")
    store.close()
    pages = os.path.getsize(path) // 4096

    def quota(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages + 2}")

    event.listen(Pool, "connect", quota)
    try:
        tight = opened(path)
        many = [Record(RecordRef("hubspot", "deal", str(i)), {"x": "y" * 99}, NOW, NOW, "1") for i in range(2000)]
        with pytest.raises(StoreError, match=r"no room left .* free some space"), tight.begin() as unit:
            unit.save_records(many, NOW)
        with tight.begin() as unit:
            assert unit.population() == {"lead": 2000}
            assert unit.cursor("leads") == "1"
        tight.close()
    finally:
        event.remove(Pool, "connect", quota)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    assert str(folder / "state.db") in refusal(folder / "state.db")
    assert "FOLLOWUP_STORE" in refusal(folder / "state.db")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message = refusal(tmp_path / "file" / "state.db")
    assert "make its folder writable" in message


def test_a_read_only_state_says_what_to_change(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = opened(path)

    def read_only(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    event.listen(store._engine, "connect", read_only)
    store.close()
    with pytest.raises(StoreError, match=r"cannot be written: .* make it writable"), store.begin() as unit:
        unit.save_cursor("leads", "1")


def test_state_and_folder_are_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.db"
    store = opened(path)
    with store.lock():
        lock = path.with_name("state.db.lock")
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()
    path.chmod(0o644)
    opened(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_is_safe_against_a_power_cut(tmp_path: Path) -> None:
    store = opened(tmp_path / "state.db")
    with store.begin() as unit:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [unit._connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert found == ["delete", 3, 1, 30000]


def test_a_transaction_has_the_state_for_itself_from_its_first_reading_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with opened(path).begin() as unit:
        unit.runs(1)
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")  # else what was read could be old when the transaction writes
        other.close()


HOLDER = """
import sys
from connector.store.locking import file_lock
from datetime import datetime, UTC
from pathlib import Path
with file_lock(Path(sys.argv[1]), datetime(2026, 3, 2, 9, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_another_process_is_respected_and_goes_with_it(tmp_path: Path) -> None:
    store = opened(tmp_path / "state.db")
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "state.db.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        said = rf"process {holder.pid} since 2026-03-02 09:00:00 UTC"
        with pytest.raises(BusyError, match=said), store.lock():
            raise AssertionError("two holders")
        holder.kill()
    with store.lock():
        pass


@pytest.mark.parametrize(
    "url", ["not a url", "mysql://root:hunter2@host/db", "sqlite:///file:x?uri=true", "oracle://x"]
)
def test_a_url_that_cannot_be_used_is_a_matter_of_configuration(url: str) -> None:
    with pytest.raises(ConfigError, match="FOLLOWUP_STORE") as caught:
        open_store(url, clock=FixedClock())
    assert "hunter2" not in str(caught.value)
