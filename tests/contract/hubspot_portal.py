"""What the HubSpot contract tests share: a portal on a loopback port, an adapter on it, and short ways to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from adapters.registry import open_adapter
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.server import SandboxServer
from connector.domain.decision import ActionKind, PlannedAction, Receipt
from connector.domain.model import Activity, Change, Needs, Page, Record, RecordRef, Value
from connector.domain.ports import Adapter, AdapterConfig

START = datetime(2026, 5, 4, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

NEEDS = Needs(
    kinds=frozenset({"lead"}),
    fields={"lead": frozenset({"name", "email", "status", "owner", "opted_out", "custom.tier"})},
    history={"lead": frozenset({"status", "owner"})},
    writes=frozenset({"task", "note", "reassign", "set", "enroll", "unenroll"}),
    written_fields={"lead": frozenset({"status", "custom.tier"})},
)


class PortalClock:
    """The portal's clock as the adapter's: sleeping moves nothing and is only noted."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._clock.peek()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclass
class World:
    """A portal, its server, its clock, and the configuration that leads to it."""

    crm: SandboxHubSpot
    server: SandboxServer
    time: SandboxClock
    clock: PortalClock
    config: AdapterConfig
    ana: str
    ben: str
    _open: list[Adapter] = field(default_factory=list)

    def adapter(self, **changes: object) -> Adapter:
        """A freshly started adapter, as a new process would have it."""
        opened = open_adapter(replace(self.config, **changes))  # type: ignore[arg-type]
        self._open.append(opened)
        return opened

    def lead(self, name: str = "Mara Weber", **fields: object) -> str:
        """A new contact of ana's."""
        email = f"{name.lower().replace(' ', '.')}.{len(self.crm.leads())}@example.org"
        return self.crm.add_lead({"name": name, "email": email, "status": "NEW", "owner": self.ana, **fields})

    def calls(self, what: str = "") -> int:
        """How many requests so far have this text in their target."""
        return sum(what in target for _, target in self.server.requests)

    def close(self) -> None:
        for one in self._open:
            one.close()


@contextmanager
def world(**portal: object) -> Iterator[World]:
    """A portal with ana and ben."""
    time = SandboxClock(START, timedelta(milliseconds=1))
    crm = SandboxHubSpot(time, **{"burst_limit": None, **portal})  # type: ignore[arg-type]
    ana, ben = crm.add_person("Ana Ferreira", "ana@example.com"), crm.add_person("Ben Okafor", "ben@example.com")
    with SandboxServer(crm) as server:
        clock = PortalClock(time)
        connection = {"access_token": "sandbox-token", "base_url": server.url, "search_per_second": "500"}
        config = AdapterConfig("hubspot", connection, clock, fields={"custom.tier": "tier"}, api_calls_share=1.0)
        made = World(crm, server, time, clock, config, ana, ben)
        try:
            yield made
        finally:
            made.close()


@dataclass
class Reader:
    """Reads as the application does: every stream from its saved cursor, the cursor saved with each page."""

    world: World
    needs: Needs = NEEDS
    cursors: dict[str, str] = field(default_factory=dict)
    records: dict[RecordRef, Record] = field(default_factory=dict)
    activities: dict[str, Activity] = field(default_factory=dict)
    changes: dict[tuple[RecordRef, str], Change] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)

    def read(self, *streams: str, adapter: Adapter | None = None) -> list[Page]:
        """The pages of these streams (all, when none is named)."""
        source = (adapter or self.world.adapter()).source
        self.pages = []
        for stream in streams or source.streams(self.needs):
            for page in source.read(stream, self.cursors.get(stream), self.needs):
                self.cursors[stream] = page.cursor
                self.pages.append(page)
                self.records |= {record.ref: record for record in page.records}
                self.activities |= {activity.id: activity for activity in page.activities}
                self.changes |= {(change.ref, change.id): change for change in page.changes}
        return self.pages

    def news(self) -> int:
        """How many records and activities the last read brought."""
        return sum(len(page.records) + len(page.activities) for page in self.pages)


def ref(id_: str, kind: str = "lead") -> RecordRef:
    return RecordRef("hubspot", kind, id_)


def action(kind: ActionKind, lead: str, key: str, record: str = "lead", **fields: Value) -> PlannedAction:
    """A planned action on a record, with a key like the planner's."""
    named = {"in_": "in", "from_": "from"}
    values = {named.get(name, name): value for name, value in fields.items()}
    return PlannedAction(f"rule.{key}", "rule", ref(lead, record), kind, values, {}, "why", "created", 0)


def task(lead: str, key: str, owner: str | None = None, **fields: Value) -> PlannedAction:
    """A call task due in a day."""
    given: Mapping[str, Value] = {
        "type": "call",
        "subject": "Call",
        "body": "Please call",
        "due": START + timedelta(days=1),
        "priority": "high",
        "owner": owner,
    }
    return action("task", lead, key, **{**given, **fields})


def states(receipts: Sequence[Receipt]) -> dict[str, str]:
    """What became of each key."""
    found = {receipt.key.removeprefix("rule."): receipt.state for receipt in receipts}
    assert len(found) == len(receipts), "one receipt for each key"
    return found  # type: ignore[return-value]
