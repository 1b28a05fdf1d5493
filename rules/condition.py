"""Conditions with three values: true, false, or unknown, each leaf with the reason and the next instant it may change.

Unknown follows Kleene: `any` is true when one item is, `all` false when one item is, and otherwise one unknown item
makes them unknown. An error in what the CRM shows is never taken for false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from connector.domain.decision import Reason
from rules.calendar import FOREVER, WorkCalendar
from rules.facts import Facts
from rules.leaves import see
from rules.model import AllOf, AnyOf, Condition, Leaf, Not
from rules.seen import Seen


class Result(NamedTuple):
    """Whether a condition holds (None: unknown), why, leaf by leaf, and until when time alone cannot change that.

    `guarded` is True when it is unknown because of a field that guards contact: `unless` stops on such an unknown.
    `flips_at` is the earliest instant after now at which the value could differ; None when only news can change it.
    """

    holds: bool | None
    reasons: tuple[Reason, ...]
    flips_at: datetime | None
    guarded: bool = False

    @property
    def stops(self) -> bool:
        """Whether this stops a rule when it stands in `unless`."""
        return self.holds is True or self.guarded


def evaluate(
    condition: Condition, facts: Facts, calendar: WorkCalendar, calendars: Mapping[str, WorkCalendar]
) -> Result:
    """Evaluate a condition on a record's facts at `facts.now`.

    `calendar` is the rule's own, on which durations are measured; `calendars` has those that `during` names.
    """
    if isinstance(condition, AllOf):
        return _joined([evaluate(item, facts, calendar, calendars) for item in condition.items], decisive=False)
    if isinstance(condition, AnyOf):
        return _joined([evaluate(item, facts, calendar, calendars) for item in condition.items], decisive=True)
    if isinstance(condition, Not):
        inner = evaluate(condition.item, facts, calendar, calendars)
        return Result(None if inner.holds is None else not inner.holds, inner.reasons, inner.flips_at, inner.guarded)
    seen = _seen(condition, facts, calendar, calendars)
    flips = seen.flips_at if seen.flips_at is not None and facts.now < seen.flips_at < FOREVER else None
    reason = Reason(condition.path, seen.holds, seen.text if facts.tells else "")
    return Result(seen.holds, (reason,), flips, seen.holds is None and seen.guard)


def _seen(leaf: Leaf, facts: Facts, calendar: WorkCalendar, calendars: Mapping[str, WorkCalendar]) -> Seen:
    """What a leaf comes to; looked at once for all rules that ask the same, unless its words are wanted."""
    number = None if facts.tells else facts.binding.alike.get(id(leaf))
    if number is None:
        return see(leaf, facts, calendar, calendars)
    known = facts.seen.get((number, calendar.name))
    if known is None:
        known = facts.seen[number, calendar.name] = see(leaf, facts, calendar, calendars)
    return known


def _joined(items: Sequence[Result], decisive: bool) -> Result:
    """All-of (decided by one false item) or any-of (decided by one true item)."""
    reasons = tuple(reason for item in items for reason in item.reasons)
    deciding = [item for item in items if item.holds is decisive]
    if deciding:
        # The value stands as long as any of the items that decide it does.
        return Result(decisive, reasons, last_flip(item.flips_at for item in deciding))
    flips = first_flip(item.flips_at for item in items)
    if any(item.holds is None for item in items):
        return Result(None, reasons, flips, any(item.guarded for item in items))
    return Result(not decisive, reasons, flips)


def first_flip(instants: Iterable[datetime | None]) -> datetime | None:
    """The earliest of these instants; None never comes."""
    first = None
    for at in instants:
        if at is not None and (first is None or at < first):
            first = at
    return first


def last_flip(instants: Iterable[datetime | None]) -> datetime | None:
    """The instant by which all of these have come; None when one never comes."""
    known = list(instants)
    return None if None in known else max((at for at in known if at is not None), default=None)
