"""The console script: finds the command, runs it, and turns what goes wrong into one line and the documented exit code."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import click

from connector.cli.printable import printable
from connector.domain.errors import BusyError, ConfigError, FollowupError, QuotaSpentError

COMMANDS: Mapping[str, str] = {
    "demo": "Play three weeks on a local stand-in of both CRMs; no account needed.",
    "init": "Write a commented workspace with a playbook of rules.",
    "doctor": "Check connection, permissions, fields, quotas and opt-out visibility.",
    "check": "Check the rule files, offline; every mistake with its place.",
    "test": "Play the given/when/then cases in the rule files, with a moved clock.",
    "schema": "Explain a word of the rule language, or print the JSON Schema for editors.",
    "plan": "Show what a pass would write, and write nothing to the CRM.",
    "apply": "Write exactly a saved plan, re-checked record by record.",
    "run": "One pass: read, decide, write, confirm. For cron.",
    "explain": "Say why a record was followed up, why not, and when next.",
    "log": "List the passes.",
    "show": "Show every write of one pass, with old and new value.",
    "undo": "Take back what one pass wrote, where it is still as that pass left it.",
    "replay": "Replay these rules, or a draft, over the stored past, beside what was done.",
    "report": "The end-of-week report: who needs help, and with which leads; as a table or a page.",
    "settle": "Say what became of writes that failed, or whose outcome the CRM does not tell.",
    "release": "Let held actions go with the next pass, at a pace; or discard them.",
    "pause": "Stop a rule, or everything, at once and without a deploy.",
    "resume": "Let a paused rule, or everything, go on.",
    "audit": "Is what is stored what the CRM has? Counts and samples, with the drift by record and field.",
    "forget": "Erase a record from the state for good: an erasure request.",
}

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 configuration or rule file, 3 done but something is held, failed or left over, "
    "4 plan has changes (with --exit-code), 5 another run holds the lock."
)


class CommandTable(click.Group):
    """The commands by name; a command's module is imported only when it is called, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command's own object."""
        if cmd_name not in COMMANDS:
            return None
        command = _loaded(f"connector.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a wrong module is a fault of this package
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _loaded(name: str) -> ModuleType:
    """A command's module. What it imports stays: searched for garbage all the while, the start took half as long again."""
    if name in sys.modules or not gc.isenabled():
        return importlib.import_module(name)
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


@click.command(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="crm-followup", prog_name="followup")
@click.option("--workspace", "-w", type=click.Path(), help="The same as --workspace of a command.")
@click.pass_context
def cli(ctx: click.Context, workspace: str | None) -> None:
    """No open lead without a next step, and nobody contacted who must not be.

    Begin with `followup demo`; then `followup init my-team` and `followup plan --workspace my-team`.
    """
    if workspace is not None:
        ctx.default_map = {name: {"workspace": workspace} for name in COMMANDS}


def exit_code_of(error: FollowupError) -> int:
    """The documented exit code of an error that ended a command."""
    if isinstance(error, ConfigError):
        return 2
    if isinstance(error, BusyError):
        return 5
    return 3 if isinstance(error, QuotaSpentError) else 1


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script."""
    sys.exit(_outcome(arguments))


def _outcome(arguments: list[str] | None) -> int:
    try:
        result: Any = cli.main(arguments, prog_name="followup", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        return _say("stopped", 1)
    except FollowupError as error:
        return _say(str(error), exit_code_of(error))
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        return _say(f"the machine refused: {error.strerror or type(error).__name__}: {error.filename or ''}", 1)
    except Exception as error:
        return _say(
            f"a fault of followup itself ({type(error).__name__} at {_where(error)}); please report this line", 1
        )
    return result if isinstance(result, int) else 0


def _say(line: str, code: int) -> int:
    click.echo(f"followup: {printable(line)}", err=True)
    return code


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
