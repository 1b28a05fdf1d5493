"""Counting: every lead is looked at twice, as it is and as it was when the period began."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import date, datetime

from connector.domain.figures import LeadFigures
from connector.domain.model import Change, Offer, Owner, RecordRef, RecordState
from connector.domain.undone import without_undone
from connector.report.model import MOST_ATTEMPTS, Figures, Listed, OwnerKind, Report, Row
from connector.report.words import readable

KINDS_IN_ORDER: Sequence[OwnerKind] = ("person", "inactive", "queue", "unknown", "nobody")


class Tally:
    """Adds leads up, one by one, into the rows of a report; nothing of a lead is kept unless it is listed."""

    def __init__(
        self, report: Report, owners: Sequence[Owner], url_of: Callable[[RecordRef], str | None], held: Set[RecordRef]
    ) -> None:
        self._report = report
        self._owners: Mapping[str, Owner] = {owner.id: owner for owner in owners}
        self._url_of = url_of
        self._held = held
        self._rows: dict[str, Row] = {}

    def lead(self, now: LeadFigures, then: LeadFigures | None, state: RecordState) -> None:
        """Count a lead as it is, as it was (None: it was not there), and what a rule took from its owners."""
        period, report = self._report.period, self._report
        row = self._row(now.owner)
        for figures in (row.now, report.total.now):
            _count(figures, now, period.until, timed=period.has(now.assigned))
            figures.held = (figures.held or 0) + (now.ref in self._held)
        if now.open:
            self._list(now, row)
        if then is not None:
            for figures in (self._row(then.owner).before, report.total.before):
                _count(figures, then, period.since, timed=period.had(then.assigned))
        for change in without_undone(state.changes):
            if not any(_accepts(offer, change) for offer in state.offers):
                self._recycled(change)

    def _list(self, lead: LeadFigures, row: Row) -> None:
        report, name = self._report, readable(lead.name) or lead.ref.id

        def listed(since: datetime, day: date | None = None) -> Listed:
            return Listed(lead.ref, name, row.name, since, self._url_of(lead.ref), day)

        if not lead.next_step:
            report.without_next_step.append(listed(lead.idle_since))
        if lead.late_since is not None:
            report.overdue.append(listed(lead.late_since, lead.late_day))
        if lead.untouched:
            report.untouched.append(listed(lead.assigned))

    def _recycled(self, change: Change) -> None:
        """A rule took the lead from a person; what it hands out of a queue is not taken from anybody."""
        old = change.old if isinstance(change.old, str) else ""
        if change.field != "owner" or change.origin != "us" or self._kind(old) in ("queue", "nobody"):
            return
        for figures in self._of_instant(old, change.at):
            figures.recycled += 1

    def offers(self, offers: Iterable[Offer], minimums: Mapping[str, int]) -> None:
        """Count accepted offers for who accepted them, and say how many a month are expected of whom."""
        for owner, minimum in minimums.items():
            self._row(owner).minimum = minimum
            self._report.total.minimum = (self._report.total.minimum or 0) + minimum
        for offer in offers:
            if offer.state != "accepted" or offer.settled is None or offer.settled > self._report.period.until:
                continue
            for figures in self._of_instant(offer.owner, offer.settled):
                figures.accepted += 1
            if offer.settled >= self._report.month:
                self._row(offer.owner).month += 1
                self._report.total.month += 1

    def finish(self) -> None:
        """Put the rows and lists into their order; who has no figure at all gets no row."""
        empty, report = Figures(), self._report
        for row in self._rows.values():
            row.before.held = None
            if row.now != empty or row.before != Figures(held=None) or row.minimum is not None:
                report.rows.append(row)
        report.total.before.held = None
        report.rows.sort(key=lambda row: (KINDS_IN_ORDER.index(row.kind), row.name.casefold(), row.id))
        for leads in (report.without_next_step, report.overdue, report.untouched):
            leads.sort(key=lambda lead: (lead.since, lead.ref))

    def _of_instant(self, owner: str, at: datetime) -> Sequence[Figures]:
        """The figures that an event of this instant belongs to; none when it is in neither period."""
        period, total, row = self._report.period, self._report.total, self._row(owner)
        if period.has(at):
            return row.now, total.now
        return (row.before, total.before) if period.had(at) else ()

    def _kind(self, id: str) -> OwnerKind:
        owner = self._owners.get(id)
        if owner is None:
            return "unknown" if id else "nobody"
        return "queue" if owner.queue else "person" if owner.active else "inactive"

    def _row(self, owner: str | None) -> Row:
        id = owner or ""
        row = self._rows.get(id)
        if row is None:
            known = self._owners.get(id)
            row = self._rows[id] = Row(id, readable(known.name if known else id) or id or "nobody", self._kind(id))
        return row


def _accepts(offer: Offer, change: Change) -> bool:
    """Whether the lead went to its new owner because they had accepted it."""
    settled = offer.settled if offer.state == "accepted" else None
    return settled is not None and settled <= change.at and offer.owner == change.new


def _count(figures: Figures, lead: LeadFigures, until: datetime, *, timed: bool) -> None:
    if timed:
        _time(figures, lead, until)
    if not lead.open:
        return
    figures.open += 1
    figures.without_next_step += not lead.next_step
    figures.overdue += lead.late_since is not None
    figures.untouched += lead.untouched
    figures.attempts[min(lead.attempts, MOST_ATTEMPTS)] += 1


def _time(figures: Figures, lead: LeadFigures, until: datetime) -> None:
    if not lead.touch_known:
        figures.speed.unknown += 1
    elif lead.first_touch is None:
        figures.speed.waiting.append(until - lead.assigned)
    else:
        figures.speed.touched.append(lead.first_touch - lead.assigned)
