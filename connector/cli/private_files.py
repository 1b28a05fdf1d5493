"""Files that a command writes for one person: they name prospects, so nobody else on the machine may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PRIVATE = 0o600


def write_private(file: Path, text: str, *, keep_mode: bool = False) -> None:
    """Write a text file that only its owner may read, whatever the umask is; OSError when it cannot be written.

    A file that is there already is narrowed to that too, unless `keep_mode`: then whoever made it has decided who reads it.
    """
    there = file.exists()
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    with open(handle, "w", encoding="utf-8") as stream:
        found = os.fstat(handle)
        if stat.S_ISREG(found.st_mode):
            if found.st_uid == os.geteuid() and not (there and keep_mode):
                os.fchmod(handle, PRIVATE)
            os.ftruncate(handle, 0)
        stream.write(text)
