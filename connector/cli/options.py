"""What the commands share: the workspace and JSON options, the stop signal, and how progress is shown."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TypeVar
from zoneinfo import ZoneInfo

import click

from connector.bootstrap import Workspace
from connector.cli.console import Terminal
from connector.cli.printable import printable, printable_json
from connector.domain.errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., object])

LOGGER = logging.getLogger("followup")


def workspace_option(function: Command) -> Command:
    """`--workspace DIR`, the folder with followup.yaml."""
    return click.option(
        "--workspace",
        "-w",
        type=click.Path(path_type=Path),
        default=None,
        help="Folder with followup.yaml, team.yaml and rules/ [default: FOLLOWUP_WORKSPACE, else here].",
    )(function)


def json_option(function: Command) -> Command:
    """`--json`, one document on stdout and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else.")(
        function
    )


def plain(value: object) -> object:
    """A value as JSON can carry it: instants in UTC ISO form, dates as such."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value


def instant(text: str, zone: ZoneInfo, option: str, *, end: bool = False) -> datetime:
    """A day (its beginning, or its end) or an instant, on the team's clock unless it names a zone itself."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text} is no day and no instant; write 2026-03-01 or 2026-03-01T09:00") from None
    if end and len(text) == len("2026-03-01"):
        found += timedelta(days=1)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def print_json(document: object) -> None:
    """The one document of a `--json` command."""
    click.echo(printable_json(json.dumps(document, indent=2, default=plain, ensure_ascii=False)))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps({"at": when, "level": record.levelname.lower(), "message": record.getMessage()})


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def configure_log(workspace: Workspace) -> None:
    """Send the log to stderr, as text on a terminal and JSON lines elsewhere unless FOLLOWUP_LOG says otherwise."""
    style = workspace.settings.log or ("text" if sys.stderr.isatty() else "json")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if style == "json" else _TextLines("%(message)s"))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


@contextmanager
def stopping(workspace: Workspace) -> Iterator[None]:
    """SIGTERM and Ctrl-C let the call in flight finish and be recorded; a second one ends the process."""

    def ask(number: int, _frame: FrameType | None) -> None:
        if workspace.stop.is_set():
            raise KeyboardInterrupt
        workspace.stop.set()
        LOGGER.info("stopping: the call in flight is finished and recorded first")

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_shown(quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """A line that moves while a pass works, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _stage, _count: None
        return
    console = Terminal(stderr=True)
    with console.status("connecting") as status:
        yield lambda stage, count: status.update(f"{stage}: {count:,}")
