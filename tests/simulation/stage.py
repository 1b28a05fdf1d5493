"""Plays a scenario: a CRM with its people, a workspace, passes with their troubles, and a watch at the CRM's door."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.salesforce import SandboxSalesforce
from adapters.sandbox.server import App, Request, Response, SandboxServer
from connector.bootstrap import connect, load_workspace
from connector.clock import FixedClock
from connector.domain.decision import OutboxEntry, Verdict
from connector.domain.errors import FollowupError, Problem
from connector.evaluate import moment_of
from connector.run import run_pass
from connector.store import open_store
from connector.store.sql_store import SqlStore
from tests.company import START, Company
from tests.simulation import crm as crm_data
from tests.simulation import draw_rules, trouble
from tests.simulation.acts import Actors
from tests.simulation.crm import Effect, LeadNow
from tests.simulation.scenario import Scenario, Spec
from tests.simulation.wire import Killed, Wire, tapped

DOMAIN = FollowupError.__module__


@dataclass
class PassRecord:
    """One pass as the world saw it."""

    number: int
    step: int
    now: datetime
    crm_now: datetime
    spec: Spec
    before: Mapping[str, OutboxEntry] = field(default_factory=dict)
    after: Mapping[str, OutboxEntry] = field(default_factory=dict)
    outcome: str = "done"
    counts: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    leads: Mapping[str, LeadNow] = field(default_factory=dict)
    last_deed: datetime | None = None
    texts: list[str] = field(default_factory=list)
    problems: Sequence[Problem] = ()
    crash: str = ""
    requests: int = 0
    happened: Sequence[str] = ()
    struck: Sequence[str] = ()
    effects: list[Effect] = field(default_factory=list)

    @property
    def calm(self) -> bool:
        """Whether nothing came between: no fault struck, nobody killed, stopped or acted in the middle."""
        return self.outcome == "done" and not self.happened and not self.struck


class Watch:
    """Stands at the CRM's door: notes what every write does, and how its lead was when it was last read again."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.crm: crm_data.Salesforce | crm_data.HubSpot | None = None
        self.present: PassRecord | None = None
        self.number = 0
        self._read: dict[str, tuple[int, LeadNow | None]] = {}
        self._lock = threading.RLock()

    def begin(self, record: PassRecord) -> None:
        """A pass starts: nothing has been read again."""
        self.present = record
        self._read.clear()

    def handle(self, request: Request) -> Response:
        """Let the request through and note what it did."""
        with self._lock:
            self.number += 1
            record, crm = self.present, self.crm
            if record is None or crm is None:
                return self.app.handle(request)
            target = unquote_plus(request.raw_target)
            ids = crm.read_ids(request.method, target, request.text())
            writes = request.method != "GET" and not target.endswith(("/search", "/batch/read", "/token"))
            before = crm.snapshot() if writes else None
            response = self.app.handle(request)
            if response.status < 300:
                self._read.update({id_: (self.number, crm.lead(id_)) for id_ in ids})
            if before is not None:
                self._note(record, crm, crm_data.differences(before, crm.snapshot()))
            return response

    def _note(self, record: PassRecord, crm: crm_data.Salesforce | crm_data.HubSpot, found: list[Any]) -> None:
        for kind, lead, key, values, task in found:
            seen_at, seen = self._read.get(lead, (None, None))
            at = record.crm_now
            record.effects.append(Effect(kind, lead, key, values, at, self.number, record.number, seen, seen_at, task))


class Stage:
    """A scenario on its feet. `play` takes one step; the checks look at what came of it."""

    def __init__(self, scenario: Scenario, firm: Company, watch: Watch) -> None:
        self.scenario = scenario
        self.firm = firm
        self.watch = watch
        self.crm = watch.crm = crm_data.crm_of(firm)
        self.skew = timedelta(0)
        self.passes: list[PassRecord] = []
        self.rules: dict[str, Spec] = {}
        self.edited = False
        self.released: list[tuple[int, str | None]] = []
        self.actors = Actors(firm, self.crm)
        self.targets = {"brochure": dict(firm.brochure), "welcome": dict(firm.org.add_enrollment_target("Welcome"))}
        self._store: SqlStore | None = None
        self._found()

    # -- the workspace -----------------------------------------------------------------------------------------------
    def _found(self) -> None:
        options = self.scenario.options
        more: dict[str, object] = {"enrollments": self.targets, "fields": self.fields}
        if options["keyed"]:
            more["task_key_field"] = crm_data.KEY_SALESFORCE if self.firm.crm == "salesforce" else crm_data.KEY_HUBSPOT
        if options["daily"]:
            more["limits"] = {"api_calls_share": 0.5}
        self.firm.write("followup.yaml", self.firm.config(**more))
        self.firm.write("team.yaml", draw_rules.team_text(options["team"]))
        self.rules = {rule["id"]: rule for rule in self.scenario.rules}
        self.write_rules()
        for lead in sorted(self.scenario.leads, key=lambda each: -each["ago"]):
            self.firm.clock.move_to(START - timedelta(minutes=lead["ago"]))
            self.actors.lead(lead)
        # Nobody is changed by us in the very instant of being made: a history of such a CRM has no order.
        self.firm.clock.move_to(START + timedelta(seconds=2))

    @property
    def fields(self) -> Mapping[str, str]:
        """What our words are called in the CRM where it does not go without saying."""
        hubspot = {"custom.tier": "tier", "source": "lead_source"}
        return {"custom.tier": "Tier__c"} if self.firm.crm == "salesforce" else hubspot

    def write_rules(self) -> None:
        """The rule file as it is now; an org without rules keeps one that never fires."""
        rules = list(self.rules.values()) or [draw_rules.NEVER]
        text = draw_rules.rule_text(rules, self.scenario.cadences, self.scenario.scores)
        self.firm.write("rules/rules.yaml", text)

    def edit(self, step: Spec) -> None:
        """An author changes a rule file."""
        id_ = step["rule"]
        drawn = next((rule for rule in self.scenario.rules if rule["id"] == id_), None)
        if drawn is None:
            return
        self.edited = True
        if step["how"] == "off":
            self.rules.pop(id_, None)
        elif step["how"] == "on":
            self.rules[id_] = drawn
        elif id_ in self.rules:
            change = {"why": "Drawn and edited"} if step["how"] == "text" else {"wait": step["wait"]}
            self.rules[id_] = {**self.rules[id_], **change}
        self.write_rules()

    # -- time and passes ---------------------------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        """Our clock, which may differ from the CRM's."""
        return self.firm.clock.peek() + self.skew

    def run(self, spec: Spec, step: int) -> PassRecord:
        """One pass, with what this step has in store for it."""
        record = PassRecord(len(self.passes), step, self.now, self.firm.clock.peek(), spec)
        record.before = self.entries()
        seen = {id_: self.crm.lead(id_) for id_ in sorted({*self.actors.names.values()})}
        record.leads = {id_: lead for id_, lead in seen.items() if lead is not None}
        record.last_deed = self.actors.last
        struck = len(self.firm.server.faults.struck)
        for fault in spec.get("faults", ()):
            trouble.strike(self.firm, fault)
        self.watch.begin(record)
        wire = Wire(spec.get("kill", {}), spec.get("wire", {}), self.act_within)
        with tapped(wire, self.store):
            self._one_pass(record, wire)
        self.watch.present = None
        trouble.clear_faults(self.firm)
        record.requests, record.happened = wire.requests, tuple(wire.happened)
        record.struck = [kind for _, _, kind in self.firm.server.faults.struck[struck:]]
        record.after = self.entries()
        self.passes.append(record)
        return record

    def meddle(self, step: Spec) -> None:
        """People change what is on its way: every lead for which something waits to be written."""
        waiting: dict[str, str] = {}
        for entry in self.entries().values():
            if entry.state in ("pending", "claimed", "unknown", "held"):
                waiting[entry.action.record.id] = entry.action.rule
        for id_, name in sorted({id_: name for name, id_ in self.actors.names.items()}.items()):
            if id_ not in waiting:
                continue
            drawn = next((rule for rule in self.scenario.rules if rule["id"] == waiting[id_]), {})
            against = draw_rules.against(drawn.get("if", {}))
            act = {"do": "field", "fields": against} if step["what"] == "against" else step["act"]
            if act:
                self.actors.do({"by": "ana", **act, "lead": name})

    def act_within(self, step: Spec) -> None:
        """A person acts while a pass is under way."""
        present, self.watch.present = self.watch.present, None
        self.actors.do(step)
        self.watch.present = present

    def _one_pass(self, record: PassRecord, wire: Wire) -> None:
        try:
            workspace = load_workspace(self.firm.folder, **self.flags())
            wire.stop = workspace.stop
            with connect(workspace) as connection:
                result = run_pass(connection)
                record.counts = {**result.summary.counts, "exit": result.exit_code}
                record.exit_code = result.exit_code
                record.problems = result.problems
                record.texts += [result.summary.message, *result.notices, *map(str, result.problems)]
                record.texts += [held.why for held in (*result.plan.held, *result.plan.waiting)]
        except Killed:
            record.outcome = "killed"
        except FollowupError as error:
            record.outcome = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == DOMAIN)
            record.texts.append(str(error))
        except Exception as error:
            if wire.dead:
                record.outcome = "killed"
            else:
                record.outcome, record.crash = "crash", f"{type(error).__name__}: {error}"
        if wire.dead:
            record.outcome = "killed"

    def flags(self) -> dict[str, object]:
        """The settings of a pass at our clock's now."""
        return {**self.firm.flags, "now": self.now, "engine": self.scenario.options["engine"]}

    # -- looking into the state --------------------------------------------------------------------------------------
    @property
    def _url(self) -> str:
        return f"sqlite:///{self.firm.folder.resolve() / '.followup' / 'state.db'}"

    @property
    def store(self) -> SqlStore:
        """The state, as a process of its own would look into it."""
        if self._store is None:
            self._store = open_store(self._url, clock=FixedClock(self.now))
        return self._store

    def entries(self) -> Mapping[str, OutboxEntry]:
        """Everything that was ever planned, by key."""
        with self.store.begin() as uow:
            return {entry.action.key: entry for entry in uow.outbox()}

    def adopted(self) -> Mapping[str, datetime]:
        """When each rule was first met."""
        with self.store.begin() as uow:
            return {rule: adoption.at for rule, adoption in uow.adoptions().items() if adoption.baselined}

    def release(self, rule: str | None, first: int | None) -> int:
        """What `followup release` does."""
        with self.store.lock(), self.store.begin() as uow:
            count = uow.release(rule, first, self.now)
        if count:
            self.released.append((len(self.passes), rule))
        return count

    def explain(self, lead: str) -> Mapping[str, Verdict] | None:
        """What each rule says of a lead now, None when the lead is not known here."""
        workspace = load_workspace(self.firm.folder, **self.flags())
        rulebook = workspace.rulebook()
        with self.store.begin() as uow:
            schema = uow.schema()
            states = uow.states([self.firm.ref(lead)]) if schema else []
            if schema is None or not states:
                return None
            rulebook.bind(schema, uow.owners())
            moment = moment_of(uow, self.firm.crm, self.now, uow.owners())
            return {verdict.rule: verdict for verdict in rulebook.explain(states[0], moment)}


@contextmanager
def staged(scenario: Scenario, folder: Path) -> Iterator[Stage]:
    """A stage for this scenario on a fresh sandbox."""
    clock = SandboxClock(START - timedelta(days=30))
    options = scenario.options
    app: Any
    if scenario.crm == "salesforce":
        limit = {"daily_limit": options["daily"]} if options["daily"] else {}
        app = SandboxSalesforce(clock, page_size=options["page"], task_key_field=options["keyed"], **limit)
    else:
        limit = {"daily_limit": options["daily"]} if options["daily"] else {}
        key = crm_data.KEY_HUBSPOT if options["keyed"] else None
        lag = timedelta(seconds=options["lag"])
        app = SandboxHubSpot(clock, burst_limit=None, index_lag=lag, task_key_property=key, **limit)
    watch = Watch(app)
    with SandboxServer(watch) as server:
        stage = Stage(scenario, Company(scenario.crm, folder, clock, app, server), watch)
        try:
            yield stage
        finally:
            stage.store.close()


def shown(value: object) -> str:
    """A value in a violation's text."""
    return json.dumps(value, default=str)
