"""What has to be seen to on a record whatever the rules say: offers that were answered or ran out, and open tasks of ours
whose owner is away. Pure; the steps become actions of the same plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time

from connector.domain.actions import action_key, rule_of_key
from connector.domain.decision import (
    ActionKind,
    Assignment,
    HeldMatch,
    Plan,
    PlannedAction,
    Reason,
    RecordPlan,
    Verdict,
)
from connector.domain.model import Activity, Offer, RecordState, Value
from rules import guards
from rules.binding import Binding
from rules.calendar import Clocks, WorkCalendar
from rules.condition import evaluate
from rules.contact import refuses_calls
from rules.desk import Desk
from rules.facts import Facts, task_type
from rules.model import Rule, barring_of, wanted_of
from rules.offers import DECLINED, NOT_TAKEN, SUBJECT_LENGTH, WITHDRAWN, Chain, ask, chains_of, offer_of, title
from rules.staff import Cover, Staff, cover_back, cover_for
from rules.template import render

ACCEPTED, TAKEN_BACK, AWAY = "accept@", "withdraw@", "away@"
"""How the occasions of steps begin that stand whatever the rule's conditions say by then."""

FIRST, SECOND = 1_000, 1_001
"""The positions of steps: beyond those of any rule's own actions, and a task is closed before the next one is asked."""


@dataclass(slots=True)
class Steps:
    """What is to be written, stored and told for one record."""

    actions: list[PlannedAction] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    waiting: list[HeldMatch] = field(default_factory=list)
    again: bool = False
    """Whether the record is to be looked at again at once: what was settled now may be another rule's occasion."""
    taken: bool = False
    """Whether somebody took the record just now: what a rule wants with its owner has to wait until they have it."""


class Upkeep:
    """Looks after the offers and open tasks of records, for one set of rules."""

    def __init__(self, binding: Binding, calendars: Clocks) -> None:
        self._binding = binding
        self._calendars = calendars
        self._rules: Mapping[str, Rule] = {rule.id: rule for rule in binding.rules}
        names = {found[1].if_nobody for rule in binding.rules if (found := offer_of(rule)) is not None}
        self._anybody_leaves = any(person.away for person in binding.persons.values())
        queues = ((name, binding.queue(name)) for name in names)
        self._queues = {name: queue.id for name, queue in queues if queue is not None}

    # -- when --------------------------------------------------------------------------------------------------------

    def is_due(self, facts: Facts) -> bool:
        """Whether anything has to be seen to now."""
        chains = (chain for _, chain in self._running(facts))
        if any(chain.is_news or chain.stand in ("accepted", "passed", "withdrawn") for chain in chains):
            return True
        return any(True for _ in self._moves(facts))

    def next_at(self, facts: Facts) -> datetime | None:
        """The next instant at which time alone changes that: an offer runs out, or the owner of a task of ours leaves."""
        staff = Staff(self._binding, facts.now)
        found: list[datetime] = []
        for rule, chain in self._running(facts):
            if chain.stand == "open":
                found.append(chain.settled.until)
            elif chain.stand == "passed":
                found += self._flips(rule, facts)
        for task in self._open_tasks(facts) if self._anybody_leaves else ():
            owner = staff.owner(task.actor)
            if owner is not None:
                found += [at for at in (staff.leaves(owner), cover_back(staff, owner, _due(task))) if at is not None]
        return min((at for at in found if at > facts.now), default=None)

    def told(self, verdict: Verdict, facts: Facts, waiting: str | None) -> Verdict:
        """The verdict of a rule with how its latest offers stand; `waiting` says why nobody is asked any more."""
        chains = [(found, chain) for found, chain in self._chains(facts) if found.id == verdict.rule]
        if not chains:
            return verdict
        rule, chain = max(chains, key=lambda each: each[1].last.at)
        reasons = (*verdict.reasons, *chain.reasons(self._calendar(rule, facts)))
        if chain.stand == "open":
            until = chain.last.until
            next_at = until if verdict.next_at is None else min(until, verdict.next_at)
            return replace(verdict, reasons=reasons, next_at=next_at)
        if waiting is None or verdict.outcome != "done":
            return replace(verdict, reasons=reasons)
        return replace(verdict, outcome="held", reasons=(*reasons, Reason("then.offer", False, waiting)))

    # -- what --------------------------------------------------------------------------------------------------------

    def kept(self, plan: Plan, due: Sequence[Facts], desk: Desk) -> Plan:
        """The plan with the steps for the records that are due, behind what their rules want."""
        records = {record.ref: record for record in plan.records}
        assignments, waiting = list(plan.assignments), list(plan.waiting)
        for facts in due:
            steps = self.steps(facts, desk)
            record = records[facts.record.ref]
            if steps.taken:
                record, put_off = _without_takers(record)
                assignments = [line for line in assignments if line.ref != record.ref or line.rule not in put_off]
            records[facts.record.ref] = _joined(record, steps, facts.now)
            assignments += steps.assignments
            waiting += steps.waiting
        return replace(plan, records=tuple(records.values()), assignments=tuple(assignments), waiting=tuple(waiting))

    def steps(self, facts: Facts, desk: Desk) -> Steps:
        """Everything to be done for a record now; turns are taken in the desk's ledger."""
        steps = Steps()
        for rule, chain in self._running(facts):
            if chain.is_news:
                steps.offers.append(chain.settled)
                steps.again = True
            match chain.stand:
                case "accepted":
                    steps.taken = steps.taken or chain.is_news
                    self._hand_over(rule, chain, facts, desk, steps)
                case "withdrawn":
                    self._withdraw(rule, chain, steps)
                case "passed":
                    self._pass_on(rule, chain, facts, desk, steps)
                case _:
                    pass
        for task, cover, first in self._moves(facts):
            steps.actions.append(_moved(facts.state, task, cover, first))
        return steps

    def _chains(self, facts: Facts) -> Sequence[tuple[Rule, Chain]]:
        if not facts.state.offers:
            return ()
        return chains_of(facts.state, facts.now, self._rules, self._queues)

    def _running(self, facts: Facts) -> Sequence[tuple[Rule, Chain]]:
        """The offers of rules that nobody has paused."""
        return [(rule, chain) for rule, chain in self._chains(facts) if facts.moment.pause_of(rule.id) is None]

    def _calendar(self, rule: Rule, facts: Facts) -> WorkCalendar:
        return self._calendars.local(facts.zone)[rule.calendar]

    def _hand_over(self, rule: Rule, chain: Chain, facts: Facts, desk: Desk, steps: Steps) -> None:
        """The rep who accepted becomes the owner."""
        found, taker = offer_of(rule), desk.staff.owner(chain.taker)
        if taker is None or not desk.staff.works(taker):
            taker = desk.staff.owner(chain.last.owner)
        if found is None or taker is None or not desk.staff.works(taker):
            why = f"{chain.last.person}, who took it, is not active in the CRM; give the record to somebody by hand"
            steps.waiting.append(HeldMatch(rule.id, facts.record.ref, why))
            return
        fields: dict[str, Value] = {"owner": taker.id, "owner_name": taker.name}
        if found[1].note is not None:
            calendar = self._calendar(rule, facts)
            fields["note"] = render(found[1].note, facts.record, calendar, desk.staff.name, taker.name)
        before = desk.staff.name(facts.owner_id or "")
        old: dict[str, Value] = {"owner": facts.owner_id}
        if before is not None:
            old["owner_name"] = before
        occasion = f"{ACCEPTED}{chain.last.key}"
        why = f"{taker.name} accepted the offer of pool {chain.last.pool}"
        steps.actions.append(_action(rule.id, facts.state, "reassign", fields, old, why, occasion, FIRST, _saw(facts)))

    def _withdraw(self, rule: Rule, chain: Chain, steps: Steps) -> None:
        """The record went another way: the task is closed, unless the record and its tasks are gone."""
        record = chain.state.record
        if chain.task is None or not chain.is_open or record.deleted or record.merged_into is not None:
            return
        why = f"{title(record)} is not on offer any more"
        occasion = f"{TAKEN_BACK}{chain.last.key}"
        steps.actions.append(_closed(rule.id, chain.state, chain.task, WITHDRAWN, why, occasion))

    def _pass_on(self, rule: Rule, chain: Chain, facts: Facts, desk: Desk, steps: Steps) -> None:
        """Ask the next member, who was not asked before, and close the task of the last one first."""
        found = offer_of(rule)
        calendar = self._calendar(rule, facts)
        if found is None or not self._still_wanted(rule, facts, calendar):
            return
        number = chain.last.round + 1
        occasion = f"{chain.last.occasion}#{number}"
        words = "declined it" if chain.settled.state == "rejected" else "did not take it in time"
        why = f"{rule.why.rstrip('.')} ({chain.last.person} {words})"
        key = action_key(rule.id, facts.record.ref, occasion, SECOND)
        asked = ask(
            found[1], rule, facts.state, desk, calendar,
            occasion=chain.last.occasion, key=key, why=why, round=number, barred=chain.asked,
        )  # fmt: skip
        if asked is None:
            self._leave(rule, chain, facts, desk, steps)
            return
        if chain.task is not None and chain.is_open:
            prefix = DECLINED if chain.settled.state == "rejected" else NOT_TAKEN
            steps.actions.append(_closed(rule.id, facts.state, chain.task, prefix, why, occasion, _saw(facts)))
        steps.actions.append(
            _action(rule.id, facts.state, "offer", asked.fields, {}, why, occasion, SECOND, _saw(facts))
        )
        steps.offers.append(asked.offer)
        steps.assignments.append(asked.line)
        desk.ledger.add(asked.line)

    def _leave(self, rule: Rule, chain: Chain, facts: Facts, desk: Desk, steps: Steps) -> None:
        """Nobody is left to ask: the record waits, and the last task can still be taken, or a queue gets it."""
        found, pool = offer_of(rule), chain.last.pool
        wanted = found[1].if_nobody if found is not None else "hold"
        queue = desk.staff.queue(wanted) if wanted != "hold" else None
        if queue is None:
            lacks = "" if wanted == "hold" else f", and the CRM has no queue {wanted}"
            why = f"nobody of pool {pool} is left to ask{lacks}; the last task can still be taken"
            steps.waiting.append(HeldMatch(rule.id, facts.record.ref, why))
            return
        why = f"nobody of pool {pool} took it"
        occasion = f"{chain.last.occasion}#queue"
        if facts.owner_id != queue.id:
            fields: dict[str, Value] = {"owner": queue.id, "owner_name": queue.name}
            old: dict[str, Value] = {"owner": facts.owner_id}
            given = _action(rule.id, facts.state, "reassign", fields, old, why, occasion, SECOND, _saw(facts))
            steps.actions.append(given)
        if chain.task is not None and chain.is_open:
            steps.actions.append(_closed(rule.id, facts.state, chain.task, NOT_TAKEN, why, occasion, _saw(facts)))

    def _still_wanted(self, rule: Rule, facts: Facts, calendar: WorkCalendar) -> bool:
        """Whether the rule's conditions let it ask one more member; for a deal that is closed by now, nobody is asked."""
        if guards.closed(rule, facts) is not None:
            return False
        calendars = self._calendars.local(facts.zone)
        wanted = all(evaluate(each, facts, calendar, calendars).holds is True for each in wanted_of(rule))
        return wanted and not any(evaluate(each, facts, calendar, calendars).stops for each in barring_of(rule))

    def _flips(self, rule: Rule, facts: Facts) -> Iterator[datetime]:
        """When time alone may change what the rule's conditions come to."""
        calendars = self._calendars.local(facts.zone)
        for condition in (*wanted_of(rule), *barring_of(rule)):
            at = evaluate(condition, facts, calendars[rule.calendar], calendars).flips_at
            if at is not None:
                yield at

    # -- people who are away -----------------------------------------------------------------------------------------

    def _open_tasks(self, facts: Facts) -> Iterator[Activity]:
        """The open tasks that rules of ours made on this record; offers run out by themselves."""
        offers = {offer.key for offer in facts.state.offers}
        for task in facts.activities:
            ours = task.key is not None and task.key not in offers and task.type == "task"
            if ours and facts.moment.pause_of(rule_of_key(task.key or "")) is not None:
                continue
            if ours and not task.done and not task.deferred and task.refs[:1] == (facts.record.ref,):
                yield task

    def _moves(self, facts: Facts) -> Iterator[tuple[Activity, Cover, date]]:
        """The tasks whose owner is away when they are due, with who does them instead, and the first day away."""
        if not self._anybody_leaves or guards.gone(facts.record) is not None:
            return
        staff = Staff(self._binding, facts.now)
        for task in self._open_tasks(facts):
            if _is_refused(task, facts):
                continue
            owner = staff.owner(task.actor)
            cover = cover_for(staff, owner, _due(task)) if owner is not None else None
            away = staff.away(cover.absent) if cover is not None else None
            if cover is not None and away is not None:
                yield task, cover, away.first


def recheck(action: PlannedAction, facts: Facts) -> Reason | None:
    """None when a step that does not hang on its rule's conditions still holds on the freshly read record."""
    record = facts.record
    seen = guards.gone(record)
    if seen is not None and not (record.converted and action.occasion.startswith(TAKEN_BACK)):
        return seen
    if action.kind == "reassign" and action.saw.get("owner", record.owner) != record.owner:
        return Reason("saw.owner", False, "owner changed since the decision")
    staff = Staff(facts.binding, facts.now)
    taker = staff.owner(str(action.fields["owner"])) if "owner" in action.fields else None
    if "owner" in action.fields and (taker is None or not staff.works(taker)):
        return Reason("then", False, "who was to get it is not active in the CRM any more")
    if action.kind == "amend" and taker is not None and staff.absent(taker):
        return Reason("then", False, f"{taker.name} is away, too")
    task = next((each for each in facts.activities if each.id == action.fields.get("task")), None)
    if action.occasion.startswith(AWAY) and task is not None and _is_refused(task, facts):
        return Reason("guard.do_not_call", True, "has refused calls")
    return None


def _is_refused(task: Activity, facts: Facts) -> bool:
    """Whether the task is a call that the prospect refuses by now: nobody else is sent to make it."""
    return task_type(task) == "call" and refuses_calls(facts.record)


def stands_alone(action: PlannedAction) -> bool:
    """Whether an action is a step of upkeep that does not hang on its rule's conditions."""
    return action.occasion.startswith((ACCEPTED, TAKEN_BACK, AWAY))


def _saw(facts: Facts) -> Mapping[str, Value]:
    fields = facts.record.fields
    return {name: fields[name] for name in ("opted_out", "owner", "status") if name in fields}


def _due(task: Activity) -> datetime:
    due = task.due if task.due is not None else task.at
    return due if isinstance(due, datetime) else datetime.combine(due, time(), UTC)


def _action(
    rule: str,
    state: RecordState,
    kind: ActionKind,
    fields: Mapping[str, Value],
    old: Mapping[str, Value],
    why: str,
    occasion: str,
    position: int,
    saw: Mapping[str, Value],
) -> PlannedAction:
    ref = state.record.ref
    key = action_key(rule, ref, occasion, position)
    return PlannedAction(key, rule, ref, kind, fields, old, why, occasion, position, saw)


def _closed(
    rule: str,
    state: RecordState,
    task: Activity,
    prefix: str,
    why: str,
    occasion: str,
    saw: Mapping[str, Value] | None = None,
) -> PlannedAction:
    """An offer's task is closed; its subject says how, so that nobody takes it for done."""
    fields: dict[str, Value] = {"task": task.id, "subject": f"{prefix}{task.subject}"[:SUBJECT_LENGTH], "done": True}
    old: dict[str, Value] = {"subject": task.subject, "done": False}
    return _action(rule, state, "amend", fields, old, why, occasion, FIRST, saw or {})


def _joined(plan: RecordPlan, steps: Steps, now: datetime) -> RecordPlan:
    """A record's plan with the steps; what waits for a person stays due, so that every pass says so."""
    ends = [offer.until for offer in steps.offers if offer.state == "open"]
    ends += [now] if steps.again or steps.waiting else []
    return replace(
        plan,
        actions=(*plan.actions, *steps.actions),
        offers=(*plan.offers, *steps.offers),
        next_at=min((at for at in (plan.next_at, *ends) if at is not None), default=None),
    )


def _without_takers(plan: RecordPlan) -> tuple[RecordPlan, frozenset[str]]:
    """The plan without the matches that would give the record to somebody else, and whose rules those are."""
    every = (*plan.actions, *plan.held)
    out = {(action.rule, action.occasion) for action in every if action.kind in ("reassign", "offer")}
    kept = replace(
        plan,
        actions=tuple(each for each in plan.actions if (each.rule, each.occasion) not in out),
        held=tuple(each for each in plan.held if (each.rule, each.occasion) not in out),
        marks=tuple(each for each in plan.marks if (each.rule, each.occasion) not in out),
        offers=tuple(each for each in plan.offers if (each.rule, each.occasion) not in out),
    )
    return kept, frozenset(rule for rule, _ in out)


def _moved(state: RecordState, task: Activity, cover: Cover, first: date) -> PlannedAction:
    """An open task goes to who covers for its owner; the subject says for whom."""
    subject = f"{task.subject} (for {cover.absent.name}, away until {cover.last})"[:SUBJECT_LENGTH]
    fields: dict[str, Value] = {"task": task.id, "owner": cover.owner.id, "subject": subject}
    old: dict[str, Value] = {"owner": cover.absent.id, "subject": task.subject}
    why = f"{cover.absent.name} is away until {cover.last}; {cover.owner.name} does the {task_type(task)} task"
    rule = rule_of_key(task.key or "")
    return _action(rule, state, "amend", fields, old, why, f"{AWAY}{first}#{task.id}", FIRST, {})
