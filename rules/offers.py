"""Offers: what the task says by which a member of a pool takes a record, and how the offers of one occasion stand.

A rep completes the task to take the record, and sets it to Deferred or deletes it to decline. Silence until the hour it
names counts as no. Then the next member is asked; each offer of an occasion is one round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Literal

from connector.domain.actions import rule_of_key
from connector.domain.decision import Assignment, Reason
from connector.domain.model import Activity, Change, Offer, Record, RecordState, Value
from connector.domain.undone import UNDONE, is_undone
from rules import guards
from rules.actions import OfferAction
from rules.calendar import WorkCalendar
from rules.compare import shown
from rules.desk import Desk
from rules.model import Rule
from rules.routing import choose
from rules.staff import owner_chain
from rules.template import one_line

SUBJECT_LENGTH = 255
"""Characters; the length of Task.Subject in Salesforce. HubSpot allows more."""

NOT_TAKEN, DECLINED, WITHDRAWN = "Not taken in time: ", "Declined: ", "Withdrawn: "
"""How the subject of an offer's task begins once we have closed it ourselves: that is nobody's acceptance."""

Stand = Literal["open", "accepted", "passed", "withdrawn", "over"]
"""Where the offers of an occasion stand: one waits for an answer; one was accepted and the record is to be handed over;
the next member is to be asked; the record went another way and the task is to be closed; nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A member who is asked: the task's fields, the offer's row, and the line of the ledger."""

    fields: Mapping[str, Value]
    offer: Offer
    line: Assignment


def ask(
    action: OfferAction,
    rule: Rule,
    state: RecordState,
    desk: Desk,
    calendar: WorkCalendar,
    *,
    occasion: str,
    key: str,
    why: str,
    round: int = 1,
    barred: Collection[str] = (),
) -> Ask | None:
    """Ask the member of the action's pool whose turn it is; None when nobody is left. Takes no turn by itself.

    Whoever owns the record, or is in `barred`, is not asked.
    """
    pool = desk.team.pools[action.pool]
    out = {*barred, state.record.owner or "", *(owner_chain(state) if action.except_previous else ())}
    chosen = choose(pool, state, desk, how=action.how, match=action.match, barred=out)
    if chosen is None:
        return None
    until = calendar.add(desk.now, action.accept_within)
    offer = Offer(
        state.record.ref, rule.id, occasion, round, pool.name, chosen.person, chosen.owner.id, desk.now, until, key
    )
    return Ask(_task(state.record, offer, calendar, why), offer, chosen.line(pool.name, state, rule.id, desk))


def _task(record: Record, offer: Offer, calendar: WorkCalendar, why: str) -> Mapping[str, Value]:
    name = title(record)
    by = f"{shown(offer.until, calendar)} ({calendar.zone})"
    lines = (
        f"Complete this task to take {name}.",
        "To decline, set it to Deferred or delete it.",
        f"Without an answer by {by} the next of pool {offer.pool} is asked.",
        why,
    )
    return {
        "type": "todo",
        "subject": f"Take {name}? Answer by {shown(offer.until, calendar)}"[:SUBJECT_LENGTH],
        "body": "\n".join(lines),
        "due": offer.until,
        "due_date": calendar.local_date(offer.until),
        "priority": "high",
        "owner": offer.owner,
        "pool": offer.pool,
        "person": offer.person,
        "until": offer.until,
    }


def title(record: Record) -> str:
    """What a task calls the record: its name, else its id."""
    name = record.fields.get("name")
    return one_line(name) if isinstance(name, str) and name.strip() else str(record.ref)


def offer_of(rule: Rule) -> tuple[int, OfferAction] | None:
    """The rule's action that offers, with its position; None when it has none."""
    found = ((at, action) for at, action in enumerate(rule.then) if isinstance(action, OfferAction))
    return next(found, None)


class Chain:
    """The offers of one occasion of a record, in the order of their rounds, and the last one's task in the CRM."""

    def __init__(
        self,
        offers: Sequence[Offer],
        state: RecordState,
        now: datetime,
        queue: str | None = None,
        *,
        renewed: bool = False,
    ) -> None:
        self.offers = tuple(sorted(offers, key=lambda offer: offer.round))
        self.state = state
        self.now = now
        self.queue = queue
        """The CRM id of the queue that gets the record when nobody is left, where the rule names one."""
        self.renewed = renewed
        """Whether the rule has offered the record on a later occasion since: then this one asks nobody any more."""
        tasks = (each for each in state.activities if each.key == self.last.key and each.type != "note")
        self.task: Activity | None = next(tasks, None)

    @property
    def last(self) -> Offer:
        return self.offers[-1]

    @property
    def asked(self) -> frozenset[str]:
        """The CRM ids of everybody who was asked."""
        return frozenset(offer.owner for offer in self.offers)

    @property
    def is_open(self) -> bool:
        """Whether the last task can still be done."""
        return self.task is not None and not self.task.done and not self.task.deleted

    @cached_property
    def settled(self) -> Offer:
        """The last offer as it stands now: by what became of its task, else by the clock."""
        last, task = self.last, self.task
        if last.state == "accepted" or self._went_elsewhere or self._undone:
            return last if last.state != "open" else replace(last, state="expired", settled=self.now)
        if self._completed and task is not None:
            return replace(last, state="accepted", settled=min(task.ended or self.now, self.now))
        if last.state != "open":
            return last
        if task is not None and (task.deleted or task.deferred):
            return replace(last, state="rejected", settled=min(task.ended or self.now, self.now))
        return replace(last, state="expired", settled=last.until) if last.until <= self.now else last

    @cached_property
    def stand(self) -> Stand:
        """What is to be done."""
        last, record = self.settled, self.state.record
        if last.state == "accepted":
            handed_over = record.owner == self.taker or self._went_elsewhere
            return "over" if handed_over or guards.gone(record) is not None else "accepted"
        if self._undone:
            return "over"
        if self._went_elsewhere:
            return "withdrawn" if self.is_open or self.last.state == "open" else "over"
        if last.state == "open":
            return "open"
        return "over" if self.renewed else "passed"

    @property
    def is_news(self) -> bool:
        """Whether the last offer has been settled since it was stored."""
        return self.settled != self.last

    @property
    def taker(self) -> str:
        """The CRM id of who did the last task, else of who was asked."""
        return (self.task.actor if self.task is not None and self._completed else None) or self.last.owner

    @property
    def _completed(self) -> bool:
        """Whether a person completed the task; our own closing says so in the subject."""
        task = self.task
        if task is None or not task.done or task.deleted:
            return False
        return not task.subject.startswith((NOT_TAKEN, DECLINED, WITHDRAWN, UNDONE))

    @property
    def _undone(self) -> bool:
        """Whether the last offer was undone: then nobody else is asked on this occasion."""
        return self.task is not None and is_undone(self.task)

    @cached_property
    def _went_elsewhere(self) -> bool:
        """Whether the record is gone, went into the queue for leftovers, or got another owner since the first offer."""
        record = self.state.record
        if guards.gone(record) is not None:
            return True
        moves = [each for each in self.state.changes if each.field == "owner" and each.at > self.offers[0].at]
        if self.queue is not None and record.owner == self.queue and any(each.new == self.queue for each in moves):
            return True
        if self._completed and record.owner == self.taker:
            return False
        return any(map(self._is_anothers, moves))

    def _is_anothers(self, change: Change) -> bool:
        """Whether a person, or another rule, changed the owner; what we wrote names its rule."""
        key, _, field = change.id.rpartition("#")
        return change.origin == "crm" or (field == "owner" and rule_of_key(key) != self.last.rule[:78])

    def reasons(self, calendar: WorkCalendar) -> Sequence[Reason]:
        """How the offers stand, for `explain`: one line each."""
        return [_told(offer, calendar) for offer in (*self.offers[:-1], self.settled)]


def _told(offer: Offer, calendar: WorkCalendar) -> Reason:
    round = f", round {offer.round}" if offer.round > 1 else ""
    if offer.state == "open":
        text = f"offered to {offer.person} until {shown(offer.until, calendar)}{round}"
        return Reason("then.offer", None, text, offer.person, "the offer", offer.at)
    words = {"accepted": "accepted it", "rejected": "declined it", "expired": "did not take it"}[offer.state]
    at = shown(offer.settled, calendar)
    text = (
        f"the offer to {offer.person} was withdrawn on {at}" if offer.withdrawn else f"{offer.person} {words} on {at}"
    )
    text = f"{text}{round}"
    return Reason("then.offer", offer.state == "accepted", text, offer.person, "the offer", offer.settled)


def chains_of(
    state: RecordState, now: datetime, rules: Mapping[str, Rule], queue_of: Mapping[str, str]
) -> Sequence[tuple[Rule, Chain]]:
    """The record's offers by rule and occasion, for the rules that still run and still offer; oldest first.

    `queue_of` has the CRM id of a queue under the name that rules call it by.
    """
    found: dict[tuple[str, str], list[Offer]] = defaultdict(list)
    for offer in state.offers:
        found[offer.rule, offer.occasion].append(offer)
    begun = {key: min(offer.at for offer in offers) for key, offers in found.items()}
    chains = []
    for (rule_id, occasion), offers in found.items():
        rule = rules.get(rule_id)
        action = offer_of(rule) if rule is not None else None
        if rule is not None and action is not None:
            renewed = any(key[0] == rule_id and at > begun[rule_id, occasion] for key, at in begun.items())
            chains.append((rule, Chain(offers, state, now, queue_of.get(action[1].if_nobody), renewed=renewed)))
    return chains
