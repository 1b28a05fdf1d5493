"""The report as `report --json` prints it (docs/contract.md)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from connector.report.model import CLOCK, DAY, HOUR, Figures, Listed, Report, Row, Speed


def report_document(report: Report) -> dict[str, object]:
    """One document with everything; the lists are whole."""
    period = report.period
    return {
        "crm": report.crm,
        "now": _instant(period.until),
        "since": _instant(period.since),
        "before": _instant(period.before),
        "read_at": _instant(report.read_at),
        "clock": CLOCK,
        "total": _row(report.total),
        "owners": [{"id": row.id, "name": row.name, "kind": row.kind, **_row(row)} for row in report.rows],
        "lists": {
            "without_next_step": [_listed(lead) for lead in report.without_next_step],
            "overdue": [_listed(lead) for lead in report.overdue],
            "untouched": [_listed(lead) for lead in report.untouched],
        },
        "notes": report.notes,
    }


def _row(row: Row) -> dict[str, object]:
    def both(figure: Callable[[Figures], object]) -> dict[str, object]:
        return {"now": figure(row.now), "before": figure(row.before)}

    return {
        "open": both(lambda figures: figures.open),
        "without_next_step": both(lambda figures: figures.without_next_step),
        "overdue": both(lambda figures: figures.overdue),
        "untouched": both(lambda figures: figures.untouched),
        "attempts": both(lambda figures: list(figures.attempts)),
        "first_touch": both(lambda figures: _speed(figures.speed)),
        "offers_accepted": {**both(lambda figures: figures.accepted), "month": row.month, "minimum": row.minimum},
        "recycled": both(lambda figures: figures.recycled),
        "held": both(lambda figures: figures.held),
    }


def _speed(speed: Speed) -> dict[str, object]:
    return {
        "leads": speed.leads,
        "not_yet": len(speed.waiting),
        "median_seconds": _seconds(speed.quantile(0.5)),
        "p90_seconds": _seconds(speed.quantile(0.9)),
        "within_1h": _share(speed.within(HOUR)),
        "within_24h": _share(speed.within(DAY)),
    }


def _listed(lead: Listed) -> dict[str, object]:
    return {
        "record": str(lead.ref),
        "name": lead.name,
        "owner": lead.owner,
        "since": _instant(lead.since),
        "url": lead.url,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(time: timedelta | None) -> int | None:
    return None if time is None else round(time.total_seconds())


def _share(part: float | None) -> float | None:
    return None if part is None else round(part, 4)
