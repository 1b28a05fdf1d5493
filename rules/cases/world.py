"""The small world of a case: one record, what happens to it, and the writes of the rules as a CRM would carry them out.

Nothing here asks a rule anything. People are known by their names, which stand for their ids in a CRM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from connector.domain.actions import rule_of_key
from connector.domain.decision import Assignment, Plan, PlannedAction
from connector.domain.model import (
    Activity,
    ActivityType,
    Change,
    Enrollment,
    Mark,
    Offer,
    Record,
    RecordRef,
    RecordState,
    Value,
)
from rules.cases.model import NOBODY, QUEUE, Case, Event

CRM = "case"
"""What stands for the CRM's name where no CRM is."""

HOUR = timedelta(hours=1)


class World:
    """One record from its creation on. `apply` and `write` move it forward; `state` is what would be stored of it.

    `blank` is what stands in the fields of which the case says nothing, `somebody` who acts while nobody owns the record.
    """

    def __init__(self, case: Case, blank: Mapping[str, Value], somebody: str) -> None:
        subject = case.subject
        self.ref = RecordRef(CRM, subject.kind, "1")
        self._rule = case.rule
        self._somebody = somebody
        self._hidden = subject.hidden
        self._fields: dict[str, Value] = {**blank, "name": f"this {subject.kind}", **subject.fields}
        self._fields["created"] = subject.created
        self._deleted = self._converted = False
        self._created = self._modified = subject.created
        self._activities: dict[str, Activity] = {}
        self._changes: list[Change] = []
        self._enrollments = {name: Enrollment(self.ref, name, subject.created) for name in subject.enrolled}
        self._offers: dict[tuple[str, str, int], Offer] = {}
        self._marks: list[Mark] = []
        self._count = 0
        self._state: RecordState | None = None
        self.assignments: list[Assignment] = []
        (_, first), *later = subject.owners
        self._fields["owner"] = _id(first)
        for at, owner in later:
            self._set("owner", _id(owner), at)

    @property
    def owner(self) -> str | None:
        """The owner's id; None when nobody owns the record."""
        owner = self._fields["owner"]
        return owner if isinstance(owner, str) else None

    @property
    def state(self) -> RecordState:
        """What would be stored of the record now."""
        if self._state is None:
            fields = {name: value for name, value in self._fields.items() if name not in self._hidden}
            version, gone = str(self._count), (self._deleted, self._converted)
            record = Record(self.ref, fields, self._created, self._modified, version, self._hidden, *gone)
            self._state = RecordState(
                record,
                self._created,
                tuple(sorted(self._activities.values(), key=lambda each: each.at)),
                tuple(self._changes),
                tuple(self._enrollments.values()),
                tuple(self._marks),
                tuple(self._offers.values()),
            )
        return self._state

    def _touched(self, at: datetime) -> None:
        self._count += 1
        self._modified = at
        self._state = None

    # -- what happens ----------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> str:
        """Let something happen; the answer says why it cannot, and is empty when it did."""
        self._touched(event.at)
        match event.what:
            case "call" | "call_inbound":
                inbound = event.what == "call_inbound"
                actor = None if inbound and event.by is None else self._actor(event)
                call = replace(self._new("call", event), direction="inbound" if inbound else "outbound", actor=actor)
                self._keep(replace(call, outcome=event.value or None))
            case "email_sent":
                mail = replace(self._new("email", event), direction="outbound", actor=self._actor(event))
                self._keep(replace(mail, automated=event.auto_reply))
            case "email_received":
                mail = replace(self._new("email", event), direction="inbound", automated=event.auto_reply)
                self._keep(mail)
            case "email_opened" | "email_clicked":
                self._met(event)
            case "meeting":
                held = replace(self._new("meeting", event), ended=event.at, actor=self._actor(event))
                self._keep(replace(held, outcome=event.value or None))
            case "meeting_booked":
                start = event.due or event.at
                booked = replace(self._new("meeting", event), at=start, ended=start + HOUR, done=False)
                self._keep(replace(booked, actor=self._actor(event)))
            case "note":
                self._keep(replace(self._new("note", event), actor=self._actor(event)))
            case "task":
                return self._task(event)
            case "offer":
                return self._answer(event)
            case _:
                self._changed(event)
        return ""

    def _changed(self, event: Event) -> None:
        """The record itself changes."""
        match event.what:
            case "owner":
                self._set("owner", _id(event.value), event.at)
            case "enrolled" | "unenrolled":
                there = event.what == "enrolled"
                self._enrollments[event.value] = Enrollment(self.ref, event.value, event.at, active=there)
            case "converted":
                self._converted = True
            case "deleted":
                self._deleted = True
            case _:
                for name, value in event.fields.items():
                    self._set(name, value, event.at)

    def _set(self, name: str, value: Value, at: datetime, key: str = "") -> None:
        """A field changes; `key` is that of our write, where it is one."""
        old = self._fields.get(name)
        if old == value:
            return
        self._fields[name] = value
        id = f"{key}#{name}" if key else f"{len(self._changes) + 1}"
        change = Change(id, self.ref, name, old, value, at)
        self._changes.append(replace(change, origin="us") if key else change)

    def _actor(self, event: Event) -> str:
        owner = self.owner
        return event.by or (owner if owner and not owner.startswith(QUEUE) else self._somebody)

    def _new(self, type_: ActivityType, event: Event) -> Activity:
        id = f"{event.what}-{self._count}"
        return Activity(id, type_, (self.ref,), event.at, "1", subject=event.subject, created=event.at)

    def _keep(self, activity: Activity) -> None:
        self._activities[activity.id] = activity

    def _met(self, event: Event) -> None:
        """The prospect opens a mail, or follows a link in it: the latest one of ours where that is still to come.

        Without such a mail it is one that an enrolment sent.
        """
        opened = event.what == "email_opened"
        mails = [each for each in self._activities.values() if each.type == "email" and each.direction == "outbound"]
        left = [each for each in mails if (each.opened if opened else each.clicked) is None]
        if left:
            last = max(left, key=lambda each: each.at)
            self._keep(replace(last, opened=event.at) if opened else replace(last, clicked=event.at))
        else:
            sent = replace(self._new("email", event), direction="outbound", automated=True)
            self._keep(replace(sent, opened=event.at) if opened else replace(sent, clicked=event.at))

    def _task(self, event: Event) -> str:
        """A person makes a task, or deals with one: the oldest open one, of the case's rule where it has made one."""
        if event.value == "created":
            made = replace(self._new("task", event), at=event.due or event.at, due=event.due, done=False)
            self._keep(replace(made, task_type=event.type or "todo", actor=self._actor(event)))
            return ""
        tasks = self._open_tasks(event.type)
        own = [each for each in tasks if self._rule and each.key and _made_by(each.key, self._rule)]
        if not tasks:
            return f"there is no open {event.type + ' ' if event.type else ''}task then"
        self._close((own or tasks)[0], event)
        return ""

    def _open_tasks(self, type_: str | None) -> list[Activity]:
        tasks = (each for each in self._activities.values() if each.type == "task" and not (each.done or each.deleted))
        return [each for each in tasks if type_ in (None, each.task_type)]

    def _close(self, task: Activity, event: Event) -> None:
        """A task is done, put aside or thrown away; a call that was a task is that person's call from then on."""
        if event.value == "deleted" and task.key is None:
            del self._activities[task.id]
        elif event.value == "deleted":
            self._keep(replace(task, deleted=True, ended=event.at))  # the store keeps what became of a task of ours
        elif event.value == "deferred":
            self._keep(replace(task, deferred=True))
        else:
            word = task.task_type
            kind: ActivityType = "call" if word == "call" else "email" if word == "email" else "task"
            done = replace(task, type=kind, done=True, deferred=False, at=event.at, ended=event.at)
            actor = event.by or task.actor or self._actor(event)
            direction = None if kind == "task" else task.direction or "outbound"
            self._keep(replace(done, actor=actor, direction=direction, outcome=event.outcome))

    def _answer(self, event: Event) -> str:
        """Whoever was asked last accepts, or rejects."""
        keys = {offer.key for offer in self._offers.values() if offer.state == "open"}
        asked = [each for each in self._open_tasks(None) if each.key in keys]
        if not asked:
            return "there is no open offer then"
        self._close(asked[-1], replace(event, value="completed" if event.value == "accept" else "deferred"))
        return ""

    # -- what the rules write --------------------------------------------------------------------------------------

    def commit(self, plan: Plan) -> None:
        """What a pass stores besides its writes."""
        self._state = None
        self.assignments += plan.assignments
        for record in plan.records:
            self._marks += record.marks
            self._offers.update({(each.rule, each.occasion, each.round): each for each in record.offers})

    def mark(self, marks: tuple[Mark, ...]) -> None:
        """What a pass stores of a record on which nothing matched."""
        if marks:
            self._marks += marks
            self._state = None

    def write(self, action: PlannedAction, at: datetime) -> None:
        """Carry out one write; it lands at once."""
        self._touched(at)
        fields = action.fields
        match action.kind:
            case "task" | "offer":
                due = fields["due"] if isinstance(fields["due"], datetime) else at
                task = replace(self._ours("task", action, due, at), due=due, done=False)
                self._keep(replace(task, task_type=str(fields["type"])))
            case "note":
                self._keep(self._ours("note", action, at, at))
            case "reassign":
                self._set("owner", fields["owner"], at, action.key)
            case "set":
                for name, value in fields.items():
                    self._set(name, value, at, action.key)
            case "enroll" | "unenroll":
                name = str(fields["in" if action.kind == "enroll" else "from"])
                self._enrollments[name] = Enrollment(self.ref, name, at, active=action.kind == "enroll")
            case "amend":
                self._amend(action, at)

    def _ours(self, type_: ActivityType, action: PlannedAction, at: datetime, now: datetime) -> Activity:
        owner, subject = action.fields.get("owner"), str(action.fields.get("subject") or "")
        found = Activity(action.key, type_, (self.ref,), at, "1", subject=subject, key=action.key, created=now)
        return replace(found, actor=str(owner)) if owner else found

    def _amend(self, action: PlannedAction, at: datetime) -> None:
        fields = action.fields
        task = self._activities.get(str(fields.get("task")))
        if task is None:
            return
        due, closes = fields.get("due"), fields.get("done") is True
        self._keep(
            replace(
                task,
                actor=str(fields["owner"]) if "owner" in fields else task.actor,
                subject=str(fields["subject"]) if "subject" in fields else task.subject,
                due=due if isinstance(due, datetime) else task.due,
                at=due if isinstance(due, datetime) and not closes else task.at,
                done=closes or task.done,
                ended=at if closes else task.ended,
            )
        )


def _id(word: str) -> str | None:
    """The id for an owner's word in a case."""
    return None if word == NOBODY else word


def _made_by(key: str, rule: str) -> bool:
    """Whether a key is of this rule, or of a step of this cadence."""
    made = rule_of_key(key)
    return made == rule or made.startswith(f"{rule}/")
