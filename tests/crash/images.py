"""The files as a killed process, or a power cut, would have left them at any point of a pass, rebuilt from its log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.shim import Step

Files = Mapping[str, bytes]

CUTS = ("all", "data", "names")
"""What a power cut may take of what was not synced: everything, only contents, only the names in folders."""


@dataclass(slots=True)
class _Inode:
    now: bytearray
    synced: bytes = b""


@dataclass
class Disk:
    """A folder's files: what a process sees, and what is safe on the disk.

    A file's contents are safe after its fsync, a name (made, removed or changed) after the fsync of its folder.
    """

    names: dict[str, _Inode] = field(default_factory=dict)
    synced_names: dict[str, _Inode] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Files) -> Disk:
        """These files, all of them safe."""
        names = {path: _Inode(bytearray(data), data) for path, data in files.items()}
        return cls(names, dict(names))

    def take(self, step: Step) -> None:
        """Do what the log tells."""
        inode = self.names.get(step.path)
        match step.what:
            case "C":
                self.names[step.path] = _Inode(bytearray())
            case "U":
                self.names.pop(step.path, None)
            case "R":
                self.names[step.data.decode()] = self.names.pop(step.path)
            case "S" if inode is None:
                self._sync_folder(step.path)
            case "S" if inode is not None:
                inode.synced = bytes(inode.now)
            case "W" if inode is not None:
                missing = step.offset - len(inode.now)
                if missing > 0:
                    inode.now.extend(bytes(missing))
                inode.now[step.offset : step.offset + len(step.data)] = step.data
            case "T" if inode is not None:
                _cut(inode.now, step.offset)
            case "E" if inode is not None:
                inode.now.clear()
            case _:
                pass

    def killed(self) -> Files:
        """What a killed process leaves: all it did."""
        return {path: bytes(inode.now) for path, inode in self.names.items()}

    def cut(self, what: str) -> Files:
        """What a power cut leaves that takes `what` of all that was not synced."""
        names = self.synced_names if what in ("all", "names") else self.names
        lose = what in ("all", "data")
        return {path: inode.synced if lose else bytes(inode.now) for path, inode in names.items()}

    def _sync_folder(self, folder: str) -> None:
        here = [path for path in {*self.names, *self.synced_names} if str(Path(path).parent) == folder]
        for path in here:
            if path in self.names:
                self.synced_names[path] = self.names[path]
            else:
                del self.synced_names[path]


def _cut(data: bytearray, length: int) -> None:
    if length <= len(data):
        del data[length:]
    else:
        data.extend(bytes(length - len(data)))


def files_in(folders: Iterable[Path]) -> dict[str, bytes]:
    """The regular files of these folders."""
    return {str(path): path.read_bytes() for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}


def put_back(files: Files, folders: Iterable[Path]) -> None:
    """These files and no others in the folders."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and str(path) not in files:
                path.unlink()
    for name, data in files.items():
        target = Path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != data:
            target.write_bytes(data)
            target.chmod(0o600)
