"""One record on its way through the past: as people and the CRM made it, with what the replayed rules write on top.

What followup itself wrote after the replay's beginning is taken away: its tasks, its changes, its enrolments. A task that
the replayed rules write again (its key says so) is completed when it really was; what a person made of any other task of
ours stays that person's deed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import cast

from connector.domain.decision import PlannedAction, RecordPlan
from connector.domain.model import Activity, ActivityType, Change, Enrollment, Mark, Offer, Record, RecordState, Value
from connector.domain.replay import OurWrites
from connector.domain.undone import UNDONE
from rules.offers import DECLINED, NOT_TAKEN, WITHDRAWN
from rules.past import activity_then


class Track:
    """A record's stored state, read forward from `entry` on. `now` only ever moves forward.

    `ours` has what followup really wrote: from `entry` on it did not happen.
    """

    def __init__(self, state: RecordState, entry: datetime, ours: OurWrites) -> None:
        self.ref = state.record.ref
        self.entry = entry
        self.gone_at = _gone_at(state.record)
        self._last = state.record
        self._first_seen = state.first_seen
        later = [each for each in state.changes if each.at > entry or (each.origin == "us" and each.at >= entry)]
        self._fields = _undone(state, later)
        self._changes = [each for each in state.changes if each not in later]
        self._coming = sorted((each for each in later if each.origin == "crm"), key=lambda each: (each.at, each.id))
        self._past = [each for each in state.activities if not _is_ours(each, entry, ours)]
        self._answers = {
            each.key: each for each in state.activities if each.key is not None and _is_ours(each, entry, ours)
        }
        self._answered = _answered(state.offers)
        self._members = _members(state.enrollments, entry, ours)
        self._own_tasks: dict[str, Activity] = {}
        self._own_members: dict[str, Enrollment] = {}
        self._marks: list[Mark] = []
        self._offers = {
            (each.rule, each.occasion, each.round): each if (each.settled or entry) < entry else _reopened(each)
            for each in state.offers
            if each.at < entry
        }
        self._modified = min(state.record.modified, entry)
        self._state: RecordState | None = None

    # -- when ------------------------------------------------------------------------------------------------------

    def news(self) -> Iterator[datetime]:
        """Every instant after the entry at which a reading of the CRM would bring something new, in no order."""
        yield from (each.at for each in self._coming)
        for each in self._past:
            yield from (at for at in _news_of(each) if at > self.entry)
        for each in self._answers.values():
            at = self._over(each)
            if at is not None and at > self.entry:
                yield at
        yield from (each.since for each in self._members if each.since is not None and each.since > self.entry)
        if self.gone_at is not None and self.gone_at > self.entry:
            yield self.gone_at

    def _over(self, task: Activity) -> datetime | None:
        """When a person dealt with a task of ours; None when nobody did."""
        answered = self._answered.get(task.key or "")
        if task.done and not task.subject.startswith((NOT_TAKEN, DECLINED, WITHDRAWN, UNDONE)):
            return task.ended or task.at
        if answered is not None and answered[1] == "rejected":
            return answered[0]
        return task.ended if task.deleted else None

    # -- what ------------------------------------------------------------------------------------------------------

    def at(self, now: datetime) -> RecordState:
        """The state of the record at an instant, with what the replayed rules have written so far."""
        while self._coming and self._coming[0].at <= now:
            self._take(self._coming.pop(0))
        gone = self.gone_at is not None and self.gone_at <= now
        last = self._last
        record = Record(
            self.ref,
            dict(self._fields),
            last.created,
            self._modified,
            last.version,
            last.hidden,
            last.deleted and gone,
            last.converted and gone,
            last.merged_into if gone else None,
        )
        return RecordState(
            record,
            self._first_seen,
            tuple(sorted(self._activities(now), key=lambda each: (each.at, each.id))),
            tuple(self._changes),
            self._enrollments(now),
            tuple(self._marks),
            tuple(sorted(self._offers.values(), key=lambda offer: (offer.at, offer.round, offer.rule))),
        )

    def _take(self, change: Change) -> None:
        """A change that somebody made; one that finds its value there already changes nothing."""
        name = change.field
        self._modified = max(self._modified, change.at)
        if name in self._fields:
            old = self._fields[name]
            if old == change.new:
                return
            change = replace(change, old=old)
            self._fields[name] = change.new
        self._changes.append(change)

    def _activities(self, now: datetime) -> Iterator[Activity]:
        for each in self._past:
            if each.created is not None and each.created > now:
                continue  # entered later, whenever it happened
            then = activity_then(each, now)
            if then is not None:
                yield then
        for key, task in self._own_tasks.items():
            really = self._answers.get(key)
            over = None if really is None or task.done else self._over(really)
            if really is None or over is None or over > now:
                yield task
        for key, each in self._answers.items():
            written = self._own_tasks.get(key)
            over = self._over(each)
            if over is None or over > now or (written is not None and written.done):
                continue
            if each.done or written is not None:
                yield each if each.done or each.deleted else replace(each, deferred=True, ended=over)

    def _enrollments(self, now: datetime) -> tuple[Enrollment, ...]:
        found = {each.name: each for each in self._members if each.since is None or each.since <= now}
        return tuple({**found, **self._own_members}.values())

    # -- what the replayed rules do --------------------------------------------------------------------------------

    def mark(self, marks: Sequence[Mark]) -> None:
        """Remember how the rules dealt with occasions."""
        self._marks += marks

    def carry_out(self, plan: RecordPlan, now: datetime) -> None:
        """What a pass would have stored of the record, and written on it."""
        self.mark(plan.marks)
        self._offers.update({(each.rule, each.occasion, each.round): each for each in plan.offers})
        for action in plan.actions:
            self._write(action, now)

    def _write(self, action: PlannedAction, now: datetime) -> None:
        fields = action.fields
        match action.kind:
            case "task" | "offer":
                really = self._answers.get(action.key)
                self._own_tasks[action.key] = _task(
                    action, now, f"replay:{action.key}" if really is None else really.id
                )
            case "reassign":
                self._set("owner", fields["owner"], action.key, now)
            case "set":
                for name, value in fields.items():
                    self._set(name, value, action.key, now)
            case "enroll" | "unenroll":
                name = str(fields["in" if action.kind == "enroll" else "from"])
                self._own_members[name] = Enrollment(self.ref, name, now, active=action.kind == "enroll")
            case "amend":
                self._amend(action, now)
            case "note":
                pass  # a note of ours is nobody's touch

    def _set(self, name: str, value: Value, key: str, now: datetime) -> None:
        old = self._fields.get(name)
        if name in self._fields and old != value:
            self._fields[name] = value
            self._changes.append(Change(f"{key}#{name}", self.ref, name, old, value, now, origin="us", exact=False))

    def _amend(self, action: PlannedAction, now: datetime) -> None:
        fields, wanted = action.fields, str(action.fields.get("task"))
        found = next((key for key, task in self._own_tasks.items() if task.id == wanted), None)
        task = self._own_tasks[found] if found is not None else next((e for e in self._past if e.id == wanted), None)
        if task is None:
            return
        due, closes = fields.get("due"), fields.get("done") is True
        amended = replace(
            task,
            actor=str(fields["owner"]) if "owner" in fields else task.actor,
            subject=str(fields.get("subject") or task.subject),
            due=due if isinstance(due, datetime | date) else task.due,
            done=closes or task.done,
            ended=now if closes else task.ended,
        )
        if found is not None:
            self._own_tasks[found] = amended
        else:
            self._past = [amended if each.id == wanted else each for each in self._past]


def _undone(state: RecordState, later: Sequence[Change]) -> dict[str, Value]:
    """The record's fields as they stood before these changes."""
    fields = dict(state.record.fields)
    for change in sorted(later, key=lambda each: each.at, reverse=True):
        if change.field in fields:
            fields[change.field] = change.old
    return fields


def _gone_at(record: Record) -> datetime | None:
    """When a record went, as far as that is known: its last modification."""
    gone = record.deleted or record.converted or record.merged_into is not None
    return record.modified if gone else None


def _is_ours(each: Activity, entry: datetime, ours: OurWrites) -> bool:
    """Whether followup made this from then on."""
    if each.key is None:
        return False
    return ours.made.get(each.key, each.created or each.at) >= entry


def _answered(offers: Sequence[Offer]) -> Mapping[str, tuple[datetime, str]]:
    return {each.key: (each.settled, each.state) for each in offers if each.settled is not None}


def _reopened(offer: Offer) -> Offer:
    return replace(offer, state="open", settled=None)


def _members(found: Sequence[Enrollment], entry: datetime, ours: OurWrites) -> list[Enrollment]:
    """The enrolments that others made; one that we ended since then goes on."""
    kept = []
    for each in found:
        made, ended = ours.enrolled.get(each.name), ours.unenrolled.get(each.name)
        if made is not None and made >= entry:
            continue
        still = not each.active and ended is not None and ended >= entry
        kept.append(replace(each, active=True, since=None) if still else each)
    return kept


def _news_of(each: Activity) -> Iterator[datetime]:
    """When an activity appears, when it is over, and what a mail met with."""
    made = each.created or each.at
    yield made
    if each.done:
        yield max(each.ended or each.at, made)
    yield from (at for at in (each.opened, each.clicked) if at is not None)


def _task(action: PlannedAction, now: datetime, id_: str) -> Activity:
    """A task as it stands in the CRM when it has just been written."""
    fields = action.fields
    due = cast(datetime, fields["due"])
    type_: ActivityType = "task"
    return Activity(
        id=id_,
        type=type_,
        refs=(action.record,),
        at=due,
        version="",
        actor=str(fields.get("owner") or "") or None,
        subject=str(fields.get("subject") or ""),
        done=False,
        due=due,
        task_type=str(fields.get("type") or "todo"),
        key=action.key,
        created=now,
    )
