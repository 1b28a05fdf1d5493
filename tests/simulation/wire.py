"""Between the product and the CRM: the process may die, or an answer be waited for in vain, at any request or commit.

A dead process does nothing more: after the kill every request and every transaction dies as well, so that no `finally` of the
product does what a dead process could not have done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from connector import bootstrap
from connector.clock import SystemClock
from connector.domain.storage import Store, UnitOfWork
from tests.simulation.scenario import Spec


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Wire:
    """What is to happen at which request or commit of the present pass."""

    kill: Spec = field(default_factory=dict)
    wire: Spec = field(default_factory=dict)
    act: Callable[[Spec], None] = lambda _step: None
    stop: threading.Event = field(default_factory=threading.Event)
    requests: int = 0
    writes: int = 0
    commits: int = 0
    dead: bool = False
    happened: list[str] = field(default_factory=list)

    def die(self) -> None:
        """End the process here."""
        self.dead = True
        self.happened.append("kill")
        raise Killed

    def check(self) -> None:
        """A dead process does nothing."""
        if self.dead:
            raise Killed

    def request(self, send: Callable[[], Any], pool: HTTPConnectionPool, method: str, url: str) -> Any:
        """One request, with what is to happen before it and after it."""
        self.check()
        self.requests += 1
        self.writes += is_write(method, url)
        kill = self._is_now(self.kill, method, url)
        if kill and not self.kill["after"]:
            self.die()
        what = self.wire["what"] if self._is_now(self.wire, method, url) else None
        if what is not None:
            self.happened.append(what)
        if what == "act":
            self.act(self.wire["act"])
        elif what == "stop":
            self.stop.set()
        elif what == "time_out_before":
            raise ReadTimeoutError(pool, url, "Read timed out.")
        answer = send()
        if kill:
            self.die()
        if what == "time_out_after":
            raise ReadTimeoutError(pool, url, "Read timed out.")
        return answer

    def _is_now(self, planned: Spec, method: str, url: str) -> bool:
        """Whether this is the request, or the write, at which something is planned."""
        return planned.get("request") == self.requests or (
            planned.get("write") == self.writes and is_write(method, url)
        )


def is_write(method: str, url: str) -> bool:
    """Whether a request may change something in the CRM."""
    return method != "GET" and not url.partition("?")[0].endswith(("/search", "/batch/read", "/token"))


class DyingStore:
    """A store whose process may die before or after any commit."""

    def __init__(self, store: Store, wire: Wire) -> None:
        self._store = store
        self._wire = wire

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """A transaction of the store."""
        wire = self._wire
        wire.check()
        wire.commits += 1
        here = wire.kill.get("commit") == wire.commits
        with self._store.begin() as uow:
            yield uow
            if here and not wire.kill["after"]:
                wire.die()
        if here:
            wire.die()

    def lock(self) -> AbstractContextManager[None]:
        """The pass's lock; it goes with the process."""
        return self._store.lock()

    def close(self) -> None:
        """Give back the connections."""
        self._store.close()


@contextmanager
def tapped(wire: Wire, store: Store) -> Iterator[Wire]:
    """While this lasts, requests and transactions of the product go through the wire, and nobody really waits.

    Every pass gets the same store with new connections: what it has learned of the database is no state of a process.
    """
    plain = HTTPConnectionPool.urlopen

    def urlopen(pool: HTTPConnectionPool, method: str, url: str, *args: Any, **more: Any) -> urllib3.BaseHTTPResponse:
        return wire.request(lambda: plain(pool, method, url, *args, **more), pool, method, url)

    with (
        patch.object(HTTPConnectionPool, "urlopen", urlopen),
        patch.object(bootstrap, "open_store", lambda _url, clock: DyingStore(store, wire)),
        patch.object(SystemClock, "sleep", lambda _clock, _seconds: None),
        patch("adapters.http.RateBudget.take", lambda _budget: 0.0),
    ):
        yield wire
