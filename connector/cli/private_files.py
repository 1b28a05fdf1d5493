"""Files that a command writes for one person: they name prospects, so nobody else on the machine may read them."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import ExitStack
from pathlib import Path

PRIVATE = 0o600


def write_private(file: Path, text: str, *, keep_mode: bool = False) -> None:
    """Write a text file that only its owner may read, whatever the umask is; OSError when it cannot be written.

    A file that is there already is narrowed to that too, unless `keep_mode`: then whoever made it has decided who reads it.
    It is exchanged whole or not at all: a full disk, or an end in the middle, leaves what was there before.
    """
    there = file.stat() if file.exists() else None
    if there is not None and not _is_ours(there):
        _write_into(file, text)  # a pipe, a terminal, or somebody else's file, which stays theirs
        return
    mode = stat.S_IMODE(there.st_mode) if there is not None and keep_mode else PRIVATE
    target = file.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except PermissionError:
        if there is None:
            raise
        _write_into(file, text, mode)  # the file may be written, but its folder not
        return
    with ExitStack() as on_failure:
        on_failure.callback(Path(name).unlink, missing_ok=True)
        with open(handle, "w", encoding="utf-8") as stream:
            os.fchmod(handle, mode)
            stream.write(text)
            stream.flush()
            os.fsync(handle)
        Path(name).replace(target)
        on_failure.pop_all()


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def _write_into(file: Path, text: str, mode: int | None = None) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    with open(handle, "w", encoding="utf-8") as stream:
        if mode is not None:
            os.fchmod(handle, mode)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.ftruncate(handle, 0)
        stream.write(text)
