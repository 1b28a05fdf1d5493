"""Leads a replay from pass to pass: what the shards find due is planned together, as one pass does it in life."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol

from connector.domain.decision import Assignment, Decision, Moment, Plan, RecordPlan
from connector.domain.model import Owner, RecordRef
from connector.domain.replay import Answer, Census, Deed, Gap, Order, Played, Shift, Stay
from rules.replay.shard import NEVER, Field, next_look, pass_of
from rules.rulebook import FileRulebook

ALARMS = 20
"""Alarms that are told one by one."""


class Door(Protocol):
    """A shard, wherever it works: orders go in to all of them before the first answer is waited for."""

    def told(self) -> tuple[frozenset[Field], frozenset[Field]]:
        """The fields whose history reaches back, and those of which any change is stored."""
        ...

    def begin(self, told: frozenset[Field], changed: frozenset[Field]) -> Census:
        """Place the records in time."""
        ...

    def ask(self, order: Order) -> None:
        """Give an order."""
        ...

    def answer(self) -> Answer:
        """What came of the last order."""
        ...


class Conductor:
    """One replay; `play` may be called once.

    `ledger` is the fairness ledger as it stood when the replay begins.
    """

    def __init__(
        self,
        rulebook: FileRulebook,
        doors: Sequence[Door],
        passes: Sequence[datetime],
        crm: str,
        owners: Sequence[Owner],
        ledger: Sequence[Assignment] = (),
    ) -> None:
        self._rulebook = rulebook
        self._doors = doors
        self._passes = passes
        self._moment = Moment(passes[0], crm, tuple(owners))
        self._needs = rulebook.needs()
        self._ledger = list(ledger)
        self._played = Played()
        self._fired: Counter[tuple[str, str]] = Counter()
        self._today: date | None = None
        self._written: set[str] = set()
        self._stays: set[tuple[str, RecordRef, str]] = set()
        self._weights = _Weights()
        self._of: dict[RecordRef, int] = {}

    def play(self, progress: Callable[[str, int], None] = lambda _s, _n: None) -> Played:
        """Make every pass at which anything is due, and say what the rules would have done."""
        told = [door.told() for door in self._doors]
        reaching, changed = (frozenset[Field]().union(*(each[at] for each in told)) for at in (0, 1))
        censuses = [door.begin(reaching, changed) for door in self._doors]
        population = _Population(censuses)
        played = self._played
        played.gaps, played.records = _joined(censuses), population.size
        number = min(census.first for census in censuses)
        last, plans = 0, tuple[RecordPlan, ...]()
        while number != NEVER:
            now = self._passes[number]
            self._new_day(now)
            answers = self._asked(number, last, plans)
            decisions = self._heard(answers)
            plan = self._plan(decisions, now, population) if decisions else Plan()
            last, plans = number, plan.records
            again = (pass_of(self._passes, next_look(record, now), number) for record in plan.records)
            number = min((*(answer.next for answer in answers), *again), default=NEVER)
            played.passes += 1
            progress(f"replaying {now:%Y-%m-%d}", played.evaluated)
        return played

    def _asked(self, number: int, last: int, plans: Sequence[RecordPlan]) -> Sequence[Answer]:
        """What every shard finds at a pass; each gets the plans of its own records first."""
        backfilled = {rule: count for (rule, owner), count in self._fired.items() if not owner}
        of_door: list[list[RecordPlan]] = [[] for _ in self._doors]
        for plan in plans:
            of_door[self._of[plan.ref]].append(replace(plan, reasons={}, held=()))
        for door, mine in zip(self._doors, of_door, strict=True):
            door.ask(Order(number, last, mine, backfilled))
        return [door.answer() for door in self._doors]

    def _heard(self, answers: Sequence[Answer]) -> Sequence[Decision]:
        """The decisions to plan, in the order of their records."""
        played = self._played
        found: list[Decision] = []
        for at, answer in enumerate(answers):
            played.evaluated += answer.evaluated
            played.alarms += answer.alarms[: max(0, ALARMS - len(played.alarms))]
            for rule, count in answer.baseline.items():
                played.baseline[rule] = played.baseline.get(rule, 0) + count
            for shift in answer.shifts:
                self._weights.take(shift)
            found += answer.decisions
            self._of.update((decision.state.record.ref, at) for decision in answer.decisions)
        return sorted(found, key=lambda decision: decision.state.record.ref)

    def _new_day(self, now: datetime) -> None:
        """Caps per day count from midnight in UTC, as in life."""
        if now.date() != self._today:
            self._today = now.date()
            self._fired.clear()

    # -- a pass with something to do -------------------------------------------------------------------------------

    def _plan(self, decisions: Sequence[Decision], now: datetime, population: _Population) -> Plan:
        companies = {str(each.state.record.fields.get("company") or "").strip().casefold() for each in decisions}
        moment = replace(
            self._moment,
            now=now,
            assignments=tuple(self._ledger),
            backfilled={rule: count for (rule, owner), count in self._fired.items() if not owner},
            fired_today=dict(self._fired),
            population=population.at(now),
            loads=self._weights.loads() if self._needs.loads else {},
            company_owners=self._weights.company_owners(companies - {""}) if self._needs.companies else {},
        )
        plan = self._new(self._rulebook.plan(decisions, moment))
        owners = {each.state.record.ref: each.state.record.owner for each in decisions}
        self._note(plan, now, owners)
        self._ledger += plan.assignments
        self._played.assignments += plan.assignments
        return plan

    def _new(self, plan: Plan) -> Plan:
        """The plan without the steps of a match that were carried out before, as in life."""
        every = [action for record in plan.records for action in (*record.actions, *record.held)]
        known = {action.key for action in every if action.key in self._written}
        self._written.update(action.key for action in every)
        if not known:
            return plan
        records = [
            replace(
                record,
                actions=tuple(action for action in record.actions if action.key not in known),
                held=tuple(action for action in record.held if action.key not in known),
            )
            for record in plan.records
        ]
        turns = {(each.record, each.rule) for each in every if each.key in known and each.kind in ("reassign", "offer")}
        lines = tuple(line for line in plan.assignments if (line.ref, line.rule) not in turns)
        return replace(plan, records=tuple(records), assignments=lines)

    def _note(self, plan: Plan, now: datetime, owners: Mapping[RecordRef, str | None]) -> None:
        """Keep what was done, and count it for the day's caps."""
        played = self._played
        for record in plan.records:
            owner = owners[record.ref]
            played.deeds += [Deed(now, action, owner) for action in record.actions]
            for action in record.held:
                caps = (reason.text for reason in record.reasons.get(action.key, ()) if reason.path == "limit")
                played.deeds.append(Deed(now, action, owner, next(caps, "over its limit")))
            for mark in record.marks:
                if mark.kind == "fired":
                    self._fired[mark.rule, ""] += 1
                    if owner:
                        self._fired[mark.rule, owner] += 1
        for kept in (*plan.held, *plan.waiting):
            key = (kept.rule, kept.record, kept.why)
            if key not in self._stays:
                self._stays.add(key)
                played.stays.append(Stay(now, kept.rule, kept.record, kept.why))


class _Population:
    """How many live records of each kind there were."""

    def __init__(self, censuses: Sequence[Census]) -> None:
        kinds = sorted({kind for census in censuses for kind in census.entered})
        self._entered = {kind: sorted(at for each in censuses for at in each.entered.get(kind, ())) for kind in kinds}
        self._gone = {kind: sorted(at for each in censuses for at in each.gone.get(kind, ())) for kind in kinds}

    @property
    def size(self) -> int:
        """How many records take part in the replay at all."""
        return sum(map(len, self._entered.values()))

    def at(self, now: datetime) -> Mapping[str, int]:
        """Per kind, at an instant."""
        return {
            kind: bisect_right(entered, now) - bisect_right(self._gone[kind], now)
            for kind, entered in self._entered.items()
        }


class _Weights:
    """Open records per owner, and who knows a company, kept up to date by what changes about single records."""

    def __init__(self) -> None:
        self._stands: dict[RecordRef, Shift] = {}
        self._loads: Counter[str] = Counter()
        self._had: dict[str, set[tuple[RecordRef, str]]] = {}

    def take(self, shift: Shift) -> None:
        before = self._stands.get(shift.ref)
        if before is not None and before.counts and before.owner:
            self._loads[before.owner] -= 1
        if shift.counts and shift.owner:
            self._loads[shift.owner] += 1
        if shift.company and shift.owner:
            self._had.setdefault(shift.company, set()).add((shift.ref, shift.owner))
        self._stands[shift.ref] = shift

    def loads(self) -> Mapping[str, int]:
        return {owner: count for owner, count in self._loads.items() if count}

    def company_owners(self, companies: set[str]) -> Mapping[str, tuple[str, ...]]:
        found = {}
        for company in sorted(companies & self._had.keys()):
            counts = Counter(owner for _, owner in self._had[company])
            found[company] = tuple(owner for owner, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        return found


def _joined(censuses: Sequence[Census]) -> Sequence[Gap]:
    """The gaps of all shards together."""
    found: dict[tuple[str, str, str], Gap] = {}
    for gap in (gap for census in censuses for gap in census.gaps):
        key = (gap.what, gap.kind, gap.field)
        other = found.get(key)
        untils = [each.until for each in (gap, other) if each is not None and each.until is not None]
        count = gap.records + (other.records if other is not None else 0)
        found[key] = replace(gap, records=count, until=max(untils, default=None))
    order = {"unknown": 0, "assumed": 1, "ended": 2}
    return sorted(found.values(), key=lambda gap: (order[gap.what], gap.kind, gap.field))
