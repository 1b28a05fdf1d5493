"""Commands of followup in processes of their own, forked from one that has loaded it: a start costs a third of a real one.

`python -m tests.preloaded` is that process: it reads an order per line and answers with the exit code. It never runs a
command itself, so each starts from the same state. Real starts are in the tests of README, image, demo and signals.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

AT_THE_START = ("PYTHON", "LANG", "LC_")
"""Variables that Python reads when it starts, so that a process that runs already cannot take them."""

MODULES = (
    "adapters.hubspot.adapter",
    "adapters.salesforce.adapter",
    "connector.bootstrap",
    "sqlalchemy.dialects.sqlite",
)


def run(
    arguments: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """The command's output and exit code, as `subprocess.run` has them."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        order = {
            "arguments": list(arguments),
            "env": dict(env),
            "cwd": str(cwd),
            "files": [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)],
        }
        code = _ordered(order, timeout)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(list(arguments), code, *texts)


def _ordered(order: object, timeout: float) -> int:
    server = _server()
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps(order) + "\n")
    server.stdin.flush()
    if not select.select([server.stdout], [], [], timeout)[0]:
        server.kill()
        _server.cache_clear()
        raise subprocess.TimeoutExpired(str(order), timeout)
    return int(server.stdout.readline())


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Ends with the process that asks, as its stdin does then."""
    command = [sys.executable, "-m", "tests.preloaded"]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)
    return server


def serve() -> None:
    """Fork a process for each order, one after the other."""
    main = importlib.import_module("connector.cli.main")
    for name in (*MODULES, *(f"connector.cli.{command}" for command in main.COMMANDS)):
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
            main.main(order["arguments"])
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(order: Mapping[str, object]) -> None:
    """Take on the environment, folder and files of a process that was started for this order."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    files = order["files"]
    assert isinstance(files, list)
    for number, name in enumerate(files, 1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), number)
    env = order["env"]
    assert isinstance(env, dict)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(str(order["cwd"]))


if __name__ == "__main__":
    serve()
