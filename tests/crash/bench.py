"""Worlds to die in: a CRM, a state and passes in processes of their own, all of it forked from one that is ready.

bench   everything imported, the firm built up to the moment before the pass; no threads
world   a fork of it per experiment: serves the CRM and asks what is true afterwards
runner  a fork of the world before it has threads: forks a child per pass, arms the shim in it, sees how it ends
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from adapters.sandbox.server import Request, Response
from connector import dispatch, evaluate
from connector.bootstrap import Workspace, connect
from connector.cli.main import exit_code_of, main
from connector.clock import FixedClock
from connector.domain.errors import FollowupError
from connector.domain.ports import Clock
from connector.run import run_pass
from tests.company import Company
from tests.crash import oracle, scene
from tests.crash.images import Files, files_in, put_back
from tests.crash.shim import COUNT, Counts, Shim

T = TypeVar("T")

DECIDED_AT_ONCE, CLAIMED_AT_ONCE = 5, 6
"""Records in one commit of the plan, and actions in one claim."""

MINUTES_BETWEEN = 5
"""Minutes between one pass and the next, as cron would have it."""


@dataclass(frozen=True, slots=True)
class Order:
    """One pass to run: when, where it is struck and how; by the console script where what it says matters."""

    mode: int = COUNT
    at: int = 0
    log: bool = False
    minutes: int = 0
    by_script: bool = False
    clock_steps: tuple[int, int] | None = None
    """After so many looks at the clock it is set back by so many minutes."""
    twin_after: float | None = None
    """A second pass is started so many seconds later, while the first one runs."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pass ended: its exit code, or the signal that killed it as a negative number; what it said."""

    codes: tuple[int, ...]
    counts: Counts
    said: str

    @property
    def code(self) -> int:
        """The exit code of a pass that was alone."""
        [code] = self.codes
        return code


class Bench:
    """A firm before the pass, of which any number of worlds can be made."""

    def __init__(self, crm: str, flavour: str, folder: Path) -> None:
        self.shim = Shim()
        self.folder = folder
        (folder / "tmp").mkdir()
        tempfile.tempdir = str(folder / "tmp")  # where the product shares its rate with other processes
        # A small firm's pass in several commits and claims, as a large one's is.
        evaluate.CHUNK, dispatch.CLAIM = DECIDED_AT_ONCE, CLAIMED_AT_ONCE
        self.firm = scene.build(crm, flavour, folder)
        self.workspace = self.firm.workspace()
        self.state = folder / ".followup" / "state.db"
        self.folders = (folder / ".followup", folder / "tmp")
        self._alone()
        self.base: Files = files_in(self.folders)
        gc.collect()
        gc.freeze()

    def _alone(self) -> None:
        """Wait until the threads that served the prelude are gone: a fork would take none of them along."""
        for _ in range(1000):
            gc.collect()
            if threading.active_count() == 1:
                return
            time.sleep(0.005)
        raise RuntimeError("the sandbox's threads did not end")

    def play(self, script: Callable[[World], T]) -> T:
        """What the script finds in a fresh world."""
        theirs, ours = Pipe()
        pid = os.fork()
        if not pid:
            _in_world(self, script, theirs)
        theirs.close()
        try:
            good, found = ours.recv()
        except EOFError:
            good, found = False, "the world ended without a word"
        finally:
            ours.close()
            os.waitpid(pid, 0)
        if not good:
            raise AssertionError(found)
        return found  # type: ignore[no-any-return]


def _in_world(bench: Bench, script: Callable[[World], object], theirs: Connection) -> None:
    try:
        world = World(bench)
        answer: tuple[bool, object] = True, script(world)
        world.close()
    except BaseException:
        answer = False, traceback.format_exc()
    with suppress(OSError):
        theirs.send(answer)
    os._exit(0)


class World:
    """One CRM and one state, as they were before the pass, until they are struck."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.firm: Company = bench.firm
        self.crm_digests = [oracle.digest_of(self.firm)]
        self.watched = False
        put_back(bench.base, bench.folders)
        self._orders, theirs = Pipe()
        self._runner = os.fork()
        if not self._runner:
            self._orders.close()
            _runner(bench, theirs)
        theirs.close()
        self.firm.server._server.app = _Watched(self)
        self.firm.server.start()
        self._threads = threading.active_count()

    def run(self, order: Order = Order()) -> Ended:
        """A pass, to its end or to the point where it is struck; returns when the CRM has done what it was sent."""
        self.firm.clock.move_to(scene.AT + timedelta(minutes=max(0, order.minutes)))  # the CRM's clock is never behind
        self._orders.send(order)
        codes, said = self._orders.recv()
        for _ in range(20_000):
            if threading.active_count() <= self._threads:
                break
            time.sleep(0.0005)
        return Ended(codes, self.bench.shim.counts(), said)

    def close(self) -> None:
        """No more passes."""
        self._orders.close()
        os.waitpid(self._runner, 0)

    def files(self) -> Files:
        """The files that the product writes, as they are now."""
        return files_in(self.bench.folders)

    def put(self, files: Files) -> None:
        """Exchange them for these."""
        put_back(files, self.bench.folders)

    def crm(self) -> str:
        """A digest of the CRM's rows."""
        return oracle.digest_of(self.firm)

    def state(self) -> str:
        """A digest of the state, which is proven sound; looked at in a copy, so that nothing is repaired in passing."""
        return state_in(self.files(), self.bench.state)


class _Watched:
    """The CRM, with a digest of its rows after each request when asked for."""

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, request: Request) -> Response:
        answer: Response = self._world.firm.org.handle(request)
        if self._world.watched:
            self._world.crm_digests.append(self._world.crm())
        return answer


def state_in(files: Files, state: Path) -> str:
    """A digest of the state that these files hold, with its journal if there is one."""
    parts = {suffix: files.get(str(state) + suffix) for suffix in ("", "-journal")}
    print_of = blake2b(
        repr([None if part is None else blake2b(part).digest() for part in parts.values()]).encode()
    ).digest()
    if print_of not in _OPENED:
        with tempfile.TemporaryDirectory(dir=SCRATCH) as name:
            copy = Path(name) / state.name
            for suffix, data in parts.items():
                if data is not None:
                    copy.with_name(copy.name + suffix).write_bytes(data)
            _OPENED[print_of] = oracle.state_digest(copy)
    return _OPENED[print_of]


_OPENED: dict[bytes, str] = {}
"""The states that were opened already, by their bytes."""

SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - only copies are looked at there
"""Where copies are opened: in memory, where the machine has such a place."""


def _runner(bench: Bench, orders: Connection) -> None:
    """Run passes until nobody wants any more."""
    while True:
        try:
            order: Order = orders.recv()
        except EOFError:
            os._exit(0)
        with tempfile.TemporaryFile(dir=SCRATCH) as said:
            pids = []
            for _ in range(1 if order.twin_after is None else 2):
                if pids:
                    time.sleep(order.twin_after or 0)
                pids.append(os.fork())
                if not pids[-1]:
                    _child(bench, order, said.fileno())
            codes = tuple(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)
            said.seek(0)
            orders.send((codes, said.read().decode("utf-8", "replace")))


def _child(bench: Bench, order: Order, said: int) -> None:
    """The process that is struck."""
    gc.disable()  # it would touch, and so copy, the pages that all forks share
    os.dup2(said, 1)
    os.dup2(said, 2)
    code = 99
    try:
        os.environ.update(_environment(bench, order))
        bench.shim.arm(order.mode, order.at, order.log)
        code = _by_script() if order.by_script else _quickly(bench.workspace, order)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _environment(bench: Bench, order: Order) -> Mapping[str, str]:
    if not order.by_script:
        return {}
    now = scene.AT + timedelta(minutes=order.minutes)
    return {**bench.firm.environment(), "FOLLOWUP_NOW": now.isoformat()}


def _by_script() -> int:
    try:
        main(["run"])
    except SystemExit as end:
        return int(end.code or 0)
    return 98


def _quickly(workspace: Workspace, order: Order) -> int:
    """What the console script does, with the workspace loaded before."""
    now = scene.AT + timedelta(minutes=order.minutes)
    settings = workspace.settings.model_copy(update={"now": now})
    try:
        with connect(replace(workspace, settings=settings)) as connection:
            if order.clock_steps is not None:
                _step_back(connection.clock, *order.clock_steps)
            return run_pass(connection).exit_code
    except FollowupError as error:
        print(f"followup: {error}", file=sys.stderr)
        return exit_code_of(error)


def _step_back(clock: Clock, looks: int, minutes: int) -> None:
    """Set the clock back after so many looks at it; everything in the process has this one."""
    assert isinstance(clock, FixedClock)
    left = [looks]
    right, wrong = clock.now(), clock.now() - timedelta(minutes=minutes)

    def now() -> datetime:
        left[0] -= 1
        return right if left[0] >= 0 else wrong

    clock.now = now  # type: ignore[method-assign]


__all__ = ["MINUTES_BETWEEN", "Bench", "Ended", "Order", "World", "state_in"]
