"""The seams: what the application asks of a CRM, of the rules, of the store and of the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from connector.domain.decision import (
    Decision,
    Finding,
    Moment,
    Plan,
    PlannedAction,
    Reason,
    Receipt,
    RuleInfo,
    Verdict,
)
from connector.domain.errors import Problem
from connector.domain.model import (
    CrmSchema,
    Needs,
    Owner,
    Page,
    Record,
    RecordRef,
    RecordState,
)


class Clock(Protocol):
    """What time it is, and how to wait; tests and `FOLLOWUP_NOW` replace it."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds, or less when the process is asked to stop."""
        ...


class Source(Protocol):
    """Reads one CRM. Every method raises only the errors of `connector.domain.errors`."""

    def describe(self, needs: Needs) -> CrmSchema:
        """The visible fields, picklists and statuses for what the rules need; a hidden field is listed, not fatal."""
        ...

    def owners(self) -> Sequence[Owner]:
        """Every user and queue that can own a record, inactive ones included."""
        ...

    def streams(self, needs: Needs) -> Sequence[str]:
        """The names of the streams to read for these needs, in reading order: records first."""
        ...

    def read(self, stream: str, cursor: str | None, needs: Needs) -> Iterator[Page]:
        """Pages of a stream from a saved cursor (None: from the beginning), overlapping what may still be late.

        A row may come twice; `version` says whether it is news. Reading ends with a page whose cursor is where the
        next pass starts. An error in the middle leaves the pages before it usable.
        """
        ...

    def reread(self, refs: Sequence[RecordRef], needs: Needs) -> Mapping[RecordRef, Record]:
        """The records as they are now, from primary data; one that is gone is absent, a merged one names its survivor."""
        ...


class Sink(Protocol):
    """Writes to one CRM. It decides nothing: it settles every action it is given with exactly one receipt."""

    def batch_size(self, kind: str) -> int:
        """How many actions of this kind fit in one call of the CRM."""
        ...

    def apply(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        """Write these actions (all of one kind, at most one batch) and say what became of each, matched by key.

        Raises only ThrottledError / QuotaSpentError / RetryableError / ConfigError, and only when nothing was written.
        """
        ...

    def look_up(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        """For writes of unknown outcome: `confirmed` (already) when the effect is there, `retry` when surely not."""
        ...

    def lasting(self, name: str) -> str | None:
        """Why an enrolment in NAME of followup.yaml cannot be ended by us; None when it can."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """An activity as the CRM has it: when it was last changed, which may be its deletion."""

    at: datetime
    deleted: bool


class Census(Protocol):
    """Counts what one CRM has, so that an audit can hold the store against it. Every method asks primary data if it can."""

    @property
    def margin(self) -> timedelta:
        """How late a row may show up behind its stamp: what is younger is not counted."""
        ...

    def count(self, stream: str, since: datetime | None, until: datetime, needs: Needs) -> int | None:
        """How many live rows of a stream were created from one instant (None: ever) to before another.

        None for a stream of which that cannot be asked.
        """
        ...

    def ids(self, stream: str, since: datetime | None, until: datetime, needs: Needs) -> Iterable[str]:
        """The ids of these rows, as the store has them."""
        ...

    def held(self, stream: str, ids: Sequence[str]) -> Mapping[str, Held]:
        """Which of these activities the CRM still has, deleted ones that it still knows included."""
        ...

    def stream_of(self, activity: str, lives: frozenset[str], needs: Needs) -> str | None:
        """The stream that counts a stored activity; None when none does.

        `lives` is what became of the records that it is stored on: `live`, `converted` or `gone`.
        """
        ...

    def reached(self, stream: str, cursor: str | None) -> datetime | None:
        """The stamp up to which a stream was surely read; None when it never was, or goes by no stamps."""
        ...

    def rewound(self, stream: str, cursor: str | None, to: datetime) -> str:
        """A cursor that reads again what was changed, and so what was created, from an instant on."""
        ...


class Adapter(Protocol):
    """A CRM connection: its source, its sink, what an audit asks it, and what it costs."""

    name: str
    source: Source
    sink: Sink
    census: Census

    @property
    def api_calls(self) -> int:
        """How many HTTP requests were sent to the CRM so far, those for tokens included."""
        ...

    def doctor(self, needs: Needs) -> Iterable[Finding]:
        """Connection, permissions, fields, quotas, clock and opt-out visibility, each with its cure."""
        ...

    def close(self) -> None:
        """Give back the connections."""
        ...


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """What an adapter is built from; plain data. `connection` holds the credentials and is never shown (repr=False)."""

    crm: str
    connection: Mapping[str, str] = field(repr=False)
    clock: Clock = field(repr=False)
    records: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    enrollments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    task_key_field: str | None = None
    api_calls_share: float = 0.2
    calls_before: int = 0
    """How many calls earlier processes of ours made on this day, so that our share holds for the day and not per pass."""
    client_name: str = "followup"
    should_stop: Callable[[], bool] = field(default=lambda: False, repr=False)
    allowed_hosts: frozenset[str] = frozenset()
    """Hosts besides the CRM's own that credentials may be sent to, such as a government cloud's; in lower case."""


class RuleEngine(Protocol):
    """The matcher: which of the loaded rules hold on one record's facts."""

    def evaluate(self, facts: Mapping[str, str | int | float | bool]) -> frozenset[str]:
        """The ids of the rules whose conditions hold on these flat facts; an absent fact is unknown."""
        ...


class Rulebook(Protocol):
    """The loaded rules, bound to a CRM: pure functions of what is stored and of the moment."""

    @property
    def rules(self) -> Sequence[RuleInfo]:
        """The rules that run."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """Why other rules do not run; each names the rule it quarantines, if any."""
        ...

    def needs(self) -> Needs:
        """What to read for these rules."""
        ...

    def bind(self, schema: CrmSchema, owners: Sequence[Owner]) -> Sequence[Problem]:
        """Resolve statuses, fields, people and enrolments against the CRM; quarantines, by name, rules that cannot be."""
        ...

    def evaluate(self, states: Sequence[RecordState], moment: Moment) -> Sequence[Decision]:
        """What the rules say of each record, before caps and routing; in the order of `states`."""
        ...

    def plan(self, decisions: Sequence[Decision], moment: Moment) -> Plan:
        """Conflicts, caps and routing over all matches of a pass; a RecordPlan for every decision."""
        ...

    def recheck(self, action: PlannedAction, state: RecordState, moment: Moment) -> Reason | None:
        """None when the action still holds on the freshly read record, else the reason to drop it."""
        ...

    def explain(self, state: RecordState, moment: Moment) -> Sequence[Verdict]:
        """Why, why not and when next, for every rule of the record's kind."""
        ...
