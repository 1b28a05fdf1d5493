"""Where the shards of a replay work: in this process, or each in one of its own that reads its records from the state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection

from connector.clock import FixedClock
from connector.domain.errors import FollowupError, StoreError
from connector.domain.model import CrmSchema, Owner, RecordRef
from connector.domain.replay import Answer, Census, Order, OurWrites
from connector.domain.storage import Store
from connector.store import open_store
from rules.model import RuleSet
from rules.replay.conduct import Door
from rules.replay.shard import Field, Shard
from rules.rulebook import FileRulebook

CHUNK = 400
"""Records read from the state at a time."""

ENGINE = "plain"
"""Both engines decide alike (a test holds them together); this one is the faster one, record by record."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that a shard needs to begin, in a form that can be sent to another process."""

    store_url: str
    ruleset: RuleSet
    crm: str
    owners: tuple[Owner, ...]
    schema: CrmSchema | None
    passes: tuple[datetime, ...]
    share: int = 0
    of: int = 1

    def rulebook(self) -> FileRulebook:
        """The rules, bound to the CRM as it was described last."""
        rulebook = FileRulebook(self.ruleset, engine=ENGINE)
        rulebook.bind(self.schema, self.owners)
        return rulebook

    def shard(self) -> Shard:
        """The share of the state's records, read and ready."""
        shard = Shard(self.rulebook(), self.passes, self.crm, self.owners, self.schema)
        store = open_store(self.store_url, clock=FixedClock(self.passes[-1]))
        try:
            ours = our_writes(store)
            for refs in self._refs(store, sorted(shard.kinds)):
                with store.begin() as uow:
                    shard.add(uow.states(refs), ours)
        finally:
            store.close()
        return shard

    def _refs(self, store: Store, kinds: Sequence[str]) -> Iterator[Sequence[RecordRef]]:
        for kind in kinds:
            after: RecordRef | None = None
            while True:
                with store.begin() as uow:
                    refs = uow.refs(kind, CHUNK, after, gone=True)
                if not refs:
                    break
                after = refs[-1]
                yield refs[self.share :: self.of]


def our_writes(store: Store) -> Mapping[RecordRef, OurWrites]:
    """What followup confirmed on each record."""
    made: dict[RecordRef, dict[str, datetime]] = defaultdict(dict)
    members: dict[str, dict[RecordRef, dict[str, datetime]]] = {
        "enroll": defaultdict(dict),
        "unenroll": defaultdict(dict),
    }
    with store.begin() as uow:
        entries = uow.outbox(("confirmed",))
    for entry in entries:
        action, at = entry.action, entry.updated
        if at is None:
            continue
        made[action.record][action.key] = at
        if action.kind in members:
            name = str(action.fields.get("in") or action.fields.get("from"))
            members[action.kind][action.record][name] = at
    enrolled, unenrolled = members["enroll"], members["unenroll"]
    return {ref: OurWrites(keys, enrolled.get(ref, {}), unenrolled.get(ref, {})) for ref, keys in made.items()}


class InlineDoor:
    """A shard in this process."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._answer: Answer | None = None

    def told(self) -> tuple[frozenset[Field], frozenset[Field]]:
        return self._shard.told(), self._shard.changed()

    def begin(self, told: frozenset[Field], changed: frozenset[Field]) -> Census:
        return self._shard.begin(told, changed)

    def ask(self, order: Order) -> None:
        self._answer = self._shard.look(order)

    def answer(self) -> Answer:
        assert self._answer is not None  # noqa: S101 - an order always comes first
        return self._answer


class ProcessDoor:
    """A shard in a process of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _heard(self) -> object:
        try:
            found: object = self._connection.recv()
        except EOFError:
            raise StoreError("a process of the replay ended in the middle; try again with --processes 1") from None
        if isinstance(found, FollowupError):
            raise found
        return found

    def told(self) -> tuple[frozenset[Field], frozenset[Field]]:
        found = self._heard()
        assert isinstance(found, tuple)  # noqa: S101 - our own process on the other side
        return found

    def begin(self, told: frozenset[Field], changed: frozenset[Field]) -> Census:
        self._connection.send((told, changed))
        census = self._heard()
        assert isinstance(census, Census)  # noqa: S101 - our own process on the other side
        return census

    def ask(self, order: Order) -> None:
        self._connection.send(order)

    def answer(self) -> Answer:
        answer = self._heard()
        assert isinstance(answer, Answer)  # noqa: S101 - our own process on the other side
        return answer


def serve(connection: Connection, job: Job) -> None:
    """The life of a shard's process: it ends when nobody asks any more."""
    try:
        shard = job.shard()
        connection.send((shard.told(), shard.changed()))
        connection.send(shard.begin(*connection.recv()))
        while True:
            connection.send(shard.look(connection.recv()))
    except EOFError:
        return
    except FollowupError as error:
        connection.send(error)


@contextmanager
def doors(job: Job, processes: int) -> Iterator[Sequence[Door]]:
    """The shards of a replay, in so many processes; this one is the last, so that it works while the others do."""
    context = get_context("spawn")
    found: list[Door] = []
    with ExitStack() as stack:
        for share in range(processes - 1):
            ours, theirs = context.Pipe()
            mine = replace(job, share=share, of=processes)
            process = context.Process(target=serve, args=(theirs, mine), daemon=True)
            process.start()
            theirs.close()
            stack.callback(process.join, 10)
            stack.callback(ours.close)
            found.append(ProcessDoor(ours))
        yield [*found, InlineDoor(replace(job, share=processes - 1, of=processes).shard())]
