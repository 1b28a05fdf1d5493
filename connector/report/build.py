"""Making the report: a walk over the stored leads, a few hundred at a time, so that memory does not grow with the org."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote

from connector.domain.decision import Moment
from connector.domain.figures import LeadFigures
from connector.domain.model import CrmSchema, RecordRef, RecordState
from connector.domain.storage import Store
from connector.report.model import Period, Report, Row
from connector.report.tally import Tally

CHUNK = 400
"""Leads read from the state at a time."""

STALE = timedelta(hours=24)
"""When the CRM was last read longer ago than this, the report says so."""

LAST_PASSES = 50
"""How many passes are looked through for the last one that read the CRM to its end."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the past: a record as it stood at an instant, and the fields of it that nobody knows."""

    as_of: Callable[[RecordState, datetime], RecordState]
    unknown_at: Callable[[RecordState, datetime], Sequence[str]]


class Book(Protocol):
    """What a report asks of the rules."""

    def figures(self, state: RecordState, moment: Moment) -> LeadFigures:
        """What is counted of a lead at the moment's instant."""
        ...

    def offer_minimums(self) -> Mapping[str, int]:
        """How many offers each person is expected to accept in a month, by CRM id."""
        ...


def make_report(
    store: Store,
    book: Book,
    past: Past,
    period: Period,
    month: datetime,
    progress: Callable[[str, int], None] = lambda _s, _n: None,
) -> Report | None:
    """The report of a period from what is stored, None when the CRM was never read.

    `month` is when the calendar month in which the period ends began: the month of the offers' minimum.
    """
    with store.begin() as uow:
        schema, owners = uow.schema(), uow.owners()
        if schema is None:
            return None
        held = uow.held_records()
        offers = uow.offers(min(period.before, month))
        read = [run.now for run in uow.runs(LAST_PASSES) if run.counts]
    report = Report(schema.crm, period, read[0] if read else None, month, Row("", "All"))
    tally = Tally(report, owners, lambda ref: _page(schema, ref), held)
    now, then = (Moment(at, schema.crm, tuple(owners)) for at in (period.until, period.since))
    unsure, count = Unsure(past, period.since), 0
    for states in _leads(store):
        for state in states:
            before = None
            if state.record.created <= period.since:
                unsure.look(state)
                before = book.figures(_unconverted(past.as_of(state, period.since), state, period.since), then)
            tally.lead(book.figures(state, now), before, state)
        count += len(states)
        progress("count", count)
    tally.offers(offers, book.offer_minimums())
    tally.finish()
    report.notes += [*_on_reading(report, schema), *_on_figures(report), *unsure.notes()]
    return report


def _leads(store: Store) -> Iterator[Sequence[RecordState]]:
    after: RecordRef | None = None
    while True:
        with store.begin() as uow:
            refs = uow.refs("lead", CHUNK, after)
            states = uow.states(refs)
        if not refs:
            return
        after = refs[-1]
        yield states


def _unconverted(past: RecordState, state: RecordState, at: datetime) -> RecordState:
    """A lead whose status has changed since was not converted yet."""
    changed = any(change.field == "status" and change.at > at for change in state.changes)
    return replace(past, record=replace(past.record, converted=False)) if changed else past


class Unsure:
    """What the state cannot tell of an instant of the past, counted in leads."""

    def __init__(self, past: Past, at: datetime) -> None:
        self._past = past
        self._at = at
        self._fields = self._steps = self._endings = 0

    def look(self, state: RecordState) -> None:
        """Count the lead in where its past is not known."""
        at, record = self._at, state.record
        self._fields += not {"owner", "status"}.isdisjoint(self._past.unknown_at(state, at))
        self._steps += any(
            each.created is None and each.at > at and (each.task_type or each.type in ("task", "meeting"))
            for each in state.activities
        )
        ended_since = record.converted and record.modified > at
        self._endings += ended_since and not any(change.field == "status" for change in state.changes)

    def notes(self) -> Iterator[str]:
        """A sentence for each sort of gap."""
        if self._fields:
            yield (
                f"Of {_number(self._fields)} the CRM has not told the owner or status at {self._at:%Y-%m-%d}: "
                "what was read first stands for it."
            )
        if self._steps:
            yield (
                f"Of {_number(self._steps)} the CRM has not told when a task or meeting was made: before, they may have "
                "had a next step that is not counted."
            )
        if self._endings:
            yield f"{_number(self._endings)} converted at an unknown time: before, they count as closed, too."


def _page(schema: CrmSchema, ref: RecordRef) -> str | None:
    """The address of a record's page, where the CRM told it."""
    pattern = schema.pages.get(ref.kind, "")
    secure = pattern.startswith(("https://", "http://"))
    return pattern.replace("{id}", quote(ref.id, safe="")) if secure else None


def _on_reading(report: Report, schema: CrmSchema) -> Iterator[str]:
    if report.read_at is None:
        yield "No pass has read the CRM to its end yet: what is not read is not counted."
    elif report.period.until - report.read_at > STALE:
        hours = (report.period.until - report.read_at) // timedelta(hours=1)
        yield f"The CRM was last read {hours} hours ago; what happened there since is not counted."
    if "status" in schema.hidden.get("lead", ()):
        yield "The CRM does not show the status: every lead that is not converted counts as open."
    if not schema.pages.get("lead"):
        yield "The address of the CRM's pages is not known: names are not linked. A pass or plan asks for it."


def _on_figures(report: Report) -> Iterator[str]:
    unknown = report.total.now.speed.unknown
    if unknown:
        yield f"{_number(unknown)} converted, and their activities with them: they are in no figure of the first touch."
    if report.total.now.held:
        yield "What was held before is not kept, so it cannot be compared."


def _number(count: int) -> str:
    return "1 lead" if count == 1 else f"{count:,} leads"
