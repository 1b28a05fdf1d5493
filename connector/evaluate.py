"""Deciding: the records that are due are given to the rules, and what they decide is committed before anything is written.

Only changed or due records are looked at. Each chunk commits its new deadlines; the matches of the whole pass are then
planned together, since caps, conflicts and turns in a pool are matters of the whole pass (T2: outbox, marks, deadline
and trace of a record in one commit).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

from connector.domain.model import Adoption, Decision, Moment, Owner, Plan, RecordPlan, RecordRef
from connector.domain.ports import Rulebook, Store, UnitOfWork

CHUNK = 500
"""Records evaluated, and committed, at a time: bounds memory and the length of a transaction."""

LEDGER_DAYS = 400
"""How far back the fairness ledger is read for a pool's next turn, in days."""


@dataclass(slots=True)
class Evaluation:
    """What came of a pass's evaluation: how many records were looked at, the plan, and what became baseline."""

    evaluated: int = 0
    plan: Plan = field(default_factory=Plan)
    baseline: dict[str, int] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)


def evaluate(
    store: Store,
    rulebook: Rulebook,
    crm: str,
    now: datetime,
    owners: Sequence[Owner],
    run: str,
    progress: Callable[[str, int], None] = lambda _s, _n: None,
) -> Evaluation:
    """Evaluate all that is due and commit the plan to the outbox."""
    moment = _moment(store, rulebook, crm, now, owners, keep=True)
    result, decisions = _decide(store, rulebook, moment, run, progress, keep=True)
    result.plan = rulebook.plan(decisions, moment)
    _commit(store, result.plan, run, now)
    with store.begin() as uow:
        fresh = [replace(adoption, baselined=True) for adoption in moment.adoptions.values() if not adoption.baselined]
        uow.adopt(fresh)
    return result


def preview(
    store: Store,
    rulebook: Rulebook,
    crm: str,
    now: datetime,
    owners: Sequence[Owner],
    progress: Callable[[str, int], None] = lambda _s, _n: None,
) -> Evaluation:
    """What `evaluate` would decide now; nothing of it is committed."""
    moment = _moment(store, rulebook, crm, now, owners, keep=False)
    result, decisions = _decide(store, rulebook, moment, "", progress, keep=False)
    result.plan = rulebook.plan(decisions, moment)
    return result


def commit_only(store: Store, plan: Plan, run: str, now: datetime) -> None:
    """Commit a plan that was decided and shown before."""
    _commit(store, plan, run, now)


def moment_of(
    uow: UnitOfWork, crm: str, now: datetime, owners: Sequence[Owner], adoptions: Mapping[str, Adoption] | None = None
) -> Moment:
    """Everything outside a record that decisions depend on, from the store."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    fired = uow.fired_counts(midnight)
    return Moment(
        now=now,
        crm=crm,
        owners=tuple(owners),
        adoptions=uow.adoptions() if adoptions is None else adoptions,
        assignments=tuple(uow.assignments(now - timedelta(days=LEDGER_DAYS))),
        backfilled={rule: count for (rule, owner), count in fired.items() if not owner},
        fired_today=fired,
        population=uow.population(),
    )


def _moment(
    store: Store, rulebook: Rulebook, crm: str, now: datetime, owners: Sequence[Owner], *, keep: bool
) -> Moment:
    """Meets the rules that are new here: their records all become due, so that what already matches is found."""
    with store.begin() as uow:
        known = dict(uow.adoptions())
        new = [Adoption(rule.id, now, False) for rule in rulebook.rules if rule.id not in known]
        unfinished = any(not adoption.baselined for adoption in known.values())
        fingerprint = _fingerprint(rulebook, owners)
        if new or unfinished or uow.setting("decided_by") != fingerprint:
            # A deadline was worked out by the rules and people of that time: when they change, none can be trusted.
            for kind in sorted({rule.kind for rule in rulebook.rules}):
                uow.mark_all_due(kind, now)
        if keep:
            uow.adopt(new)
            uow.save_setting("decided_by", fingerprint)
        known.update({adoption.rule: adoption for adoption in new})
        return moment_of(uow, crm, now, owners, known)


def _fingerprint(rulebook: Rulebook, owners: Sequence[Owner]) -> str:
    """A digest of everything but records and time that decisions depend on."""
    people = sorted((owner.id, owner.active, owner.manager or "") for owner in owners)
    rules = sorted((rule.id, rule.fingerprint) for rule in rulebook.rules)
    return sha256(repr((rules, people)).encode()).hexdigest()


def _decide(
    store: Store,
    rulebook: Rulebook,
    moment: Moment,
    run: str,
    progress: Callable[[str, int], None],
    *,
    keep: bool,
) -> tuple[Evaluation, list[Decision]]:
    result = Evaluation()
    matched: list[Decision] = []
    for decisions in _chunks(store, rulebook, moment):
        quiet = [decision for decision in decisions if not decision.matches]
        matched += [decision for decision in decisions if decision.matches]
        for decision in decisions:
            result.alarms += decision.alarms
            for mark in decision.marks:
                if mark.kind == "baseline":
                    result.baseline[mark.rule] = result.baseline.get(mark.rule, 0) + 1
        if keep:
            with store.begin() as uow:
                for decision in quiet:
                    plan = RecordPlan(decision.state.record.ref, marks=decision.marks, next_at=decision.next_at)
                    uow.commit_plan(plan, run, moment.now)
        result.evaluated += len(decisions)
        progress("evaluate", result.evaluated)
    return result, matched


def _chunks(store: Store, rulebook: Rulebook, moment: Moment) -> Iterator[Sequence[Decision]]:
    after: RecordRef | None = None
    while True:
        with store.begin() as uow:
            refs = uow.due(moment.now, CHUNK, after)
            states = uow.states(refs)
        if not refs:
            return
        after = refs[-1]
        yield rulebook.evaluate(states, moment)


def _commit(store: Store, plan: Plan, run: str, now: datetime) -> None:
    for start in range(0, len(plan.records), CHUNK):
        records = plan.records[start : start + CHUNK]
        refs = {record.ref for record in records}
        with store.begin() as uow:
            for record in records:
                uow.commit_plan(record, run, now)
            uow.save_assignments([line for line in plan.assignments if line.ref in refs])
