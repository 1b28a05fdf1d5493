"""A company on a sandbox: its CRM, its people, its workspace, and passes at instants. Tests go through the public doors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.org import Org
from adapters.sandbox.salesforce import SandboxSalesforce
from adapters.sandbox.server import App, SandboxServer
from connector.bootstrap import Workspace, connect, load_workspace
from connector.domain.decision import OutboxEntry, Verdict
from connector.domain.model import RecordRef
from connector.evaluate import moment_of
from connector.run import Connection, PassResult, plan_pass, run_pass
from connector.settings import HubSpotSettings, SalesforceSettings
from tests import canaries, preloaded

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday, 9:00 in Berlin."""

STATUSES: Mapping[str, Mapping[str, str]] = {
    "salesforce": {
        "new": "Open - Not Contacted",
        "working": "Working - Contacted",
        "interested": "Interested",
        "qualified": "Qualified",
        "recycled": "Recycled",
        "nurturing": "Nurturing",
        "do_not_contact": "Do Not Contact",
        "unqualified": "Unqualified",
        "converted": "Closed - Converted",
    },
    "hubspot": {
        "new": "NEW",
        "working": "IN_PROGRESS",
        "interested": "INTERESTED",
        "qualified": "QUALIFIED",
        "recycled": "RECYCLED",
        "nurturing": "NURTURING",
        "do_not_contact": "DO_NOT_CONTACT",
        "unqualified": "UNQUALIFIED",
        "converted": "OPEN_DEAL",
    },
}

TEAM = """\
people:
  ana: {crm: ana@example.com, manager: eva}
  ben: {crm: ben@example.com, manager: eva}
  cleo: {crm: cleo@example.com, manager: eva}
  eva: {crm: eva@example.com}
pools:
  inbound: {members: [ana, ben, cleo]}
calendars:
  office: {zone: Europe/Berlin, hours: {mon-thu: "09:00-18:00", fri: "09:00-16:00"}}
"""

CALL_WITHIN_A_DAY = """\
version: 1
rules:
  - id: first-call
    why: Every new lead is called within a day
    when: {created: true}
    wait: 1 hour
    unless: {any: [{attempts: {at_least: 1}}, {status: [converted, do_not_contact]}, {opted_out: true}]}
    then:
      - task: {type: call, subject: "Call {lead.name}", due: 1 business day}
"""


@dataclass
class Company:
    """One CRM with ana, ben, cleo and eva, a brochure to enrol in, and a workspace on disk."""

    crm: str
    folder: Path
    clock: SandboxClock
    org: Any
    server: SandboxServer
    people: dict[str, str] = field(default_factory=dict)
    brochure: Mapping[str, str] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, full in {
            "ana": "Ana Ferreira",
            "ben": "Ben Okafor",
            "cleo": "Cleo Martin",
            "eva": "Eva Lind",
        }.items():
            self.people[name] = self.org.add_person(full, f"{name}@example.com")
        self.brochure = self.org.add_enrollment_target("Brochure")
        self.write("followup.yaml", self.config())
        self.write("team.yaml", TEAM)
        self.write("rules/rules.yaml", CALL_WITHIN_A_DAY)

    def config(self, **more: object) -> str:
        """followup.yaml for this CRM."""
        values: dict[str, object] = {
            "crm": self.crm,
            "statuses": STATUSES[self.crm],
            "enrollments": {"brochure": dict(self.brochure)},
            **more,
        }
        return json.dumps(values, indent=1)

    def write(self, name: str, text: str) -> None:
        """Write a file of the workspace."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def rules(self, text: str) -> None:
        """Replace the rule file; the version line may be left out."""
        self.write("rules/rules.yaml", text if "version:" in text else "version: 1\nrules:\n" + text)

    def status(self, word: str) -> str:
        """The CRM's value of our status word."""
        return STATUSES[self.crm][word]

    def lead(self, name: str = "Mara Weber", owner: str = "ana", status: str = "new", **fields: object) -> str:
        """A new lead, at the sandbox's present instant."""
        number = len(self.org.leads())
        given = {
            "name": name,
            "company": "Weber Works",
            "email": f"lead{number}@example.org",
            "status": self.status(status),
            "owner": self.people.get(owner, owner),
            **fields,
        }
        return str(self.org.add_lead(given))

    def set(self, lead: str, by: str = "ana", **fields: object) -> None:
        """A person changes fields; `status` is our word, `owner` a person's name."""
        if "status" in fields:
            fields["status"] = self.status(str(fields["status"]))
        if "owner" in fields:
            fields["owner"] = self.people[str(fields["owner"])]
        self.org.set_fields(lead, fields, by=self.people[by])

    def call(self, lead: str, by: str = "ana", outcome: str = "no_answer") -> None:
        """A person calls."""
        self.org.log_call(lead, self.people[by], outcome)

    def at(self, instant: datetime | timedelta) -> datetime:
        """Move the clock to an instant, or to START plus a step."""
        moment = instant if isinstance(instant, datetime) else START + instant
        self.clock.move_to(moment)
        return moment

    @property
    def flags(self) -> dict[str, object]:
        """The settings a pass needs, as flags."""
        salesforce = SalesforceSettings(
            login_url=self.server.url, client_id="sandbox", client_secret=SecretStr(canaries.CLIENT_SECRET)
        )
        hubspot = HubSpotSettings(access_token=SecretStr(canaries.ACCESS_TOKEN), base_url=self.server.url)
        return {"salesforce": salesforce, "hubspot": hubspot, "now": self.clock.peek(), **self.options}

    def workspace(self) -> Workspace:
        """The workspace as it stands."""
        return load_workspace(self.folder, **self.flags)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection as a pass has it."""
        with connect(self.workspace()) as connection:
            yield connection

    def run(
        self,
        at: datetime | timedelta | None = None,
        progress: Callable[[str, int], None] = lambda _stage, _count: None,
    ) -> PassResult:
        """One pass, at an instant when given."""
        if at is not None:
            self.at(at)
        with self.connected() as connection:
            return run_pass(connection, progress)

    def plan(self, at: datetime | timedelta | None = None) -> PassResult:
        """A dry pass."""
        if at is not None:
            self.at(at)
        with self.connected() as connection:
            return plan_pass(connection)

    def explain(self, lead: str) -> dict[str, Verdict]:
        """What each rule says of a lead at the sandbox's present instant."""
        workspace = self.workspace()
        rulebook = workspace.rulebook()
        with self.connected() as connection, connection.store.begin() as uow:
            schema = uow.schema()
            assert schema is not None
            rulebook.bind(schema, uow.owners())
            [state] = uow.states([self.ref(lead)])
            moment = moment_of(uow, self.crm, self.clock.peek(), uow.owners())
            return {verdict.rule: verdict for verdict in rulebook.explain(state, moment)}

    def outbox(self) -> list[OutboxEntry]:
        """Every action that was ever planned."""
        with self.connected() as connection, connection.store.begin() as uow:
            return list(uow.outbox())

    def ref(self, lead: str) -> RecordRef:
        """How the product names a lead."""
        return RecordRef(self.crm, "lead", lead)

    def tasks(self, lead: str | None = None) -> list[Any]:
        """Open tasks in the CRM."""
        return list(self.org.open_tasks(lead))

    def environment(self) -> dict[str, str]:
        """The environment of a real process that talks to this company's CRM."""
        now = self.clock.peek().isoformat()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOLLOWUP_")}
        return {
            **kept,
            "FOLLOWUP_WORKSPACE": str(self.folder),
            "FOLLOWUP_NOW": now,
            "FOLLOWUP_SALESFORCE__LOGIN_URL": self.server.url,
            "FOLLOWUP_SALESFORCE__CLIENT_ID": "sandbox",
            "FOLLOWUP_SALESFORCE__CLIENT_SECRET": canaries.CLIENT_SECRET,
            "FOLLOWUP_HUBSPOT__ACCESS_TOKEN": canaries.ACCESS_TOKEN,
            "FOLLOWUP_HUBSPOT__BASE_URL": self.server.url,
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }

    def cli(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The console script in a process of its own. Whatever it does, it shows no secret, and no prospect in messages."""
        env = {**self.environment(), **more}
        if any(name.startswith(preloaded.AT_THE_START) for name in more):
            command = [*CLI, *arguments]
            done = subprocess.run(
                command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
            )
        else:
            done = preloaded.run(arguments, env, self.folder, 120)
        assert not canaries.seen_in(done.stdout + done.stderr), f"{arguments} shows a secret"
        assert not canaries.seen_in(done.stderr, canaries.PERSONAL), f"{arguments} names a prospect in a message"
        return done

    def cli_limited(self, blocks: int) -> subprocess.CompletedProcess[str]:
        """A pass in a process that may write no file longer than so many blocks of 512 bytes: a full disk."""
        script = f"trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""
        return subprocess.run(
            ["/bin/bash", "-c", script, "bash", *CLI, "run"],
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


CLI = (sys.executable, "-c", "from connector.cli.main import main; main()")


@contextmanager
def company(crm: str, folder: Path, **options: Any) -> Iterator[Company]:
    """A company on a fresh sandbox; `options` go to the sandbox."""
    clock = SandboxClock(START)
    # Passes follow each other in seconds here, which the portal's limit for ten real seconds would not like.
    limits = {"burst_limit": None, **options}
    app: App = SandboxSalesforce(clock, **options) if crm == "salesforce" else SandboxHubSpot(clock, **limits)
    with SandboxServer(app) as server:
        yield Company(crm, folder, clock, app, server)
        assert not canaries.seen_in_state(folder), "the state holds a secret"


__all__ = ["CLI", "START", "STATUSES", "Company", "Org", "company"]
