"""What one record looks like at one instant: the values that triggers and conditions read, each worked out once.

Our own writes are not news: a task or note of ours is nobody's touch, a change of ours starts no clock. A task of ours
that a person completed as a call is that person's call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Protocol

from connector.domain.actions import rule_of_key
from connector.domain.decision import Moment
from connector.domain.model import Activity, Change, Mark, Owner, RecordState, Value
from connector.domain.undone import is_undone, without_undone
from rules.basics import Anchor, Who
from rules.binding import Binding
from rules.calendar import WorkCalendar
from rules.compare import shown
from rules.model import QuietFor
from rules.points import Rises, Score
from rules.seen import Seen
from rules.team import Team

_NOT_HELD = frozenset({"canceled", "cancelled", "rescheduled"})
"""Outcomes with which a meeting did not take place (HubSpot's words and the usual spellings)."""

ATTEMPT_WORDS = ("call", "email_sent", "meeting")
REPLY_WORDS = ("email_received", "call_inbound", "meeting_booked")


class Scoring(Protocol):
    """How scores are worked out where rule files say so; None for a kind whose score is the CRM's field."""

    def score(self, facts: Facts) -> Score | None:
        """The score at `facts.now`."""
        ...

    def rises(self, points: float, facts: Facts) -> Rises | None:
        """When the score rose to so many points from below."""
        ...


class Facts:
    """A record's stored state read at `moment.now`. Nothing here depends on a rule."""

    def __init__(
        self, state: RecordState, moment: Moment, team: Team, binding: Binding, scoring: Scoring | None = None
    ) -> None:
        self.tells = True
        """Whether reasons are told in words. Putting them costs more than deciding, and most are never read."""
        self.state = state
        self.record = state.record
        self.moment = moment
        self.now = moment.now
        self.team = team
        self.binding = binding
        self.scoring = scoring
        self._score: Score | None = None
        self._is_scored = scoring is None
        self.seen: dict[tuple[int, str], Seen] = {}
        """What was seen of the conditions that several rules share; filled by condition.py."""
        self._attempts: dict[tuple[tuple[str, ...], Who], Sequence[datetime]] = {}

    def on(self, state: RecordState) -> Facts:
        """What another state of the record looks like at the same instant."""
        return Facts(state, self.moment, self.team, self.binding, self.scoring)

    # -- words -----------------------------------------------------------------------------------------------------

    def shown(self, value: Value, calendar: WorkCalendar) -> str:
        """A value as a reason tells it; nothing where nobody will read it."""
        return shown(value, calendar) if self.tells else ""

    def told(self, name: str, value: Value, calendar: WorkCalendar) -> str:
        """A field's value as a reason tells it; nothing where nobody will read it."""
        return self.binding.told(name, value, calendar) if self.tells else ""

    # -- fields ----------------------------------------------------------------------------------------------------

    def hidden(self, name: str) -> bool:
        """Whether the CRM does not show the field, or never gave it to us."""
        fields = self.record.fields
        if name == "score" and self.score is not None:
            return False
        return name in self.record.hidden or (name not in fields and name not in ("created", "modified"))

    def field(self, name: str) -> tuple[bool, Value]:
        """Whether the value is known (shown and not empty), and the value."""
        record = self.record
        if name == "score" and self.score is not None:
            return True, self.score.value
        if name in record.hidden:
            return False, None
        value = record.fields.get(name)
        if value is None and name in ("created", "modified"):
            value = record.created if name == "created" else record.modified
        if value is None or value == "":
            return False, None
        return True, value

    @property
    def score(self) -> Score | None:
        """The score with its reasons; None where it is a field of the CRM's."""
        if not self._is_scored and self.scoring is not None:
            self._is_scored = True  # a line that asks for the score itself sees the CRM's
            self._score = self.scoring.score(self)
        return self._score

    @property
    def status(self) -> str | None:
        """The status in the CRM's own spelling."""
        return self.record.status

    @property
    def owner_id(self) -> str | None:
        """The CRM id of the owner; None when nobody owns the record."""
        return self.record.owner

    @cached_property
    def owner(self) -> Owner | None:
        """The user or queue that owns the record; None when nobody does or the CRM does not list them."""
        return self.binding.owners.get(self.record.owner or "")

    @cached_property
    def zone(self) -> str | None:
        """The zone of the rules' clocks on this record; None: each calendar's own."""
        return self.binding.zone_of(self.record)

    # -- anchors ---------------------------------------------------------------------------------------------------

    def changes_of(self, name: str) -> Sequence[Change]:
        """The stored changes of a field in the order of time, ours included; one that was undone never was."""
        return self._changes.get(name, ())

    @cached_property
    def _changes(self) -> dict[str, list[Change]]:
        found: dict[str, list[Change]] = {}
        for change in without_undone(self.state.changes):
            found.setdefault(change.field, []).append(change)
        return found

    def anchor(self, since: Anchor) -> datetime:
        """The instant a count begins: creation, the latest change of owner, or the latest change of status."""
        if since == "created":
            return self.record.created
        changes = self.changes_of("owner" if since == "assigned" else "status")
        return changes[-1].at if changes else self.record.created

    @property
    def in_status_since(self) -> datetime:
        """Since when the record has its status."""
        return self.anchor("status")

    @cached_property
    def previous_owners(self) -> frozenset[str]:
        """Everybody who owns or owned the record, by CRM id."""
        values = [value for change in self.changes_of("owner") for value in (change.old, change.new)]
        return frozenset(value for value in (*values, self.record.owner) if isinstance(value, str) and value)

    # -- activities ------------------------------------------------------------------------------------------------

    @cached_property
    def activities(self) -> Sequence[Activity]:
        """Everything that happened or is planned, without what is deleted or was undone and without our own notes."""
        found = (each for each in self.state.activities if not each.deleted and not is_undone(each))
        return [each for each in found if not (each.key and each.type == "note")]

    @cached_property
    def touches(self) -> Sequence[tuple[datetime, str, Activity]]:
        """What has happened, as (instant, word, activity) in the order of time; the words are ours."""
        found = [(_instant(each), word, each) for each in self.activities if (word := self._word(each))]
        return sorted(found, key=lambda touch: (touch[0], touch[2].id))

    def _word(self, each: Activity) -> str | None:
        """The word for an activity that has happened: call, call_inbound, email_sent, email_received, meeting, note."""
        if each.automated:
            return None
        if each.type == "meeting":
            return "meeting" if self._held(each) else None
        if not each.done:
            return None
        if each.type == "call":
            return "call_inbound" if each.direction == "inbound" else "call"
        if each.type == "email":
            inbound = each.direction == "inbound" or (each.direction is None and each.actor is None)
            return "email_received" if inbound else "email_sent"
        return "note" if each.type == "note" else None

    def _held(self, meeting: Activity) -> bool:
        """Whether a meeting is over and took place; the clock says so, for nobody edits a meeting when it ends."""
        return _instant(meeting) <= self.now and not _called_off(meeting)

    def attempts(self, types: tuple[str, ...], by: Who, since: datetime) -> Sequence[datetime]:
        """When attempts of these types were made since an instant, in the order of time."""
        key = (types or self.team.attempt, by)
        found = self._attempts.get(key)
        if found is None:
            words = {word for word in key[0] if word in ATTEMPT_WORDS}
            found = [at for at, word, each in self.touches if word in words and self._is_by(each, word, by)]
            self._attempts[key] = found
        return found[bisect_left(found, since) :]

    def _is_by(self, each: Activity, word: str, by: Who) -> bool:
        if by == "anyone":
            return True
        if by == "lead":
            return word in REPLY_WORDS
        # Who took an incoming call is known in one CRM and not in the other: only what the owner began is the owner's.
        return word not in REPLY_WORDS and each.actor is not None and each.actor in self._owner_ids

    @cached_property
    def _owner_ids(self) -> frozenset[str]:
        """The ids by which the present owner may stand in an activity."""
        second = self.owner.user_id if self.owner else None
        return frozenset(each for each in (self.record.owner, second) if each)

    @cached_property
    def all_replies(self) -> Sequence[tuple[datetime, Activity]]:
        """Every reply with its instant, in the order of time. A meeting counts when it was booked."""
        words = self.team.reply
        found = [(at, each) for at, word, each in self.touches if word in words]
        if "meeting_booked" in words:
            found += [(booked(each), each) for each in self.booked_meetings]
        return sorted(found, key=lambda reply: (reply[0], reply[1].id))

    @cached_property
    def booked_meetings(self) -> Sequence[Activity]:
        """Meetings that were booked and not called off, coming ones too."""
        meetings = (each for each in self.activities if each.type == "meeting" and not each.automated)
        return [each for each in meetings if not _called_off(each)]

    def replies(self, since: datetime) -> Sequence[datetime]:
        """When the prospect answered since an instant, in the order of time."""
        return [at for at, _ in self.all_replies if at >= since]

    def last_counted(self, counting: tuple[str, ...], by: Who) -> datetime | None:
        """The latest call, e-mail, meeting or note of the counted kinds, in any direction; None when there is none."""
        for at, word, each in reversed(self.touches):
            if each.type in counting and self._is_by(each, word, by):
                return at
        return None

    def quiet_since(self, quiet: QuietFor) -> datetime:
        """When a silence began: the last counted activity, else the latest assignment, else creation."""
        return self.last_counted(quiet.counting, quiet.by) or self.anchor("assigned")

    def touched(self, by: Who) -> bool:
        """Whether the owner (anyone, the lead) made contact since the assignment."""
        since = self.anchor("assigned")
        return bool(self.replies(since)) if by == "lead" else bool(self.attempts((), by, since))

    @cached_property
    def next_meeting_end(self) -> datetime | None:
        """When the first coming meeting will be over, and so count; None when there is none."""
        return min((_instant(each) for each in self.coming_meetings), default=None)

    # -- the next step ---------------------------------------------------------------------------------------------

    @cached_property
    def open_tasks(self) -> Sequence[Activity]:
        """Tasks, calls and mails that wait to be done, ours included."""
        return [each for each in self.activities if not each.done and each.type != "meeting"]

    @cached_property
    def coming_meetings(self) -> Sequence[Activity]:
        """Meetings that are not over and not called off."""
        meetings = (each for each in self.activities if each.type == "meeting")
        return [each for each in meetings if _instant(each) > self.now and not _called_off(each)]

    @property
    def next_step(self) -> Sequence[Activity]:
        """What is planned for the record: open tasks and coming meetings."""
        return [*self.open_tasks, *self.coming_meetings]

    @cached_property
    def last_next_step_end(self) -> datetime | None:
        """When the last task, call, mail to the prospect or meeting ended; None when there never was one.

        A completed call task is a call in Salesforce, a task beside a call in HubSpot: both count, so that both agree.
        A task that was undone ended then, though nobody did it.
        """
        done = [
            each for each in self.activities if each.done and (each.type == "task" or _is_outbound(self._word(each)))
        ]
        done += [each for each in self.state.activities if is_undone(each) and not each.deleted]
        meetings = [each for each in self.activities if each.type == "meeting" and self._held(each)]
        return max((each.ended or each.at for each in (*done, *meetings)), default=None)

    def open_task_of(self, rule: str, type_: str) -> bool:
        """Whether a task of this type that this rule made is still open."""
        return any(
            each.key is not None and rule_of_key(each.key) == rule[:78] and task_type(each) == type_
            for each in self.open_tasks
        )

    # -- what was decided ------------------------------------------------------------------------------------------

    def marks_of(self, rule: str) -> Sequence[Mark]:
        """How a rule dealt with its occasions so far, in this pass included."""
        return self._marks.get(rule, ())

    @cached_property
    def _marks(self) -> dict[str, list[Mark]]:
        found: dict[str, list[Mark]] = {}
        for mark in self.state.marks:
            found.setdefault(mark.rule, []).append(mark)
        return found

    def take(self, marks: Iterable[Mark]) -> None:
        """Let the rules that are judged after this know what an earlier one settled in the same pass."""
        for mark in marks:
            self._marks.setdefault(mark.rule, []).append(mark)

    # -- enrolments ------------------------------------------------------------------------------------------------

    def enrolled(self, name: str) -> bool:
        """Whether the record is in NAME now."""
        return any(each.active and each.name == name for each in self.state.enrollments)


def _is_outbound(word: str | None) -> bool:
    return word in ("call", "email_sent")


def booked(meeting: Activity) -> datetime:
    """When a meeting was booked; where nobody knows, its beginning."""
    return meeting.at if meeting.created is None else min(meeting.created, meeting.at)


def folded(word: str | None) -> str:
    """An outcome for comparing: in small letters, words joined by underscores."""
    return (word or "").strip().casefold().replace(" ", "_").replace("-", "_")


def task_type(task: Activity) -> str:
    """Our word for what a task asks for: call, email or todo."""
    word = task.task_type or task.type
    return "todo" if word == "task" else word


def _instant(activity: Activity) -> datetime:
    """When an activity counts: a meeting when it is over, anything else when it happened."""
    return activity.ended or activity.at if activity.type == "meeting" else activity.at


def _called_off(meeting: Activity) -> bool:
    return (meeting.outcome or "").casefold() in _NOT_HELD
