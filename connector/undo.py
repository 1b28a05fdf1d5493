"""Taking back what a pass wrote: which writes can be, by what write, and why the others cannot. Pure.

Each write is looked at by itself, the last one first. What stands in the CRM now has to be what we wrote, else a person,
or another rule, has been there since and it is left to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connector.domain.actions import MEMBER, TASK_PART
from connector.domain.decision import ActionKind, Moment, OutboxEntry, PlannedAction, Reason
from connector.domain.model import Activity, Owner, Record, RecordRef, RecordState, Value
from connector.domain.storage import UnitOfWork
from connector.domain.undone import UNDO, UNDONE, undo_key

WRITTEN = "written"
"""The name in `saw` for when the write that is taken back was confirmed: later changes by others count."""

SUBJECT_LENGTH = 255
"""Characters; the length of Task.Subject in Salesforce. HubSpot allows more."""

GONE = "the record is no longer in the CRM"

_TASK_FIELDS = ("subject", "body", "due", "due_date", "owner")
_NEVER: Mapping[str, str] = {
    "note": "a note stays on its record",
    "unenroll": "nobody is enrolled again by an undo: that would be contact",
    "amend": "a change of a task that is there stays: moved tasks are with who covers, closed ones were offers that are over",
}
_NOT_WRITTEN: Mapping[str, str] = {
    "pending": "not written yet: the next `followup run` writes it, if its rule still wants it",
    "held": "not written yet: it is held until `followup release`",
    "claimed": "nobody knows yet whether it was written: `followup run` looks it up",
    "unknown": "the CRM does not tell whether it was written: `followup settle` lists it",
}


@dataclass(frozen=True, slots=True)
class Left:
    """A write that is not taken back, and why."""

    entry: OutboxEntry
    why: str


@dataclass(slots=True)
class Undoing:
    """What an undo does: the writes that take back, in their order, and what is left as it is.

    `before` counts what an earlier undo had taken back.
    """

    actions: list[PlannedAction] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    before: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What an undo is planned on: the records as they are now, every write of ours on them, and the CRM's people."""

    states: Mapping[RecordRef, RecordState]
    writes: Mapping[RecordRef, Sequence[OutboxEntry]]
    moment: Moment
    lasting: Callable[[str], str | None]
    """Why an enrolment in NAME cannot be ended; None when it can."""


def plan_undo(entries: Sequence[OutboxEntry], known: Known) -> Undoing:
    """How to take back these writes of a pass; `position` of each action is its turn, the last write of a record first."""
    plan = Undoing()
    of_record: dict[RecordRef, list[OutboxEntry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda each: (each.action.position, each.action.kind, each.action.key)):
        of_record[entry.action.record].append(entry)
    for ref, written in of_record.items():
        done = {each.action.key: each for each in known.writes.get(ref, ())}
        turns = _in_turn(reversed(written), done, known, plan)
        plan.actions += [replace(action, position=turn) for turn, action in enumerate(turns)]
    plan.actions.sort(key=lambda action: (action.position, action.record, action.key))
    return plan


def _in_turn(
    written: Iterator[OutboxEntry], done: Mapping[str, OutboxEntry], known: Known, plan: Undoing
) -> Iterator[PlannedAction]:
    """The writes that take back a record's writes, and into the plan what is left."""
    expected = _Expected(known.states.get)
    for entry in written:
        if entry.state != "confirmed":
            if entry.state in _NOT_WRITTEN:
                plan.left.append(Left(entry, _NOT_WRITTEN[entry.state]))
            continue
        earlier = done.get(undo_key(entry.action))
        if earlier is not None and earlier.state == "confirmed":
            plan.before += 1
            continue
        if earlier is not None and earlier.state in ("claimed", "unknown"):
            plan.left.append(Left(entry, "nobody knows yet whether it was taken back: an undo of the pass looks it up"))
            continue
        action, why = _undoing(entry, known, expected.state(entry.action.record))
        plan.left += [Left(entry, text) for text in why]
        if action is None:
            continue
        plan.left += _note_left(entry)
        expected.take(action)
        yield action


class _Expected:
    """The records as they will be once the writes planned so far have taken back theirs."""

    def __init__(self, state_of: Callable[[RecordRef], RecordState | None]) -> None:
        self._state_of = state_of
        self._fields: dict[str, Value] = {}

    def state(self, ref: RecordRef) -> RecordState | None:
        """The record's state with what will be put back by then."""
        state = self._state_of(ref)
        if state is None or not self._fields:
            return state
        return replace(state, record=replace(state.record, fields={**state.record.fields, **self._fields}))

    def take(self, action: PlannedAction) -> None:
        """What this write puts back will stand there."""
        if action.kind in ("reassign", "set"):
            self._fields |= {name: action.fields[name] for name in _compared(action)}


def _undoing(entry: OutboxEntry, known: Known, state: RecordState | None) -> tuple[PlannedAction | None, Sequence[str]]:
    """The write that takes one back, None when there is none; and why it, or a part of it, stays."""
    action = entry.action
    if action.kind in _NEVER:
        return None, [_NEVER[action.kind]]
    why: list[str] = []
    found: PlannedAction | None
    match action.kind:
        case "reassign":
            found = _owner_back(entry, known.moment.owners, why)
        case "set":
            found = _values_back(entry, state, why)
        case "enroll":
            found = _leave(entry, known, why)
        case _:
            found = _close(entry, known.writes.get(action.record, ()), why)
    if found is None:
        return None, why
    reason = still_ours(found, state, known.moment)
    if reason is not None:
        return None, [reason]
    return found, why


def _note_left(entry: OutboxEntry) -> Iterator[Left]:
    """The note that a record was handed over with."""
    action = entry.action
    text = action.fields.get("note") if action.kind == "reassign" else None
    if text:
        yield Left(replace(entry, action=replace(action, kind="note", fields={"text": text}, old={})), _NEVER["note"])


def _back(
    entry: OutboxEntry,
    kind: ActionKind,
    fields: Mapping[str, Value],
    old: Mapping[str, Value],
    saw: Mapping[str, Value] | None = None,
) -> PlannedAction:
    action = entry.action
    why = f"takes back what {action.rule} wrote in {entry.run}"
    seen = {**(saw or {}), WRITTEN: entry.updated}
    return PlannedAction(undo_key(action), UNDO, action.record, kind, fields, old, why, action.key, 0, seen)


def _owner_back(entry: OutboxEntry, owners: Sequence[Owner], why: list[str]) -> PlannedAction | None:
    fields, old = entry.action.fields, entry.action.old
    if "owner" not in old:
        why.append("whose it was before is not known")
        return None
    names = {owner.id: owner.name for owner in owners}
    before, ours = old["owner"], fields.get("owner")
    back = {"owner": before, "owner_name": names.get(str(before), "")}
    return _back(entry, "reassign", back, {"owner": ours, "owner_name": names.get(str(ours), "")})


def _values_back(entry: OutboxEntry, state: RecordState | None, why: list[str]) -> PlannedAction | None:
    """The fields that still have our values, with what stood there before; the others are left."""
    action = entry.action
    back: dict[str, Value] = {}
    for name, ours in action.fields.items():
        if name not in action.old:
            why.append(f"what {name} was before is not known")
        elif len(action.fields) > 1 and state is not None and (gone := _overtaken(state, name, ours, entry.updated)):
            why.append(gone)
        else:
            back[name] = action.old[name]
    if not back:
        return None
    return _back(entry, "set", back, {name: action.fields[name] for name in back})


def _leave(entry: OutboxEntry, known: Known, why: list[str]) -> PlannedAction | None:
    """Out of what the write put the record into, unless it may have been in before."""
    name = str(entry.action.fields.get("in") or "")
    lasting = known.lasting(name)
    if lasting is not None:
        why.append(lasting)
    elif entry.already is not False:
        why.append(f"it may have been in {name} before us: the CRM did not say that our write put it there")
    else:
        saw = {MEMBER: entry.crm_id} if entry.crm_id else {}
        return _back(entry, "unenroll", {"from": name}, {"in": name}, saw)
    return None


def _close(entry: OutboxEntry, writes: Sequence[OutboxEntry], why: list[str]) -> PlannedAction | None:
    """The task, or offer, is closed under a subject that says so; it has to look as we last wrote it."""
    task = entry.crm_id
    if not task:
        why.append("the CRM did not tell which task it made")
        return None
    last = {name: value for name, value in entry.action.fields.items() if name in _TASK_FIELDS}
    for write in writes:
        changed = write.action.fields if write.action.kind == "amend" and write.state == "confirmed" else {}
        if changed.get("task") == task and write.action.rule != UNDO:
            if changed.get("done") is True:
                why.append("the task is closed already")
                return None
            last |= {name: value for name, value in changed.items() if name in last}
    subject = str(last.get("subject") or "")
    fields: dict[str, Value] = {"task": task, "subject": f"{UNDONE}{subject}"[:SUBJECT_LENGTH], "done": True}
    saw = {f"{TASK_PART}{name}": value for name, value in last.items()}
    return _back(entry, "amend", fields, {"subject": subject, "done": False}, saw)


# -- the last look ---------------------------------------------------------------------------------------------------


class StillOurs:
    """The last look before a write that takes back: is what stands there still what we wrote?"""

    def recheck(self, action: PlannedAction, state: RecordState, moment: Moment) -> Reason | None:
        """None when it is, else why it is left."""
        text = still_ours(action, state, moment)
        return None if text is None else Reason(UNDO, False, text)


def still_ours(action: PlannedAction, state: RecordState | None, moment: Moment) -> str | None:
    """Why what a write wants to take back is not ours to change any more; None when it is."""
    if state is None:
        return GONE
    gone = _gone(state.record)
    if gone is not None:
        return gone
    written = action.saw.get(WRITTEN)
    since = written if isinstance(written, datetime) else None
    for name in _compared(action):
        changed = _overtaken(state, name, action.old.get(name), since)
        if changed is not None:
            return changed
    if action.kind == "reassign":
        return _no_owner(action, moment.owners)
    return _task_gone(action, state.activities) if action.kind == "amend" else None


def _compared(action: PlannedAction) -> Sequence[str]:
    """The fields of the record that a write puts back."""
    return ("owner",) if action.kind == "reassign" else tuple(action.fields) if action.kind == "set" else ()


def _gone(record: Record) -> str | None:
    if record.merged_into is not None:
        return f"the record was merged into {record.merged_into}: look there"
    if record.deleted:
        return "the record was deleted"
    return "the record was converted: nothing is written to it" if record.converted else None


def _overtaken(state: RecordState, name: str, ours: Value, since: datetime | None) -> str | None:
    """Why a field is not as we left it: another value, or ours again after somebody changed it."""
    fields = state.record.fields
    if name not in fields or name in state.record.hidden:
        return f"the CRM does not show {name} any more"
    if not same(ours, fields[name]):
        return f"{name} was changed since"
    later = (change for change in state.changes if change.field == name and change.origin == "crm")
    if since is not None and any(change.at > since for change in later):
        return f"{name} was changed since, and set to the same again"
    return None


def same(ours: Value, told: Value) -> bool:
    """Whether a value the CRM tells is the one we wrote: trimmed, in other case, to the second, an id of either length.

    What it cut short counts as changed: a person may have done that.
    """
    if isinstance(ours, datetime) and isinstance(told, datetime):
        return abs(ours - told) < timedelta(seconds=1)
    if not isinstance(ours, str) or not isinstance(told, str):
        return (ours or None) == (told or None) if "" in (ours, told) else ours == told
    if {len(ours), len(told)} == {15, 18}:
        return ours[:15] == told[:15]
    return ours.strip().casefold() == told.strip().casefold()


def _no_owner(action: PlannedAction, owners: Sequence[Owner]) -> str | None:
    """Why the owner of before cannot have the record again; a record that nobody owned may go back to nobody."""
    wanted = action.fields.get("owner")
    if not wanted:
        return None
    owner = next((each for each in owners if same(each.id, str(wanted))), None)
    if owner is None:
        return "the owner of before is no longer in the CRM"
    return None if owner.active or owner.queue else f"{owner.name}, who had it before, is inactive"


def _task_gone(action: PlannedAction, activities: Sequence[Activity]) -> str | None:
    """What is known to have happened to the task; the sink reads it once more just before the write."""
    task = next((each for each in activities if each.id == action.fields.get("task")), None)
    if task is None:
        return None
    if task.deleted:
        return "somebody deleted the task"
    if task.done or task.deferred:
        return "somebody completed the task" if task.done else "somebody put the task aside"
    subject, owner = action.saw.get(f"{TASK_PART}subject"), action.saw.get(f"{TASK_PART}owner")
    if subject is not None and task.subject.strip() != str(subject).strip():
        return "somebody edited the task since (subject)"
    if owner and task.actor and not same(str(owner), task.actor):
        return "somebody else has the task by now"
    return None


def unfinished(uow: UnitOfWork) -> Sequence[str]:
    """The passes whose undo broke off, a sentence for each: only an undo goes on with it."""
    left = [entry for entry in uow.outbox(("pending", "claimed", "unknown")) if entry.action.rule == UNDO]
    runs = sorted({entry.run for entry in uow.entries([entry.action.occasion for entry in left]).values()})
    return [f"the undo of {run} is not finished: `followup undo {run}` goes on with it" for run in runs]
