"""`followup audit`: is what is stored what the CRM has?"""

from __future__ import annotations

from pathlib import Path

import click

from connector.audit.perform import Request, audit
from connector.bootstrap import connect, load_workspace
from connector.cli.audit_tables import audit_document, tell_audit
from connector.cli.console import Terminal
from connector.cli.options import (
    configure_log,
    instant,
    json_option,
    print_json,
    progress_shown,
    stopping,
    workspace_option,
)
from connector.cli.tables import Teller, names_of, zone_of
from connector.run import EXIT_DONE, EXIT_FAILED, EXIT_LEFT_OVER


@click.command("audit", epilog="Example: followup audit --since 2026-01-01 --sample 200")
@click.option("--since", metavar="DAY", help="Only what was created from that day on, on the team's clock.")
@click.option("--until", metavar="DAY", help="Only what was created up to that day.")
@click.option("--sample", type=click.IntRange(0, 1000), default=50, show_default=True, help="Records to read again.")
@click.option("--repair", is_flag=True, help="Store what was read again; let the next pass read what is missing.")
@workspace_option
@json_option
def command(
    since: str | None, until: str | None, sample: int, repair: bool, workspace: Path | None, as_json: bool
) -> int:
    """Count, per stream and window of creation, what the CRM has and what is stored; read a sample again, field by field.

    It writes nothing to the CRM, and without --repair nothing to the state. Exits 1 when something differs, 3 when the
    calls did not suffice to look everywhere.
    """
    loaded = load_workspace(workspace)
    configure_log(loaded)
    zone = zone_of(loaded)
    request = Request(
        zone=zone,
        since=None if since is None else instant(since, zone, "--since"),
        until=None if until is None else instant(until, zone, "--until", end=True),
        sample=sample,
        repair=repair,
    )
    with stopping(loaded), connect(loaded) as connection, progress_shown(as_json) as progress:
        c = connection
        found = audit(c.store, c.adapter, c.rulebook, c.clock.now(), request, progress)
        with c.store.begin() as uow:
            people = names_of(uow.owners())
    if as_json:
        print_json(audit_document(found))
    else:
        tell_audit(Teller(Terminal(), zone, people), found)
    return EXIT_FAILED if not found.clean else EXIT_LEFT_OVER if found.left_out else EXIT_DONE
