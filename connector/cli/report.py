"""`followup report`: what became of the leads, per owner and in total, against the period before."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from connector.bootstrap import Workspace, load_workspace
from connector.cli.console import Terminal
from connector.cli.options import json_option, print_json, progress_shown, workspace_option
from connector.cli.private_files import write_private
from connector.cli.report_tables import ReportTeller
from connector.cli.tables import zone_of
from connector.domain.errors import ConfigError
from connector.report.build import Past, make_report
from connector.report.document import report_document
from connector.report.model import Period, Report
from connector.store import open_store
from rules.past import as_of, unknown_at

WEEK = timedelta(days=7)

NOTHING_READ = (
    "nothing has been read from the CRM yet; `followup run` reads it, or `followup plan`, which writes nothing there"
)


@click.command("report", epilog="Example: followup report --since 2026-03-01 --html report.html")
@click.option("--week", is_flag=True, help="The last seven days against the seven before [the default].")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day on, against a period of equal length.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write one page for reading and printing."
)
@workspace_option
@json_option
def command(week: bool, since: datetime | None, html: Path | None, workspace: Path | None, as_json: bool) -> int:
    """Report on the leads for the end of the week: who needs help, and with which leads.

    Per owner and in total: open leads, without a next step, overdue, untouched since assigned, attempts, speed to first
    touch, offers accepted, recycled, held; each against the period before. It speaks of the CRM as the last pass or plan
    read it, and writes nothing there.
    """
    if week and since is not None:
        raise ConfigError("--week and --since exclude each other: --week is the last seven days")
    loaded = load_workspace(workspace)
    zone = zone_of(loaded)
    report = read_report(loaded, period_of(loaded.clock().now(), since, zone), zone, quiet=as_json)
    if report is None:
        if as_json:
            print_json({"error": NOTHING_READ})
        click.echo(f"followup: {NOTHING_READ}", err=True)
        return 1
    if html is not None:
        write_page(report, html, zone)
    if as_json:
        print_json(report_document(report))
    else:
        ReportTeller(Terminal(), zone).report(report)
        if html is not None:
            click.echo(f"written: {html}")
    return 0


def period_of(now: datetime, since: datetime | None, zone: ZoneInfo) -> Period:
    """The last seven days, or from the beginning of a day of the team's zone on; ConfigError for a day to come."""
    start = now - WEEK if since is None else since.replace(tzinfo=zone).astimezone(UTC)
    if start >= now:
        raise ConfigError(f"--since {start.astimezone(zone):%Y-%m-%d}: that day has not begun yet; name an earlier one")
    return Period(start, now)


def read_report(workspace: Workspace, period: Period, zone: ZoneInfo, *, quiet: bool) -> Report | None:
    """The report of a workspace from its state; None when no pass has read anything yet."""
    rulebook = workspace.rulebook()
    month = period.until.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    store = open_store(workspace.settings.store_url, clock=workspace.clock())
    try:
        with store.begin() as uow:
            schema, owners = uow.schema(), uow.owners()
        if schema is not None:
            rulebook.bind(schema, owners)
        with progress_shown(quiet) as progress:
            return make_report(store, rulebook, Past(as_of, unknown_at), period, month.astimezone(UTC), progress)
    finally:
        store.close()


def write_page(report: Report, file: Path, zone: ZoneInfo) -> None:
    """Write the report as one HTML file; the charts are loaded only here."""
    page = importlib.import_module("connector.report.page")
    text: str = page.page_of(report, zone)
    try:
        write_private(file, text, keep_mode=True)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written ({error.strerror}); name a file in a folder that is there"
        ) from None
