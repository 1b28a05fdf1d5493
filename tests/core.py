"""A world in memory for tests of the application core: a CRM of dictionaries, rules of a few lines, and the real store."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.clock import FixedClock
from connector.domain.actions import action_key
from connector.domain.decision import (
    Adoption,
    Assignment,
    Decision,
    Match,
    Moment,
    OutboxEntry,
    Plan,
    PlannedAction,
    Reason,
    Receipt,
    RecordPlan,
    RuleInfo,
    Verdict,
)
from connector.domain.errors import Problem
from connector.domain.model import (
    Activity,
    Change,
    CrmSchema,
    Mark,
    Needs,
    Owner,
    Page,
    Record,
    RecordRef,
    RecordState,
    Value,
)
from connector.domain.ports import Held
from connector.domain.storage import UnitOfWork
from connector.run import Connection
from connector.store import open_store
from connector.store.sql_store import SqlStore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

ANA, BEN = Owner("005A", "Ana"), Owner("005B", "Ben")
NEEDS = Needs(history={"lead": frozenset({"status", "owner"})})


def ref(id_: str) -> RecordRef:
    """A lead."""
    return RecordRef("fake", "lead", id_)


def lead(id_: str = "1", version: int = 1, **fields: Any) -> Record:
    """A lead of Ana's; its version is also the minute of its last change."""
    life = {name: fields.pop(name) for name in ("deleted", "converted", "merged_into") if name in fields}
    values: dict[str, Value] = {"owner": ANA.id, "status": "new", **fields}
    return Record(ref(id_), values, NOW - DAY, NOW - HOUR + version * MINUTE, str(version), **life)


def call(id_: str, *leads: str, version: str = "1", **more: Any) -> Activity:
    """A call about these leads."""
    return Activity(id_, "call", tuple(ref(one) for one in leads), NOW - HOUR, version, "outbound", ANA.id, **more)


def change(id_: str, new: Value, lead_: str = "1", name: str = "status", old: Value = "new", **more: Any) -> Change:
    """A change that the CRM's own history tells."""
    values: dict[str, Any] = {"at": NOW - 30 * MINUTE, **more}
    return Change(id_, ref(lead_), name, old, new, **values)


def page(
    *found: Record | Activity | Change, cursor: str = "1", stream: str = "all", enrollments: tuple[Any, ...] = ()
) -> Page:
    """A page with these things on it."""
    return Page(
        stream,
        cursor,
        records=tuple(one for one in found if isinstance(one, Record)),
        activities=tuple(one for one in found if isinstance(one, Activity)),
        changes=tuple(one for one in found if isinstance(one, Change)),
        enrollments=enrollments,
    )


class FakeSource:
    """Hands out prepared pages, once each; an exception among them is raised in its turn."""

    def __init__(self) -> None:
        self.pages: list[Page | Exception] = []
        self.now: dict[RecordRef, Record] = {}
        self.reread_error: Exception | None = None
        self.rereads = 0
        self.cursors: list[str | None] = []
        self.describe_error: Exception | None = None
        self.people: Sequence[Owner] = (ANA, BEN)

    def describe(self, needs: Needs) -> CrmSchema:
        if self.describe_error is not None:
            raise self.describe_error
        return CrmSchema("fake", {"lead": {}})

    def owners(self) -> Sequence[Owner]:
        return self.people

    def streams(self, needs: Needs) -> Sequence[str]:
        return list(dict.fromkeys(one.stream for one in self.pages if isinstance(one, Page))) or ["all"]

    def read(self, stream: str, cursor: str | None, needs: Needs) -> Iterator[Page]:
        self.cursors.append(cursor)
        for one in list(self.pages):
            if isinstance(one, Exception):
                self.pages.remove(one)
                raise one
            if one.stream == stream:
                self.pages.remove(one)
                yield one

    def reread(self, refs: Sequence[RecordRef], needs: Needs) -> Mapping[RecordRef, Record]:
        self.rereads += 1
        if self.reread_error is not None:
            raise self.reread_error
        return {one: self.now[one] for one in refs if one in self.now}


class FakeSink:
    """Settles what it is given as told: by default every write lands, and every look-up finds what landed."""

    def __init__(self, source: FakeSource) -> None:
        self.source = source
        self.size = 100
        self.sent: list[PlannedAction] = []
        self.landed: dict[str, str] = {}
        self.lookups: list[str] = []
        self.answer: Callable[[Sequence[PlannedAction]], Sequence[Receipt]] | None = None
        self.look: Callable[[Sequence[PlannedAction]], Sequence[Receipt]] | None = None

    def batch_size(self, kind: str) -> int:
        return self.size

    def apply(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        assert len({action.kind for action in actions}) == 1
        assert len(actions) <= self.size
        self.sent += actions
        if self.answer is not None:
            return self.answer(actions)
        return [self.land(action) for action in actions]

    def land(self, action: PlannedAction) -> Receipt:
        """The effect of a write, and its receipt."""
        assert action.key not in self.landed, f"{action.key} was written twice"
        self.landed[action.key] = f"x{len(self.landed)}"
        record = self.source.now.get(action.record)
        if record is not None and action.kind in ("set", "reassign"):
            names = ("owner",) if action.kind == "reassign" else tuple(action.fields)
            fields = {**record.fields, **{name: action.fields[name] for name in names}}
            version = int(record.version) + 1
            self.source.now[action.record] = replace(
                record, fields=fields, version=str(version), modified=record.modified + MINUTE
            )
        return Receipt(action.key, "confirmed", self.landed[action.key])

    def look_up(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        self.lookups += [action.key for action in actions]
        if self.look is not None:
            return self.look(actions)
        return [
            Receipt(action.key, "confirmed", self.landed[action.key], already=True)
            if action.key in self.landed
            else Receipt(action.key, "retry", message="not there")
            for action in actions
        ]


class FakeCensus:
    """Counts the leads of a FakeSource; everything up to `read_to` counts as read."""

    margin = HOUR

    def __init__(self, source: FakeSource) -> None:
        self.source = source
        self.read_to: datetime | None = NOW - HOUR
        self.calls = 0

    def count(self, stream: str, since: datetime | None, until: datetime, needs: Needs) -> int | None:
        self.calls += 1
        return len(self._made(since, until)) if stream == "lead" else None

    def ids(self, stream: str, since: datetime | None, until: datetime, needs: Needs) -> Sequence[str]:
        self.calls += 1
        return self._made(since, until)

    def _made(self, since: datetime | None, until: datetime) -> list[str]:
        live = [one for one in self.source.now.values() if not one.deleted and one.merged_into is None]
        return [one.ref.id for one in live if one.created < until and (since is None or since <= one.created)]

    def held(self, stream: str, ids: Sequence[str]) -> Mapping[str, Held]:
        return {}

    def stream_of(self, activity: str, lives: frozenset[str], needs: Needs) -> str | None:
        return None

    def reached(self, stream: str, cursor: str | None) -> datetime | None:
        return self.read_to

    def rewound(self, stream: str, cursor: str | None, to: datetime) -> str:
        return f"from {to.isoformat()}"


class FakeAdapter:
    """Both halves, the census, and a count of calls."""

    name = "fake"

    def __init__(self) -> None:
        self.source = FakeSource()
        self.sink = FakeSink(self.source)
        self.census = FakeCensus(self.source)

    @property
    def api_calls(self) -> int:
        return len(self.sink.sent) + self.census.calls

    def doctor(self, needs: Needs) -> Sequence[Any]:
        return ()

    def close(self) -> None:
        return None


Step = tuple[str, Mapping[str, Value]]


class FakeRulebook:
    """Rule `go`: a lead whose status is `go` gets the steps, once. What already matched at adoption is baseline."""

    def __init__(self, *steps: Step) -> None:
        self.steps: Sequence[Step] = steps or (("task", {"subject": "Call", "owner": ANA.id}),)
        self.ids = ["go"]
        self.problems: tuple[Problem, ...] = ()
        self.fingerprint = "1"
        self.seen: list[RecordRef] = []
        self.moments: list[Moment] = []
        self.alarms: tuple[str, ...] = ()
        self.next_at: datetime | None = None
        self.takers = ["ana", "ben"]
        self.pool = False
        self.held = False
        self.on_evaluate: Callable[[], None] = lambda: None

    @property
    def rules(self) -> Sequence[RuleInfo]:
        return [RuleInfo(id_, "why", "rules.yaml", 1, "lead", self.fingerprint) for id_ in self.ids]

    def needs(self) -> Needs:
        return NEEDS

    def bind(self, schema: CrmSchema, owners: Sequence[Owner]) -> Sequence[Problem]:
        return ()

    def evaluate(self, states: Sequence[RecordState], moment: Moment) -> Sequence[Decision]:
        self.moments.append(moment)
        self.seen += [state.record.ref for state in states]
        self.on_evaluate()
        return [self._decide(state, moment) for state in states]

    def _decide(self, state: RecordState, moment: Moment) -> Decision:
        matches, marks = [], []
        for rule in self.ids:
            dealt = any(mark.rule == rule for mark in state.marks)
            if state.record.status != "go" or state.record.deleted or dealt:
                continue
            if not moment.adoptions[rule].baselined:
                marks.append(Mark(rule, "o", "", moment.now, "baseline"))
            else:
                matches.append(Match(rule, state.record.ref, "o", "", moment.now))
        return Decision(state, tuple(matches), tuple(marks), self.next_at, alarms=self.alarms)

    def plan(self, decisions: Sequence[Decision], moment: Moment) -> Plan:
        records, lines = [], []
        for decision in decisions:
            record, actions = decision.state.record, []
            for match in decision.matches:
                saw = dict(record.fields)
                for position, (kind, fields) in enumerate(self.steps):
                    if kind in ("reassign", "offer") and self.pool:
                        turn = (len(moment.assignments) + len(lines)) % 2
                        fields = {"owner": (ANA, BEN)[turn].id}
                        lines.append(Assignment("pool", self.takers[turn], record.ref, match.rule, moment.now, ""))
                    key = action_key(match.rule, record.ref, "o", position)
                    actions.append(
                        PlannedAction(key, match.rule, record.ref, kind, fields, {}, "why", "o", position, dict(saw))  # type: ignore[arg-type]
                    )
                    if kind in ("set", "reassign"):
                        saw.update(fields)
            marks = [Mark(m.rule, "o", "", moment.now, "held" if self.held else "fired") for m in decision.matches]
            going, held = ((), tuple(actions)) if self.held else (tuple(actions), ())
            records.append(RecordPlan(record.ref, going, held, (*decision.marks, *marks), decision.next_at))
        return Plan(tuple(records), tuple(lines))

    def recheck(self, action: PlannedAction, state: RecordState, moment: Moment) -> Reason | None:
        if state.record.deleted or state.record.merged_into is not None:
            return Reason("saw", False, "gone")
        for name in ("owner", "status"):
            if action.saw.get(name) != state.record.fields.get(name):
                return Reason(f"saw.{name}", False, f"{name} changed since the decision")
        return None

    def explain(self, state: RecordState, moment: Moment) -> Sequence[Verdict]:
        return ()


@dataclass
class World:
    """A store, a CRM and a rule, and passes over them."""

    store: SqlStore = field(default_factory=lambda: open_store("sqlite://", clock=FixedClock(NOW)))
    adapter: FakeAdapter = field(default_factory=FakeAdapter)
    rulebook: FakeRulebook = field(default_factory=FakeRulebook)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        weakref.finalize(self, self.store.close)

    @property
    def source(self) -> FakeSource:
        """The CRM's reading half."""
        return self.adapter.source

    @property
    def sink(self) -> FakeSink:
        """The CRM's writing half."""
        return self.adapter.sink

    def connection(self) -> Connection:
        """What a pass works with."""
        return Connection("fake", self.clock, self.store, self.rulebook, self.adapter, self.stop)

    def put(self, *records: Record, **more: Any) -> None:
        """These records are in the CRM, and the next reading brings them."""
        for record in records:
            self.source.now[record.ref] = record
        self.source.pages.append(page(*records, **more))

    def adopted(self) -> World:
        """The rule has been here for long."""
        with self.store.begin() as uow:
            uow.adopt([Adoption(rule, NOW - 30 * DAY, True) for rule in self.rulebook.ids])
        return self

    def state(self, id_: str = "1") -> RecordState:
        """All that is stored of a lead."""
        with self.store.begin() as uow:
            [found] = uow.states([ref(id_)])
        return found

    def due(self, now: datetime = NOW) -> list[str]:
        """The ids of the leads that are due."""
        with self.store.begin() as uow:
            return [one.id for one in uow.due(now, 10_000)]

    def outbox(self) -> dict[str, OutboxEntry]:
        """The outbox as `lead/position` -> entry."""
        with self.store.begin() as uow:
            return {f"{one.action.record.id}/{one.action.position}": one for one in uow.outbox()}

    def states(self) -> dict[str, str]:
        """The outbox as `lead/position` -> state."""
        return {name: entry.state for name, entry in self.outbox().items()}

    def evaluated(self) -> None:
        """Nothing is due any more."""
        with self.store.begin() as uow:
            for one in uow.due(NOW + 1000 * DAY, 10_000):
                uow.commit_plan(RecordPlan(one), "r", NOW)

    def unit(self) -> UnitOfWork:
        """A transaction of its own that is never closed in the test: for reading only."""
        return self.store.begin().__enter__()
