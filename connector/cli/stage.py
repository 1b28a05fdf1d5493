"""The stage of the demo: a sandbox with a team and its leads, a workspace, and passes with the clock moved."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import yaml
from pydantic import SecretStr

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.org import Org
from adapters.sandbox.salesforce import SandboxSalesforce
from adapters.sandbox.server import App, SandboxServer
from adapters.sandbox.world import World
from connector.bootstrap import Workspace, connect, load_workspace
from connector.domain.decision import Verdict
from connector.domain.model import RecordRef
from connector.evaluate import moment_of
from connector.run import PassResult, plan_pass, run_pass
from connector.settings import HubSpotSettings, SalesforceSettings
from rules.playbooks import playbook_files

MONDAY = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
"""When the story begins: a Monday, 7:00 in Berlin."""

Crm = Literal["salesforce", "hubspot"]

DAYS = 15
"""Three working weeks."""

BACKFILL = "backfill: {spread: 20 per day}"
"""The playbook's line that brings old leads back at a pace; the demo switches it on."""

TEAM = """\
# The demo's team: three reps, their manager, one pool.
people:
  ana: {crm: ana@example.com, manager: eva}
  ben: {crm: ben@example.com, manager: eva}
  cleo: {crm: cleo@example.com, manager: eva}
  eva: {crm: eva@example.com}
pools:
  inbound: {members: [ana, ben, cleo]}
calendars:
  office: {zone: Europe/Berlin, hours: {mon-thu: "09:00-18:00", fri: "09:00-16:00"}, holidays: DE}
"""


@dataclass
class Week:
    """One line of the demo's table."""

    number: str
    leads: int = 0
    touched: int = 0
    without_next_step: int = 0
    tasks: int = 0
    reassigned: int = 0
    enrolled: int = 0
    held: int = 0
    api_calls: int = 0


@dataclass
class Stage:
    """One CRM with its people and leads, and everything needed to make a pass over it."""

    crm: Crm
    org: Org
    clock: SandboxClock
    world: World
    folder: Path
    flags: Mapping[str, object]
    weeks: list[Week] = field(default_factory=list)

    def workspace(self) -> Workspace:
        """The workspace at the sandbox's present instant."""
        return load_workspace(self.folder, **{**self.flags, "now": self.clock.peek()})

    def play(self, step: Callable[[], None]) -> None:
        """Three weeks: a pass each morning and each evening of a working day, people at work in between."""
        self.weeks.append(Week("before"))
        self._count(self.weeks[0])
        self._pass(MONDAY, self.weeks[0])
        step()
        for number in range(1, DAYS + 1):
            date = MONDAY + timedelta(days=number - 1 + 2 * ((number - 1) // 5))
            if (number - 1) % 5 == 0:
                self.weeks.append(Week(str(len(self.weeks))))
            self._pass(date + timedelta(hours=1), self.weeks[-1])
            self.world.day(number, date)
            self._pass(date + timedelta(hours=11), self.weeks[-1])
            step()
            if number % 5 == 0:
                self._count(self.weeks[-1])

    def _pass(self, at: datetime, week: Week) -> None:
        self.clock.move_to(at)
        with connect(self.workspace()) as connection:
            result = run_pass(connection)
        kinds = result.writes.by_kind
        week.tasks += kinds["task"]
        week.reassigned += kinds["reassign"]
        week.enrolled += kinds["enroll"]
        held = result.summary.counts["held"]
        week.held = held if isinstance(held, int) else 0
        week.api_calls += connection.adapter.api_calls

    def _count(self, week: Week) -> None:
        closed = {self.world.statuses[word] for word in self.world.closed}
        tasks: dict[str, int] = {}
        for task in self.org.open_tasks():
            tasks[task.lead] = tasks.get(task.lead, 0) + 1
        leads = list(self.world.leads.values())
        week.leads = len(leads)
        week.touched = sum(self.world.calls.get(number, 0) > 0 for number in self.world.leads)
        week.without_next_step = sum(
            lead not in tasks and self.org.fields_of(lead).get("status") not in closed for lead in leads
        )

    def plan_next_day(self) -> PassResult:
        """What the passes of the next working day would write, if nobody did anything until three in the afternoon."""
        self.clock.move_to(MONDAY + timedelta(days=21, hours=9))
        with connect(self.workspace()) as connection:
            return plan_pass(connection)

    def telling(self) -> Sequence[tuple[str, RecordRef, Sequence[Verdict]]]:
        """Three leads worth a look: one acted on, one waiting, one stopped."""
        told: dict[str, tuple[str, RecordRef, Sequence[Verdict]]] = {}
        workspace = self.workspace()
        rulebook = workspace.rulebook()
        with connect(workspace) as connection, connection.store.begin() as uow:
            schema, owners = uow.schema(), uow.owners()
            if schema is not None:
                rulebook.bind(schema, owners)
            moment = moment_of(uow, self.crm, self.clock.peek(), owners)
            refs = [RecordRef(self.crm, "lead", lead) for lead in self.world.leads.values()]
            explained = [(state, rulebook.explain(state, moment)) for state in uow.states(refs)]
        # The richest example of each kind: the one that most rules have something to say of.
        explained.sort(
            key=lambda pair: (-sum(v.outcome in ("done", "waits", "blocked") for v in pair[1]), pair[0].record.ref)
        )
        for state, verdicts in explained:
            role = self._role(state.record.status, {verdict.outcome for verdict in verdicts})
            if role is not None:
                told.setdefault(role, (role, state.record.ref, verdicts))
        return [told[role] for role in ("acted on", "waiting", "stopped") if role in told]

    def _role(self, status: str | None, outcomes: set[str]) -> str | None:
        if status == self.world.statuses["do_not_contact"]:
            return "stopped" if "blocked" in outcomes else None
        if "waits" in outcomes:
            return "waiting"
        return "acted on" if "done" in outcomes else None


@contextmanager
def open_stage(crm: Crm) -> Iterator[Stage]:
    """A sandbox of one CRM with the seeded team and leads in it, on a free loopback port, and a workspace for it."""
    clock = SandboxClock(MONDAY - timedelta(days=21))
    org: Org
    app: App
    if crm == "salesforce":
        app = org = SandboxSalesforce(clock)
    else:
        # Three weeks pass in seconds here, which the portal's limit for ten real seconds would not like.
        app = org = SandboxHubSpot(clock, burst_limit=None)
    files = playbook_files("first-follow-up", crm)
    config = yaml.safe_load(files["followup.yaml"])
    world = World(org, clock, config["statuses"])
    world.settle_in()
    with tempfile.TemporaryDirectory(prefix="followup-demo-") as name, SandboxServer(app) as server:
        folder = Path(name)
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shown = TEAM if path == "team.yaml" else text.replace(f"# {BACKFILL}", BACKFILL)
            target.write_text(shown, encoding="utf-8")
        yield Stage(crm, org, clock, world, folder, _flags(crm, server.url, world))


def _flags(crm: Crm, url: str, world: World) -> Mapping[str, object]:
    salesforce = SalesforceSettings(login_url=url, client_id="sandbox", client_secret=SecretStr("sandbox-secret"))
    hubspot = HubSpotSettings(access_token=SecretStr("sandbox-token"), base_url=url)
    return {"crm": crm, "salesforce": salesforce, "hubspot": hubspot, "enrollments": world.targets}
