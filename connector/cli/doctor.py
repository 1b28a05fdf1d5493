"""`followup doctor`: is everything in place, and what cures what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from connector.bootstrap import Workspace, connect, load_workspace
from connector.cli.console import Terminal
from connector.cli.options import configure_log, json_option, print_json, workspace_option
from connector.cli.pausing import name_of, resume_command
from connector.cli.permissions import tell_permissions
from connector.cli.tables import Teller, zone_of
from connector.domain.decision import Finding
from connector.domain.errors import ConfigError, FollowupError
from connector.domain.model import CrmSchema
from connector.domain.tombstones import ACTIVITY
from connector.run import Connection


@click.command("doctor", epilog="Example: followup doctor --permissions --workspace my-team")
@workspace_option
@json_option
@click.option("--permissions", is_flag=True, help="List the least that the CRM has to grant for these rules; offline.")
@click.option("--xml", "as_xml", is_flag=True, help="With --permissions: as a PermissionSet to deploy (Salesforce).")
def command(workspace: Path | None, as_json: bool, permissions: bool, as_xml: bool) -> int:
    """Check connection, permissions, fields, quotas, clock and opt-out visibility; each line with its cure.

    With --permissions it asks nobody: it lists what the loaded rules need, each with the rules that need it and why.
    """
    if as_xml and (not permissions or as_json):
        raise ConfigError("--xml goes with --permissions, and without --json")
    loaded = load_workspace(workspace)
    if permissions:
        return tell_permissions(loaded, as_json=as_json, as_xml=as_xml)
    configure_log(loaded)
    with connect(loaded) as connection:
        findings = [*_files(loaded), *_state(connection), *_crm(connection)]
    if as_json:
        rows = [{"level": f.level, "subject": f.subject, "text": f.text, "cure": f.cure} for f in findings]
        print_json({"findings": rows})
    else:
        Teller(Terminal(), zone_of(loaded)).findings(findings)
    return 1 if any(finding.level == "fail" for finding in findings) else 0


def _files(loaded: Workspace) -> Iterator[Finding]:
    rules = len(loaded.loaded.ruleset.rules)
    for problem in loaded.problems:
        yield Finding("fail", "rule files", str(problem), "mend the line; `followup check` lists all of them")
    if not rules:
        yield Finding("fail", "rule files", "no rule would run", "`followup init` writes a playbook to begin with")
    elif not loaded.problems:
        yield Finding("ok", "rule files", "1 rule" if rules == 1 else f"{rules} rules")


def _state(connection: Connection) -> Iterator[Finding]:
    with connection.store.begin() as uow:
        counts = uow.population()
        held = sum(each.actions for each in uow.held())
        pauses = uow.pauses()
        forgotten = uow.forgotten_counts()
    text = ", ".join(f"{count:,} {kind}s" for kind, count in sorted(counts.items())) or "empty: the first pass fills it"
    yield Finding("ok", "state", text)
    gone = ", ".join(f"{kind} {count:,}" for kind, count in sorted(forgotten.items()) if kind != ACTIVITY)
    if gone:
        yield Finding("ok", "state", f"forgotten on request, and not stored again: {gone}")
    if held:
        yield Finding("warn", "state", f"{held} actions are held", "`followup release` lets them go with the next pass")
    for pause in pauses.values():
        text = f"{name_of(pause.rule)} is {pause.told}"
        yield Finding("warn", "state", text, f"`{resume_command(pause.rule)}` lets it go on with the next pass")


def _crm(connection: Connection) -> Iterator[Finding]:
    rulebook, adapter = connection.rulebook, connection.adapter
    try:
        yield from adapter.doctor(rulebook.needs())
        schema = adapter.source.describe(rulebook.needs())
        problems = rulebook.bind(schema, adapter.source.owners())
    except FollowupError as error:
        yield Finding("fail", connection.crm, str(error))
        return
    yield from _statuses(schema)
    for problem in problems:
        yield Finding(
            "fail", "rules against the CRM", str(problem), "name what the CRM has, or map it in followup.yaml"
        )
    if not problems:
        yield Finding("ok", "rules against the CRM", "every status, field, person and enrolment is there")


def _statuses(schema: CrmSchema) -> Iterator[Finding]:
    described = schema.fields.get("lead", {}).get("status")
    there = ", ".join(described.values) if described is not None else ""
    for word, value in sorted(schema.stray_statuses.items()):
        text = f"`statuses.{word}` is mapped to {value}, which is no status of a lead: it matches nothing"
        yield Finding("warn", "statuses", text, f"map it to one of: {there}")
