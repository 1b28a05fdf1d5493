"""The C shim from Python: built with the C compiler at hand, loaded by LD_PRELOAD, armed in the child that is to die."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("interpose.c")

COUNT, KILL_BEFORE, KILL_AFTER, TORN, SYNC_FAILS, DISK_FULL, READ_ONLY, TERM = range(8)
"""What happens at the call: as in interpose.c."""

_HEAD = struct.Struct("=c4q")
_BYTES = frozenset(b"WR")


def compiler() -> str | None:
    """The C compiler, None when there is none."""
    return shutil.which(os.environ.get("CC", "cc"))


def build(folder: Path) -> Path:
    """The shared object, made in `folder`."""
    target = folder / "interpose.so"
    command = [
        compiler() or "cc",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fPIC",
        "-shared",
        "-o",
        target,
        SOURCE,
        "-ldl",
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return target


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to the disk, or one request's share that was sent, at the point with this number."""

    what: str
    path: str
    offset: int
    length: int
    point: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Counts:
    """How many points a process passed, and whether the armed call came."""

    points: int
    disk: int
    syncs: int
    network: int
    struck: bool


class Shim:
    """The loaded shim; its page is shared with every process forked from here on."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._library.crash_page.restype = ctypes.c_void_p
        self._library.crash_log_offset.restype = ctypes.c_long
        self._library.crash_arm.argtypes = (ctypes.c_int, ctypes.c_long, ctypes.c_int)
        page = self._library.crash_page()
        if not page:
            raise MemoryError("no room for the page that is shared with the processes to be killed")
        self._counts = (ctypes.c_long * 5).from_address(page)
        self._log = page + self._library.crash_log_offset()
        self._logged = ctypes.c_long.from_address(self._log - ctypes.sizeof(ctypes.c_long))

    def arm(self, mode: int, at: int, log: bool) -> None:
        """Strike in this process, at that call from now on."""
        self._library.crash_arm(mode, at, int(log))

    def counts(self) -> Counts:
        """What the process that was armed last has passed so far."""
        points, disk, syncs, network, struck = self._counts
        return Counts(points, disk, syncs, network, bool(struck))

    def log(self) -> list[Step]:
        """What it did, in order."""
        if self._logged.value < 0:
            raise MemoryError("the log of the pass was too long")
        return list(_steps(ctypes.string_at(self._log, self._logged.value)))


def _steps(log: bytes) -> Iterator[Step]:
    at = 0
    while at < len(log):
        what, named, offset, length, point = _HEAD.unpack_from(log, at)
        at += _HEAD.size
        path = log[at : at + named].decode("utf-8", "replace")
        at += named
        carried = length if what[0] in _BYTES else 0
        yield Step(what.decode(), path, offset, length, point, log[at : at + carried])
        at += carried
