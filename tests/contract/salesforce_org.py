"""What the Salesforce contract tests share: an org on a loopback port, an adapter on it, and short ways to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from adapters.registry import open_adapter
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.salesforce import SandboxSalesforce
from adapters.sandbox.server import SandboxServer
from connector.domain.decision import ActionKind, PlannedAction
from connector.domain.model import Needs, Page, RecordRef, Value
from connector.domain.ports import Adapter, AdapterConfig

START = datetime(2026, 5, 4, 9, tzinfo=UTC)

ALL_NEEDS = Needs(
    kinds=frozenset({"lead"}),
    fields={"lead": frozenset({"name", "email", "status", "custom.tier"})},
    history={"lead": frozenset({"status", "owner"})},
    enrollments=frozenset({"brochure", "nurture"}),
    writes=frozenset({"task", "note", "reassign", "set", "enroll", "unenroll"}),
    written_fields={"lead": frozenset({"status", "custom.tier"})},
)


class OrgClock:
    """The org's clock as the adapter's: sleeping moves nothing and is only noted."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self.slept: list[float] = []
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return self._clock.peek() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclass
class World:
    """An org, its server, its clock, and the configuration that leads to it."""

    org: SandboxSalesforce
    server: SandboxServer
    time: SandboxClock
    clock: OrgClock
    config: AdapterConfig
    brochure: Mapping[str, str]
    ana: str
    _open: list[Adapter] = field(default_factory=list)

    def adapter(self, **changes: object) -> Adapter:
        """A freshly started adapter, as a new process would have it."""
        opened = open_adapter(replace(self.config, **changes))  # type: ignore[arg-type]
        self._open.append(opened)
        return opened

    def lead(self, name: str = "Lea Lead", **fields: object) -> RecordRef:
        """A new lead of Ana's."""
        base = {"name": name, "company": "Acme", "email": "lea@example.com", "owner": self.ana}
        return RecordRef("salesforce", "lead", self.org.add_lead({**base, **fields}))

    def close(self) -> None:
        for adapter in self._open:
            adapter.close()


@contextmanager
def world(**options: object) -> Iterator[World]:
    """Start an org; `options` go to SandboxSalesforce."""
    time = SandboxClock(START, timedelta(seconds=1))
    org = SandboxSalesforce(time, **options)  # type: ignore[arg-type]
    with SandboxServer(org) as server:
        clock = OrgClock(time)
        brochure = org.add_enrollment_target("Brochure")
        config = AdapterConfig(
            crm="salesforce",
            connection={"login_url": server.url, "client_id": "sandbox", "client_secret": "sandbox-secret"},
            clock=clock,
            fields={"custom.tier": "Tier__c"},
            enrollments={"brochure": brochure, "nurture": org.add_cadence("Nurture")},
            task_key_field="FollowupKey__c",
        )
        made = World(org, server, time, clock, config, brochure, org.add_person("Ana Able", "ana@example.com"))
        try:
            yield made
        finally:
            made.close()


def action(kind: ActionKind, record: RecordRef, key: str = "rule.1", **fields: Value) -> PlannedAction:
    """A planned action with the fields a planner would give it."""
    return PlannedAction(key, "rule", record, kind, fields, {}, "why", "occasion", 0)


def task(record: RecordRef, owner: str, key: str = "rule.1", **fields: Value) -> PlannedAction:
    """A call task that is due in an hour."""
    base: dict[str, Value] = {
        "type": "call",
        "subject": "Call Lea",
        "body": "Because",
        "due": START + timedelta(hours=1),
        "priority": "high",
        "owner": owner,
    }
    return action("task", record, key, **{**base, **fields})


def pages(adapter: Adapter, stream: str, cursor: str | None = None, needs: Needs = ALL_NEEDS) -> list[Page]:
    """Every page of a stream."""
    return list(adapter.source.read(stream, cursor, needs))


class Reader:
    """Reads a stream pass after pass as the application does: keeps the cursor, and knows news by (id, version)."""

    def __init__(self, stream: str, needs: Needs = ALL_NEEDS) -> None:
        self.stream = stream
        self.needs = needs
        self.cursor: str | None = None
        self.seen: set[tuple[str, str]] = set()

    def news(self, adapter: Adapter, stop_after: int | None = None) -> list[str]:
        """The ids that one pass finds new; with `stop_after` pages the pass dies, keeping what it has."""
        found: list[str] = []
        for number, page in enumerate(adapter.source.read(self.stream, self.cursor, self.needs), 1):
            found += self.take(page)
            if number == stop_after:
                break
        return found

    def take(self, page: Page) -> list[str]:
        """Store one page."""
        rows = [(record.ref.id, record.version) for record in page.records]
        rows += [(activity.id, activity.version) for activity in page.activities]
        fresh = [row for row in dict.fromkeys(rows) if row not in self.seen]
        self.seen.update(fresh)
        self.cursor = page.cursor
        return [id for id, _ in fresh]


def keys(receipts: Sequence[object], state: str) -> list[str]:
    """The keys of the receipts in a state."""
    return [receipt.key for receipt in receipts if receipt.state == state]  # type: ignore[attr-defined]
