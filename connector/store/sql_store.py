"""Opens the state: a SQLite file of one user with one locked writer, or a PostgreSQL database."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from connector.domain.errors import ConfigError, StoreError
from connector.domain.ports import Clock
from connector.store.failures import damaged, told_plainly
from connector.store.locking import advisory_lock, file_lock, thread_lock
from connector.store.migrate import migrate
from connector.store.unit_of_work import SqlUnitOfWork

OWN_FOLDER = ".followup"
"""The folder of a workspace that is followup's alone."""

BUSY_SECONDS = 30
"""How long a transaction waits for another one before it gives up."""


class SqlStore:
    """Durable state in a SQL database, with one writer."""

    def __init__(self, engine: Engine, place: str, path: Path | None, clock: Clock) -> None:
        self.place = place
        self.path = path
        self._engine = engine
        self._clock = clock
        self._in_process = Lock()

    @contextmanager
    def begin(self) -> Iterator[SqlUnitOfWork]:
        """A transaction: leaving the block commits, an exception rolls back; failures come as StoreError."""
        with told_plainly(self.place), self._engine.begin() as connection:
            yield SqlUnitOfWork(connection)

    def lock(self) -> AbstractContextManager[None]:
        """The pass's exclusive lock; entering it raises BusyError at once when another process has it."""
        if self._engine.dialect.name != "sqlite":
            return self._advisory()
        if self.path is None:
            return thread_lock(self._in_process, self.place)
        return self._checked(self.path.with_name(self.path.name + ".lock"))

    @contextmanager
    def _checked(self, lock: Path) -> Iterator[None]:
        """The lock of a file that is whole: a pass is not to notice half-way that a page of its state is damaged.

        0.1 s of a CPU for 100 MB (measured), and the reading of the file.
        """
        with file_lock(lock, self._clock.now()):
            with told_plainly(self.place), self._engine.begin() as connection:
                if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
                    raise StoreError(damaged(self.place))
            yield

    @contextmanager
    def _advisory(self) -> Iterator[None]:
        with told_plainly(self.place), advisory_lock(self._engine, self.place):
            yield

    def scrub(self) -> bool:
        """Rewrite the file so that nothing deleted can be read in it; False on a database server.

        SQLite leaves what is deleted where it stood until the place is needed. VACUUM writes a new file from what is
        there and puts it in the place of the old one; with `secure_delete` what falls away is overwritten with zeros.
        """
        if self._engine.dialect.name != "sqlite":
            return False
        with told_plainly(self.place), closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA secure_delete=ON")
            connection.cursor().execute("VACUUM")
        return True

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()


def open_store(url: str, *, clock: Clock) -> SqlStore:
    """Open the state at a SQLAlchemy URL, make it when it is not there, and bring it to this release's layout.

    Raises ConfigError for a URL that cannot be used, StoreError for a state that cannot.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        path = None if parsed.database in (None, "", ":memory:") else Path(str(parsed.database))
        engine = _sqlite(parsed, path)
        place = "in memory" if path is None else str(path)
    else:
        path, place = None, f"in the database {parsed.database or ''}".rstrip()
        engine = _postgresql(parsed)
    store = SqlStore(engine, place, path, clock)
    with ExitStack() as on_failure:
        on_failure.callback(store.close)
        with told_plainly(place), engine.begin() as connection:
            migrate(connection, place)
        on_failure.pop_all()
    return store


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the second for a host or port that cannot be one
        raise ConfigError("FOLLOWUP_STORE is not a database URL; write one like sqlite:////path/state.db") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql") or str(parsed.database).startswith("file:"):
        raise ConfigError("FOLLOWUP_STORE must be a sqlite:/// path or a postgresql:// URL") from None
    return parsed


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except (ImportError, NoSuchModuleError):
        raise ConfigError("FOLLOWUP_STORE names PostgreSQL, but its driver is missing; install psycopg") from None


def _sqlite(url: URL, path: Path | None) -> Engine:
    if path is None:
        engine = create_engine(
            url, hide_parameters=True, poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
    else:
        _make_private(path)
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _set_up_connection(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # SQLite below 3.51.3 can damage a WAL file that several connections write, hence DELETE. Transactions are ours
    # (BEGIN IMMEDIATE): the driver would begin one only at the first write, after reads that may be stale by then.
    # EXTRA, not FULL: in DELETE mode a commit is the removal of the journal, and only EXTRA syncs the folder after it. A
    # power cut could else take back that a write was claimed, which the CRM has by then, and it would be made twice.
    connection.isolation_level = None
    try:
        for pragma in (
            "journal_mode=DELETE",
            "synchronous=EXTRA",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_SECONDS}000",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise


def _make_private(path: Path) -> None:
    """Make the file and its folder for this user alone: the state has names and addresses of prospects."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = path.parent.stat()
        if path.parent.name == OWN_FOLDER and folder.st_uid == os.geteuid() and stat.S_IMODE(folder.st_mode) & 0o077:
            path.parent.chmod(0o700)
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            _check_planted(path, folder)
            found = path.stat()
            if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
                path.chmod(0o600)
        else:
            os.fchmod(handle, 0o600)
            os.close(handle)
    except OSError as error:
        raise StoreError(
            f"the state {path} cannot be made or opened ({error.strerror}); make its folder writable for this user or "
            "set FOLLOWUP_STORE to a place that is"
        ) from None


def _check_planted(path: Path, folder: os.stat_result) -> None:
    """Where everybody may write, a link or a file of somebody else's may be there to be filled or read by them."""
    found = path.lstat()
    if folder.st_mode & stat.S_IWOTH and (stat.S_ISLNK(found.st_mode) or found.st_uid not in (os.geteuid(), 0)):
        raise StoreError(
            f"the state {path} is a link or somebody else's, in a folder where everybody may write: it is not opened; "
            "set FOLLOWUP_STORE to a folder of this user's own"
        )
