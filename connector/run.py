"""One pass under the lock: look up what was left, read, decide, write; then say in figures what was done."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

from connector.deadletters import refused
from connector.dispatch import Dispatcher, LastLook, WriteCounts
from connector.domain.decision import EVERYTHING, Plan, RunSummary, pause_of
from connector.domain.errors import (
    ConfigError,
    FollowupError,
    Problem,
    QuotaSpentError,
    RetryableError,
    StoreError,
)
from connector.domain.model import CrmSchema, Needs, Owner
from connector.domain.ports import Adapter, Clock, Rulebook
from connector.domain.storage import Store
from connector.domain.undone import UNDO
from connector.evaluate import Evaluation, commit_only, evaluate, moment_of, preview, settle
from connector.ingest import ReadCounts, ingest
from connector.notices import Would, pause_lines, refused_lines, stops_unseen, unseen_lines, would_have
from connector.shown import ShownPlan, restricted
from connector.undo import unfinished

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_CONFIG = 2
EXIT_LEFT_OVER = 3
EXIT_CHANGES = 4

STOPPED = "asked to stop: what was read is kept, the next pass decides and writes"
STANDS_STILL = "everything is paused: what was read is kept, nothing was decided or written"
BROKEN_OFF = "the pass was broken off; what was committed before is kept, and the next pass goes on"

Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Connection:
    """What one pass works with; built by `bootstrap`."""

    crm: str
    clock: Clock
    store: Store
    rulebook: Rulebook
    adapter: Adapter
    stop: threading.Event = field(default_factory=threading.Event)
    keep_traces: timedelta = timedelta(days=90)
    keep_snapshots: timedelta = timedelta(days=400)
    broken: PassResult | None = None
    """How far the last pass came that ended in an error."""


@dataclass(slots=True)
class PassResult:
    """What a pass did: the summary that is stored, and what a person may want to read beside it."""

    summary: RunSummary
    plan: Plan = field(default_factory=Plan)
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    baseline: Mapping[str, int] = field(default_factory=dict)
    writes: WriteCounts = field(default_factory=WriteCounts)
    people: Mapping[str, str] = field(default_factory=dict)
    would: Mapping[str, Would] = field(default_factory=dict)
    """What the rules that are new here would have done about their baseline."""

    @property
    def exit_code(self) -> int:
        """The documented exit code."""
        return EXIT_FAILED if self.summary.exit_code is None else self.summary.exit_code


def run_pass(connection: Connection, progress: Progress = lambda _s, _n: None) -> PassResult:
    """One pass: read, decide, write, confirm. Raises only what ends it; everything done until then is kept."""
    return Pass(connection, "run", progress).go()


def apply_plan(connection: Connection, shown: ShownPlan, progress: Progress = lambda _s, _n: None) -> PassResult:
    """Exactly the given plan, of which only what today's evaluation still decides is written."""
    return Pass(connection, "apply", progress).go(shown)


def plan_pass(connection: Connection, progress: Progress = lambda _s, _n: None) -> PassResult:
    """Read the CRM and say what a pass would write; nothing is written to the CRM and no rule is adopted."""
    return Pass(connection, "plan", progress).look()


class Pass:
    """One pass from its lock to its line in the log; an undo is made of the same parts."""

    def __init__(self, connection: Connection, command: str, progress: Progress) -> None:
        self._c = connection
        self._progress = progress
        self._now = connection.clock.now()
        self._summary = RunSummary(
            f"{self._now:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}", connection.crm, self._now, command, None, None
        )
        self._read = ReadCounts()
        self._read_calls = 0
        self._evaluation = Evaluation()
        self._writes = WriteCounts()
        self._problems: tuple[Problem, ...] = ()
        self._people: dict[str, str] = {}
        self._strays: tuple[str, ...] = ()
        self._only: frozenset[str] | None = None
        self._gone = 0
        self._still = False
        self._blind = False
        self._refused = 0

    def look(self) -> PassResult:
        """The dry pass behind `plan`."""
        with self._c.store.lock():
            needs, owners = self._prepare()
            self._ingest(needs)
            self._evaluation = self._preview(owners)
            if self._c.stop.is_set():
                raise RetryableError("asked to stop before the plan was complete; run `followup plan` again")
        changes = bool(self._evaluation.plan.actions)
        return self._result(EXIT_CHANGES if changes else EXIT_DONE, "")

    def go(self, only: ShownPlan | None = None) -> PassResult:
        """The writing pass behind `run` and `apply`."""
        with self._c.store.lock():
            self._start()
            with self._recorded():
                needs, owners = self._prepare()
                dispatcher = self._dispatcher(needs, owners)
                doubtful = dispatcher.recover()
                self._ingest(needs)
                if not self._c.stop.is_set():
                    dispatcher.conclude(doubtful)
                # A decision on half of what there is to read would be another decision: it waits for the next pass.
                if not self._c.stop.is_set() and not self._stands_still():
                    self._decide(owners, only)
                if not self._c.stop.is_set():
                    self._dispatcher(needs, owners).work(self._only)
                    if only is None and self._writes.confirmed:
                        self._settle(owners)
                elif not self._writes.stopped:
                    self._writes.stopped = STOPPED
                self._prune()
            return self._finish()

    def _stands_still(self) -> bool:
        """Whether a person paused everything: then nothing is decided, and nothing is written."""
        with self._c.store.begin() as uow:
            self._still = EVERYTHING in uow.pauses()
        if self._still:
            self._writes.stopped = STANDS_STILL
        return self._still

    def _start(self) -> None:
        with self._c.store.begin() as uow:
            self._summary = _in_order(self._summary, uow.runs(1))
            uow.start_run(self._summary)

    def _prepare(self) -> tuple[Needs, tuple[Owner, ...]]:
        """Describe the CRM, meet its people, and bind the rules to both."""
        rulebook = self._c.rulebook
        schema, owners = self._described(rulebook.needs())
        rulebook.bind(schema, owners)
        self._strays = tuple(
            f"statuses.{word} in followup.yaml is mapped to {value}, which is no status of a lead: it matches nothing"
            for word, value in sorted(schema.stray_statuses.items())
        ) + unseen_lines(schema.hidden, rulebook.needs().kinds)
        self._blind = stops_unseen(schema.hidden, rulebook.rules)
        self._problems = tuple(rulebook.problems)
        if not rulebook.rules:
            first = f": {self._problems[0]}" if self._problems else ""
            raise ConfigError(f"no rule can run; `followup check` lists what is wrong{first}", self._problems)
        return rulebook.needs(), owners

    def _described(self, needs: Needs) -> tuple[CrmSchema, tuple[Owner, ...]]:
        source = self._c.adapter.source
        schema = source.describe(needs)
        owners = tuple(source.owners())
        self._people = {owner.id: owner.name for owner in owners}
        with self._c.store.begin() as uow:
            uow.save_schema(schema)
            uow.save_owners(owners)
        return schema, owners

    def _ingest(self, needs: Needs) -> None:
        before, dropped = self._c.adapter.api_calls, self._dropped()
        try:
            c = self._c
            ingest(c.adapter.source, c.store, needs, self._now, self._progress, c.stop.is_set, self._read)
            # Of two leads that have become one, only one keeps an action that both had on its way.
            self._writes.dropped += self._dropped() - dropped
        finally:
            self._read_calls = self._c.adapter.api_calls - before

    def _dropped(self) -> int:
        with self._c.store.begin() as uow:
            return uow.outbox_counts().get("dropped", 0)

    def _decide(self, owners: tuple[Owner, ...], only: ShownPlan | None) -> None:
        c = self._c
        if only is None:
            run, stop = self._summary.id, c.stop.is_set
            self._evaluation = evaluate(c.store, c.rulebook, c.crm, self._now, owners, run, self._progress, stop)
            return
        self._evaluation = self._preview(owners)
        if c.stop.is_set():
            return
        plan, self._gone = restricted(self._evaluation.plan, only, self._now)
        with c.store.begin() as uow:
            pauses = uow.pauses()
        paused = tuple(each for each in self._evaluation.plan.waiting if pause_of(pauses, each.rule) is not None)
        self._evaluation.plan = replace(plan, waiting=paused)
        self._writes.dropped += self._gone
        self._only = frozenset(action.key for action in plan.actions)
        commit_only(c.store, plan, self._summary.id, self._now)

    def _settle(self, owners: tuple[Owner, ...]) -> None:
        """What was written is looked at again, for when it is next due."""
        c, known = self._c, self._evaluation.alarms
        found = settle(c.store, c.rulebook, c.crm, self._now, owners, self._summary.id, c.stop.is_set)
        known += [alarm for alarm in found if alarm not in known]

    def _preview(self, owners: tuple[Owner, ...]) -> Evaluation:
        c = self._c
        return preview(c.store, c.rulebook, c.crm, self._now, owners, self._progress, c.stop.is_set)

    def _dispatcher(self, needs: Needs, owners: tuple[Owner, ...], last_look: LastLook | None = None) -> Dispatcher:
        c = self._c
        with c.store.begin() as uow:
            moment = moment_of(uow, c.crm, self._now, owners)
        dispatcher = Dispatcher(
            c.store, c.adapter, last_look or c.rulebook, needs, moment, self._summary.id, c.stop.is_set, self._progress
        )
        dispatcher.counts = self._writes
        return dispatcher

    def _prune(self) -> None:
        """Once a day, and when `keep` has changed: it looks at all that was ever written, and `keep` counts in days."""
        traces, snapshots = self._c.keep_traces, self._c.keep_snapshots
        done = f"{self._now:%Y-%m-%d}: {traces.days}, {snapshots.days}"
        with self._c.store.begin() as uow:
            if uow.setting("pruned") != done:
                uow.prune(self._now - traces, self._now - snapshots)
                uow.save_setting("pruned", done)

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """A pass that ends in an error is closed in the log with its message; the error goes on to the caller."""
        code, message = EXIT_FAILED, BROKEN_OFF
        ended = False
        try:
            yield
            ended = True
        except FollowupError as error:
            code = EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_FAILED
            if isinstance(error, QuotaSpentError):
                code = EXIT_LEFT_OVER
            message = str(error)
            raise
        finally:
            if not ended:
                self._close(code, message)

    def _close(self, code: int, message: str) -> None:
        """Note in the log how the pass failed; where the state cannot even take that, the first error is the one told."""
        with suppress(StoreError):
            result = self._c.broken = self._result(code, message)
            with self._c.store.begin() as uow:
                uow.finish_run(result.summary)

    def _finish(self) -> PassResult:
        result = self._result(None, self._writes.stopped)
        left = result.summary.counts
        failed = self._writes.failed or self._refused or self._blind
        wrong = any((left["held"], failed, left["left_over"], self._problems, self._evaluation.alarms))
        code = EXIT_LEFT_OVER if wrong or self._still or self._c.stop.is_set() else EXIT_DONE
        result.summary = replace(result.summary, exit_code=code)
        with self._c.store.begin() as uow:
            uow.finish_run(result.summary)
        return result

    def _result(self, exit_code: int | None, message: str) -> PassResult:
        plan = self._evaluation.plan
        with self._c.store.begin() as uow:
            outbox, kept, pauses = uow.outbox_counts(), uow.held(), uow.pauses()
            stands = [entry for entry in uow.outbox(("pending", "held")) if entry.action.rule != UNDO] if pauses else []
            broken_off = unfinished(uow) if self._summary.command != UNDO else ()
            self._refused = refused(uow)
        # A plan holds nothing yet: it counts what a run would hold. A run counts all that waits for a release.
        would = sum(len(record.held) for record in plan.records)
        planned = self._summary.command == "plan"
        held = would if planned else sum(each.actions for each in kept)
        waiting = [*plan.waiting, *(match for match in plan.held if planned or not match.marked)]
        counts: dict[str, object] = {
            "read": {
                "calls": self._read_calls,
                "records": self._read.records,
                "activities": self._read.activities,
                "changes": self._read.changes,
                "echoes": self._read.echoes,
            },
            "evaluated": self._evaluation.evaluated,
            "planned": len(plan.actions) + self._gone,
            "held": held + len(waiting),
            "dropped": self._writes.dropped,
            "written": {
                "calls": self._writes.calls,
                "confirmed": self._writes.confirmed,
                "failed": self._writes.failed,
                "unknown": self._writes.unknown,
            },
            "api_calls": self._c.adapter.api_calls,
            "left_over": sum(outbox.get(state, 0) for state in ("pending", "claimed", "unknown")),
        }
        summary = replace(
            self._summary,
            finished=_later(self._c.clock.now(), self._now),
            exit_code=exit_code,
            counts=counts,
            message=message,
        )
        paused = pause_lines(pauses, Counter(match.rule for match in plan.waiting), stands)
        notices = (*self._strays, *paused, *plan.notices, *self._evaluation.alarms, *broken_off)
        notices += () if planned else refused_lines(self._refused)
        found = self._evaluation
        old = would_have(found.would, self._c.rulebook.rules)
        return PassResult(summary, plan, self._problems, notices, found.baseline, self._writes, self._people, old)


def _in_order(summary: RunSummary, last: Sequence[RunSummary]) -> RunSummary:
    """The pass with an id that sorts behind that of a pass which began at the same instant."""
    stamp, _, end = summary.id.partition("-")
    before = last[0].id.partition("-") if last else ("", "", "")
    number = int(before[2][:3], 16) + 1 if before[0] == stamp else 0
    return replace(summary, id=f"{stamp}-{number:03x}{end[:3]}")


def _later(one: datetime, other: datetime) -> datetime:
    """A clock may step back during a pass; no run ends before it began."""
    return max(one, other)
