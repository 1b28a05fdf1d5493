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

from connector.domain.decision import PAUSES_CHANGED, Adoption, Decision, Moment, Plan, RecordPlan
from connector.domain.model import Owner, Record, RecordRef, Value
from connector.domain.ports import Rulebook
from connector.domain.storage import Store, UnitOfWork

CHUNK = 500
"""Records evaluated, and committed, at a time: bounds memory and the length of a transaction."""

ALARMS = 20
"""Alarms that are told one by one; what goes wrong on every record of an org is told once and counted."""

TURNS = ("reassign", "offer")
"""Kinds of action that may take somebody's turn in a pool."""

LATELY = timedelta(hours=1)
"""How far back the breaker looks for what a rule matched, so that a bulk edit that comes in portions is one storm."""

STEPPED_BACK = timedelta(minutes=10)
"""From here on a clock that is behind the last decision has been set back, and is not merely being adjusted."""

LEDGER_DAYS = 400
"""How far back the fairness ledger is read for a pool's next turn, in days."""


@dataclass(slots=True)
class Evaluation:
    """What came of a pass's evaluation: how many records were looked at, the plan, and what became baseline."""

    evaluated: int = 0
    plan: Plan = field(default_factory=Plan)
    baseline: dict[str, int] = field(default_factory=dict)
    would: dict[str, int] = field(default_factory=dict)
    """Records on which each rule would have acted but for that."""
    alarms: list[str] = field(default_factory=list)


def evaluate(
    store: Store,
    rulebook: Rulebook,
    crm: str,
    now: datetime,
    owners: Sequence[Owner],
    run: str,
    progress: Callable[[str, int], None] = lambda _s, _n: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Evaluate all that is due and commit the plan to the outbox.

    Asked to stop in between, it plans nothing: what was not decided stays due.
    """
    moment = _moment(store, rulebook, crm, now, owners, keep=True)
    result, decisions = _decide(store, rulebook, moment, run, progress, should_stop, keep=True)
    if should_stop():
        return result
    result.plan = _undone(store, rulebook.plan(decisions, _weighed(store, rulebook, moment, decisions)))
    _commit(store, result.plan, run, now)
    with store.begin() as uow:
        # A rule that does not run just now, or is paused, has dealt with no record: its baseline is still to be taken.
        met = [moment.adoptions[rule.id] for rule in rulebook.rules if moment.pause_of(rule.id) is None]
        uow.adopt([replace(adoption, baselined=True) for adoption in met if not adoption.baselined])
    return result


def preview(
    store: Store,
    rulebook: Rulebook,
    crm: str,
    now: datetime,
    owners: Sequence[Owner],
    progress: Callable[[str, int], None] = lambda _s, _n: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """What `evaluate` would decide now; nothing of it is committed."""
    moment = _moment(store, rulebook, crm, now, owners, keep=False)
    result, decisions = _decide(store, rulebook, moment, "", progress, should_stop, keep=False)
    if not should_stop():
        result.plan = _undone(store, rulebook.plan(decisions, _weighed(store, rulebook, moment, decisions)))
    return result


def settle(
    store: Store,
    rulebook: Rulebook,
    crm: str,
    now: datetime,
    owners: Sequence[Owner],
    run: str,
    should_stop: Callable[[], bool] = lambda: False,
) -> Sequence[str]:
    """Work out anew when the records that were written to are to be looked at, now that the writes stand there.

    So a task of ours that nobody does is late in time, and a quiet CRM leaves the next pass nothing to look at. What a
    rule wants to do about them already stays due for that pass. The alarms are returned: nobody looks a second time.
    """
    with store.begin() as uow:
        moment = moment_of(uow, crm, now, owners)
    if should_stop():
        return ()
    return _decide(store, rulebook, moment, run, lambda _stage, _count: None, should_stop, keep=True)[0].alarms


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
        lately=uow.matched_lately(now - LATELY),
        pauses=uow.pauses(),
    )


def weighed(uow: UnitOfWork, rulebook: Rulebook, moment: Moment, records: Sequence[Record]) -> Moment:
    """The moment with what turns in a pool are weighed by, as far as the rules hand out by it: loads, companies."""
    needs = rulebook.needs()
    companies = {str(record.fields.get("company") or "").strip().casefold() for record in records}
    return replace(
        moment,
        loads=uow.loads() if needs.loads and records else moment.loads,
        company_owners=uow.company_owners(sorted(companies - {""})) if needs.companies else moment.company_owners,
    )


def _weighed(store: Store, rulebook: Rulebook, moment: Moment, decisions: Sequence[Decision]) -> Moment:
    with store.begin() as uow:
        return weighed(uow, rulebook, moment, [decision.state.record for decision in decisions])


def _moment(
    store: Store, rulebook: Rulebook, crm: str, now: datetime, owners: Sequence[Owner], *, keep: bool
) -> Moment:
    """Meets the rules that are new here: their records all become due, so that what already matches is found."""
    with store.begin() as uow:
        known = dict(uow.adoptions())
        new = [Adoption(rule.id, now, False) for rule in rulebook.rules if rule.id not in known]
        fingerprint = _fingerprint(rulebook, owners, uow.setting(PAUSES_CHANGED))
        last = uow.setting("decided_at")
        set_back = isinstance(last, datetime) and now < last - STEPPED_BACK
        if new or set_back or uow.setting("decided_by") != fingerprint:
            # A deadline was worked out by the rules, people, pauses and clock of that time: when they change, none can be
            # trusted.
            for kind in sorted({rule.kind for rule in rulebook.rules}):
                uow.mark_all_due(kind, now)
        if keep:
            uow.adopt(new)
            uow.save_setting("decided_by", fingerprint)
            uow.save_setting("decided_at", now)
        known.update({adoption.rule: adoption for adoption in new})
        return moment_of(uow, crm, now, owners, known)


def _fingerprint(rulebook: Rulebook, owners: Sequence[Owner], pauses: Value) -> str:
    """A digest of everything but records and time that decisions depend on; `pauses` changes with every change of them."""
    people = sorted((owner.id, owner.active, owner.manager or "") for owner in owners)
    rules = sorted((rule.id, rule.fingerprint) for rule in rulebook.rules)
    return sha256(repr((rules, people, pauses)).encode()).hexdigest()


def _decide(
    store: Store,
    rulebook: Rulebook,
    moment: Moment,
    run: str,
    progress: Callable[[str, int], None],
    should_stop: Callable[[], bool],
    *,
    keep: bool,
) -> tuple[Evaluation, list[Decision]]:
    result = Evaluation()
    matched: list[Decision] = []
    alarms = 0
    for decisions in _chunks(store, rulebook, moment):
        quiet = [decision for decision in decisions if not decision.matches and not decision.upkeep]
        matched += [decision for decision in decisions if decision.matches or decision.upkeep]
        for decision in decisions:
            result.alarms += decision.alarms[: max(0, ALARMS - alarms)]
            alarms += len(decision.alarms)
            for mark in decision.marks:
                if mark.kind == "baseline":
                    result.baseline[mark.rule] = result.baseline.get(mark.rule, 0) + 1
            for rule in decision.would:
                result.would[rule] = result.would.get(rule, 0) + 1
        if keep:
            with store.begin() as uow:
                for decision in quiet:
                    plan = RecordPlan(decision.state.record.ref, marks=decision.marks, next_at=decision.next_at)
                    uow.commit_plan(plan, run, moment.now)
        result.evaluated += len(decisions)
        progress("evaluate", result.evaluated)
        if should_stop():
            break
    if alarms > ALARMS:
        result.alarms.append(f"{alarms - ALARMS} more records and rules are alike")
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


def _undone(store: Store, plan: Plan) -> Plan:
    """The plan without the steps of a match that were carried out, or are on their way, since an earlier decision.

    Nobody's turn is taken by a step that is not written again.
    """
    keys = [action.key for record in plan.records for action in (*record.actions, *record.held)]
    with store.begin() as uow:
        known = {key for key, entry in uow.entries(keys).items() if entry.state != "dropped"}
    if not known:
        return plan
    records = [
        replace(
            record,
            actions=tuple(action for action in record.actions if action.key not in known),
            held=tuple(action for action in record.held if action.key not in known),
            offers=tuple(offer for offer in record.offers if offer.state != "open" or offer.key not in known),
        )
        for record in plan.records
    ]
    every = [action for record in plan.records for action in (*record.actions, *record.held)]
    handed = {(action.record, action.rule) for action in every if action.key in known and action.kind in TURNS}
    lines = tuple(line for line in plan.assignments if (line.ref, line.rule) not in handed)
    return replace(plan, records=tuple(records), assignments=lines)


def _commit(store: Store, plan: Plan, run: str, now: datetime) -> None:
    for start in range(0, len(plan.records), CHUNK):
        records = plan.records[start : start + CHUNK]
        refs = {record.ref for record in records}
        with store.begin() as uow:
            for record in records:
                uow.commit_plan(record, run, now)
            uow.save_assignments([line for line in plan.assignments if line.ref in refs])
