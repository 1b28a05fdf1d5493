"""Undoing a pass, as a pass: look up what was left, read, plan, write back what is still ours, and say what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.dispatch import CLAIM
from connector.domain.decision import (
    OutboxEntry,
    OutboxState,
    Plan,
    PlannedAction,
    Receipt,
    RecordPlan,
    RunSummary,
    is_of,
)
from connector.domain.errors import PermanentError
from connector.domain.model import Needs, Owner, Record, RecordRef, RecordState
from connector.domain.storage import UnitOfWork
from connector.domain.undone import UNDO, undo_key
from connector.evaluate import moment_of
from connector.run import EXIT_DONE, EXIT_LEFT_OVER, Connection, Pass, Progress
from connector.undo import Known, Left, StillOurs, Undoing, plan_undo

EVERY_RUN = 1_000_000

PUT_ASIDE = "a later undo looked at it anew"

_PLANNED_ANEW: Sequence[OutboxState] = ("pending", "failed", "dead")

_STILL_OPEN: Mapping[str, str] = {
    "pending": "not taken back yet: `followup undo` of the pass goes on with it",
    "claimed": "not taken back yet: `followup undo` of the pass goes on with it",
    "unknown": "the CRM has not told whether it was taken back: `followup undo` of the pass looks it up",
}


@dataclass(slots=True)
class UndoResult:
    """What an undo did: the pass it took back, its writes as they ended, and what is left as it is.

    In a dry run `writes` are what would be written, all pending. `before` counts what was taken back earlier.
    """

    undoes: RunSummary
    summary: RunSummary
    writes: tuple[OutboxEntry, ...] = ()
    left: tuple[Left, ...] = ()
    before: int = 0
    people: Mapping[str, str] = field(default_factory=dict)

    @property
    def undone(self) -> tuple[OutboxEntry, ...]:
        """The writes that took something back."""
        return tuple(entry for entry in self.writes if entry.state == "confirmed")

    @property
    def exit_code(self) -> int:
        """The documented exit code; of a dry run, what the undo would end with."""
        return EXIT_LEFT_OVER if self.summary.exit_code is None else self.summary.exit_code


def undo_pass(
    connection: Connection, run: str, rule: str | None = None, progress: Progress = lambda _s, _n: None
) -> UndoResult:
    """Take back what a pass wrote, or of it what one rule did. PermanentError when there is no such pass, or several."""
    return _UndoPass(connection, progress).take_back(run, rule)


def plan_of_undo(
    connection: Connection, run: str, rule: str | None = None, progress: Progress = lambda _s, _n: None
) -> UndoResult:
    """What `undo_pass` would do now; the CRM is read, and nothing is written to it or to the outbox."""
    return _UndoPass(connection, progress).look_at(run, rule)


class _UndoPass(Pass):
    """A pass whose writes take back those of another one."""

    def __init__(self, connection: Connection, progress: Progress) -> None:
        super().__init__(connection, UNDO, progress)
        self._undoes = self._summary
        self._entries: tuple[OutboxEntry, ...] = ()

    def look_at(self, run: str, rule: str | None) -> UndoResult:
        with self._c.store.lock():
            self._aim(run, rule)
            needs, owners = self._prepare()
            self._read_on()
            plan = self._plan(needs, owners)
        would = tuple(OutboxEntry(action, "pending", "") for action in plan.actions)
        return self._told(would, plan, EXIT_LEFT_OVER if plan.left else EXIT_DONE, 0)

    def take_back(self, run: str, rule: str | None) -> UndoResult:
        with self._c.store.lock():
            self._aim(run, rule)
            unfinished = f"takes back {self._undoes.id}; it did not end: `followup undo {self._undoes.id}` finishes it"
            self._summary = replace(self._summary, message=unfinished)
            self._start()
            with self._recorded():
                needs, owners = self._prepare()
                dispatcher = self._dispatcher(needs, owners, StillOurs())
                doubtful = dispatcher.recover()
                self._read_on()
                dispatcher.conclude(doubtful)
                plan = self._plan(needs, owners)
                self._commit(plan)
                for turn in sorted({action.position for action in plan.actions}):
                    keys = frozenset(action.key for action in plan.actions if action.position == turn)
                    self._dispatcher(needs, owners, StillOurs()).work(keys, undo=True)
            return self._end(plan)

    def _aim(self, run: str, rule: str | None) -> None:
        """Find the pass and what it wrote."""
        with self._c.store.begin() as uow:
            self._undoes = _run_of(uow.runs(EVERY_RUN), run)
            entries = [entry for entry in uow.outbox(run=self._undoes.id) if entry.action.rule != UNDO]
        wrote = sorted({entry.action.rule for entry in entries})
        if rule is not None:
            entries = [entry for entry in entries if is_of(entry.action.rule, rule)]
            if not entries:
                there = f"these did: {', '.join(wrote)}" if wrote else "no rule did"
                raise PermanentError(f"the rule {rule} wrote nothing in {self._undoes.id}; {there}")
        self._entries = tuple(entries)

    def _prepare(self) -> tuple[Needs, tuple[Owner, ...]]:
        """Describe the CRM for the fields that are put back, too; that no rule runs any more is no hindrance."""
        rulebook = self._c.rulebook
        schema, owners = self._described(_widened(rulebook.needs(), self._entries))
        rulebook.bind(schema, owners)
        return _widened(rulebook.needs(), self._entries), owners

    def _read_on(self) -> None:
        """Read what is new, as any pass does: what people did since is the reason to leave a write."""
        if self._c.rulebook.rules:
            self._ingest(self._c.rulebook.needs())

    def _plan(self, needs: Needs, owners: tuple[Owner, ...]) -> Undoing:
        c = self._c
        refs = sorted({entry.action.record for entry in self._entries})
        fresh: dict[RecordRef, Record] = {}
        for start in range(0, len(refs), CLAIM):
            fresh.update(c.adapter.source.reread(refs[start : start + CLAIM], needs))
        with c.store.begin() as uow:
            stored = {state.record.ref: state for state in uow.states(refs)}
            states: dict[RecordRef, RecordState] = {
                ref: replace(stored[ref], record=record) for ref, record in fresh.items() if ref in stored
            }
            writes = {ref: uow.our_writes(ref) for ref in refs}
            moment = moment_of(uow, c.crm, self._now, owners)
            entries = uow.entries([entry.action.key for entry in self._entries])
        return plan_undo(tuple(entries.values()), Known(states, writes, moment, c.adapter.sink.lasting))

    def _commit(self, plan: Undoing) -> None:
        """T2 of an undo. The records are due at once: the next pass decides on what stands there then."""
        of_record: dict[RecordRef, list[PlannedAction]] = {}
        for action in plan.actions:
            of_record.setdefault(action.record, []).append(action)
        plans = tuple(RecordPlan(ref, tuple(actions), next_at=self._now) for ref, actions in of_record.items())
        self._evaluation.plan = Plan(plans)
        with self._c.store.begin() as uow:
            self._put_aside(uow)
            for each in plans:
                uow.commit_plan(each, self._summary.id, self._now)

    def _put_aside(self, uow: UnitOfWork) -> None:
        """What an earlier undo left undone was worked out on what stood there then: it is planned anew, or left by now."""
        known = uow.entries([undo_key(entry.action) for entry in self._entries])
        stale = [key for key, entry in known.items() if entry.state in _PLANNED_ANEW]
        uow.settle([Receipt(key, "dropped", message=PUT_ASIDE) for key in stale], self._now)

    def _end(self, plan: Undoing) -> UndoResult:
        with self._c.store.begin() as uow:
            stored = uow.entries([action.key for action in plan.actions])
            originals = uow.entries([entry.action.occasion for entry in stored.values()])
        writes = tuple(stored[action.key] for action in plan.actions)
        for entry in writes:
            if entry.state != "confirmed":
                why = _STILL_OPEN.get(entry.state) or entry.message or f"the CRM refused it ({entry.state})"
                plan.left.append(Left(originals[entry.action.occasion], why))
        code = EXIT_LEFT_OVER if plan.left or self._writes.stopped else EXIT_DONE
        result = self._told(writes, plan, code, sum(entry.state in _STILL_OPEN for entry in writes))
        with self._c.store.begin() as uow:
            uow.finish_run(result.summary)
        return result

    def _told(self, writes: Sequence[OutboxEntry], plan: Undoing, code: int, open_ones: int) -> UndoResult:
        done = sum(entry.state == "confirmed" for entry in writes)
        message = f"takes back {self._undoes.id}: {done} taken back, {len(plan.left)} left"
        summary = self._result(code, message).summary
        if self._writes.stopped:
            summary = replace(summary, message=f"{summary.message}; {self._writes.stopped}")
        own = {"held": 0, "left_over": open_ones, "undoes": self._undoes.id}
        summary = replace(summary, counts={**summary.counts, **own})
        return UndoResult(self._undoes, summary, tuple(writes), tuple(plan.left), plan.before, self._people)

    def _close(self, code: int, message: str) -> None:
        super()._close(code, f"{self._summary.message}. {message}")


def _run_of(runs: Sequence[RunSummary], text: str) -> RunSummary:
    """The pass that is meant: by its id, the beginning of it, or `latest`, which is never an undo."""
    passes = [run for run in runs if run.command != UNDO]
    if text == "latest":
        found = passes[:1]
    else:
        found = [run for run in runs if run.id == text] or [run for run in runs if text and run.id.startswith(text)]
    if not found:
        raise PermanentError(f"there is no pass {text}; `followup log` lists them")
    if len(found) > 1:
        ids = ", ".join(run.id for run in found[:5]) + (" and more" if len(found) > 5 else "")
        raise PermanentError(f"{text} is the beginning of several passes: name one of {ids}")
    if found[0].command == UNDO:
        raise PermanentError(
            f"{found[0].id} is an undo itself and is not undone: `followup show {found[0].id}` tells what it put back, "
            "for a person to correct"
        )
    return found[0]


def _widened(needs: Needs, entries: Sequence[OutboxEntry]) -> Needs:
    """What the rules want to know, and whatever else is put back."""
    fields = dict(needs.fields)
    for entry in entries:
        action = entry.action
        names = set(action.fields) if action.kind == "set" else set()
        fields[action.record.kind] = fields.get(action.record.kind, frozenset()) | names | {"owner", "status"}
    return replace(needs, kinds=needs.kinds | {entry.action.record.kind for entry in entries}, fields=fields)
