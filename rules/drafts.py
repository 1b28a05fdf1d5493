"""One match turned into the writes it asks for: texts filled, people named, due times computed, keys given.

A match's actions are drafted in order, each on what the ones before it will have written. They stand or fall together:
where one of them finds nobody to do it, the whole match waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connector.domain.actions import action_key
from connector.domain.decision import ActionKind, Assignment, Match, PlannedAction, Reason
from connector.domain.model import Offer, Owner, RecordState, Value
from rules.actions import (
    EnrollAction,
    NoteAction,
    OfferAction,
    ReassignAction,
    RuleAction,
    SetAction,
    TaskAction,
    UnenrollAction,
)
from rules.basics import Template
from rules.calendar import WorkCalendar
from rules.contact import channel
from rules.desk import Desk
from rules.model import Rule
from rules.needs import condition_fields
from rules.offers import ask
from rules.routing import choose
from rules.staff import cover_for, owner_chain
from rules.template import one_line, render

GUARDS = ("owner", "status", "opted_out")
"""Fields whose value at the decision every action carries, as far as the CRM shows them."""

BEFORE = "before."
"""In `PlannedAction.saw`: `before.status` is what stood there before an earlier action of the same match changed it."""

SUBJECT_LENGTH = 255
"""Characters; the length of Task.Subject in Salesforce. HubSpot allows more."""

WHY_FACTS = 3
"""How many facts a why names beside the rule's own sentence."""

_PERSONAL = frozenset({"name", "email", "phone"})
_HAPPENINGS = frozenset({"attempts", "replied", "touched_by", "next_step"})


@dataclass(frozen=True, slots=True)
class Draft:
    """The writes of one match and the turns they use up; `waits` says why it cannot be done now, empty when it can."""

    actions: tuple[PlannedAction, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    waits: str = ""
    offers: tuple[Offer, ...] = ()
    chosen: Mapping[str, Reason] = field(default_factory=dict)
    """Why the pool's choice fell on this person, under the action's key."""

    def told(self, action: PlannedAction) -> tuple[Reason, ...]:
        """What the trace of an action says beyond its rule's reasons."""
        found = self.chosen.get(action.key)
        return (found,) if found is not None else ()


@dataclass(frozen=True, slots=True)
class _Nobody:
    """There is nobody to do it, and why."""

    why: str


_Wish = tuple[ActionKind, Mapping[str, Value]]
"""The kind and the fields of a write, before its key."""


def draft(rule: Rule, match: Match, state: RecordState, reasons: Sequence[Reason], desk: Desk) -> Draft:
    """The writes of a match; those that would change nothing are left out. Uses no turn of the ledger itself."""
    return _Drafter(rule, match, state, desk, why_of(rule, reasons), dict(state.record.fields)).draft()


def why_of(rule: Rule, reasons: Sequence[Reason]) -> str:
    """One sentence for a manager: the rule's own, with the facts that made it act."""
    told = [reason for part in ("when", "if", "unless") for reason in reasons if _tells(reason, part)]
    # What a reason says after its first comma is about the rule, not about the record.
    facts = list(dict.fromkeys(one_line(reason.text.partition(", ")[0]) for reason in told))[:WHY_FACTS]
    sentence = one_line(rule.why)
    return f"{sentence.rstrip('.')} ({', '.join(facts)})" if facts else sentence


def _tells(reason: Reason, part: str) -> bool:
    """Whether a reason of this part of the rule says why it acts; nothing personal is repeated."""
    first, *words = reason.path.split(".")
    if first != part or _PERSONAL.intersection(words):
        return False
    if part == "unless":
        # What did not happen says why a rule acts; a field that does not stop it says nothing.
        return reason.holds is False and bool(_HAPPENINGS.intersection(words))
    return part == "when" or reason.holds is True


@dataclass(slots=True)
class _Drafter:
    """The drafting of one match; `current` and `before` follow what its own actions change."""

    rule: Rule
    match: Match
    state: RecordState
    desk: Desk
    why: str
    current: dict[str, Value]
    before: dict[str, Value] = field(default_factory=dict)
    actions: list[PlannedAction] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    chosen: dict[str, Reason] = field(default_factory=dict)

    @property
    def calendar(self) -> WorkCalendar:
        return self.desk.calendar(self.rule.calendar, self.state.record)

    @property
    def owner(self) -> Owner | None:
        """The owner the record has once the actions drafted so far are written."""
        value = self.current.get("owner")
        return self.desk.staff.owner(value if isinstance(value, str) else None)

    def draft(self) -> Draft:
        for position, action in enumerate(self.rule.then):
            turns = len(self.assignments)
            wish = self.wish(action)
            if isinstance(wish, _Nobody):
                return Draft(waits=wish.why)
            if wish is not None:
                self.add(position, *wish)
            for line in self.assignments[turns:]:
                self.chosen[self.actions[-1].key] = Reason(f"then.{position}", True, f"{line.person}, {line.why}")
        return Draft(tuple(self.actions), tuple(self.assignments), offers=tuple(self.offers), chosen=dict(self.chosen))

    def add(self, position: int, kind: ActionKind, fields: Mapping[str, Value]) -> None:
        old = self.old(fields) if kind in ("set", "reassign") else {}
        match = self.match
        key = action_key(match.rule, match.record, match.occasion, position)
        action = PlannedAction(
            key, match.rule, match.record, kind, fields, old, self.why, match.occasion, position, self.saw()
        )
        self.actions.append(action)
        for name in fields.keys() & self.current.keys() if kind in ("set", "reassign") else ():
            self.before.setdefault(BEFORE + name, self.current[name])
            self.current[name] = fields[name]

    def old(self, fields: Mapping[str, Value]) -> Mapping[str, Value]:
        """What stands there now under the same names."""
        old = {name: self.current[name] for name in fields if name in self.current}
        if "owner_name" in fields and self.owner is not None:
            old["owner_name"] = self.owner.name
        return old

    def saw(self) -> Mapping[str, Value]:
        """What must still stand there just before the write."""
        names = {*GUARDS, *condition_fields(self.rule), *(name.removeprefix(BEFORE) for name in self.before)}
        return {name: self.current[name] for name in sorted(names) if name in self.current} | self.before

    def wish(self, action: RuleAction) -> _Wish | _Nobody | None:
        """What one action writes; None when that stands there already."""
        match action:
            case TaskAction():
                return self.task(action)
            case ReassignAction():
                return self.reassign(action)
            case OfferAction():
                return self.offer(action)
            case EnrollAction():
                return self.enroll(action)
            case UnenrollAction():
                return None if self.enrolled(action.name) is False else ("unenroll", {"from": action.name})
            case SetAction():
                values = {name: value for name, value in action.values.items() if self.current.get(name) != value}
                return ("set", values) if values else None
            case NoteAction():
                return ("note", {"text": self.text(action.text)})

    def text(self, template: Template, taker: str | None = None) -> str:
        return render(template, self.state.record, self.calendar, self.desk.staff.name, taker)

    def enrolled(self, name: str) -> bool | None:
        """Whether the record is in NAME now; None when nothing was ever read about it."""
        known = [enrollment.active for enrollment in self.state.enrollments if enrollment.name == name]
        return any(known) if known else None

    def task(self, action: TaskAction) -> _Wish | _Nobody:
        taker = self.person(action.to)
        if isinstance(taker, _Nobody):
            return taker
        wanted = channel(self.state.record) if action.type == "preferred" else action.type
        if wanted is None:
            return _Nobody("the prospect has refused calls and has opted out of mails")
        due = due_of(action, self.calendar, self.desk.now)
        cover = cover_for(self.desk.staff, taker, due)
        taker = taker if cover is None else cover.owner
        body = [self.text(action.body)] if action.body is not None else []
        body += [cover.words] if cover is not None else []
        fields: dict[str, Value] = {
            "type": wanted,
            "subject": one_line(self.text(action.subject))[:SUBJECT_LENGTH],
            "body": "\n".join((*body, self.why)),
            "due": due,
            "due_date": self.calendar.local_date(due),
            "priority": action.priority,
            "owner": taker.id,
        }
        return ("task", fields)

    def enroll(self, action: EnrollAction) -> _Wish | _Nobody | None:
        if self.enrolled(action.name):
            return None
        if action.sender is None:
            return ("enroll", {"in": action.name})
        sender = self.person(action.sender)
        if isinstance(sender, _Nobody):
            return sender
        return ("enroll", {"in": action.name, "sender": sender.id})

    def reassign(self, action: ReassignAction) -> _Wish | _Nobody | None:
        taker = self.pool(action) if action.pool is not None else self.present(action.to or "owner")
        if isinstance(taker, _Nobody):
            return self.leftover(action.if_nobody, taker.why, action.note)
        if taker.id == self.current.get("owner"):
            return None
        return self.to_owner(taker, action.note)

    def to_owner(self, taker: Owner, note: Template | None) -> _Wish:
        fields: dict[str, Value] = {"owner": taker.id, "owner_name": taker.name}
        if note is not None:
            fields["note"] = self.text(note, taker.name)
        return ("reassign", fields)

    def offer(self, action: OfferAction) -> _Wish | _Nobody | None:
        """The first member of the pool is asked; where there is none, what a reassignment would do."""
        match = self.match
        key = action_key(match.rule, match.record, match.occasion, self.rule.then.index(action))
        occasion, why = match.occasion, self.why
        asked = ask(action, self.rule, self.state, self.desk, self.calendar, occasion=occasion, key=key, why=why)
        if asked is None:
            return self.leftover(action.if_nobody, f"nobody in pool {action.pool} can be asked today", action.note)
        self.assignments.append(asked.line)
        self.offers.append(asked.offer)
        return ("offer", asked.fields)

    def leftover(self, if_nobody: str, why: str, note: Template | None) -> _Wish | _Nobody | None:
        """What becomes of a record that nobody can get: it waits, or goes to a queue."""
        if if_nobody == "hold":
            return _Nobody(why)
        queue = self.desk.staff.queue(if_nobody)
        if queue is None:
            return _Nobody(f"{why}, and the CRM has no queue {if_nobody}")
        if queue.id == self.current.get("owner"):
            return None
        return self.to_owner(queue, note)

    def pool(self, action: ReassignAction) -> Owner | _Nobody:
        """Whose turn it is in the action's pool."""
        pool = self.desk.team.pools[action.pool or ""]
        barred = {str(self.current.get("owner"))}
        if action.except_previous:
            barred.update(owner_chain(self.state))
        chosen = choose(pool, self.state, self.desk, how=action.how, match=action.match, barred=barred)
        if chosen is None:
            return _Nobody(f"nobody in pool {pool.name} can take it today")
        self.assignments.append(chosen.line(pool.name, self.state, self.rule.id, self.desk))
        return chosen.owner

    def present(self, to: str) -> Owner | _Nobody:
        """A person who may get a record: they work, and are not away today."""
        taker = self.person(to)
        if isinstance(taker, Owner) and self.desk.staff.absent(taker):
            return _Nobody(f"{self.title(to)} is away today")
        return taker

    def person(self, to: str) -> Owner | _Nobody:
        """The user behind owner, manager, source_rep or a name of team.yaml, when they can act."""
        staff = self.desk.staff
        if to == "owner":
            found = self.owner
        elif to == "manager":
            found = staff.manager(self.owner.id) if self.owner else None
        elif to == "source_rep":
            found = staff.source_rep(self.state)
        else:
            found = staff.named(to)
        if found is not None and staff.works(found):
            return found
        fault = "is nobody the CRM knows" if found is None else "is a queue" if found.queue else "is inactive"
        return _Nobody(f"{self.title(to)} {fault}; name a person in `to`")

    def title(self, to: str) -> str:
        titles = {"owner": "the owner", "manager": "the owner's manager", "source_rep": "the source rep"}
        return titles.get(to, to)


def due_of(action: TaskAction, calendar: WorkCalendar, now: datetime) -> datetime:
    """When the task is due, in UTC: its time from now on the calendar, moved into its slot of an open day."""
    due = calendar.add(now, action.due)
    return (calendar.next_slot(due, *action.slot) if action.slot else due).astimezone(UTC)
